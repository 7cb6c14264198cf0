//! What becomes of plans whose tasks fail.

use std::sync::{Arc, Mutex};

use agentic_core::{
    Agent as _, AgentError, Budget, Criterion, Goal, GoalVerdict, Plan, Planner, Reason, Reflection,
    Reflector, RunContext, Task, async_trait,
};
use agentic_plan::{OnFailure, PlanExecutor};
use agentic_runtime::{ApproveAll, DenyAll, Ephemeral, RunContextExt as _};
use serde_json::json;

use crate::worker::{NONE, Worker, executor, tasks};

#[tokio::test(start_paused = true)]
async fn a_task_is_tried_again_and_knows_why() {
    let worker = Worker::default();
    let all = vec![Task::new("a", "fails once", NONE), Task::new("b", "then b", ["a"])];
    let outcome =
        executor(all, &worker).unwrap().retries(2).run(Goal::new("g"), &RunContext::ephemeral()).await;
    assert_eq!(outcome.unwrap().output["did"], "then b");
    assert_eq!(worker.times("fails once"), 2);
    assert_eq!(worker.inputs("fails once")["failed_before"], "fails once at try 1");
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_takes_along_what_needs_it_and_no_more() {
    let worker = Worker::default();
    let mut all = tasks(&[("a", &[]), ("b", &["a"]), ("c", &["b"]), ("d", &[])]);
    all[0].description = "fails".into();
    let executor = executor(all, &worker).unwrap().on_failure(OnFailure::Skip);
    let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!(outcome.output, json!({"c": null, "d": {"did": "do d", "with": {}}}));
    assert_eq!((outcome.verdict, worker.times("do b")), (GoalVerdict::NotMet, 0));
    assert_eq!(outcome.evidence, ["task `a` failed: fails at try 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_aborted_ends_at_once() {
    let worker = Worker::default();
    let mut all = tasks(&[("a", &[]), ("b", &[]), ("c", &["b"])]);
    (all[0].description, all[0].inputs) =
        ("fails".into(), [("ms".to_owned(), json!(10))].into_iter().collect());
    all[1].inputs.insert("ms".into(), json!(60_000));
    let long = Task::new("y", "do y", ["x"]).with_input("ms", 60_000);
    all.push(Task::new("d", "both", NONE).split([Task::new("x", "do x", NONE), long]));
    let executor = executor(all, &worker).unwrap().on_failure(OnFailure::Abort);
    let error = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap_err();
    let AgentError::Task { task, error, partial } = error else { panic!("{error:?}") };
    assert_eq!((task.as_str(), error.reason()), ("a", Reason::InvalidInput));
    for line in ["✘ a", "· b", "✔ x", "· y"] {
        assert!(partial.text.contains(line), "{line}: {}", partial.text);
    }
    assert_eq!(worker.times("do c"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_person_says_whether_it_is_tried_again() {
    let all = || vec![Task::new("a", "fails once", NONE), Task::new("b", "do b", ["a"])];
    let worker = Worker::default();
    let asks = executor(all(), &worker).unwrap().on_failure(OnFailure::Ask);
    let ran = Ephemeral::new().approver(ApproveAll).run(&asks, Goal::new("g")).await;
    assert_eq!(ran.result.unwrap().output["did"], "do b");
    assert_eq!(worker.times("fails once"), 2);
    assert_eq!(worker.inputs("fails once"), json!({"failed_before": "fails once at try 1"}));
    let worker = Worker::default();
    let asks = executor(all(), &worker).unwrap().on_failure(OnFailure::Ask);
    let ran = Ephemeral::new().approver(DenyAll).run(&asks, Goal::new("g")).await;
    assert_eq!((ran.result.unwrap().verdict, worker.times("fails once")), (GoalVerdict::NotMet, 1));
}

/// Plans by a list of lists, one after the other, and notes what it was told.
#[derive(Clone, Debug, Default)]
struct Planned {
    plans: Arc<Mutex<Vec<Vec<Task>>>>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Planned {
    fn new(plans: impl IntoIterator<Item = Vec<Task>>) -> Self {
        let mut plans: Vec<_> = plans.into_iter().collect();
        plans.reverse();
        Self { plans: Arc::new(Mutex::new(plans)), told: Arc::default() }
    }

    fn next(&self) -> Result<Vec<Task>, AgentError> {
        self.plans.lock().unwrap().pop().ok_or_else(|| AgentError::invalid_input("no more plans"))
    }
}

#[async_trait]
impl Planner for Planned {
    async fn plan(&self, goal: &Goal, _: &str, _: &RunContext) -> Result<Plan, AgentError> {
        Ok(Plan::new(goal.clone(), self.next()?).unwrap())
    }

    async fn replan(&self, plan: &Plan, context: &str, _: &RunContext) -> Result<Plan, AgentError> {
        self.told.lock().unwrap().push(context.to_owned());
        Ok(plan.next_version("again", self.next()?).unwrap())
    }
}

/// Three layers of tasks, each of which needs all of the one before.
fn layers() -> Vec<Task> {
    tasks(&[
        ("a1", &[]),
        ("a2", &[]),
        ("b1", &["a1", "a2"]),
        ("b2", &["a1", "a2"]),
        ("b3", &["a2"]),
        ("c", &["b1", "b2", "b3"]),
    ])
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_fails_anywhere_is_planned_again_and_nothing_done_is_done_again() {
    for failing in 0..layers().len() {
        let (worker, mut first) = (Worker::default(), layers());
        let broken = first[failing].clone();
        first[failing].description = format!("{} fails", broken.description);
        // The planner mends the one, and plans again what was behind it.
        let behind = |task: &Task| {
            let id = &broken.id;
            let direct = |other: &Task| other.dependencies.contains(id);
            let direct_ids: Vec<_> =
                layers().iter().filter(|task| direct(task)).map(|task| task.id.clone()).collect();
            task.id == *id
                || direct(task)
                || task.dependencies.iter().any(|needed| direct_ids.contains(needed))
        };
        let rest: Vec<Task> = layers().into_iter().filter(behind).collect();
        let again = rest.len();
        let planner = Planned::new([first, rest]);
        let executor = PlanExecutor::new(planner.clone(), worker.clone()).retries(0);
        let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
        assert_eq!(outcome.output["did"], "do c");
        for task in layers() {
            assert_eq!(worker.times(&task.description), 1, "{}", task.description);
        }
        let told = planner.told.lock().unwrap().join("\n");
        assert_eq!(
            told,
            format!("Task `{}` (do {} fails) failed: do {} fails at try 1", broken.id, broken.id, broken.id)
        );
        println!("{}: {} of {} kept", broken.id, layers().len() - again, layers().len());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_for_tasks_that_are_gone_is_no_part_of_what_a_plan_gives() {
    // `b` was for `c`, which `d` takes the place of; `x` was wanted for itself.
    let first = tasks(&[("a", &[]), ("b", &[]), ("x", &[])]);
    let first = [first, vec![Task::new("c", "fails", ["a", "b"])]].concat();
    let planner = Planned::new([first.clone(), tasks(&[("d", &["a"])])]);
    let executor = PlanExecutor::new(planner, Worker::default()).retries(0);
    let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    let given: Vec<&String> = outcome.output.as_object().unwrap().keys().collect();
    assert_eq!(given, ["x", "d"]);
    // A task that is done in part is nobody's result either.
    let split = Task::new("s", "do both", NONE)
        .split([Task::new("one", "do one", NONE), Task::new("two", "fails", ["one"])]);
    let planner = Planned::new([vec![split], tasks(&[("d", &[])])]);
    let executor = PlanExecutor::new(planner, Worker::default()).retries(0);
    let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!(outcome.output["did"], "do d");
}

/// Plans again as if nothing had been done.
#[derive(Clone, Debug)]
struct Forgets;

#[async_trait]
impl Planner for Forgets {
    async fn plan(&self, goal: &Goal, _: &str, _: &RunContext) -> Result<Plan, AgentError> {
        let fails = Task::new("b", "fails", ["a"]);
        Ok(Plan::new(goal.clone(), [tasks(&[("a", &[])]), vec![fails]].concat()).unwrap())
    }

    async fn replan(&self, plan: &Plan, _: &str, _: &RunContext) -> Result<Plan, AgentError> {
        let text = serde_json::to_value(plan.next_version("", tasks(&[("c", &["a"])])).unwrap()).unwrap();
        let mut again = text;
        again["tasks"][0]["result"] = json!("something else");
        Ok(serde_json::from_value(again).unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn a_planner_that_loses_what_is_done_is_not_followed() {
    let executor = PlanExecutor::new(Forgets, Worker::default()).retries(0);
    let error = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap_err();
    let told = "the planner's next plan has lost `a`, which is done";
    assert!(error.to_string().starts_with(told), "{error}");
    assert!(error.partial().unwrap().text.contains("✔ a"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_not_lost_where_the_next_plan_is_for_nobody() {
    let first = vec![Task::new("a", "do a", NONE), Task::new("b", "b fails", NONE)];
    let next = vec![Task::new("c", "do c", NONE).for_agent("nobody")];
    let executor = PlanExecutor::new(Planned::new([first, next]), Worker::default()).retries(0);
    let error = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap_err();
    let told = "the rest of the plan can't be worked on: task `c` is for agent `nobody`";
    assert!(error.to_string().starts_with(told), "{error}");
    assert!(error.partial().unwrap().text.contains("✔ a"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn criteria_of_tasks_that_are_planned_again_are_said_to_be_gone() {
    let ok = || Criterion::Matches { pattern: "do".into() };
    let criteria = |task: Task| task.with_criterion(ok());
    let first = vec![
        criteria(Task::new("a", "do a", NONE)),
        criteria(Task::new("b", "b fails", NONE)),
        criteria(Task::new("c", "do c", ["b"])),
        criteria(Task::new("d", "do d", ["b"])),
        criteria(Task::new("e", "all", NONE))
            .split([Task::new("x", "do x", NONE), Task::new("y", "y fails", ["x"])]),
    ];
    let next = vec![criteria(Task::new("c", "do c", NONE))];
    let executor = PlanExecutor::new(Planned::new([first, next]), Worker::default()).retries(0);
    let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    let told = "criterion 1 is not known to hold: the task was planned again";
    assert_eq!(outcome.evidence, ["b", "d", "e"].map(|task| format!("task `{task}`: {told}")));
    assert_eq!(outcome.verdict, GoalVerdict::Unverified);
}

#[tokio::test(start_paused = true)]
async fn planning_again_is_bounded_and_ends_where_it_brings_nothing() {
    let fails = |id: &str| vec![Task::new(id, format!("{id} fails"), NONE)];
    let both =
        |n: usize| [fails(&format!("x{n}")), vec![Task::new(format!("ok{n}"), "do it", NONE)]].concat();
    // Each brings something.
    let planner = Planned::new((0..9).map(both));
    let executor = PlanExecutor::new(planner.clone(), Worker::default()).retries(0).max_replans(3);
    let error = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap_err();
    assert_eq!(
        (planner.told.lock().unwrap().len(), error.to_string()),
        (3, "task `x3` failed: x3 fails at try 1".into())
    );
    // The second time nothing was done since the first.
    let planner = Planned::new((0..9).map(|n| fails(&format!("y{n}"))));
    let executor = PlanExecutor::new(planner.clone(), Worker::default()).retries(0).max_replans(8);
    executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap_err();
    assert_eq!(planner.told.lock().unwrap().len(), 1);
    // A planner that can't.
    let alone = crate::worker::executor(fails("z"), &Worker::default()).unwrap();
    let error = alone.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap_err();
    assert_eq!(error.to_string(), "task `z` failed: z fails at try 1");
}

#[tokio::test(start_paused = true)]
async fn a_result_without_the_part_that_is_wanted_fails_who_wants_it() {
    let worker = Worker::default();
    let wants = Task::new("b", "do b", NONE).with_input("price", "{{a.result.price}}");
    let all = vec![Task::new("a", "do a", NONE), wants];
    let executor = executor(all, &worker).unwrap().on_failure(OnFailure::Skip);
    let outcome = executor.run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!(worker.times("do b"), 0);
    assert!(
        outcome.evidence[0].contains("`{{a.result.price}}`: the result has no `price` there"),
        "{:?}",
        outcome.evidence
    );
}

/// Says what to do better, or that nothing can be.
#[derive(Clone, Debug)]
struct Says {
    should_retry: bool,
    asked: Arc<Mutex<u32>>,
}

#[async_trait]
impl Reflector for Says {
    async fn reflect(
        &self,
        _: &Goal,
        action: &str,
        result: &str,
        _: &RunContext,
    ) -> Result<Reflection, AgentError> {
        *self.asked.lock().unwrap() += 1;
        Ok(Reflection {
            action: action.into(),
            result: result.into(),
            assessment: "bad".into(),
            made_progress: false,
            should_retry: self.should_retry,
            improvement: Some("look twice".into()),
        })
    }
}

#[tokio::test(start_paused = true)]
async fn reflections_are_read_by_who_tries_again_and_may_say_that_it_is_no_use() {
    for (should_retry, times, reflections) in [(true, 3, 2), (false, 1, 1)] {
        let (worker, asked) = (Worker::default(), Arc::<Mutex<u32>>::default());
        let all = vec![Task::new("a", "fails", NONE)];
        let executor =
            executor(all, &worker).unwrap().retries(2).reflector(Says { should_retry, asked: asked.clone() });
        executor.on_failure(OnFailure::Skip).run(Goal::new("g"), &RunContext::ephemeral()).await.unwrap();
        assert_eq!(worker.times("fails"), times);
        assert_eq!(*asked.lock().unwrap(), reflections, "nobody would read what is thought of the last try");
        let told = worker.inputs("fails")["failed_before"].clone();
        let expected =
            if should_retry { json!("fails at try 2; do better: look twice") } else { json!(null) };
        assert_eq!(told, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_the_run_ends_the_plan_whatever_its_policy() {
    #[derive(Clone, Debug)]
    struct Asks;
    #[async_trait]
    impl agentic_core::Agent for Asks {
        fn name(&self) -> &str {
            "asks"
        }
        async fn run(&self, _: Goal, cx: &RunContext) -> Result<agentic_core::Outcome, AgentError> {
            let model: Arc<dyn agentic_core::ChatModel> =
                Arc::new(agentic_testkit::ScriptedModel::new().says("x"));
            cx.model(&model, agentic_core::ModelRequest::new(agentic_core::Messages::new())).await?;
            Ok(agentic_core::Outcome::default())
        }
    }
    for policy in [OnFailure::Skip, OnFailure::Ask, OnFailure::Replan] {
        let planner = Planned::new([tasks(&[("a", &[]), ("b", &["a"])])]);
        let executor = PlanExecutor::new(planner, Asks).retries(5).on_failure(policy);
        let mut budget = Budget::default();
        budget.model_calls = Some(1);
        let ran = Ephemeral::new().budget(budget).run(&executor, Goal::new("g")).await;
        assert_eq!(ran.reason, Some(Reason::BudgetExhausted), "{policy:?}");
    }
}
