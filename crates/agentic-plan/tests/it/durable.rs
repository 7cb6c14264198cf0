//! Plans survive crashes.

use agentic_core::{
    Agent, AgentError, Budget, EffectClass::Keyed, Goal, Message, ModelRequest, Outcome, RunContext, Spend,
    Task, async_trait,
};
use agentic_plan::{
    HierarchicalPlanner, LlmPlanner, OnFailure, PlanExecutor, SearchPlanner, StaticPlanner, StreamingPlanner,
};
use agentic_testkit::durability::{Check, Subject, World};
use agentic_testkit::{RuleModel, Says};
use serde_json::json;

use crate::hierarchical;
use crate::worker::Planned;

/// Asks a model about its task; what the model calls bad has failed.
#[derive(Clone, Debug)]
struct Asks(RuleModel);

#[async_trait]
impl Agent for Asks {
    fn name(&self) -> &str {
        "asks"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let model: std::sync::Arc<dyn agentic_core::ChatModel> = std::sync::Arc::new(self.0.clone());
        let messages = [Message::user(goal.prompt())].into_iter().collect();
        let said = cx.model(&model, ModelRequest::new(messages)).await?.text();
        match said.strip_prefix("bad: ") {
            Some(why) => Err(AgentError::invalid_input(why)),
            None => Ok(Outcome::new(said, Spend::default())),
        }
    }
}

fn subject() -> Subject {
    let task = |name: &str, after: &[&str]| json!({"description": format!("do {name}"), "after": after});
    let planner = RuleModel::new(move |request| {
        let asked = request.messages.last().map(Message::text).unwrap_or_default();
        let tasks = match asked.contains("A plan for it has failed") {
            false => {
                json!([task("a", &[]), task("b", &[]), task("broken", &["t1"]), task("join", &["t2", "t3"])])
            }
            true => json!([task("mended", &["t1"]), task("join", &["t2", "t5"])]),
        };
        Says::text(json!({ "tasks": tasks }).to_string())
    });
    let worker = RuleModel::new(|request| {
        let asked = request.messages.last().map(Message::text).unwrap_or_default();
        let last = asked.lines().last().unwrap_or_default().to_owned();
        Says::text(if last.contains("broken") {
            "bad: it is broken".to_owned()
        } else {
            format!("done: {last}")
        })
    });
    Subject::new(PlanExecutor::new(LlmPlanner::new(planner), Asks(worker)), "all of it", World::new())
}

#[test]
fn a_plan_that_is_planned_again_comes_to_the_same_wherever_it_crashes() {
    let proof = Check::new(subject).run();
    assert!(proof.crashes > 100, "{proof:?}");
}

/// A place on a way of three steps, and whether it leads there.
fn searched() -> Subject {
    let model = RuleModel::new(|request| {
        let asked = request.messages.iter().map(Message::text).find(|text| text.contains("find the way"));
        let asked = asked.unwrap_or_default();
        let here =
            asked.split_once("The state now:\n").map_or("", |(_, rest)| rest.lines().next().unwrap_or(""));
        let to = |way: &str| json!({"step": format!("go {way}"), "state": format!("{here}{way}")});
        Says::text(match asked.contains("Propose at most") {
            true => json!({"thoughts": [to("l"), to("r"), to("x")]}).to_string(),
            false if here == "lrl" => json!({"reason": "there", "value": "solved"}).to_string(),
            false if here.ends_with('x') => json!({"reason": "a wall", "value": "impossible"}).to_string(),
            false => json!({"reason": "who knows", "value": 0.5}).to_string(),
        })
    });
    let planner = SearchPlanner::new(model).beam_width(2).depth(3);
    Subject::new(Planned(std::sync::Arc::new(planner)), "find the way", World::new())
}

#[test]
fn a_search_finds_the_same_wherever_it_crashes() {
    let proof = Check::new(searched).run();
    assert!(proof.crashes > 50, "{proof:?}");
}

/// The third task is written while the first two are worked on, one of which fails for good.
fn written() -> Subject {
    let planner = RuleModel::new(|request| {
        let asked = request.messages.last().map(Message::text).unwrap_or_default();
        let task = |name: &str, after: &[&str]| json!({"description": format!("do {name}"), "after": after});
        let (task, complete) = if asked.contains("A plan for it has failed") {
            return Says::text(json!({"tasks": [task("mended", &["t1"])]}).to_string());
        } else if asked.contains("Go on with t2") {
            (task("broken", &[]), false)
        } else if asked.contains("Go on with t3") {
            (task("join", &["t1", "t2"]), true)
        } else {
            (task("a", &[]), false)
        };
        Says::text(json!({"tasks": [task], "complete": complete}).to_string())
    });
    let worker = RuleModel::new(|request| {
        let asked = request.messages.last().map(Message::text).unwrap_or_default();
        Says::text(if asked.contains("broken") { "bad: it is broken".to_owned() } else { asked })
    });
    Subject::new(PlanExecutor::new(StreamingPlanner::new(planner), Asks(worker)), "all of it", World::new())
}

#[test]
fn a_plan_that_is_written_while_it_is_executed_comes_to_the_same_wherever_it_crashes() {
    let proof = Check::new(written).run();
    assert!(proof.crashes > 100, "{proof:?}");
}

fn split() -> Subject {
    let planner = HierarchicalPlanner::new(hierarchical::model(hierarchical::FAILS));
    let worker = RuleModel::new(|request| {
        let asked = request.messages.last().map(Message::text).unwrap_or_default();
        let fails = asked.ends_with("do fails");
        Says::text(if fails { "bad: it fails".to_owned() } else { asked })
    });
    Subject::new(PlanExecutor::new(planner, Asks(worker)), "pack", World::new())
}

#[test]
fn a_plan_of_several_levels_comes_to_the_same_wherever_it_crashes() {
    let proof = Check::new(split).run();
    assert!(proof.crashes > 100, "{proof:?}");
}

/// Calls a tool as often as its task says.
#[derive(Clone, Debug)]
struct Calls(World);

#[async_trait]
impl Agent for Calls {
    fn name(&self) -> &str {
        "calls"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let times: u64 = goal.text.parse().map_err(|_| AgentError::invalid_input("no number"))?;
        for n in 0..times {
            cx.tool(&self.0.tool(&format!("tool of {times}"), Keyed), json!({"n": n})).await?;
        }
        Ok(Outcome::new(times, Spend::default()))
    }
}

/// Of ten calls the first task may make two and wants four; the parts of the second may make five together.
fn shared() -> Subject {
    let world = World::new();
    let parts = [Task::new("x", "2", [""; 0]), Task::new("y", "3", ["x"]), Task::new("z", "1", ["y"])];
    let tasks = vec![
        Task::new("a", "4", [""; 0]).with_budget_share(0.2),
        Task::new("b", "parts", [""; 0]).split(parts).with_budget_share(0.5),
    ];
    let executor = PlanExecutor::new(StaticPlanner::new(tasks).unwrap(), Calls(world.clone()));
    let executor = executor.on_failure(OnFailure::Skip);
    Subject::new(executor, "all of it", world).with_budget(Budget::unlimited().with_tool_calls(10))
}

#[test]
fn shares_of_the_budget_are_the_same_wherever_it_crashes() {
    let proof = Check::new(shared).run();
    assert!(proof.crashes > 50, "{proof:?}");
}
