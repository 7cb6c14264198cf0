//! Plans that are drawn, whole and broken.

use agentic_core::{Goal, Plan, Task, TaskStatus};
use agentic_plan::{read_criteria, read_plan};
use serde_json::{Value, json};

use crate::lawful::{Dice, check};

/// Tasks on one level, which depend on and refer to some before them; some are split.
fn drawn(dice: &mut Dice, depth: usize) -> Vec<Task> {
    let count = 1 + dice.below(6);
    let mut tasks: Vec<Task> = Vec::new();
    for n in 0..count {
        // Only those before: so there is no cycle.
        let before: Vec<String> =
            tasks.iter().filter(|_| dice.below(3) == 0).map(|task| task.id.clone()).collect();
        let mut task = Task::new(format!("t{depth}_{n}"), format!("do {n}"), before);
        if n > 0 && dice.below(3) == 0 {
            let of = &tasks[dice.below(n)].id;
            let reference = ["result", "result.of", "result.of[0]"][dice.below(3)];
            task = task.with_input("x", json!([format!("{{{{{of}.{reference}}}}}")]));
        }
        if depth < 2 && dice.below(4) == 0 {
            task = task.split(drawn(dice, depth + 1));
        }
        tasks.push(task);
    }
    // The planner's order says nothing of the order of work.
    let turn = dice.below(count);
    tasks.rotate_left(turn);
    tasks
}

#[test]
fn plans_that_are_drawn_come_to_their_ends_in_any_order() {
    for seed in 1..1_000 {
        let mut dice = Dice::new(seed);
        let tasks = drawn(&mut dice, 0);
        let plan = Plan::new(Goal::new("g"), tasks).unwrap();
        check(&plan, &mut dice);
        let mut written = serde_json::to_value(&plan).unwrap();
        // People write neither versions nor how far a task is.
        let mut file = json!({"goal": "g", "tasks": without(written["tasks"].take(), &["status"])});
        assert_eq!(read_plan(&file.to_string()).unwrap(), plan, "seed {seed}");
        // One with a dependency that closes a circle, and one that goes nowhere.
        let last = file["tasks"].as_array().map_or(0, Vec::len) - 1;
        for wrong in [file["tasks"][last]["id"].clone(), json!("nowhere")] {
            file["tasks"][last]["dependencies"] = json!([wrong]);
            read_plan(&file.to_string()).unwrap_err();
        }
    }
}

/// Without these fields, at any depth.
fn without(value: Value, names: &[&str]) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(name, _)| !names.contains(&&**name));
            fields.map(|(name, value)| (name, without(value, names))).collect()
        }
        Value::Array(values) => values.into_iter().map(|value| without(value, names)).collect(),
        other => other,
    }
}

/// Statuses at random, as nothing writes them but a slip of the pen.
fn scrambled(tasks: &mut Value, dice: &mut Dice) {
    const ALL: [TaskStatus; 5] = [
        TaskStatus::Pending,
        TaskStatus::InProgress,
        TaskStatus::Completed,
        TaskStatus::Failed,
        TaskStatus::Blocked,
    ];
    for task in tasks.as_array_mut().into_iter().flatten() {
        task["status"] = json!(ALL[dice.below(5)]);
        task.get_mut("subtasks").into_iter().for_each(|subtasks| scrambled(subtasks, dice));
    }
}

#[test]
fn plans_whose_tasks_are_anywhere_are_read_and_end() {
    for seed in 1..1_000 {
        let mut dice = Dice::new(seed);
        let tasks = drawn(&mut dice, 0);
        let mut written = serde_json::to_value(Plan::new(Goal::new("g"), tasks).unwrap()).unwrap();
        scrambled(&mut written["tasks"], &mut dice);
        match serde_json::from_value::<Plan>(written.clone()) {
            Ok(plan) => check(&plan, &mut dice),
            Err(error) => panic!("seed {seed}: {error}: {written}"),
        }
    }
}

#[test]
fn plans_with_letters_that_were_changed_are_plans_or_say_why_not() {
    const PLAN: &str = "
goal: {text: Pack for Oslo, inputs: {month: May}, criteria: [{type: near, value: 4.5, tolerance: 1}]}
tasks:
  - {id: a, description: Look it up, tools: [search], retries: 2, criteria: [{type: matches, pattern: rain}]}
  - id: b
    description: Pack
    inputs: {forecast: '{{a.result.days[0]}}', all: ['{{ c.result }}', {x: 'and {{c.result}}'}]}
    subtasks:
      - {id: c, description: Choose clothes}
      - {id: list, description: Write it down, dependencies: [c]}
  - {id: c, description: Ask, dependencies: [a]}
";
    let letters: Vec<char> = PLAN.chars().collect();
    let mut read = 0;
    for seed in 1..2_000 {
        let mut dice = Dice::new(seed);
        let mut changed = letters.clone();
        for _ in 0..=dice.below(3) {
            let place = dice.below(changed.len());
            match dice.below(3) {
                0 => drop(changed.remove(place)),
                1 => changed[place] = letters[dice.below(letters.len())],
                _ => changed.insert(place, letters[dice.below(letters.len())]),
            }
        }
        let text: String = changed.into_iter().collect();
        match read_plan(&text) {
            Ok(plan) => {
                read += 1;
                check(&plan, &mut dice);
            }
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
        if let Err(error) = read_criteria(&text) {
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
    assert!(read > 200, "only {read} were plans");
}
