//! Plans are valid by construction.

use agentic_core::{Criterion, Goal, Plan, PlanError, Task, TaskStatus};
use serde_json::{Value, json};

const NONE: [&str; 0] = [];

fn plan(tasks: &[(&str, &[&str])]) -> Result<Plan, PlanError> {
    let tasks = tasks.iter().map(|(id, after)| Task::new(*id, "do it", after.iter().copied()));
    Plan::new(Goal::new("g"), tasks.collect())
}

#[test]
fn tasks_may_depend_on_each_other_in_any_order() {
    let plan = plan(&[("c", &["a", "b"]), ("a", &[]), ("b", &["a"])]).unwrap();
    let ids: Vec<_> = plan.tasks().iter().map(|task| &*task.id).collect();
    assert_eq!((ids, plan.version()), (vec!["c", "a", "b"], 1), "the planner's order is kept");
}

#[test]
fn what_is_no_plan_is_refused_with_the_task_named() {
    assert_eq!(plan(&[]), Err(PlanError::Empty));
    let silent = vec![Task::new("a", "do it", Vec::<String>::new()).split([Task::new(
        "b",
        " ",
        Vec::<String>::new(),
    )])];
    assert_eq!(Plan::new(Goal::new("g"), silent), Err(PlanError::NoDescription { task: "a/b".into() }));
    assert_eq!(plan(&[("a", &[]), ("a", &[])]), Err(PlanError::Duplicate { task: "a".into() }));
    let unknown = PlanError::Unknown { task: "a".into(), dependency: "x".into() };
    assert_eq!(plan(&[("a", &["x"])]), Err(unknown));
    let cycle = plan(&[("free", &[]), ("a", &["b", "free"]), ("b", &["a"])]);
    assert_eq!(
        cycle,
        Err(PlanError::Cycle { tasks: vec!["a".into(), "b".into()] }),
        "each before what it waits for"
    );
    assert_eq!(plan(&[("a", &["a"])]), Err(PlanError::Cycle { tasks: vec!["a".into()] }));
}

#[test]
fn a_plan_that_is_read_is_checked_too_down_to_its_subtasks() {
    let written = json!({"goal": {"text": "g"}, "version": 3, "tasks": [
        {"id": "a", "description": "d", "subtasks": [{"id": "b", "description": "d", "dependencies": ["c"]}]},
    ]});
    let error = serde_json::from_value::<Plan>(written).unwrap_err().to_string();
    assert_eq!(
        error,
        "task `a/b` depends on `a/c`, which is not in the plan; add that task, or leave the dependency out"
    );
}

/// The plan after this, which is possible.
fn then(mut plan: Plan, change: impl FnOnce(&mut Plan) -> Result<(), PlanError>) -> Plan {
    change(&mut plan).unwrap();
    plan
}

fn done(plan: Plan, path: &str, result: Value) -> Plan {
    then(plan, |plan| plan.complete(path, result))
}

fn failed(plan: Plan, path: &str) -> Plan {
    then(plan, |plan| plan.fail(path, "no luck"))
}

fn at(plan: &Plan, path: &str) -> TaskStatus {
    plan.task(path).unwrap().status
}

/// `g` is split into `x` and `y`, which needs `x`; `c` needs `a` and `g`; `d` needs nothing.
fn nested() -> Plan {
    let split = [Task::new("x", "do x", NONE), Task::new("y", "do y", ["x"])];
    let tasks = vec![
        Task::new("a", "do a", NONE),
        Task::new("g", "do g", ["a"]).split(split),
        Task::new("c", "do c", ["a", "g"]),
        Task::new("d", "do d", NONE),
    ];
    Plan::new(Goal::new("all"), tasks).unwrap()
}

#[test]
fn tasks_can_be_begun_when_what_they_need_is_done() {
    let plan = nested();
    assert_eq!(plan.next_tasks(), ["a", "d"]);
    let plan = then(plan, |plan| plan.begin("a"));
    assert_eq!(plan.next_tasks(), ["d"]);
    let plan = done(plan, "a", json!(1));
    assert_eq!(plan.next_tasks(), ["g/x", "d"]);
    let plan = then(plan, |plan| plan.begin("g/x"));
    assert_eq!((at(&plan, "g"), at(&plan, "c")), (TaskStatus::InProgress, TaskStatus::Pending));
    let plan = done(done(plan, "g/x", json!("x")), "g/y", json!({"y": 2}));
    assert_eq!(plan.task("g").unwrap().result, Some(json!({"y": 2})), "the result of the last of them");
    assert_eq!(plan.next_tasks(), ["c", "d"]);
    assert!(!plan.is_complete());
    let plan = done(done(plan, "c", json!("c")), "d", json!("d"));
    assert!(plan.is_complete() && plan.is_fulfilled());
    assert_eq!(plan.result(), json!({"c": "c", "d": "d"}));
}

#[test]
fn what_needs_a_failed_task_is_blocked_and_the_rest_goes_on() {
    let plan = failed(done(nested(), "a", json!(1)), "g/x");
    assert_eq!(at(&plan, "g/y"), TaskStatus::Blocked);
    assert_eq!(at(&plan, "g"), TaskStatus::Failed);
    assert_eq!(plan.task("g").unwrap().error.as_deref(), Some("its subtask `x` failed: no luck"));
    assert_eq!(plan.task("c").unwrap().error.as_deref(), Some("task `g` failed"));
    assert_eq!((plan.next_tasks(), plan.is_complete()), (vec!["d".to_owned()], false));
    assert_eq!(plan.result(), json!({"a": 1}), "what there is");
    let plan = done(plan, "d", json!("d"));
    assert!(plan.is_complete() && !plan.is_fulfilled());
    assert_eq!(plan.result(), json!({"c": null, "d": "d"}));
    let split = failed(done(done(nested(), "a", json!(1)), "g/x", json!("x")), "g/y");
    assert_eq!(split.result(), json!({"a": 1, "g/x": "x"}));
    let blocked = failed(nested(), "a");
    assert_eq!(blocked.result(), json!(null));
    assert_eq!((at(&blocked, "g"), at(&blocked, "g/y")), (TaskStatus::Blocked, TaskStatus::Blocked));
    assert_eq!(blocked.next_tasks(), ["d"]);
}

#[test]
fn what_was_begun_before_its_turn_keeps_no_plan_from_its_end() {
    let early = failed(done(nested(), "g/x", json!("x")), "a");
    assert_eq!((at(&early, "g/x"), at(&early, "g/y")), (TaskStatus::Completed, TaskStatus::Blocked));
    assert_eq!((at(&early, "g"), at(&early, "c")), (TaskStatus::Blocked, TaskStatus::Blocked));
    assert!(done(early, "d", json!("d")).is_complete());
}

#[test]
fn a_task_ends_once_and_only_what_is_worked_on_itself_does() {
    let mut plan = done(nested(), "a", json!(1));
    let ended = PlanError::Status { task: "a".into(), status: TaskStatus::Completed };
    let before = plan.clone();
    assert_eq!(plan.fail("a", "x"), Err(ended.clone()));
    assert_eq!(plan.begin("a"), Err(ended));
    for none in ["g", "z", "a/b", "", "g/"] {
        assert_eq!(plan.begin(none), Err(PlanError::NoTask { task: none.into() }));
    }
    assert_eq!(plan, before);
}

#[test]
fn references_are_dependencies_on_the_level_of_what_they_refer_to() {
    let reads = Task::new("x", "read", NONE).with_input("text", "see {{a.result.name}}");
    let tasks = vec![
        Task::new("g", "group", NONE)
            .split([reads, Task::new("y", "go on", ["x"])])
            .with_input("of", "{{b.result}}"),
        Task::new("a", "do a", NONE),
        Task::new("b", "do b", NONE),
        Task::new("c", "do c", ["a"]),
    ];
    let plan = Plan::new(Goal::new("all"), tasks).unwrap();
    assert_eq!(plan.task("g").unwrap().dependencies, ["b", "a"]);
    assert_eq!(plan.next_tasks(), ["a", "b"]);
    let missing = plan.assigned("g/x").unwrap_err().to_string();
    assert_eq!(missing, "input `of` of task `g/x` has the reference `{{b.result}}`: that task has no result");
    let plan = done(done(plan, "a", json!({"name": "tea"})), "b", json!([1]));
    let inputs = plan.assigned("g/x").unwrap().inputs;
    assert_eq!(Value::Object(inputs), json!({"of": [1], "text": "see tea"}));
    let plan = done(plan, "g/x", json!("read"));
    assert_eq!(plan.assigned("g/y").unwrap().inputs["x"], "read");
    assert_eq!(plan.assigned("c").unwrap().inputs["a"], json!({"name": "tea"}), "what it needs comes along");
}

#[test]
fn of_equal_names_the_innermost_is_read_and_none_is_lost() {
    let inner = [Task::new("t1", "do t2/t1", NONE), Task::new("t2", "do t2/t2", ["t1"])];
    let tasks = vec![
        Task::new("t1", "do t1", NONE),
        Task::new("t2", "do t2", ["t1"]).split(inner).with_input("of", "whole"),
        Task::new("t3", "do t3", ["t2"]).with_input("of", "own"),
    ];
    let goal = Goal::new("all").with_input("of", "goal's").with_input("t2", "of the goal");
    let plan = Plan::new(goal, tasks).unwrap();
    let plan = done(done(done(plan, "t1", json!("outer")), "t2/t1", json!("inner")), "t2/t2", json!("end"));
    let inputs = |path: &str| Value::Object(plan.assigned(path).unwrap().inputs);
    assert_eq!(inputs("t2/t1"), json!({"of": "whole", "t1": "outer", "t2": "of the goal"}));
    assert_eq!(
        inputs("t2/t2"),
        json!({"of": "whole", "t1": "inner", "t1.result": "outer", "t2": "of the goal"})
    );
    assert_eq!(inputs("t3"), json!({"of": "own", "t2": "of the goal", "t2.result": "end"}));
}

#[test]
fn what_an_input_referred_to_before_another_took_its_place_still_comes_along() {
    let inner = Task::new("x", "do x", NONE).with_input("data", "own");
    let group = Task::new("g", "do g", NONE).split([inner]).with_input("data", "{{a.result}}");
    let plan = Plan::new(Goal::new("all"), vec![Task::new("a", "do a", NONE), group]).unwrap();
    let plan = done(plan, "a", json!(7));
    assert_eq!(Value::Object(plan.assigned("g/x").unwrap().inputs), json!({"data": "own", "a": 7}));
}

#[test]
fn what_a_task_says_holds_for_its_subtasks() {
    let short = |pattern: &str| Criterion::Matches { pattern: pattern.into() };
    let inner = [
        Task::new("x", "do x", NONE).with_tool("read").with_tool("write").for_agent("own"),
        Task::new("y", "do y", ["x"]).with_retries(0).with_criterion(short("y")),
    ];
    let group = Task::new("g", "do g", NONE)
        .split(inner)
        .with_tool("read")
        .with_tool("search")
        .for_agent("of g")
        .with_retries(5)
        .with_criterion(short("g"));
    let plan = Plan::new(Goal::new("all"), vec![group.clone()]).unwrap();
    let (x, y) = (plan.assigned("g/x").unwrap(), plan.assigned("g/y").unwrap());
    assert_eq!((x.tools, x.agent.as_deref(), x.retries), (Some(vec!["read".into()]), Some("own"), Some(5)));
    assert_eq!(x.criteria, [], "its result is not that of the whole");
    let tools = Some(vec!["read".into(), "search".into()]);
    assert_eq!((y.tools, y.agent.as_deref(), y.retries), (tools, Some("of g"), Some(0)));
    assert_eq!(y.criteria, [short("y"), short("g")]);
    let two_ends = group.split([Task::new("z", "do z", NONE)]);
    assert_eq!(
        Plan::new(Goal::new("all"), vec![two_ends]),
        Err(PlanError::Criteria { task: "g".into() }),
        "nobody's result is the whole one"
    );
}

#[test]
fn what_nobody_works_on_any_more_can_begin_again() {
    let mut plan = then(done(nested(), "a", json!(1)), |plan| plan.begin("g/x"));
    assert_eq!(
        (at(&plan, "g"), plan.next_tasks().contains(&"g/x".to_owned())),
        (TaskStatus::InProgress, false)
    );
    plan.reopen();
    assert_eq!((at(&plan, "g"), at(&plan, "a")), (TaskStatus::Pending, TaskStatus::Completed));
    assert!(plan.next_tasks().contains(&"g/x".to_owned()));
}

#[test]
fn references_to_nothing_are_refused() {
    let with = |id: &str, text: &str| {
        let inner = Task::new("x", "x", NONE).with_input("in", json!([{"deep": text}]));
        Plan::new(Goal::new("g"), vec![Task::new(id, "t", NONE).split([inner])]).unwrap_err()
    };
    let error = with("t", "{{q.result}}").to_string();
    assert!(
        error.starts_with("input `in` of task `t/x` has the reference `{{q.result}}`: there is no such"),
        "{error}"
    );
    assert!(with("t", "{{q}}").to_string().contains("it has to be `{{TASK.result}}`"));
    let error = with("t", "{{t.result}}").to_string();
    assert!(error.contains("`t/x`") && error.contains("what a task is a part of has no result"), "{error}");
    let own = Task::new("t", "t", NONE).with_input("in", json!("{{t.result}}"));
    let error = Plan::new(Goal::new("g"), vec![own]).unwrap_err().to_string();
    assert!(
        error.contains("input `in` of task `t`") && error.contains("a task has no result while"),
        "{error}"
    );
    assert_eq!(with("a b", ""), PlanError::InvalidId { task: "a b".into() });
}

#[test]
fn the_next_version_keeps_what_is_done() {
    let plan = done(done(nested(), "a", json!(1)), "g/x", json!("x"));
    let plan = failed(plan, "g/y");
    let next = plan.next_version("`y` failed", vec![Task::new("y", "otherwise", ["g"])]).unwrap();
    assert_eq!((next.version(), next.next_tasks()), (2, vec!["y".to_owned()]));
    assert_eq!(next.assigned("y").unwrap().inputs["g"], "x");
    assert_eq!(next.replanned()[0].kept, ["a", "g"]);
    assert!(next.task("g/y").is_none() && next.task("d").is_none());
    let twice = plan.next_version("", vec![Task::new("a", "again", NONE)]);
    assert_eq!(twice, Err(PlanError::Duplicate { task: "a".into() }));
    let read: Plan = serde_json::from_value(serde_json::to_value(&next).unwrap()).unwrap();
    assert_eq!(read, next);
}

#[test]
fn long_chains_and_wide_plans_are_checked_soon() {
    let id = |n: usize| format!("t{n}");
    let chain = (0..20_000).map(|n| Task::new(id(n), "go on", (n > 0).then(|| id(n - 1))));
    let mut tasks: Vec<Task> = chain.collect();
    let plan = Plan::new(Goal::new("g"), tasks.clone()).unwrap();
    assert_eq!(at(&failed(plan, "t0"), "t19999"), TaskStatus::Blocked);
    tasks[0].dependencies.push(id(19_999));
    let Err(PlanError::Cycle { tasks }) = Plan::new(Goal::new("g"), tasks) else { panic!("it is a cycle") };
    assert_eq!(tasks.len(), 20_000);
}

#[test]
fn what_is_left_over_counts_where_there_is_nothing_else() {
    let mut plan = plan(&[("a", &[]), ("b", &["a"])]).unwrap();
    plan.complete("a", 1).unwrap();
    plan.fail("b", "no").unwrap();
    let again = plan.next_version("", vec![Task::new("c", "do c", ["a"])]).unwrap();
    assert_eq!(
        (again.replanned()[0].left_over.clone(), again.result()),
        (vec!["a".to_owned()], json!({"a": 1}))
    );
    assert_eq!(plan.next_version("", Vec::new()).unwrap().result(), 1);
}

#[test]
fn a_task_that_reads_the_goal_knows_whether_it_is_to_give_all_of_it() {
    let reading = |id: &str, after: &[&str]| Task::new(id, "do it", after.iter().copied()).reading_goal();
    let purpose = |tasks: Vec<Task>, path: &str| {
        let plan = Plan::new(Goal::new("g"), tasks).unwrap();
        plan.purpose(path).map(|purpose| (purpose.text.to_owned(), purpose.is_whole))
    };
    let two = || vec![reading("a", &[]), reading("b", &["a"])];
    assert_eq!(purpose(two(), "b"), Some(("g".into(), true)));
    assert_eq!(purpose(two(), "a"), Some(("g".into(), false)));
    assert_eq!(purpose(vec![reading("a", &[]), reading("b", &[])], "b"), Some(("g".into(), false)));
    let split = vec![reading("a", &[]).split([reading("x", &[]), reading("y", &["x"])])];
    assert_eq!(purpose(split.clone(), "a/y"), Some(("g".into(), true)));
    assert_eq!(purpose(split, "a/x"), Some(("g".into(), false)));
    let alone = vec![Task::new("a", "both", Vec::<String>::new()).split([reading("x", &[])])];
    assert_eq!(purpose(alone, "a/x"), Some(("both".into(), true)));
}
