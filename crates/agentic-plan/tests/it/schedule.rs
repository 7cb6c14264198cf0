//! Tasks start the moment that they can, and nothing depends on the order in which they end.

use std::time::Duration;

use agentic_core::{Agent as _, Goal, Plan, Task};
use agentic_plan::PlanExecutor;
use serde_json::json;
use tokio::time::Instant;

use crate::worker::{NONE, Worker, context, executor, plan, tasks};

fn taking(mut task: Task, ms: u64) -> Task {
    task.inputs.insert("ms".into(), json!(ms));
    task
}

#[tokio::test(start_paused = true)]
async fn a_plan_takes_as_long_as_its_longest_chain() {
    let worker = Worker::default();
    // No barrier: `d` starts when `a` is done, long before `b` is.
    let all = tasks(&[("a", &[]), ("b", &[]), ("c", &["a"]), ("d", &["c"]), ("e", &["b", "d"])]);
    let times = [100, 1_000, 400, 500, 200];
    let all = all.into_iter().zip(times).map(|(task, ms)| taking(task, ms)).collect();
    let began = Instant::now();
    executor(all, &worker).unwrap().run(Goal::new("g"), &context()).await.unwrap();
    assert_eq!(began.elapsed(), Duration::from_millis(1_200));
    assert_eq!(worker.most_at_once(), 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_run_at_a_time_than_may() {
    for (parallel, rounds) in [(1, 9), (4, 3), (100, 1)] {
        let worker = Worker::default();
        let all = (0..9).map(|n| taking(Task::new(format!("t{n}"), format!("do {n}"), NONE), 100)).collect();
        let executor = executor(all, &worker).unwrap().max_parallel(parallel);
        let began = Instant::now();
        executor.run(Goal::new("g"), &context()).await.unwrap();
        assert_eq!(began.elapsed(), Duration::from_millis(100 * rounds));
        assert_eq!(worker.most_at_once(), parallel.min(9));
    }
}

/// A plan with nested tasks that are drawn, each of which depends on some of those before it.
fn drawn(rng: &mut fastrand::Rng, most: usize, depth: usize) -> Vec<Task> {
    let many = rng.usize(1..=most);
    (0..many)
        .map(|n| {
            let before = (0..n).filter(|_| rng.usize(0..3) == 0).map(|n| format!("t{n}"));
            let task = Task::new(format!("t{n}"), format!("do {n}"), before.collect::<Vec<_>>());
            if depth > 0 && rng.usize(0..4) == 0 {
                task.split(drawn(rng, most / 2 + 1, depth - 1))
            } else {
                task
            }
        })
        .collect()
}

/// The same with a time for each.
fn timed(tasks: &[Task], rng: &mut fastrand::Rng) -> Vec<Task> {
    tasks
        .iter()
        .map(|task| {
            let mut task = taking(task.clone(), rng.u64(0..50));
            task.subtasks = timed(&task.subtasks, rng);
            task
        })
        .collect()
}

async fn executed(executor: &PlanExecutor, plan: Plan) -> Plan {
    executor.execute(plan, &context()).await.unwrap().plan
}

/// How long the longest chain takes.
fn longest(tasks: &[Task]) -> u64 {
    let mut ends = std::collections::BTreeMap::new();
    // Those before come first, as they are drawn.
    for task in tasks {
        let begins = task.dependencies.iter().map(|needed| ends[needed.as_str()]).max().unwrap_or(0);
        let takes =
            if task.is_leaf() { task.inputs["ms"].as_u64().unwrap() } else { longest(&task.subtasks) };
        ends.insert(task.id.as_str(), begins + takes);
    }
    ends.into_values().max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn drawn_plans_take_as_long_as_their_longest_chains() {
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..1_000 {
        let drawn = drawn(&mut rng, 12, 2);
        let all = timed(&drawn, &mut rng);
        let worker = Worker::default();
        let executor = executor(all.clone(), &worker).unwrap().max_parallel(usize::MAX);
        let began = Instant::now();
        let done = executed(&executor, plan(all.clone())).await;
        assert!(done.is_fulfilled());
        // Timers wake on whole milliseconds, which are rounded.
        let off = began.elapsed().as_millis().abs_diff(longest(&all).into());
        assert!(off == 0, "off by {off} ms: {}", agentic_plan::Tree(&done));
    }
}

/// What came of each task, whatever times it took.
fn without_times(plan: &Plan) -> String {
    let text = serde_json::to_string(plan).unwrap();
    let mut without = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("\"ms\":") {
        without.push_str(before);
        rest = after.trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    without + rest
}

#[tokio::test(start_paused = true)]
async fn what_comes_of_a_plan_does_not_depend_on_the_order_in_which_tasks_end() {
    let mut rng = fastrand::Rng::with_seed(3);
    for _ in 0..20 {
        let mut drawn = drawn(&mut rng, 10, 1);
        // Some fail, for good or once.
        for task in &mut drawn {
            match rng.usize(0..8) {
                0 => task.description.push_str(" fails"),
                1 => task.description.push_str(" fails once"),
                _ => {}
            }
        }
        let mut first = None;
        for _ in 0..500 {
            let all = timed(&drawn, &mut rng);
            let executor = executor(all.clone(), &Worker::default()).unwrap();
            let executor = executor.retries(1).on_failure(agentic_plan::OnFailure::Skip);
            let done = executed(&executor.max_parallel(rng.usize(1..12)), plan(all)).await;
            let done = without_times(&done);
            assert_eq!(*first.get_or_insert_with(|| done.clone()), done);
        }
    }
}
