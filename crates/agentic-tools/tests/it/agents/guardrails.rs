//! The ready-made guardrails, and how agents get along with them.

use agentic_core::{
    Agent, FinishReason, Gate, Guarded, Guardrail as _, GuardrailVerdict, ModelErrorKind, Passage, Reason,
};
use agentic_runtime::Ephemeral;
use agentic_testkit::{FakeSources, ScriptedModel};
use agentic_tools::{AllowTools, FunctionCallingAgent, ModelJudge, NoSecrets, Redact};
use serde_json::{Value, json};

use super::{Canned, results};

fn agent(model: &ScriptedModel, tool: &Canned) -> FunctionCallingAgent {
    FunctionCallingAgent::builder().model(model.clone()).tool(tool.clone()).build().unwrap()
}

async fn run(agent: impl Agent) -> agentic_runtime::RunReport {
    Ephemeral::new().sources(FakeSources::seeded(1)).run(&agent, "go").await
}

#[tokio::test(start_paused = true)]
async fn a_model_reads_why_its_call_was_blocked_and_goes_on() {
    let delete = Canned::new("delete", [json!("deleted")]);
    let model = ScriptedModel::new().calls("delete", json!({"input": "all"})).says("I may not delete.");
    let guarded = Guarded::new(agent(&model, &delete)).guardrail(AllowTools::new(["read", "list"]));
    assert_eq!(run(guarded).await.result.unwrap().text(), "I may not delete.");
    assert!(delete.calls().is_empty());
    assert_eq!(
        results(&model),
        [
            "error: not called: guardrail `allow-tools` blocked it: the tools that may be called are: list, read"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_agent_goes_on_without_the_secrets_that_a_tool_has_read() {
    let read = Canned::new("read", [json!({"env": "TOKEN=ghp_0123456789abcdefghij0123", "user": "ada"})]);
    let model = ScriptedModel::new()
        .calls("read", json!({"input": "a"}))
        .says("The token is ghp_0123456789abcdefghij0123.");
    let guarded = Guarded::new(agent(&model, &read)).guardrail(NoSecrets::default());
    assert_eq!(run(guarded).await.result.unwrap().text(), "The token is [redacted].");
    assert_eq!(results(&model), [r#"{"env":"TOKEN=[redacted]","user":"ada"}"#]);
}

/// What a judge says of content, if its model answers so.
async fn judged(model: ScriptedModel) -> (Result<String, String>, ScriptedModel) {
    let read = Canned::new("read", []);
    let talks = ScriptedModel::new().says("Take two a day.");
    let judge = ModelJudge::new(model.clone(), "No medical advice.").named("medical").at([Gate::Output]);
    let report = run(Guarded::new(agent(&talks, &read)).guardrail(judge)).await;
    let failed = report.result.is_err();
    assert_eq!(report.reason, failed.then_some(Reason::Guardrail));
    (report.result.map(|outcome| outcome.text()).map_err(|error| error.to_string()), model)
}

#[tokio::test(start_paused = true)]
async fn a_model_judges_by_a_policy_in_words() {
    let blocked = |why: &str| Err(format!("guardrail `medical` blocked the output: {why}"));
    let (passed, model) = judged(ScriptedModel::new().says(r#"{"allowed": true}"#)).await;
    assert_eq!(passed, Ok("Take two a day.".into()));
    assert_eq!((model.left(), model.requests().len()), (0, 1), "asked once, though it is the outcome too");
    let asked = model.requests()[0].messages.iter().map(|message| message.text()).collect::<Vec<_>>();
    assert!(asked.concat().contains("No medical advice.") && asked.concat().contains("Take two a day."));

    let (refused, _) = judged(ScriptedModel::new().says(r#"{"allowed": false}"#)).await;
    assert_eq!(refused, blocked("it is against the policy: No medical advice."));

    let unreadable = "the model that judges gave no verdict that can be read";
    for answer in ["Sure, that is fine!", r#"{"allowed": "maybe"}"#, r#"{"verdict": true}"#, ""] {
        let (malformed, model) = judged(ScriptedModel::new().says(answer).says(answer)).await;
        assert_eq!(malformed, blocked(unreadable), "{answer}");
        assert_eq!(model.requests().len(), 2, "it was asked again");
    }
    for answer in ["yes", "true", r#"{"allowed": "true"}"#] {
        assert_eq!(judged(ScriptedModel::new().says(answer)).await.0, blocked(unreadable), "{answer}");
    }
    let mended = ScriptedModel::new().says("Sure!").says(r#"{"allowed": true}"#);
    assert!(judged(mended).await.0.is_ok());

    let silent = ScriptedModel::new().says("I won't.").finishing(FinishReason::Refusal);
    assert_eq!(judged(silent).await.0, blocked("model `scripted:test` refused to judge it"));
    let down = ScriptedModel::new().fails(ModelErrorKind::Unavailable, "it is down");
    assert_eq!(judged(down).await.0, blocked("it could not judge: model `scripted:test`: it is down"));
}

/// Samples, each with what is left of it.
fn samples() -> Vec<(String, &'static str)> {
    let long = |n: usize| "aB3dE5gH".repeat(n / 8);
    vec![
        (format!("sk-proj-{}", long(160)), "[redacted]"),
        (format!("sk-ant-api03-{}", long(96)), "[redacted]"),
        (format!("sk_live_{}", long(24)), "[redacted]"),
        (format!("ghp_{}", long(40)), "[redacted]"),
        (format!("github_pat_{}", long(80)), "[redacted]"),
        (format!("glpat-{}", long(24)), "[redacted]"),
        (format!("hf_{}", long(32)), "[redacted]"),
        (format!("npm_{}", long(32)), "[redacted]"),
        (format!("pypi-{}", long(160)), "[redacted]"),
        (format!("xoxb-{}", long(48)), "[redacted]"),
        ("AKIAIOSFODNN7EXAMPLE".into(), "[redacted]"),
        (format!("AIza{}", long(40)), "[redacted]"),
        (format!("eyJ{}.eyJ{}.{}", long(400), long(600), long(80)), "[redacted]"),
        (format!("Bearer {}", long(64)), "[redacted]"),
        ("postgres://ada:correct.horse@db.example/x".into(), "[redacted]db.example/x"),
        (
            format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----", long(1600)),
            "[redacted]",
        ),
    ]
}

fn screened(guardrail: &impl agentic_core::Guardrail, content: impl Into<Value>) -> Option<Value> {
    match guardrail.screen(&Passage::new(Gate::Output, content)) {
        GuardrailVerdict::Pass => None,
        GuardrailVerdict::Replace(value) => Some(value),
        GuardrailVerdict::Block { reason } => panic!("{reason}"),
    }
}

#[test]
fn secrets_are_known_by_their_form() {
    let guardrail = NoSecrets::default();
    for (secret, left) in samples() {
        let redacted =
            screened(&guardrail, format!("it is `{secret}`.")).unwrap_or_else(|| panic!("{secret}"));
        assert_eq!(redacted, format!("it is `{left}`."));
        assert_eq!(screened(&guardrail, redacted), None, "what stands in its place passes");
        let nested = screened(&guardrail, json!({"a": [1, null, {&secret: [secret]}], "b": "c"})).unwrap();
        assert_eq!(nested, json!({"a": [1, null, {left: [left]}], "b": "c"}));
    }
    for harmless in
        ["task-force-of-twenty-people", "see https://example.com:8080/a@b", "risk-based", "a@b.example"]
    {
        assert_eq!(screened(&guardrail, harmless), None, "{harmless}");
    }
    let strict = guardrail.and_emails();
    assert_eq!(screened(&strict, "mail ada@example.org!"), Some("mail [redacted]!".into()));
}

/// What is shown of a text that comes in pieces never has to be taken back, wherever it is cut.
#[test]
fn a_window_is_enough_to_know_a_secret() {
    let guardrail = NoSecrets::default().and_emails();
    let window = guardrail.window().unwrap();
    let secrets = samples().into_iter().map(|(secret, _)| secret).chain(["a.b@c.d.example.org".into()]);
    for secret in secrets {
        let text = format!("{}{secret} {}", "so it goes. ".repeat(20), "and on. ".repeat(40));
        let of = |text: &str| match screened(&guardrail, text) {
            Some(redacted) => redacted.as_str().unwrap().to_owned(),
            None => text.to_owned(),
        };
        let whole = of(&text);
        assert!(whole.contains("[redacted]"));
        for end in 0..=text.len() {
            let so_far = of(&text[..end]);
            let shown = &so_far[..so_far.len().saturating_sub(window)];
            assert!(whole.starts_with(shown), "cut after {end}: {shown}");
        }
    }
}

#[test]
fn own_patterns() {
    let guardrail =
        Redact::new("customers").pattern(r"\bC-\d{6}\b").unwrap().at([Gate::Output]).holding_back(8);
    assert_eq!(screened(&guardrail, "of C-123456"), Some("of [redacted]".into()));
    assert_eq!(guardrail.window(), Some(8));
    let error = Redact::new("x").pattern("(").unwrap_err().to_string();
    assert_eq!(error, "`(` is no regular expression: error: unclosed group");
}
