//! Plans are searched for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{
    AgentError, Budget, EventKind, Goal, Planner as _, Reason, RunContext, TaskStatus, async_trait,
};
use agentic_plan::{
    Ended, Evaluator, Found, Proposer, SearchError, SearchPlanner, SearchState, Thought, Worth,
};
use agentic_runtime::{Ephemeral, RunContextExt as _};
use agentic_testkit::{EventLog, ScriptedModel};
use serde_json::{Value, json};

use crate::game::{self, Numbers, Player};
use crate::worker::{Planned, Worker};

#[tokio::test]
async fn all_puzzles_of_the_game_of_24_are_solved_in_no_more_states_than_breadth_first() {
    let Some(path) = agentic_testkit::fixture("game24/24-first900.csv") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let puzzles: Vec<Numbers> =
        text.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(puzzles.len(), 900);
    let planner = SearchPlanner::new(Player::new()).proposals(game::MOVES).beam_width(1);
    for puzzle in &puzzles {
        let found = planner.search(&game::goal(puzzle), "", &RunContext::ephemeral()).await.unwrap();
        let steps = found.thoughts.iter().map(|thought| &*thought.step);
        assert!(game::is_solution(puzzle, steps), "{puzzle}: {:?}", found.thoughts);
        let plain = game::breadth_first(puzzle).unwrap();
        assert!(found.expanded <= plain, "{puzzle}: {} > {plain}", found.expanded);
    }
}

#[test]
fn what_is_no_solution_of_a_puzzle_is_not_taken_for_one() {
    let puzzle = "1 3 4 6".parse().unwrap();
    assert!(game::is_solution(&puzzle, ["3 / 4 = 3/4", "1 - 3/4 = 1/4", "6 / 1/4 = 24"]));
    for wrong in [
        &["3 / 4 = 0", "1 - 0 = 1", "6 / 1 = 24"][..],
        &["4 * 6 = 24"],
        &["4 * 6 = 24", "4 * 6 = 24", "1 * 24 = 24"],
        &["4 + 6 = 10", "3 + 10 = 13", "1 + 13 = 14"],
    ] {
        assert!(!game::is_solution(&puzzle, wrong.iter().copied()), "{wrong:?}");
    }
}

#[tokio::test]
async fn what_is_found_is_a_chain_of_tasks() {
    let puzzle = "4 9 10 13".parse().unwrap();
    let planner = SearchPlanner::new(Player::new()).proposals(game::MOVES);
    let plan = planner.plan(&game::goal(&puzzle), "", &RunContext::ephemeral()).await.unwrap();
    let chained: Vec<_> = plan.tasks().iter().map(|task| (&*task.id, task.dependencies.clone())).collect();
    let after = |id: &str| vec![id.to_owned()];
    assert_eq!(chained, [("step-1", vec![]), ("step-2", after("step-1")), ("step-3", after("step-2"))]);
    let steps = plan.tasks().iter().map(|task| task.description.lines().next().unwrap());
    assert!(game::is_solution(&puzzle, steps), "{plan:?}");
    assert!(plan.tasks()[2].description.ends_with("The state after it: 24"));
}

#[tokio::test]
async fn what_has_no_solution_is_said_with_how_many_states_were_expanded() {
    let (puzzle, cx) = ("1 1 1 1".parse().unwrap(), RunContext::ephemeral());
    let planner = SearchPlanner::new(Player::new()).proposals(game::MOVES);
    let error = planner.search(&game::goal(&puzzle), "", &cx).await.unwrap_err();
    let nothing = SearchError::NothingFound { expanded: 1, ended: Ended::NoStates, best: vec![] };
    assert_eq!(error, nothing);
    let error = planner.plan(&game::goal(&puzzle), "", &cx).await.unwrap_err();
    assert_eq!(error.reason(), Reason::InvalidOutput);
    assert!(error.to_string().contains("were found in 1 expanded states"), "{error}");
    let empty = planner.plan(&Goal::new(" "), "", &cx).await.unwrap_err();
    assert_eq!(empty.reason(), Reason::InvalidInput);
}

/// States by name, what each leads to, and what each is worth; an answer takes as many milliseconds as its name has letters.
#[derive(Clone, Debug, Default)]
struct Graph {
    next: BTreeMap<&'static str, &'static [&'static str]>,
    worth: BTreeMap<&'static str, Worth>,
    /// In the order in which they were begun.
    expanded: Arc<Mutex<Vec<String>>>,
    valued: Arc<Mutex<Vec<String>>>,
}

impl Graph {
    fn new(next: &[(&'static str, &'static [&'static str])], worth: &[(&'static str, Worth)]) -> Self {
        let (next, worth) = (next.iter().copied().collect(), worth.iter().copied().collect());
        Self { next, worth, ..Self::default() }
    }

    fn planner(&self) -> SearchPlanner {
        SearchPlanner::of(self.clone(), self.clone())
    }

    async fn search(&self, planner: &SearchPlanner) -> Result<Found, SearchError> {
        planner.search(&Goal::new("reach the end"), "", &RunContext::ephemeral()).await
    }
}

fn at(state: &SearchState<'_>) -> String {
    state
        .last()
        .map_or_else(|| "start".to_owned(), |thought| thought.state.as_str().unwrap_or_default().to_owned())
}

fn steps(found: &Found) -> Vec<&str> {
    found.thoughts.iter().map(|thought| &*thought.step).collect()
}

#[async_trait]
impl Proposer for Graph {
    async fn propose(
        &self,
        state: &SearchState<'_>,
        _: usize,
        cx: &RunContext,
    ) -> Result<Vec<Thought>, AgentError> {
        let at = at(state);
        self.expanded.lock().unwrap().push(at.clone());
        cx.sleep(Duration::from_millis(at.len() as u64)).await?;
        let next = self.next.get(&*at).copied().unwrap_or_default();
        if next == ["broken"] {
            return Err(AgentError::invalid_input(format!("{at} is broken")));
        }
        Ok(next.iter().map(|next| Thought::new(format!("to {next}"), *next)).collect())
    }
}

#[async_trait]
impl Evaluator for Graph {
    async fn value(&self, state: &SearchState<'_>, cx: &RunContext) -> Result<Worth, AgentError> {
        let at = at(state);
        self.valued.lock().unwrap().push(at.clone());
        cx.sleep(Duration::from_millis(20 - at.len() as u64)).await?;
        Ok(self.worth.get(&*at).copied().unwrap_or(Worth::LIKELY))
    }
}

const NOTHING: Worth = Worth::Promising(f64::NAN);

#[tokio::test(start_paused = true)]
async fn the_best_states_are_expanded_and_equals_in_the_order_of_their_proposals() {
    let graph = Graph::new(
        &[("start", &["long-name", "a", "bad", "better", "hopeless"]), ("better", &["x"]), ("a", &["end"])],
        &[
            ("bad", NOTHING),
            ("better", Worth::Promising(7.0)),
            ("hopeless", Worth::Impossible),
            ("end", Worth::Solved),
        ],
    );
    let found = graph.search(&graph.planner().beam_width(3)).await.unwrap();
    assert_eq!((steps(&found), found.expanded), (vec!["to a", "to end"], 4));
    assert_eq!(*graph.expanded.lock().unwrap(), ["start", "better", "long-name", "a"]);
    // A beam too narrow misses it.
    let error = graph.search(&graph.planner().beam_width(2).depth(3)).await.unwrap_err();
    let best = vec![Thought::new("to better", "better"), Thought::new("to x", "x")];
    assert_eq!(error, SearchError::NothingFound { expanded: 4, ended: Ended::NoStates, best });
}

#[tokio::test(start_paused = true)]
async fn the_first_solution_in_order_is_taken_whichever_answer_comes_first() {
    let ends = [("first", Worth::Solved), ("the-second", Worth::Solved)];
    let graph = Graph::new(&[("start", &["no", "first", "the-second"])], &ends);
    let found = graph.search(&graph.planner()).await.unwrap();
    assert_eq!((steps(&found), found.expanded), (vec!["to first"], 1));
}

#[tokio::test(start_paused = true)]
async fn identical_states_are_valued_and_expanded_once() {
    let graph = Graph::new(
        &[
            ("start", &["a", "b", "a", " a\n"]),
            ("a", &["c", "b", "start"]),
            ("b", &["c", "a"]),
            ("c", &["end"]),
        ],
        &[("end", Worth::Solved)],
    );
    let found = graph.search(&graph.planner()).await.unwrap();
    // `start` as a state that is written is met once: what is there at the beginning is written nowhere.
    assert_eq!(*graph.expanded.lock().unwrap(), ["start", "a", "b", "c", "start"]);
    assert_eq!(*graph.valued.lock().unwrap(), ["a", "b", "c", "start", "end"]);
    assert_eq!(steps(&found), ["to a", "to c", "to end"]);
}

/// Each step leads on; what was there before is not written in the state.
#[derive(Debug)]
struct Endless(Option<&'static str>);

#[async_trait]
impl Proposer for Endless {
    async fn propose(
        &self,
        state: &SearchState<'_>,
        most: usize,
        _: &RunContext,
    ) -> Result<Vec<Thought>, AgentError> {
        let level = state.thoughts.len();
        let thought = |n| Thought::new(format!("{level}-{n}"), Value::Null);
        let key = |thought: Thought| match self.0 {
            Some(key) => thought.with_key(format!("{key}{level}")),
            None => thought,
        };
        // More than was asked for.
        Ok((0..=most).map(thought).map(key).collect())
    }
}

#[tokio::test(start_paused = true)]
async fn limits_are_kept_and_say_their_names() {
    let graph = Graph::default();
    let planner = SearchPlanner::of(Endless(None), graph.clone()).proposals(3).beam_width(4);
    let ended = async |planner: &SearchPlanner| match graph.search(planner).await.unwrap_err() {
        SearchError::NothingFound { expanded, ended, best } => (expanded, ended, best.len()),
        SearchError::Agent(error) => panic!("{error}"),
        _ => unreachable!(),
    };
    assert_eq!(ended(&planner.clone().depth(3)).await, (1 + 3 + 4, Ended::Depth(3), 3));
    // Of the third level one state may be expanded.
    assert_eq!(ended(&planner.max_expanded(5)).await, (5, Ended::Expanded, 3));
    let same = SearchPlanner::of(Endless(Some("all the same on level ")), graph.clone()).depth(4);
    assert_eq!(ended(&same).await, (4, Ended::Depth(4), 4));
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_expanded_is_left_out_and_told() {
    let graph =
        Graph::new(&[("start", &["a", "b"]), ("a", &["broken"]), ("b", &["end"])], &[("end", Worth::Solved)]);
    let log = Arc::new(EventLog::new());
    let agent = Planned(Arc::new(graph.planner()));
    Ephemeral::new().events(log.clone()).run(&agent, Goal::new("g")).await.result.unwrap();
    let notes = log.kinds().into_iter().filter_map(|kind| match kind {
        EventKind::Note { text } => Some(text),
        _ => None,
    });
    assert_eq!(
        notes.collect::<Vec<_>>(),
        [
            "step 1: 2 of 2 new states kept, 1 expanded; the best: to a",
            "next steps can't be proposed: a is broken",
            "found 2 steps in 3 expanded states"
        ]
    );
    let alone = Graph::new(&[("start", &["broken"])], &[]);
    let error = alone.search(&alone.planner()).await.unwrap_err();
    assert_eq!(error, SearchError::Agent(AgentError::invalid_input("start is broken")));
}

#[tokio::test]
async fn an_exhausted_budget_ends_the_search() {
    let budget = Budget::default().with_model_calls(10);
    let agent = Planned(Arc::new(SearchPlanner::new(Player::new()).proposals(game::MOVES)));
    let puzzle = "4 9 10 13".parse().unwrap();
    let report = Ephemeral::new().budget(budget).run(&agent, game::goal(&puzzle)).await;
    assert_eq!(report.result.unwrap_err().reason(), Reason::BudgetExhausted);
    assert_eq!(report.spend.model_calls, 10);
}

#[tokio::test]
async fn a_model_proposes_and_values_in_words_and_numbers() {
    let thoughts = |of: &[(&str, &str)]| {
        let of: Vec<_> = of.iter().map(|(step, state)| json!({"step": step, "state": state})).collect();
        json!({ "thoughts": of }).to_string()
    };
    let value = |value: Value| json!({"reason": "so it is", "value": value}).to_string();
    let model = ScriptedModel::new()
        .says("I would rather not.")
        .says(thoughts(&[("walk", "at the lake"), ("drive", "in a jam"), ("fly", "in the air")]))
        .says(value(json!(0.25)))
        .says(value(json!("impossible")))
        .says(value(json!("perhaps")))
        .says(value(json!("likely")))
        .says(thoughts(&[("land", "at home")]))
        .says(value(json!("solved")));
    let planner = SearchPlanner::new(model.clone()).beam_width(1).max_parallel(1);
    let goal = Goal::new("get home").with_input("by", "noon");
    let found = planner.search(&goal, "The road is closed.", &RunContext::ephemeral()).await.unwrap();
    assert_eq!((steps(&found), found.expanded), (vec!["fly", "land"], 2));
    let asked: Vec<String> = model
        .requests()
        .iter()
        .map(|request| {
            request.messages.iter().find(|message| message.text().contains("get home")).unwrap().text()
        })
        .collect();
    for part in ["The road is closed.", "by: \"noon\"", "No step is taken yet.", "at most 5 different"] {
        assert!(asked[0].contains(part), "{part} is not in {}", asked[0]);
    }
    for part in ["1. fly\n2. land\n", "The state now:\nat home\n", "What is this state worth?"] {
        assert!(asked[7].contains(part), "{part} is not in {}", asked[7]);
    }
}

#[tokio::test(start_paused = true)]
async fn searching_again_goes_on_from_what_is_done() {
    let graph = Graph::new(
        &[("start", &["a"]), ("a", &["b", "c"]), ("b", &["end"]), ("c", &["end"])],
        &[("b", Worth::SURE), ("end", Worth::Solved)],
    );
    let cx = RunContext::ephemeral();
    let mut plan = graph.planner().plan(&Goal::new("reach the end"), "", &cx).await.unwrap();
    plan.complete("step-1", "c").unwrap();
    plan.fail("step-2", "the bridge is closed").unwrap();
    let next = graph.planner().replan(&plan, "the bridge is closed", &cx).await.unwrap();
    let told: Vec<_> = next.tasks().iter().map(|task| (&*task.id, &*task.description, task.status)).collect();
    assert_eq!(
        told,
        [
            ("step-1", "to a\nThe state after it: a", TaskStatus::Completed),
            ("step-4", "to end\nThe state after it: end", TaskStatus::Pending)
        ]
    );
    assert_eq!(
        (next.version(), next.task("step-4").unwrap().dependencies.clone()),
        (2, vec!["step-1".into()])
    );
    let worker = Worker::default();
    let executor = agentic_plan::PlanExecutor::new(graph.planner(), worker.clone());
    assert!(executor.execute(next, &cx).await.unwrap().plan.is_fulfilled());
    assert_eq!(worker.inputs("to end\nThe state after it: end"), json!({"step-1": "c"}));
}
