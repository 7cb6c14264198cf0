//! Models plan.

use agentic_core::{AgentError, Goal, ModelErrorKind, Plan, Planner as _, RunContext, Task};
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

fn task(after: &[&str]) -> Value {
    json!({"description": "d", "after": after})
}

#[tokio::test]
async fn a_model_writes_a_plan() {
    let model = ScriptedModel::new().says(written(json!([
        {"description": "look it up", "agent": "scout", "after": []},
        {"description": "write a list", "agent": "writer", "inputs": {"rain": "{{t1.result.mm}}"}, "after": ["t1", "t2"]},
    ])));
    let planner = LlmPlanner::new(model.clone()).agent("scout", "finds out").agent("writer", "writes");
    let plan = planned(&planner.tool("search", "searches the web")).await.unwrap();
    assert_eq!((plan.next_tasks(), plan.goal().text.as_str()), (vec!["t1".to_owned()], "pack for Oslo"));
    assert_eq!(plan.task("t1").unwrap().agent.as_deref(), Some("scout"));
    assert_eq!(plan.task("t2").unwrap().dependencies, ["t1"], "a task does not come after itself");
    let messages: Vec<String> = model.requests()[0].messages.iter().map(|message| message.text()).collect();
    for part in ["- scout: finds out", "- search: searches the web"] {
        assert!(messages[0].contains(part), "{part} is not in {}", messages[0]);
    }
    for part in ["It rains there.", "Goal: pack for Oslo", "\"enum\":[\"scout\",\"writer\"]"] {
        assert!(messages[1].contains(part), "{part} is not in {}", messages[1]);
    }
}

#[tokio::test]
async fn tasks_name_their_tools_where_that_is_wanted() {
    let with = |tool: &str| written(json!([{"description": "d", "tools": [tool, tool], "after": []}]));
    let model = ScriptedModel::new().says(with("telepathy")).says(with("search"));
    let planner = LlmPlanner::new(model.clone()).tool("search", "searches").tools_by_task();
    assert_eq!(planned(&planner).await.unwrap().task("t1").unwrap().tools, Some(vec!["search".to_owned()]));
    let said = model.requests()[1].messages.last().unwrap().text();
    assert!(said.contains("/tasks/0/tools/0") && said.contains("telepathy"), "{said}");
}

#[tokio::test]
async fn what_is_no_plan_is_sent_back_with_what_is_wrong() {
    let model = ScriptedModel::new()
        .says(written(json!([task(&["t2"]), task(&["t1"])])))
        .says(written(json!([task(&["search"])])))
        .says("I would rather not.")
        .says(written(json!([])))
        .says(written(json!([task(&[])])));
    let planner = LlmPlanner::new(model.clone()).tool("search", "searches").attempts(5);
    assert_eq!(planned(&planner).await.unwrap().tasks().len(), 1);
    let requests = model.requests();
    let said: Vec<String> =
        requests[1..].iter().map(|request| request.messages.last().unwrap().text()).collect();
    for (said, part) in
        said.iter().zip(["these tasks wait for each other: t1, t2", "/tasks/0/after/0", "JSON", "tasks"])
    {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[tokio::test]
async fn a_plan_that_has_lost_a_name_of_the_goal_is_sent_back() {
    let reads = |file: &str| written(json!([{"description": format!("read {file}"), "after": []}]));
    let goal = Goal::new("What does the trip in bergen.txt cost?");
    let model = ScriptedModel::new().says(reads("the note")).says(reads("Bergen.txt"));
    let planner = LlmPlanner::new(model.clone());
    let plan = planner.plan(&goal, "", &RunContext::ephemeral()).await.unwrap();
    assert_eq!(plan.tasks()[0].description, "read bergen.txt", "spelled as in the goal");
    let said = model.requests()[1].messages.last().unwrap().text();
    assert!(said.contains("no task names `bergen.txt`, as the goal does"), "{said}");
    // Where no better one comes the first is taken: it may do all the same.
    let model = ScriptedModel::new().says(reads("the note")).says("I would rather not.").says(reads("it"));
    let plan = LlmPlanner::new(model).plan(&goal, "", &RunContext::ephemeral()).await.unwrap();
    assert_eq!(plan.tasks()[0].description, "read the note");
    // Nor does a model that fails when it is asked again take it away.
    let model = ScriptedModel::new().says(reads("the note")).fails(ModelErrorKind::Unavailable, "down");
    let plan = LlmPlanner::new(model).plan(&goal, "", &RunContext::ephemeral()).await.unwrap();
    assert_eq!(plan.tasks()[0].description, "read the note");
}

#[tokio::test]
async fn who_works_on_the_last_task_reads_the_goal() {
    let model = ScriptedModel::new()
        .says(written(json!([task(&[]), task(&[]), task(&["t1", "t2"])])))
        .says(written(json!([task(&[]), task(&[])])))
        .says(written(json!([{"description": "pack for Oslo", "after": []}])))
        .says(written(json!([task(&[]), task(&["t1"])])))
        .says(written(json!([task(&["t1"]), task(&["t3"])])));
    let planner = LlmPlanner::new(model);
    let joined = planned(&planner).await.unwrap();
    assert_eq!(
        ["t1", "t2", "t3"].map(|task| joined.purpose(task).map(|purpose| purpose.text)),
        [None, None, Some("pack for Oslo")]
    );
    let several = planned(&planner).await.unwrap();
    assert_eq!(
        ["t1", "t2"].map(|task| several.purpose(task).map(|purpose| purpose.text)),
        [None, None],
        "none gives the whole"
    );
    assert_eq!(planned(&planner).await.unwrap().purpose("t1"), None, "it is the goal");
    let refers = json!({"description": "d", "agent": "a", "inputs": {"x": "{{t1.result}}"}, "after": []});
    let first = json!({"description": "d", "agent": "a", "after": []});
    let model = ScriptedModel::new().says(written(json!([first, refers])));
    let referring = planned(&LlmPlanner::new(model).agent("a", "works")).await.unwrap();
    assert_eq!(
        ["t1", "t2"].map(|task| referring.purpose(task).map(|purpose| purpose.text)),
        [None, Some("pack for Oslo")]
    );
    let mut failed = planned(&planner).await.unwrap();
    failed.complete("t1", 1).unwrap();
    failed.fail("t2", "no").unwrap();
    let again = planner.replan(&failed, "", &RunContext::ephemeral()).await.unwrap();
    assert_eq!(
        ["t1", "t3", "t4"].map(|task| again.purpose(task).map(|purpose| purpose.text)),
        [None, None, Some("pack for Oslo")]
    );
}

#[tokio::test]
async fn what_looks_like_a_reference_in_a_goal_is_none() {
    let goal = Goal::new("Write a workflow that uses ${{ secrets.TOKEN }} and {{t1.result}}");
    let model = ScriptedModel::new().says(written(json!([
        {"description": "look for secrets.TOKEN", "after": []},
        {"description": "put it into t1.result", "after": ["t1"]},
    ])));
    let planner = LlmPlanner::new(model);
    let plan = planner.plan(&goal, "", &RunContext::ephemeral()).await.unwrap();
    assert_eq!(plan.purpose("t2").map(|purpose| purpose.text), Some(&*goal.text));
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
async fn planning_again_keeps_what_is_done_and_gives_no_number_twice() {
    let model = ScriptedModel::new()
        .says(written(json!([task(&[]), task(&["t1"])])))
        .says(written(json!([task(&["t2"])])))
        .says(written(json!([task(&["t1"])])));
    let planner = LlmPlanner::new(model.clone());
    let mut plan = planned(&planner).await.unwrap();
    plan.complete("t1", "it rains").unwrap();
    plan.fail("t2", "no paper").unwrap();
    let next = planner.replan(&plan, "`t2` has no paper", &RunContext::ephemeral()).await.unwrap();
    assert_eq!((next.version(), next.next_tasks()), (2, vec!["t3".to_owned()]));
    assert_eq!(next.assigned("t3").unwrap().inputs["t1"], "it rains");
    let asked: Vec<String> =
        model.requests()[1..].iter().map(|request| request.messages.last().unwrap().text()).collect();
    assert!(asked[0].contains("it rains") && asked[0].contains("`t2` has no paper"), "{}", asked[0]);
    assert!(asked[1].contains("/tasks/0/after/0"), "what failed can't be needed: {}", asked[1]);
}

#[tokio::test]
async fn what_is_done_of_a_task_that_was_split_is_told() {
    let none: [&str; 0] = [];
    let parts = [Task::new("fetch", "fetch it", none), Task::new("write", "write it", ["fetch"])];
    let mut plan = Plan::new(Goal::new("g"), vec![Task::new("g", "all", none).split(parts)]).unwrap();
    plan.complete("g/fetch", "it rains").unwrap();
    plan.fail("g/write", "no paper").unwrap();
    let model = ScriptedModel::new().says(written(json!([task(&["g"])])));
    let planner = LlmPlanner::new(model.clone());
    let next = planner.replan(&plan, "no paper", &RunContext::ephemeral()).await.unwrap();
    let asked = model.requests()[0].messages.last().unwrap().text();
    let told = "- `g`: all\n  not all of it, but these parts, after which tasks come as after `g`:\n  - `g/fetch`: fetch it\n    result: it rains\n";
    assert!(asked.contains(told) && asked.contains("is not done:\n- `g/write`: write it\n"), "{asked}");
    assert_eq!(next.assigned("t1").unwrap().inputs["g"], "it rains");
}

#[tokio::test]
async fn no_more_tasks_are_asked_for_than_a_schema_can_name() {
    let model = ScriptedModel::new().says(written(json!([task(&[])])));
    planned(&LlmPlanner::new(model.clone()).max_tasks(usize::MAX)).await.unwrap();
    let asked = model.requests()[0].messages.last().unwrap().text();
    assert!(asked.contains("At most 1000 tasks"), "{}", &asked[..200]);
}
