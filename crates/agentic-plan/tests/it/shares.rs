//! Tasks that may take a share of the budget, and what all of a plan took.

use std::sync::Arc;

use agentic_core::{
    Agent, AgentError, Budget, ChatModel, Criterion, Goal, GoalVerdict, Message, ModelRequest, Outcome, Plan,
    PlanError, Reason, Reflection, Reflector, RunContext, Spend, Task, async_trait,
};
use agentic_plan::{OnFailure, PlanExecutor, StaticPlanner, Verifier, read_plan};
use agentic_runtime::{ApproveAll, Ephemeral};
use agentic_testkit::{FakeSources, ScriptedModel};
use serde_json::json;

use crate::worker::NONE;

/// Asks a model as often as the description says.
#[derive(Clone, Debug)]
struct Asks;

#[async_trait]
impl Agent for Asks {
    fn name(&self) -> &str {
        "asks"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let times: usize = goal.text.parse().unwrap();
        let model: Arc<dyn ChatModel> =
            Arc::new((0..times).fold(ScriptedModel::new(), |model, _| model.says("x")));
        for _ in 0..times {
            cx.model(&model, ModelRequest::new([Message::user("?")].into_iter().collect())).await?;
        }
        // What an agent says that it took is not what counts.
        Ok(Outcome::new(json!(times), Spend::default()))
    }
}

#[async_trait]
impl Reflector for Asks {
    async fn reflect(&self, _: &Goal, _: &str, _: &str, cx: &RunContext) -> Result<Reflection, AgentError> {
        self.run(Goal::new("1"), cx).await?;
        panic!("there is nothing left for it")
    }
}

fn under(budget: Budget) -> RunContext {
    Ephemeral::new().sources(FakeSources::seeded(1)).budget(budget).context()
}

async fn run(tasks: Vec<Task>, on_failure: OnFailure, calls: u64) -> (Result<Outcome, AgentError>, u64) {
    let executor = PlanExecutor::new(StaticPlanner::new(tasks).unwrap(), Asks).on_failure(on_failure);
    let cx = under(Budget::unlimited().with_model_calls(calls));
    let result = executor.run(Goal::new("g"), &cx).await;
    (result, cx.budget().spent.model_calls)
}

#[tokio::test(start_paused = true)]
async fn a_task_that_has_used_up_its_share_fails_and_the_others_go_on() {
    let all = || {
        vec![
            Task::new("greedy", "50", NONE).with_budget_share(0.25),
            Task::new("after", "1", ["greedy"]),
            Task::new("modest", "3", NONE),
        ]
    };
    let (outcome, spent) = run(all(), OnFailure::Skip, 12).await;
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdict, &outcome.output["modest"]), (GoalVerdict::NotMet, &json!(3)));
    assert_eq!(
        outcome.evidence,
        [
            "task `greedy` failed: budget of 3 model calls for `share:greedy` is exhausted: 3 spent, 0 reserved, 1 more asked \
          for; give it more or ask for less"
        ]
    );
    assert_eq!(
        (spent, outcome.spend.model_calls),
        (6, 6),
        "its second try would get nowhere, so there is none"
    );
    // With a planner that can't do better the plan fails with the task, as with any other failure.
    let (error, _) = run(all(), OnFailure::Replan, 12).await;
    let error = error.unwrap_err();
    assert!(matches!(&error, AgentError::Task { task, .. } if task == "greedy"), "{error:?}");
    assert_eq!((error.reason(), error.spend().model_calls), (Reason::BudgetExhausted, 6));
}

#[tokio::test(start_paused = true)]
async fn subtasks_have_the_share_of_the_whole_together() {
    let parts = [Task::new("a", "2", NONE), Task::new("b", "2", ["a"]).with_budget_share(0.5)];
    let whole = Task::new("whole", "both", NONE).split(parts).with_budget_share(0.3);
    let (outcome, _) = run(vec![whole.clone()], OnFailure::Skip, 10).await;
    // Of ten the whole may take three, and of these b two; a took two.
    let evidence = outcome.unwrap().evidence;
    assert!(
        evidence[0].contains("`whole/b` failed: budget of 3 model calls for `share:whole` is"),
        "{evidence:?}"
    );
    let (outcome, spent) = run(vec![whole], OnFailure::Skip, 20).await;
    assert_eq!((outcome.unwrap().output, spent), (json!(2), 4));
}

#[tokio::test(start_paused = true)]
async fn a_person_is_not_asked_whether_to_try_what_has_no_share_left() {
    let all =
        || vec![Task::new("greedy", "50", NONE).with_budget_share(0.25), Task::new("modest", "3", NONE)];
    let executor = PlanExecutor::new(StaticPlanner::new(all()).unwrap(), Asks).on_failure(OnFailure::Ask);
    let run = Ephemeral::new().sources(FakeSources::seeded(1)).approver(ApproveAll);
    let run = run.budget(Budget::unlimited().with_model_calls(12));
    let report = run.run(&executor, Goal::new("g")).await;
    assert_eq!((report.result.unwrap().verdict, report.spend.model_calls), (GoalVerdict::NotMet, 6));
}

#[tokio::test(start_paused = true)]
async fn how_a_try_failed_is_told_though_its_share_has_no_reflection_left() {
    let missed = Criterion::Near { value: 9.0, tolerance: 0.0 };
    let task = Task::new("a", "3", NONE).with_budget_share(0.25).with_criterion(missed);
    let executor = PlanExecutor::new(StaticPlanner::new(vec![task]).unwrap(), Asks)
        .on_failure(OnFailure::Skip)
        .reflector(Asks);
    let outcome =
        executor.run(Goal::new("g"), &under(Budget::unlimited().with_model_calls(12))).await.unwrap();
    assert!(outcome.evidence[0].contains("criterion 1 does not hold"), "{:?}", outcome.evidence);
    assert_eq!(outcome.spend.model_calls, 3, "and there is no other try");
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_kept_though_its_share_has_no_judge_left() {
    let rubric = Criterion::Judged { rubric: "It is a number.".into() };
    let task = Task::new("a", "3", NONE).with_budget_share(0.25).with_criterion(rubric);
    let executor = PlanExecutor::new(StaticPlanner::new(vec![task]).unwrap(), Asks)
        .verifier(Verifier::new().judge(ScriptedModel::new()));
    let outcome =
        executor.run(Goal::new("g"), &under(Budget::unlimited().with_model_calls(12))).await.unwrap();
    assert_eq!(outcome.output, json!(3));
    let open =
        "task `a`: criterion 1 is not known to hold: budget of 3 model calls for `share:a` is exhausted";
    assert!(outcome.evidence[0].starts_with(open), "{:?}", outcome.evidence);
}

#[tokio::test(start_paused = true)]
async fn without_limits_there_is_nothing_to_have_a_share_of() {
    let executor = PlanExecutor::new(
        StaticPlanner::new(vec![Task::new("a", "50", NONE).with_budget_share(0.01)]).unwrap(),
        Asks,
    );
    let outcome = executor.run(Goal::new("g"), &under(Budget::unlimited())).await;
    assert_eq!(outcome.unwrap().output, json!(50));
}

#[tokio::test(start_paused = true)]
async fn what_a_judge_takes_is_counted() {
    let says = json!({"reason": "it does", "holds": true}).to_string();
    let judge = (0..2).fold(ScriptedModel::new(), |model, _| model.says(&says));
    let rubric = || Criterion::Judged { rubric: "It is a number.".into() };
    let task = Task::new("a", "3", NONE).with_criterion(rubric());
    let executor = PlanExecutor::new(StaticPlanner::new(vec![task]).unwrap(), Asks)
        .verifier(Verifier::new().judge(judge));
    let cx = under(Budget::unlimited());
    let outcome = executor.run(Goal::new("g").with_criterion(rubric()), &cx).await.unwrap();
    assert_eq!(outcome.verdict, GoalVerdict::Met, "{:?}", outcome.evidence);
    assert_eq!((outcome.spend.model_calls, cx.budget().spent.model_calls), (5, 5));
}

#[test]
fn a_share_is_above_nothing_and_at_most_all() {
    for share in [0.0, -0.5, 1.01, f64::NAN, f64::INFINITY] {
        let task = Task::new("b", "x", NONE).with_budget_share(share);
        let error = Plan::new(Goal::new("g"), vec![Task::new("a", "x", NONE).split([task])]).unwrap_err();
        assert!(matches!(&error, PlanError::BudgetShare { task, .. } if task == "a/b"), "{error:?}");
    }
    let error = read_plan("goal: g\ntasks: [{id: a, description: x, budget_share: 25}]").unwrap_err();
    assert_eq!(
        error.to_string(),
        "task `a` has a budget share of 25; write a number above 0 and up to 1, as 0.25 for a quarter"
    );
    let plan = read_plan("goal: g\ntasks: [{id: a, description: x, budget_share: 0.25}]").unwrap();
    assert_eq!(plan.tasks()[0].budget_share, Some(0.25));
    let again: Plan = serde_json::from_value(serde_json::to_value(&plan).unwrap()).unwrap();
    assert_eq!(again, plan);
}
