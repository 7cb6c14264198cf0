//! Plans are worked on while they are written.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{
    Agent as _, AgentError, EventKind, Extension, Goal, GoalVerdict, Plan, Planner, RunContext, Task,
    async_trait,
};
use agentic_plan::{LlmPlanner, OnFailure, PlanExecutor, StreamingPlanner};
use agentic_runtime::Ephemeral;
use agentic_testkit::{EventLog, ScriptedModel};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::worker::{Worker, context, tasks};

/// Writes a task in 200 ms, as many at a time as it is told to; then, if it is told so, it fails.
#[derive(Clone, Debug)]
struct Writes {
    tasks: Vec<Task>,
    at_a_time: usize,
    fails: bool,
    asked: Arc<Mutex<Vec<usize>>>,
}

impl Writes {
    fn new(tasks: Vec<Task>, at_a_time: usize) -> Self {
        Self { tasks, at_a_time, fails: false, asked: Arc::default() }
    }
}

#[async_trait]
impl Planner for Writes {
    async fn plan(&self, goal: &Goal, _: &str, _: &RunContext) -> Result<Plan, AgentError> {
        Plan::new(goal.clone(), self.tasks.clone())
            .map_err(|error| AgentError::invalid_input(error.to_string()))
    }

    async fn extend(
        &self,
        _: &Goal,
        so_far: &[Task],
        _: &str,
        cx: &RunContext,
    ) -> Result<Extension, AgentError> {
        self.asked.lock().unwrap().push(so_far.len());
        assert!(
            so_far.iter().all(|task| task.result.is_none()),
            "it sees what it wrote, not how far that is"
        );
        let left = &self.tasks[so_far.len()..];
        if left.is_empty() && self.fails {
            return Err(AgentError::invalid_input("out of ink"));
        }
        let tasks = left[..self.at_a_time.min(left.len())].to_vec();
        cx.sleep(Duration::from_millis(200) * tasks.len() as u32).await?;
        let is_whole = tasks.len() == left.len() && !self.fails;
        Ok(Extension { tasks, is_whole })
    }
}

fn chain(length: usize) -> Vec<Task> {
    let ids: Vec<String> = (0..length).map(|n| format!("t{n}")).collect();
    (0..length)
        .map(|n| {
            let before = ids[..n].last().cloned();
            Task::new(&ids[n], format!("do {n}"), before).with_input("ms", 1_000)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_first_tasks_are_done_while_the_last_ones_are_written() {
    for (at_a_time, expected) in [(4, 4 * 200 + 4_000), (1, 200 + 4_000), (2, 400 + 4_000)] {
        let writes = Writes::new(chain(4), at_a_time);
        let executor = PlanExecutor::new(writes.clone(), Worker::default());
        let began = Instant::now();
        let outcome = executor.run(Goal::new("g"), &context()).await.unwrap();
        assert_eq!(began.elapsed().as_millis(), expected, "{at_a_time} at a time");
        assert_eq!(outcome.output["did"], "do 3");
        assert_eq!(writes.asked.lock().unwrap().len(), 4 / at_a_time);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_comes_to_the_same_however_it_is_written() {
    let all = tasks(&[("a", &[]), ("b", &["a"]), ("c", &[]), ("d", &["b", "c"]), ("e", &["a"])]);
    let mut outputs = Vec::new();
    for at_a_time in 1..=5 {
        let executor = PlanExecutor::new(Writes::new(all.clone(), at_a_time), Worker::default());
        outputs.push(executor.run(Goal::new("g"), &context()).await.unwrap().output);
    }
    assert!(outputs.iter().all(|output| *output == outputs[0]), "{outputs:?}");
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_a_task_that_failed_meanwhile_is_blocked() {
    let mut all = chain(2);
    all[0].description = "fails".into();
    all[0].inputs.insert("ms".into(), json!(10));
    all.push(Task::new("other", "do other", [] as [&str; 0]));
    let worker = Worker::default();
    let executor = PlanExecutor::new(Writes::new(all, 1), worker.clone()).retries(0);
    let executor = executor.on_failure(OnFailure::Skip);
    let outcome = executor.run(Goal::new("g"), &context()).await.unwrap();
    assert_eq!((worker.times("do 1"), worker.times("do other")), (0, 1));
    assert_eq!((outcome.verdict, &outcome.output["other"]["did"]), (GoalVerdict::NotMet, &json!("do other")));
}

#[tokio::test(start_paused = true)]
async fn a_planner_that_fails_in_the_midst_takes_nothing_from_what_is_done() {
    let mut writes = Writes::new(chain(2), 1);
    writes.fails = true;
    let worker = Worker::default();
    let executor = PlanExecutor::new(writes, worker.clone());
    let error = executor.clone().run(Goal::new("g"), &context()).await.unwrap_err();
    assert!(error.to_string().ends_with("the plan was not written to its end: out of ink"), "{error}");
    assert!(error.partial().unwrap().text.contains("✔ t1"), "{error:?}");
    let outcome = executor.on_failure(OnFailure::Skip).run(Goal::new("g"), &context()).await.unwrap();
    assert_eq!((outcome.verdict, &outcome.output["did"]), (GoalVerdict::NotMet, &json!("do 1")));
    assert_eq!(outcome.evidence, ["the plan was not written to its end: out of ink"]);
    assert_eq!(worker.times("do 1"), 2);
    // What it writes has to fit to what is there.
    let lost = tasks(&[("a", &[]), ("b", &["nobody"])]);
    let error = PlanExecutor::new(Writes::new(lost, 1), Worker::default())
        .run(Goal::new("g"), &context())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("`nobody`, which is not in the plan"), "{error}");
}

fn piece(description: &str, after: &[&str], complete: bool) -> String {
    json!({"tasks": [{"description": description, "after": after}], "complete": complete}).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_model_writes_a_task_at_a_time_and_reads_what_it_wrote() {
    let model = ScriptedModel::new()
        .says(piece("do one", &[], false))
        .says(piece("do two", &["t3"], false))
        .says(piece("do two", &["t1"], false))
        .says(piece("do three", &["t1", "t2"], true));
    let worker = Worker::default();
    let executor = PlanExecutor::new(StreamingPlanner::new(model.clone()), worker.clone());
    let outcome = executor.run(Goal::new("count"), &context()).await.unwrap();
    assert_eq!((&outcome.output["did"], model.left()), (&json!("do three"), 0));
    let asked =
        |n: usize| model.requests()[n].messages.iter().map(|message| message.text()).collect::<Vec<_>>();
    assert!(asked(0)[1].contains("Goal: count") && asked(0)[1].contains("Write the first task now"));
    assert_eq!(asked(0)[0], asked(3)[0], "what stands first stays, for models that keep it");
    let written: Value = serde_json::from_str(&asked(3)[2]).unwrap();
    assert_eq!(written["tasks"][1], json!({"description": "do two", "after": ["t1"]}));
    assert!(asked(3)[3].starts_with("Go on with t3."), "{}", asked(3)[3]);
}

#[tokio::test(start_paused = true)]
async fn a_model_that_never_ends_its_plan_is_stopped() {
    let model =
        ["a", "b", "c"].iter().fold(ScriptedModel::new(), |model, text| model.says(piece(text, &[], false)));
    let planner = StreamingPlanner::of(LlmPlanner::new(model.clone()).max_tasks(2));
    PlanExecutor::new(planner, Worker::default()).run(Goal::new("g"), &context()).await.unwrap();
    assert_eq!(model.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_works_on_the_last_task_that_is_written_reads_the_goal() {
    for (needs, read) in
        [(&["t1"][..], "b\n\nThis is the last step: what comes of it has to answer this:\ng"), (&[], "b")]
    {
        let model = ScriptedModel::new().says(piece("a", &[], false)).says(piece("b", needs, true));
        let worker = Worker::default();
        let executor = PlanExecutor::new(StreamingPlanner::of(LlmPlanner::new(model)), worker.clone());
        executor.run(Goal::new("g"), &context()).await.unwrap();
        assert!(worker.has_read("a") && worker.has_read(read), "{needs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_watches_sees_the_tasks_come() {
    let log = Arc::new(EventLog::new());
    let executor = PlanExecutor::new(Writes::new(chain(3), 1), Worker::default());
    Ephemeral::new().events(log.clone()).run(&executor, Goal::new("g")).await.result.unwrap();
    let came: Vec<String> = log
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::PlanMade { plan } => Some(format!("plan of {}", plan.tasks().len())),
            EventKind::PlanExtended { tasks } => Some(tasks[0].id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(came, ["plan of 1", "t1", "t2"]);
}
