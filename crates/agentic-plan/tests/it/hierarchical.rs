//! Tasks are split where a model says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{
    Agent as _, Budget, ChatModel, EventKind, Goal, Message, ModelContext, ModelError, ModelInfo,
    ModelRequest, ModelStream, Plan, Planner as _, Reason, RunContext, Task, TaskStatus, async_trait,
};
use agentic_plan::{HierarchicalPlanner, LlmPlanner, PlanExecutor};
use agentic_runtime::{Ephemeral, RunContextExt as _};
use agentic_testkit::{EventLog, RuleModel, Says};
use serde_json::{Value, json};

use crate::worker::{Planned, Worker};

/// Plans by rules: what each goal is split into, names with what they need. What has a plan of its own is split, and "so it is"
/// because of that; everything else stays.
#[derive(Clone, Debug)]
struct Rules {
    model: RuleModel,
    asked: Arc<Mutex<Vec<String>>>,
    /// How many are asked at a time: now, and at most.
    at_once: Arc<Mutex<(usize, usize)>>,
}

pub(crate) type Level = &'static [(&'static str, &'static [&'static str])];

impl Rules {
    fn new(levels: &[(&'static str, Level)]) -> Self {
        Self { model: model(levels), asked: Arc::default(), at_once: Arc::default() }
    }

    fn asked(&self, about: &str) -> Vec<String> {
        self.asked.lock().unwrap().iter().filter(|asked| asked.contains(about)).cloned().collect()
    }
}

/// A model that plans by these rules.
pub(crate) fn model(levels: &[(&'static str, Level)]) -> RuleModel {
    let levels: BTreeMap<_, _> = levels.iter().copied().collect();
    RuleModel::new(move |request| Says::text(answer(&levels, &said(request))))
}

/// What is asked, without the schema behind it and what was said after it.
fn said(request: &ModelRequest) -> String {
    request.messages.iter().map(Message::text).nth(1).unwrap()
}

/// The line behind the one that has this.
fn behind<'t>(text: &'t str, what: &str) -> Option<&'t str> {
    text.lines().skip_while(|line| !line.contains(what)).nth(1)
}

fn answer(levels: &BTreeMap<&str, Level>, asked: &str) -> String {
    if let Some(task) = behind(asked, "to be split into smaller ones?") {
        let split = levels.contains_key(task);
        let reason = if split { "it has\nparts" } else { "one go will do" };
        return json!({"reason": reason, "split": split}).to_string();
    }
    let goal = match asked.contains("A plan for it has failed") {
        true => "again",
        false => asked.rsplit_once("Goal: ").unwrap().1.lines().next().unwrap(),
    };
    let first =
        asked.rsplit_once("The first new task is t").map_or("1", |(_, rest)| rest.split('.').next().unwrap());
    let first: usize = first.parse().unwrap();
    match levels.get(goal) {
        Some(&[("no-plan", _)]) | None => "I can't.".to_owned(),
        Some(level) => {
            let place =
                |level: &[(&str, &[&str])], name: &str| level.iter().position(|(other, _)| *other == name);
            // A task has the number of its place; others that are named are those of the first plan.
            let id = |name: &&str| match place(level, name) {
                Some(place) => format!("t{}", first + place),
                None => format!("t{}", 1 + place(levels["pack"], name).unwrap()),
            };
            let task = |(name, after): &(&str, &[&str])| json!({"description": format!("do {name}"), "after": after.iter().map(id).collect::<Vec<_>>()});
            json!({"tasks": level.iter().map(task).collect::<Vec<_>>()}).to_string()
        }
    }
}

#[async_trait]
impl ChatModel for Rules {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        self.asked.lock().unwrap().push(said(&request));
        {
            let mut at_once = self.at_once.lock().unwrap();
            *at_once = (at_once.0 + 1, at_once.1.max(at_once.0 + 1));
        }
        mcx.sleep(Duration::from_millis(100)).await;
        self.at_once.lock().unwrap().0 -= 1;
        self.model.stream(request, mcx).await
    }
}

const PACK: &[(&str, Level)] = &[
    ("pack", &[("look", &[]), ("list", &["look"])]),
    ("do look", &[("oslo", &[]), ("bergen", &[]), ("both", &["oslo", "bergen"])]),
    ("do bergen", &[("day", &[]), ("night", &["day"])]),
    ("do day", &[("x", &[]), ("y", &[])]),
];

/// The tasks by what they do.
fn paths(tasks: &[Task], above: &str) -> Vec<String> {
    let below = |task: &Task| {
        let path = format!("{above}{}", task.description.trim_start_matches("do "));
        [vec![path.clone()], paths(&task.subtasks, &format!("{path}/"))].concat()
    };
    tasks.iter().flat_map(below).collect()
}

/// The plan for packing, and what was noted on the way.
async fn planned(planner: HierarchicalPlanner) -> (Plan, Vec<String>) {
    let log = Arc::new(EventLog::new());
    let run = Ephemeral::new().events(log.clone()).run(&Planned(Arc::new(planner)), Goal::new("pack")).await;
    let notes = log.kinds().into_iter().filter_map(|kind| match kind {
        EventKind::Note { text } => Some(text),
        _ => None,
    });
    let mut notes: Vec<String> = notes.collect();
    notes.sort();
    (serde_json::from_value(run.result.unwrap().output).unwrap(), notes)
}

#[tokio::test(start_paused = true)]
async fn a_model_splits_what_it_says_has_to_be_split_and_says_why() {
    let model = Rules::new(PACK);
    let (plan, notes) = planned(HierarchicalPlanner::new(model.clone())).await;
    let all =
        ["look", "look/oslo", "look/bergen", "look/bergen/day", "look/bergen/night", "look/both", "list"];
    assert_eq!(paths(plan.tasks(), ""), all);
    assert_eq!(plan.next_tasks(), ["t1/t1", "t1/t2/t1"]);
    assert_eq!(
        notes,
        [
            "task `t1/t1` stays as it is: one go will do",
            "task `t1/t2` is split: it has parts",
            "task `t1/t3` stays as it is: one go will do",
            "task `t1` is split: it has parts",
            "task `t2` stays as it is: one go will do",
        ]
    );
    let part = model.asked("What is planned now is task");
    for expected in
        ["The goal of the whole plan:\npack", "- `t2`: do list (after `t1`)", "none of the tasks above"]
    {
        assert!(part[0].contains(expected), "{expected} is not in {}", part[0]);
    }
    assert!(part[1].contains("task `t1/t2` alone") && !part[1].contains("reads"), "{}", part[1]);
}

#[tokio::test(start_paused = true)]
async fn who_works_on_the_last_task_of_each_level_reads_what_it_is_for() {
    const LIST: Level = &[("names", &[]), ("sums", &["names"])];
    let levels = [PACK, &[("do list", LIST), ("do sums", &[("add", &[]), ("write", &["add"])])]].concat();
    let (plan, _) = planned(HierarchicalPlanner::new(Rules::new(&levels))).await;
    for (path, expected) in [
        ("t1/t3", "do look"),
        ("t1/t2/t2", "do bergen"),
        // It is the last of the last one that gives the whole.
        ("t2/t2/t2", "pack"),
    ] {
        assert_eq!(plan.purpose(path).map(|purpose| purpose.text), Some(expected), "{path}");
    }
    for path in ["t1", "t1/t1", "t1/t2", "t1/t2/t1", "t2/t1", "t2/t2/t1"] {
        assert_eq!(plan.purpose(path).map(|purpose| purpose.text), None, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_of_one_level_are_looked_at_at_the_same_time() {
    let model = Rules::new(PACK);
    planned(HierarchicalPlanner::new(model.clone())).await;
    assert_eq!(model.at_once.lock().unwrap().1, 3);
    let model = Rules::new(PACK);
    planned(HierarchicalPlanner::new(model.clone()).max_parallel(1)).await;
    assert_eq!(model.at_once.lock().unwrap().1, 1);
}

#[tokio::test(start_paused = true)]
async fn depth_is_kept_and_nothing_is_asked_below_it() {
    for (depth, asked, tasks) in [(1, 0, 2), (2, 2, 5), (3, 5, 7), (4, 7, 9), (usize::MAX, 9, 9)] {
        let model = Rules::new(PACK);
        let (plan, _) = planned(HierarchicalPlanner::new(model.clone()).depth(depth)).await;
        let decided = model.asked("to be split into smaller ones?").len();
        assert_eq!((decided, paths(plan.tasks(), "").len()), (asked, tasks), "depth {depth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_without_a_valid_plan_stays_as_it_is() {
    const FOUR: Level = &[("a", &[]), ("b", &[]), ("c", &[]), ("d", &[])];
    for (below, why) in [
        (FOUR, "gave no valid value in 3 attempts"),
        (&[("alone", &[])], "it was planned as a single task"),
        (&[("a", &["b"]), ("b", &["a"])], "these tasks wait for each other: t1, t2"),
        (&[("no-plan", &[])], "gave no valid value in 3 attempts"),
    ] {
        let model = Rules::new(&[("pack", PACK[0].1), ("do look", below)]);
        let (plan, notes) = planned(HierarchicalPlanner::new(model)).await;
        assert_eq!(paths(plan.tasks(), ""), ["look", "list"]);
        let told = &notes[1];
        assert!(told.starts_with("task `t1` stays as it is after all: ") && told.contains(why), "{notes:?}");
    }
    let wide =
        HierarchicalPlanner::new(Rules::new(&[("pack", PACK[0].1), ("do look", FOUR)])).max_subtasks(4);
    assert_eq!(planned(wide).await.0.tasks()[0].subtasks.len(), 4);
    let too_wide = HierarchicalPlanner::new(Rules::new(&[("pack", FOUR)])).max_tasks(3);
    let error = too_wide.plan(&Goal::new("pack"), "", &RunContext::ephemeral()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::InvalidOutput);
}

#[tokio::test(start_paused = true)]
async fn where_the_model_can_not_decide_a_task_stays_as_it_is() {
    let model = RuleModel::new(|request| {
        let task = json!({"description": "d", "after": []});
        let plan = json!({"tasks": [task, task]}).to_string();
        Says::text(if said(request).contains("to be split") { "It depends.".to_owned() } else { plan })
    });
    let (plan, notes) = planned(HierarchicalPlanner::new(model)).await;
    let (back, stays): (Vec<_>, Vec<_>) =
        notes.iter().partition(|note| note.starts_with("the answer is sent back: "));
    assert_eq!((plan.tasks().len(), back.len(), stays.len()), (2, 4, 2), "{notes:?}");
    assert!(stays[1].starts_with("task `t2` stays as it is: model `"), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_budget_ends_the_planning() {
    let agent = Planned(Arc::new(HierarchicalPlanner::new(Rules::new(PACK))));
    let budget = Budget::default().with_model_calls(4);
    let report = Ephemeral::new().budget(budget).run(&agent, Goal::new("pack")).await;
    assert_eq!(report.result.unwrap_err().reason(), Reason::BudgetExhausted);
    assert_eq!(report.spend.model_calls, 4);
}

#[tokio::test(start_paused = true)]
async fn agents_and_tools_are_known_on_each_level() {
    let model = RuleModel::new(|request| {
        let asked = said(request);
        if asked.contains("to be split into") {
            let split = asked.contains("task `t1` to be split");
            return Says::text(json!({"reason": "so it is", "split": split}).to_string());
        }
        let system = request.messages.iter().next().unwrap().text();
        assert!(system.contains("- search: searches") && system.contains("- scout: finds out"), "{system}");
        let task = json!({"description": "d", "after": [], "agent": "scout"});
        let below = asked.contains("What is planned now is task");
        Says::text(json!({"tasks": vec![task; if below { 2 } else { 1 }]}).to_string())
    });
    let planner = LlmPlanner::new(model).agent("scout", "finds out").tool("search", "searches");
    let (plan, _) = planned(HierarchicalPlanner::of(planner)).await;
    assert_eq!(plan.task("t1/t2").unwrap().agent.as_deref(), Some("scout"));
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_subtasks_is_what_comes_of_their_task() {
    let worker = Worker::default();
    let executor = PlanExecutor::new(HierarchicalPlanner::new(Rules::new(PACK)), worker.clone());
    let outcome = executor.run(Goal::new("pack").with_input("zone", 1), &RunContext::ephemeral()).await;
    let did = |value: &Value| value["did"].clone();
    let list = outcome.unwrap().output;
    let both = &list["with"]["t1"];
    let night = &both["with"]["t2"];
    let told: Vec<_> = [&list, both, night, &night["with"]["t1"], &both["with"]["t1"]].map(did).into();
    assert_eq!(told, ["do list", "do both", "do night", "do day", "do oslo"]);
    assert_eq!((worker.times("do look"), worker.times("do bergen")), (0, 0));
    assert_eq!(worker.inputs("do day"), json!({"zone": 1}));
}

#[tokio::test(start_paused = true)]
async fn planning_again_keeps_what_is_done_and_splits_what_is_new() {
    let levels = [
        PACK,
        &[
            ("again", &[("done", &["look"]), ("list-2", &["look"])]),
            ("do list-2", &[("p", &[]), ("q", &["p"])]),
        ],
    ];
    let model = Rules::new(&levels.concat());
    let planner = HierarchicalPlanner::new(model.clone());
    let cx = RunContext::ephemeral();
    let mut plan = planner.plan(&Goal::new("pack"), "", &cx).await.unwrap();
    for (path, result) in [("t1/t1", "rain"), ("t1/t2/t1", "sun")] {
        plan.complete(path, result).unwrap();
    }
    plan.fail("t1/t2/t2", "it is dark").unwrap();
    model.asked.lock().unwrap().clear();
    let next = planner.replan(&plan, "it is dark", &cx).await.unwrap();
    let all =
        ["look", "look/oslo", "look/bergen", "look/bergen/day", "done", "list-2", "list-2/p", "list-2/q"];
    assert_eq!((paths(next.tasks(), ""), next.version()), (all.map(String::from).to_vec(), 2));
    assert_eq!(
        (&*next.replanned()[0].reason, &*next.replanned()[0].kept),
        ("it is dark", &["t1".to_owned()][..])
    );
    assert_eq!(next.task("t1").unwrap().status, TaskStatus::Completed);
    assert_eq!(next.assigned("t4/t1").unwrap().inputs["t1"], json!({"t1": "rain", "t2": "sun"}));
    let top = &model.asked("A plan for it has failed")[0];
    let done =
        "as after `t1`:\n  - `t1/t1`: do oslo\n    result: rain\n  - `t1/t2/t1`: do day\n    result: sun\n";
    assert!(top.contains(done), "{top}");
    assert!(top.contains("What was planned and is not done:\n- `t1/t2/t2`: do night\n"), "{top}");
    let part = &model.asked("What is planned now is task")[0];
    assert!(part.contains("reads the result of `t1` besides"), "{part}");
    let looked_at = model.asked("to be split into smaller ones?");
    assert!(looked_at.iter().all(|asked| !asked.contains("Is task `t1")), "{looked_at:?}");
}

/// Half of a task that was split fails.
pub(crate) const FAILS: &[(&str, Level)] = &[
    ("pack", &[("look", &[]), ("list", &["look"])]),
    ("do look", &[("good", &[]), ("fails", &[]), ("both", &["good", "fails"])]),
    ("again", &[("else", &["look"]), ("list-2", &["else"])]),
    ("do else", &[("p", &[]), ("q", &[])]),
];

#[tokio::test(start_paused = true)]
async fn a_plan_whose_subtask_fails_is_planned_again_and_nothing_done_is_done_again() {
    let worker = Worker::default();
    let planner = HierarchicalPlanner::new(Rules::new(FAILS));
    let executor = PlanExecutor::new(planner, worker.clone()).retries(0);
    let outcome = executor.run(Goal::new("pack"), &RunContext::ephemeral()).await.unwrap();
    assert_eq!(outcome.output["did"], "do list-2");
    assert_eq!(worker.inputs("do p")["t1"]["did"], "do good");
    let times = ["good", "fails", "both", "list", "p", "q"].map(|id| worker.times(&format!("do {id}")));
    assert_eq!(times, [1, 1, 0, 0, 1, 1]);
}
