//! Plans are valid by construction.

use agentic_core::{Goal, Plan, PlanError, Task};
use serde_json::json;

fn plan(tasks: &[(&str, &[&str])]) -> Result<Plan, PlanError> {
    let tasks = tasks.iter().map(|(id, after)| Task::new(*id, "do it", after.iter().copied()));
    Plan::new(Goal::new("g"), tasks.collect())
}

#[test]
fn tasks_may_depend_on_each_other_in_any_order() {
    let plan = plan(&[("c", &["a", "b"]), ("a", &[]), ("b", &["a"])]).unwrap();
    let ids: Vec<_> = plan.tasks().iter().map(|task| &*task.id).collect();
    assert_eq!((ids, plan.version()), (vec!["c", "a", "b"], 1), "the planner's order is kept");
    assert_eq!(plan.next_version(plan.tasks().to_vec()).unwrap().version(), 2);
}

#[test]
fn what_is_no_plan_is_refused_with_the_task_named() {
    assert_eq!(plan(&[]), Err(PlanError::Empty));
    assert_eq!(plan(&[("a", &[]), ("a", &[])]), Err(PlanError::Duplicate { task: "a".into() }));
    let unknown = PlanError::Unknown { task: "a".into(), dependency: "x".into() };
    assert_eq!(plan(&[("a", &["x"])]), Err(unknown));
    let cycle = plan(&[("free", &[]), ("a", &["b", "free"]), ("b", &["a"])]);
    assert_eq!(cycle, Err(PlanError::Cycle { tasks: vec!["a".into(), "b".into()] }));
    assert_eq!(plan(&[("a", &["a"])]), Err(PlanError::Cycle { tasks: vec!["a".into()] }));
}

#[test]
fn a_plan_that_is_read_is_checked_too_down_to_its_subtasks() {
    let written = json!({"goal": {"text": "g"}, "version": 3, "tasks": [
        {"id": "a", "description": "d", "subtasks": [{"id": "b", "description": "d", "dependencies": ["c"]}]},
    ]});
    let error = serde_json::from_value::<Plan>(written).unwrap_err().to_string();
    assert_eq!(error, "task `a/b` depends on `a/c`, which is not in the plan");
}
