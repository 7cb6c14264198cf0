//! Plans are executed.

use std::sync::Arc;

use agentic_core::{
    Agent as _, AgentError, Criterion, EventKind, Goal, GoalVerdict, Lookup, Plan, RunContext, Task,
};
use agentic_plan::{OnFailure, PlanExecutor, StaticPlanner};
use agentic_runtime::{Ephemeral, RunContextExt as _};
use agentic_testkit::{EventLog, ScriptedModel};
use agentic_tools::FunctionCallingAgent;
use serde_json::json;

use crate::verifying::Probe;
use crate::worker::{NONE, Worker, executor, plan, tasks};

#[tokio::test(start_paused = true)]
async fn results_flow_along_the_plan() {
    let worker = Worker::default();
    let mut all = tasks(&[("a", &[]), ("b", &[]), ("c", &["a"])]);
    all[2] = all[2].clone().with_input("text", "{{b.result.did}}!").with_input("year", 2025);
    let (executor, goal) = (executor(all, &worker).unwrap(), Goal::new("g").with_input("zone", "x"));
    let outcome = executor.run(goal, &RunContext::ephemeral()).await.unwrap();
    assert_eq!(outcome.output["did"], "do c");
    let a = json!({"did": "do a", "with": {"zone": "x"}});
    assert_eq!(worker.inputs("do c"), json!({"a": a, "text": "do b!", "year": 2025, "zone": "x"}));
    assert_eq!(outcome.verdict, GoalVerdict::Unverified);
}

#[tokio::test(start_paused = true)]
async fn named_agents_get_their_tasks_and_unknown_ones_are_refused_at_once() {
    let (worker, other) = (Worker::default(), Worker::default());
    let mut all = tasks(&[("a", &[]), ("b", &[])]);
    all[1].agent = Some("other".into());
    let alone = executor(all, &worker).unwrap();
    let error = alone.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap_err();
    assert!(matches!(error, AgentError::InvalidInput { .. }), "{error:?}");
    assert!(
        error.to_string().contains("task `b` is for agent `other`") && worker.times("do a") == 0,
        "{error}"
    );
    let both = alone.agent("other", other.clone());
    both.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!((worker.times("do a"), worker.times("do b"), other.times("do b")), (1, 0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_done_in_a_plan_is_not_done_again() {
    let worker = Worker::default();
    let mut begun = plan(tasks(&[("a", &[]), ("b", &["a"])]));
    begun.complete("a", "known").unwrap();
    let executor = executor(tasks(&[("x", &[])]), &worker).unwrap();
    let executed = executor.execute(begun, &RunContext::ephemeral()).await.unwrap();
    assert!(executed.plan.is_fulfilled());
    assert_eq!((worker.times("do a"), worker.inputs("do b")), (0, json!({"a": "known"})));
}

#[tokio::test(start_paused = true)]
async fn what_was_worked_on_when_a_plan_was_left_is_worked_on_again() {
    let worker = Worker::default();
    let mut begun = plan(tasks(&[("a", &[]), ("b", &["a"])]));
    begun.begin("a").unwrap();
    let executor = executor(begun.tasks().to_vec(), &worker).unwrap();
    let executed = executor.execute(begun, &RunContext::ephemeral()).await.unwrap();
    assert!(executed.plan.is_fulfilled() && worker.times("do a") == 1);
    let again = PlanExecutor::new(StaticPlanner::of(executed.plan), worker.clone());
    again.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!((worker.times("do a"), worker.times("do b")), (2, 2), "a planner's tasks are not done yet");
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_criteria_do_not_hold_has_failed() {
    let worker = Worker::default();
    let wants = |id: &str, did: &str| {
        let schema = json!({"properties": {"did": {"const": did}}});
        Task::new(id, format!("do {id}"), NONE).with_criterion(Criterion::Schema { schema })
    };
    let all = vec![wants("a", "do a"), wants("b", "something else")];
    let executor = executor(all, &worker).unwrap().on_failure(OnFailure::Skip);
    let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!((outcome.verdict, &outcome.output["b"]), (GoalVerdict::NotMet, &json!(null)));
    assert_eq!(outcome.evidence.len(), 1);
    assert!(outcome.evidence[0].starts_with("task `b` failed: criterion 1 does not hold"));
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_criteria_nobody_could_look_at_is_done_and_that_is_told() {
    let rhymes = Criterion::Judged { rubric: "It rhymes.".into() };
    let all = vec![Task::new("a", "do a", NONE).with_criterion(rhymes)];
    let executor = executor(all, &Worker::default()).unwrap();
    let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!(outcome.verdict, GoalVerdict::Unverified);
    let told = "task `a`: criterion 1 is not known to hold: nobody judges whether It rhymes.";
    assert_eq!(outcome.evidence, [told]);
    assert!(agentic_plan::is_unknown(told) && !agentic_plan::is_unknown("task `a` failed: no"));
    let deeper = format!("task `b`: task `c`: {told}");
    assert!(agentic_plan::is_unknown(&deeper), "of plans whose tasks are worked on along plans");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_names_its_tools_can_call_no_others() {
    let probe = |name: &str| Probe::named(name);
    let model = ScriptedModel::new()
        .calls("left", json!({"what": "good"}))
        .calls("right", json!({"what": "good"}))
        .says("done")
        .calls("left", json!({"what": "good"}))
        .says("done");
    let agent = FunctionCallingAgent::builder()
        .model(model.clone())
        .tools([probe("left"), probe("right")])
        .build()
        .unwrap();
    let all = vec![Task::new("a", "do a", NONE).with_tool("right"), Task::new("b", "do b", ["a"])];
    let executor = PlanExecutor::new(StaticPlanner::new(all).unwrap(), agent);
    executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    let read = |n: usize| format!("{:?}", model.requests()[n].messages.last().unwrap());
    assert!(read(1).contains("the tools that may be called are: right"), "{}", read(1));
    let offered =
        |n: usize| model.requests()[n].tools.iter().map(|spec| spec.name.clone()).collect::<Vec<_>>();
    assert_eq!((offered(0), offered(3)), (vec!["right".into()], vec!["left".into(), "right".into()]));
    assert!(read(2).contains("fine") && read(4).contains("fine"), "{} {}", read(2), read(4));
}

#[tokio::test(start_paused = true)]
async fn the_goal_is_verified() {
    let goal = |pattern: &str| Goal::new("g").with_criterion(Criterion::Matches { pattern: pattern.into() });
    for (pattern, verdict) in [("do a", GoalVerdict::Met), ("do b", GoalVerdict::NotMet)] {
        let executor = executor(tasks(&[("a", &[])]), &Worker::default()).unwrap();
        let outcome = executor.run(goal(pattern), &RunContext::ephemeral()).await.unwrap();
        assert_eq!((outcome.verdict, outcome.evidence.len()), (verdict, 1), "{:?}", outcome.evidence);
    }
}

#[tokio::test(start_paused = true)]
async fn who_watches_sees_the_plan_and_each_change() {
    let log = Arc::new(EventLog::new());
    let fails = vec![
        Task::new("a", "fails once", NONE).with_retries(1),
        Task::new("b", "do both", ["a"])
            .split([Task::new("x", "do x", NONE), Task::new("y", "fails", ["x"])]),
        Task::new("c", "do c", ["b"]).split([Task::new("z", "do z", NONE)]),
    ];
    let executor = PlanExecutor::new(StaticPlanner::new(fails).unwrap(), Worker::default()).retries(0);
    let executor = executor.on_failure(OnFailure::Skip);
    Ephemeral::new().events(log.clone()).run(&executor, Goal::new("g")).await.result.unwrap();
    let told = log.kinds().into_iter().filter_map(|kind| match kind {
        EventKind::PlanMade { plan } => Some(format!("plan of {}", plan.tasks().len())),
        EventKind::TaskChanged { task, status, error } => {
            Some(format!("{task} {status:?}{}", error.map(|error| format!(" ({error})")).unwrap_or_default()))
        }
        _ => None,
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "plan of 3",
            "a InProgress",
            "a InProgress (fails once at try 1)",
            "a Completed",
            "b/x InProgress",
            "b InProgress",
            "b/x Completed",
            "b/y InProgress",
            "b/y Failed (fails at try 1)",
            "b Failed (its subtask `y` failed: fails at try 1)",
            "c Blocked (task `b` failed)",
            "c/z Blocked (task `b` failed)",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_plan_for_a_goal_in_other_words_has_its_last_tasks_read_them() {
    let last =
        Task::new("b", "do both", ["a"]).split([Task::new("x", "do x", NONE), Task::new("y", "do y", ["x"])]);
    let all = [tasks(&[("a", &[])]), vec![last]].concat();
    let planner = StaticPlanner::of(Plan::new(Goal::new("g"), all).unwrap());
    for (goal, read) in [
        ("g", "do y"),
        (
            "g, and polite",
            "do y\n\nThis is the last step: what comes of it has to answer this:\ng, and polite",
        ),
    ] {
        let worker = Worker::default();
        let executor = PlanExecutor::new(planner.clone(), worker.clone());
        executor.run(Goal::new(goal), &RunContext::ephemeral()).await.unwrap();
        for text in ["do a", "do x", read] {
            assert!(worker.has_read(text), "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_looked_up_for_the_goal_is_there_for_each_task() {
    let (model, lookups) = (ScriptedModel::new().says("x").says("y"), json!({"query": "Oslo"}));
    let worker = FunctionCallingAgent::builder().model(model.clone()).build().unwrap();
    let planner = StaticPlanner::new(tasks(&[("a", &[]), ("b", &["a"])])).unwrap();
    let lookup = Lookup { tool: "recall".into(), arguments: lookups, result: json!("It rains in Oslo.") };
    let goal = Goal::new("g").with_lookup(lookup);
    PlanExecutor::new(planner, worker).run(goal, &RunContext::ephemeral()).await.unwrap();
    for request in model.requests() {
        assert!(request.messages.iter().any(|message| message.text().contains("It rains in Oslo.")));
    }
}
