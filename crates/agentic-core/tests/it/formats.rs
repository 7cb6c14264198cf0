//! The written forms. A change here breaks journals and readers of events: raise `EVENT_FORMAT` and say so.

use std::fmt::Debug;

use agentic_core::{
    AgentError, ApprovalRule, Budget, BudgetError, CancelReason, Decision, Event, EventKind, Goal,
    GoalVerdict, Message, ModelDelta, ModelError, ModelErrorKind, NanoUsd, Outcome, Part, Partial, Reason,
    Resource, Role, RunId, RunStatus, Spend, StepError, Timestamp, ToolCall, ToolError, ToolErrorKind,
    ToolResult, Usage,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The value is written like this, and read back as it was.
#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, written: Value) {
    assert_eq!(serde_json::to_value(value).unwrap(), written);
    assert_eq!(serde_json::from_value::<T>(written).unwrap(), *value);
}

fn spend() -> Spend {
    let usage = Usage { input_tokens: 10, cached_input_tokens: 4, output_tokens: 3, reasoning_tokens: 1 };
    Spend { usage, cost: NanoUsd(2_500), model_calls: 1, tool_calls: 2, turns: 1, at_most: false }
}

fn written_spend() -> Value {
    json!({
        "input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 3, "reasoning_tokens": 1,
        "cost": 2500, "model_calls": 1, "tool_calls": 2, "turns": 1,
    })
}

#[test]
fn what_may_have_been_less_says_so() {
    let known = Spend { turns: 1, ..Spend::default() };
    let sum = known + Spend { usage: spend().usage, at_most: true, ..Spend::default() };
    assert!(sum.at_most && (sum + known).at_most && !known.at_most);
    let mut written = written_spend();
    written["at_most"] = true.into();
    check(&Spend { at_most: true, ..spend() }, written.clone());
    let dropped = EventKind::StepDropped {
        step: serde_json::from_value(json!("turn/model")).unwrap(),
        spend: Spend { at_most: true, ..spend() },
    };
    check(&dropped, json!({"type": "step_dropped", "step": "turn/model", "spend": written}));
}

#[test]
fn events_are_flat_objects_with_a_type() {
    let run = RunId(uuid::Uuid::from_u128(7));
    let event = |seq, kind| Event { run, seq, at: Timestamp::from_millis(1_000), scope: "turn".into(), kind };
    check(
        &event(
            Some(1),
            EventKind::RunStarted { format: 1, agent: "a".into(), goal: "g".into(), rules: Vec::new() },
        ),
        json!({
            "run": "00000000-0000-0000-0000-000000000007", "seq": 1, "at": 1000, "scope": "turn",
            "type": "run_started", "format": 1, "agent": "a", "goal": "g",
        }),
    );
    check(
        &event(
            Some(2),
            EventKind::RunFinished {
                status: RunStatus::Failed,
                reason: Some(Reason::TurnLimit),
                output: "so far".into(),
                goal: GoalVerdict::Unverified,
                evidence: Vec::new(),
                usage: spend(),
                error: Some("no answer".into()),
            },
        ),
        json!({
            "run": "00000000-0000-0000-0000-000000000007", "seq": 2, "at": 1000, "scope": "turn",
            "type": "run_finished", "status": "failed", "reason": "turn_limit", "output": "so far",
            "goal": "unverified", "usage": written_spend(), "error": "no answer",
        }),
    );
}

#[test]
fn steps_in_events() {
    let step = |kind: Value| {
        let event: EventKind = serde_json::from_value(kind.clone()).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), kind);
        event
    };
    step(json!({
        "type": "step_started", "step": "turn/tool:add", "kind": "tool", "class": "pure",
        "digest": "000102030405060708090a0b0c0d0e0f", "name": "add", "arguments": {"a": 1},
    }));
    step(json!({
        "type": "step_finished", "step": "turn/model", "kind": "model", "error": "no", "error_class": 429,
        "spend": written_spend(),
    }));
    step(json!({"type": "step_refused", "step": "turn/model", "kind": "model", "error": "no",
        "error_class": "budget_exhausted"}));
    step(json!({"type": "step_dropped", "step": "turn/model", "spend": written_spend()}));
    step(json!({"type": "step_late", "step": "turn/tool:mail", "kind": "tool", "result": "sent"}));
    let delta = step(json!({
        "type": "step_delta", "step": "turn/model", "attempt": 1, "index": 0,
        "delta": {"type": "text", "text": "Hel"},
    }));
    let EventKind::StepDelta { step, delta, .. } = delta else { panic!("{delta:?}") };
    assert_eq!((step.scope(), delta), ("turn", ModelDelta::Text { text: "Hel".into() }));
}

#[test]
fn messages_are_parts() {
    let call = ToolCall::new("c1", "add", &json!({"a": 1}));
    let result =
        ToolResult { call_id: "c1".into(), name: "add".into(), content: "2".into(), is_error: false };
    let parts = vec![
        Part::Text { text: "Let me see.".into() },
        Part::Reasoning { text: "hm".into(), signature: None },
        Part::ToolCall(call),
        Part::ToolResult(result),
    ];
    check(
        &Message { role: Role::Assistant, parts },
        json!({"role": "assistant", "parts": [
            {"type": "text", "text": "Let me see."},
            {"type": "reasoning", "text": "hm"},
            {"type": "tool_call", "id": "c1", "name": "add", "arguments": "{\"a\":1}"},
            {"type": "tool_result", "call_id": "c1", "name": "add", "content": "2"},
        ]}),
    );
}

#[test]
fn goals_outcomes_decisions_and_budgets() {
    check(&Goal::new("sum up").with_input("year", 2025), json!({"text": "sum up", "inputs": {"year": 2025}}));
    check(
        &Outcome::new("42", spend()),
        json!({"output": "42", "verdict": "unverified", "spend": written_spend()}),
    );
    check(&Decision::Deny { reason: "no".into() }, json!({"decision": "deny", "reason": "no"}));
    let budget: Budget = serde_json::from_value(json!({"tokens": 100})).unwrap();
    assert_eq!(budget, Budget::unlimited().with_tokens(100), "what is left out has its default");
}

#[test]
fn rules_that_say_more_than_is_known_are_refused() {
    check(&ApprovalRule::allow("shell"), json!({"tool": "shell", "answer": "allow"}));
    let command = json!({"command": "ls"}).as_object().unwrap().clone();
    check(
        &ApprovalRule::deny("shell", "no").having(command.clone()),
        json!({
            "tool": "shell", "arguments": {"having": {"command": "ls"}}, "answer": {"deny": {"reason": "no"}},
        }),
    );
    check(
        &EventKind::RuleGiven { rule: ApprovalRule::allow("shell").exactly(command), by: Some("Ada".into()) },
        json!({
            "type": "rule_given", "by": "Ada",
            "rule": {"tool": "shell", "arguments": {"exactly": {"command": "ls"}}, "answer": "allow"},
        }),
    );
    for wrong in [
        json!({"tool": "shell", "answer": "allow", "until": 5}),
        json!({"tool": "shell", "answer": "allow", "arguments": {"command": "ls"}}),
        json!({"tool": "shell", "answer": "allow", "arguments": {"having": "ls"}}),
        json!({"tool": "shell", "answer": "perhaps"}),
        json!({"tool": "shell"}),
        json!({"answer": "allow"}),
    ] {
        let read: Result<ApprovalRule, _> = serde_json::from_value(wrong.clone());
        assert!(read.is_err(), "{wrong} is {read:?}");
    }
}

#[test]
fn errors_survive_a_journal() {
    let limit = BudgetError::new(Resource::Tokens, 100, 90, 58);
    let written = json!({"what": "tokens", "limit": 100, "spent": 90, "reserved": 0, "asked": 58});
    check(&StepError::Budget(limit.clone()), json!({"error": "budget", "detail": written}));
    check(
        &StepError::Cancelled(CancelReason::TimedOut),
        json!({"error": "cancelled", "detail": "timed_out"}),
    );
    let timed_out = ToolError::new(ToolErrorKind::TimedOut, "too slow");
    check(
        &StepError::Tool(timed_out),
        json!({"error": "tool", "detail": {"kind": "timed_out", "message": "too slow"}}),
    );
    let partial = Box::new(Partial { text: "so far".into(), spend: spend() });
    check(
        &AgentError::Budget { limit, partial },
        json!({"error": "budget", "detail": {"limit": written, "partial": {"text": "so far", "spend": written_spend()}}}),
    );
}

#[test]
fn an_error_says_once_what_failed_and_keeps_the_work() {
    let error =
        ModelError::new(ModelErrorKind::Unavailable, "openai:m", "the server is overloaded; try again");
    let partial = Partial { text: "so far".into(), spend: spend() };
    let error = AgentError::from_step(StepError::Model(error), partial.clone());
    assert_eq!(error.partial(), Some(&partial));
    assert_eq!(error.reason(), Reason::ModelError);
    let said = error.to_string();
    assert!(said.contains("overloaded"), "{said}");
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        assert!(!said.contains(&cause.to_string()), "`{cause}` is said twice");
        source = cause.source();
    }
}
