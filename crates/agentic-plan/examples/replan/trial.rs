//! Sample plans, a worker that fails where it is told to, and a planner that mends what failed.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, Goal, Outcome, Plan, Planner, RunContext, Spend, Task, TaskStatus, async_trait,
};
use agentic_plan::{PlanExecutor, read_plan};
use agentic_runtime::RunContextExt as _;
use serde_json::{Value, json};

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

/// Plans of different shapes. Descriptions are ids, each once.
pub(crate) const SAMPLES: [(&str, &str); 8] = [
    (
        "chain",
        "goal: g
tasks:
  - {id: a, description: a}
  - {id: b, description: b, dependencies: [a]}
  - {id: c, description: c, dependencies: [b]}
  - {id: d, description: d, dependencies: [c]}
  - {id: e, description: e, dependencies: [d]}",
    ),
    (
        "diamond",
        "goal: g
tasks:
  - {id: a, description: a}
  - {id: b, description: b, dependencies: [a]}
  - {id: c, description: c, dependencies: [a]}
  - {id: d, description: d, dependencies: [b, c]}",
    ),
    (
        "wide",
        "goal: g
tasks:
  - {id: a, description: a}
  - {id: b, description: b}
  - {id: c, description: c}
  - {id: d, description: d}
  - {id: e, description: e}
  - {id: f, description: f}
  - {id: join, description: join, dependencies: [a, b, c, d, e, f]}",
    ),
    (
        "layers",
        "goal: g
tasks:
  - {id: a1, description: a1}
  - {id: a2, description: a2}
  - {id: b1, description: b1, dependencies: [a1, a2]}
  - {id: b2, description: b2, dependencies: [a1, a2]}
  - {id: b3, description: b3, dependencies: [a2]}
  - {id: c, description: c, dependencies: [b1, b2, b3]}",
    ),
    (
        "two joins",
        "goal: g
tasks:
  - {id: a, description: a}
  - {id: b, description: b}
  - {id: c, description: c}
  - {id: ab, description: ab, dependencies: [a, b]}
  - {id: bc, description: bc, dependencies: [b, c]}
  - {id: all, description: all, dependencies: [ab, bc]}
  - {id: alone, description: alone}",
    ),
    (
        "nested",
        "goal: g
tasks:
  - {id: a, description: a}
  - id: g
    description: g
    dependencies: [a]
    subtasks:
      - {id: x, description: x}
      - {id: y, description: y, dependencies: [x]}
      - {id: z, description: z, dependencies: [x]}
  - {id: last, description: last, dependencies: [g]}",
    ),
    (
        "references",
        "goal: g
tasks:
  - {id: a, description: a}
  - {id: b, description: b, inputs: {x: '{{a.result.did}}'}}
  - {id: c, description: c, inputs: {x: ['{{a.result}}', 'and {{b.result.did}}']}}
  - {id: d, description: d, inputs: {x: '{{c.result.did}}', y: '{{a.result.did}}'}}",
    ),
    (
        "unequal branches",
        "goal: g
tasks:
  - {id: short, description: short}
  - {id: l1, description: l1, inputs: {ms: 5}}
  - {id: l2, description: l2, dependencies: [l1], inputs: {ms: 5}}
  - {id: l3, description: l3, dependencies: [l2], inputs: {ms: 5}}
  - {id: end, description: end, dependencies: [short, l3]}",
    ),
];

/// Works as many milliseconds as its input `ms` says, counts what it finishes, and fails where it is told to.
#[derive(Clone, Debug)]
struct Worker {
    fails: String,
    /// How often it fails there.
    times: usize,
    finished: Arc<Mutex<BTreeMap<String, usize>>>,
    failed: Arc<Mutex<usize>>,
}

#[async_trait]
impl Agent for Worker {
    fn name(&self) -> &str {
        "worker"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let ms = goal.inputs.get("ms").and_then(Value::as_u64).unwrap_or(1);
        cx.sleep(Duration::from_millis(ms)).await?;
        if goal.text == self.fails {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed += 1;
            if *failed <= self.times {
                return Err(AgentError::invalid_input("no luck"));
            }
        }
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        *finished.entry(goal.text.clone()).or_default() += 1;
        Ok(Outcome::new(json!({"did": goal.text}), Spend::default()))
    }
}

/// What one planning again made of a plan, in tasks that are worked on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mended {
    /// Those that were done, and stay.
    pub(crate) kept: u32,
    /// All of the new version.
    pub(crate) tasks: u32,
}

/// Plans what is not done once more, as it was.
#[derive(Clone, Debug)]
struct Mender {
    plan: Plan,
    mended: Arc<Mutex<Vec<Mended>>>,
}

#[async_trait]
impl Planner for Mender {
    async fn plan(&self, _: &Goal, _: &str, _: &RunContext) -> Result<Plan, AgentError> {
        Ok(self.plan.clone())
    }

    async fn replan(&self, plan: &Plan, context: &str, _: &RunContext) -> Result<Plan, AgentError> {
        let mut mended = self.mended.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = rest(plan.tasks(), mended.len() + 1);
        let next = plan
            .next_version(context, tasks)
            .map_err(|error| AgentError::invalid_input(error.to_string()))?;
        mended.push(Mended { kept: done(next.tasks()), tasks: leaves(next.tasks()).len() as u32 });
        Ok(next)
    }
}

/// What is not done, to be begun anew. Of a task that is done in part the rest is another task.
fn rest(tasks: &[Task], round: usize) -> Vec<Task> {
    let is_done = |task: &Task| task.status == TaskStatus::Completed;
    let in_part = |task: &Task| !is_done(task) && done(&task.subtasks) > 0;
    let again = |id: &str| format!("{id}_again{round}");
    let mut left = Vec::new();
    for task in tasks.iter().filter(|task| !is_done(task)) {
        let mut new = Task::new(&*task.id, &*task.description, task.dependencies.clone());
        new.inputs.clone_from(&task.inputs);
        let parts = tasks.iter().filter(|other| in_part(other) && task.dependencies.contains(&other.id));
        new.dependencies.extend(parts.map(|part| again(&part.id)));
        new.subtasks = rest(&task.subtasks, round);
        if in_part(task) {
            new.id = again(&task.id);
            // What they needed beside them and is done lies in the part that stays.
            let ids: Vec<String> = new.subtasks.iter().map(|task| task.id.clone()).collect();
            new.subtasks.iter_mut().for_each(|task| task.dependencies.retain(|needed| ids.contains(needed)));
        }
        left.push(new);
    }
    left
}

fn leaves(tasks: &[Task]) -> Vec<&Task> {
    tasks.iter().flat_map(|task| if task.is_leaf() { vec![task] } else { leaves(&task.subtasks) }).collect()
}

fn done(tasks: &[Task]) -> u32 {
    leaves(tasks).iter().filter(|task| task.status == TaskStatus::Completed).count() as u32
}

async fn worked(
    text: &str,
    fails: &str,
    times: usize,
    replans: u32,
) -> Result<(bool, BTreeMap<String, usize>, Vec<Mended>), Failed> {
    let (finished, failed) = (Arc::default(), Arc::default());
    let worker = Worker { fails: fails.to_owned(), times, finished: Arc::clone(&finished), failed };
    let planner = Mender { plan: read_plan(text)?, mended: Arc::default() };
    let executor = PlanExecutor::new(planner.clone(), worker).retries(0).max_replans(replans);
    let ended = executor.run(Goal::new("g"), &RunContext::ephemeral()).await;
    let finished = finished.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some((twice, times)) = finished.iter().find(|(_, times)| **times != 1) {
        return Err(format!("`{fails}` failed, and `{twice}` was finished {times} times").into());
    }
    let mended = planner.mended.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok((ended.is_ok(), finished, mended))
}

/// Has each task of a plan fail once, one in each run.
///
/// # Errors
/// If a run does not come to its end, if a task is finished twice or never, or if it takes another number of plans than two.
pub(crate) async fn mended(text: &str) -> Result<Vec<Mended>, Failed> {
    let plan = read_plan(text)?;
    let mut all = Vec::new();
    for task in leaves(plan.tasks()) {
        let name = &task.description;
        let (ended, finished, mended) = worked(text, name, 1, 3).await?;
        if !ended || finished.len() != leaves(plan.tasks()).len() {
            return Err(format!("`{name}` failed once, and of the plan is done only {finished:?}").into());
        }
        let [once] = mended[..] else {
            return Err(
                format!("`{name}` failed once, and it was planned again {} times", mended.len()).into()
            );
        };
        all.push(once);
    }
    Ok(all)
}

/// Has each task of a plan fail whenever it is tried, one in each run; gives how often it was planned again at most.
///
/// # Errors
/// If such a run ends well, or if a task is finished twice.
pub(crate) async fn persistent(text: &str, replans: u32) -> Result<usize, Failed> {
    let plan = read_plan(text)?;
    let mut most = 0;
    for task in leaves(plan.tasks()) {
        let name = &task.description;
        let (ended, _, mended) = worked(text, name, usize::MAX, replans).await?;
        if ended || mended.len() > replans as usize {
            return Err(
                format!("`{name}` always fails, and it was planned again {} times", mended.len()).into()
            );
        }
        most = most.max(mended.len());
    }
    Ok(most)
}
