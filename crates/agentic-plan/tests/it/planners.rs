//! Models plan.

use agentic_core::{AgentError, Goal, Plan, Planner as _, RunContext};
use agentic_plan::LlmPlanner;
use agentic_runtime::RunContextExt as _;
use agentic_testkit::ScriptedModel;
use serde_json::{Value, json};

fn written(tasks: Value) -> String {
    json!({ "tasks": tasks }).to_string()
}

async fn planned(planner: &LlmPlanner) -> Result<Plan, AgentError> {
    planner.plan(&Goal::new("pack for Oslo"), "It rains there.", &RunContext::ephemeral()).await
}

#[tokio::test]
async fn a_model_writes_a_plan() {
    let model = ScriptedModel::new().says(written(json!([
        {"id": "weather", "description": "look it up", "dependencies": [], "agent": "scout", "tools": ["search"]},
        {"id": "pack", "description": "write a list", "dependencies": ["weather"], "agent": "writer", "tools": []},
    ])));
    let planner = LlmPlanner::new(model.clone()).agent("scout", "finds out").agent("writer", "writes");
    let plan = planned(&planner.tool("search", "searches the web")).await.unwrap();
    assert_eq!((plan.next_tasks(), plan.goal().text.as_str()), (vec!["weather".to_owned()], "pack for Oslo"));
    let weather = plan.task("weather").unwrap();
    assert_eq!((weather.agent.as_deref(), &*weather.tools), (Some("scout"), &["search".to_owned()][..]));
    let asked = model.requests()[0].messages.last().unwrap().text();
    for part in [
        "- scout: finds out",
        "- search: searches the web",
        "It rains there.",
        "pack for Oslo",
        "\"enum\":[\"scout\",\"writer\"]",
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
}

#[tokio::test]
async fn what_is_no_plan_is_sent_back_with_what_is_wrong() {
    let task = |id: &str, after: &[&str], tool: &str| json!({"id": id, "description": "d", "dependencies": after, "tools": [tool]});
    let model = ScriptedModel::new()
        .says(written(json!([task("a", &["b"], "search"), task("b", &["a"], "search")])))
        .says(written(json!([task("a", &["c"], "search")])))
        .says(written(json!([task("a", &[], "telepathy")])))
        .says("I would rather not.")
        .says(written(json!([])))
        .says(written(json!([task("a", &[], "search")])));
    let planner = LlmPlanner::new(model.clone()).tool("search", "searches").attempts(6);
    assert_eq!(planned(&planner).await.unwrap().tasks().len(), 1);
    let requests = model.requests();
    let said: Vec<String> =
        requests[1..].iter().map(|request| request.messages.last().unwrap().text()).collect();
    for (said, part) in said.iter().zip([
        "these tasks wait for each other: a, b",
        "depends on `c`, which is not in the plan",
        "telepathy",
        "JSON",
        "tasks",
    ]) {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[tokio::test]
async fn a_planner_that_never_plans_says_so() {
    let model = ScriptedModel::new().says("no").says("no").says("no");
    let error = planned(&LlmPlanner::new(model)).await.unwrap_err();
    assert!(matches!(error, AgentError::InvalidOutput { .. }), "{error:?}");
    assert_eq!(error.partial().unwrap().spend.model_calls, 3);
    let empty =
        LlmPlanner::new(ScriptedModel::new()).plan(&Goal::new(" "), "", &RunContext::ephemeral()).await;
    assert!(matches!(empty, Err(AgentError::InvalidInput { .. })), "{empty:?}");
}

#[tokio::test]
async fn planning_again_keeps_what_is_done() {
    let task = |id: &str, after: &[&str]| json!({"id": id, "description": "d", "dependencies": after});
    let model = ScriptedModel::new()
        .says(written(json!([task("a", &[]), task("b", &["a"])])))
        .says(written(json!([task("a", &[])])))
        .says(written(json!([task("c", &["a"])])));
    let planner = LlmPlanner::new(model.clone());
    let mut plan = planned(&planner).await.unwrap();
    plan.complete("a", "it rains").unwrap();
    plan.fail("b", "no paper").unwrap();
    let next = planner.replan(&plan, "`b` has no paper", &RunContext::ephemeral()).await.unwrap();
    assert_eq!((next.version(), next.next_tasks()), (2, vec!["c".to_owned()]));
    assert_eq!(next.inputs("c").unwrap()["a"], "it rains");
    let asked: Vec<String> =
        model.requests()[1..].iter().map(|request| request.messages.last().unwrap().text()).collect();
    assert!(asked[0].contains("it rains") && asked[0].contains("`b` has no paper"), "{}", asked[0]);
    assert!(asked[1].contains("two tasks are called `a`"), "{}", asked[1]);
}
