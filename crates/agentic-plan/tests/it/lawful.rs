//! What holds for every plan, however it came to be. The fuzz targets of plans check it too.

use std::collections::{BTreeMap, BTreeSet};

use agentic_core::{Plan, PlanError, Task, TaskStatus};
use serde_json::json;

/// Draws numbers from a seed (Marsaglia 2003).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// From a text (FNV-1a).
    #[allow(dead_code, reason = "the fuzz targets draw from texts, the tests from seeds")]
    pub(crate) fn of(text: &str) -> Self {
        let add = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self::new(text.bytes().fold(0xcbf2_9ce4_8422_2325, add))
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Checks a plan, and that it comes to its end in an order and with failures that are drawn.
pub(crate) fn check(plan: &Plan, dice: &mut Dice) {
    assert!(!plan.tasks().is_empty(), "a plan without tasks");
    level(plan.tasks());
    let written = serde_json::to_string(plan).expect("a plan is written");
    let again: Plan = serde_json::from_str(&written).expect("what was written is a plan");
    assert_eq!(&again, plan, "a plan that is read again is another one");
    if is_fresh(plan.tasks()) {
        assert!(!plan.next_tasks().is_empty(), "nothing to begin with");
        let ended = ended(plan.clone(), dice, 0);
        assert!(ended.is_fulfilled(), "each task is done, the plan is not");
    }
    let ended = ended(plan.clone(), dice, 3);
    kept(&ended);
}

/// No id twice, each dependency there, and none that waits for itself.
fn level(tasks: &[Task]) {
    let mut known: BTreeMap<&str, &Task> = BTreeMap::new();
    for task in tasks {
        assert!(!task.id.is_empty() && !task.id.contains(['/', '.', ' ', '{', '[']), "{:?}", task.id);
        assert!(known.insert(&task.id, task).is_none(), "{} twice", task.id);
    }
    for task in tasks {
        let (mut seen, mut walk) = (BTreeSet::new(), vec![&*task.id]);
        while let Some(id) = walk.pop() {
            let task = known.get(id).unwrap_or_else(|| panic!("{id} is depended on, and not there"));
            walk.extend(task.dependencies.iter().map(String::as_str).filter(|needed| seen.insert(*needed)));
        }
        assert!(!seen.contains(&*task.id), "{} waits for itself", task.id);
        level(&task.subtasks);
    }
}

/// Whether nothing was begun, nor is said to be blocked.
fn is_fresh(tasks: &[Task]) -> bool {
    tasks.iter().all(|task| task.status == TaskStatus::Pending && is_fresh(&task.subtasks))
}

/// The tasks that are worked on, by their paths.
fn leaves(tasks: &[Task], above: &str) -> Vec<(String, TaskStatus)> {
    let mut all = Vec::new();
    for task in tasks {
        let path = format!("{above}{}", task.id);
        match task.is_leaf() {
            true => all.push((path, task.status)),
            false => all.extend(leaves(&task.subtasks, &format!("{path}/"))),
        }
    }
    all
}

/// The plan when nothing can run any more. Of so many tasks about one fails; of none none does.
fn ended(mut plan: Plan, dice: &mut Dice, one_fails_of: usize) -> Plan {
    let open = |plan: &Plan| leaves(plan.tasks(), "").iter().filter(|(_, status)| status.is_open()).count();
    let mut left = open(&plan);
    loop {
        let mut ready = plan.next_tasks();
        let begun =
            leaves(plan.tasks(), "").into_iter().filter(|(_, status)| *status == TaskStatus::InProgress);
        ready.extend(begun.map(|(path, _)| path));
        if ready.is_empty() {
            break;
        }
        let path = ready.swap_remove(dice.below(ready.len()));
        assert!(!ready.contains(&path), "{path} is offered twice");
        match plan.assigned(&path) {
            // Results have the parts that are wanted of them, or not.
            Ok(_) | Err(PlanError::Reference { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        match dice.below(2) {
            0 if plan.task(&path).is_some_and(|task| task.status == TaskStatus::Pending) => {
                plan.begin(&path).expect("what is ready can begin");
            }
            _ if one_fails_of > 0 && dice.below(one_fails_of) == 0 => {
                plan.fail(&path, "bad luck").expect("what is ready can fail");
            }
            _ => plan.complete(&path, json!({"of": path})).expect("what is ready can be done"),
        }
        let now = open(&plan);
        assert!(now <= left, "tasks came to life again");
        left = now;
    }
    assert!(plan.is_complete(), "nothing can run, and the plan is not at its end: {}", json!(plan));
    plan
}

/// Whether something is done, at least in part, before all that it needs: only what was written so can be.
fn is_out_of_order(tasks: &[Task]) -> bool {
    let is_done =
        |id: &String| tasks.iter().any(|task| task.id == *id && task.status == TaskStatus::Completed);
    let has_done = |task: &Task| {
        leaves(std::slice::from_ref(task), "").iter().any(|(_, status)| *status == TaskStatus::Completed)
    };
    tasks.iter().any(|task| {
        (has_done(task) && !task.dependencies.iter().all(is_done)) || is_out_of_order(&task.subtasks)
    })
}

/// In the next version everything that is done is there, with its result.
fn kept(plan: &Plan) {
    let new = "new-task-of-the-next-version";
    if plan.task(new).is_some() {
        return;
    }
    let next = match plan.next_version("bad luck", vec![Task::new(new, "goes on", [""; 0])]) {
        Ok(next) => next,
        Err(error) => {
            assert!(is_out_of_order(plan.tasks()), "{error}: {}", json!(plan));
            return;
        }
    };
    for (path, status) in leaves(plan.tasks(), "") {
        let result = |plan: &Plan| plan.task(&path).and_then(|task| task.result.clone());
        match status {
            TaskStatus::Completed => assert_eq!(result(&next), result(plan), "{path}"),
            _ => assert!(next.task(&path).is_none(), "{path} is not done, and stays"),
        }
    }
    assert_eq!(next.next_tasks(), [new]);
}
