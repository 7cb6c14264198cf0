//! Names that a goal has and a plan must not lose: workers read their tasks, and all but the last not the goal.

use agentic_core::{Goal, Task};

/// What is wrong with tasks none of which has a name of the goal as it is written there, if one is missing.
pub(super) fn lost(tasks: &[Task], goal: &Goal) -> Option<String> {
    let missing = names(&goal.text).find(|name| !tasks.iter().any(|task| has(task, name)))?;
    Some(format!(
        "no task names `{missing}`, as the goal does; write names in tasks exactly as they are in the goal"
    ))
}

/// The tasks with the names of the goal as they are written there, where a model has changed upper and lower case.
pub(super) fn restored(mut tasks: Vec<Task>, goal: &Goal) -> Vec<Task> {
    let all: Vec<&str> = names(&goal.text).collect();
    for name in &all {
        for task in &mut tasks {
            task.description = spelled(&task.description, name, &all);
        }
    }
    tasks
}

/// A text in which this name is spelled like this, but for what is another one of these names.
fn spelled(text: &str, name: &str, all: &[&str]) -> String {
    // Lower case of ASCII has the same places.
    let (lower, wanted) = (text.to_ascii_lowercase(), name.to_ascii_lowercase());
    let mut spelled = text.to_owned();
    for (at, found) in lower.match_indices(&wanted) {
        let end = at + found.len();
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let is_part = text[..at].ends_with(is_word) || text[end..].starts_with(is_word);
        if !is_part && !all.contains(&&text[at..end]) {
            spelled.replace_range(at..end, name);
        }
    }
    spelled
}

fn has(task: &Task, name: &str) -> bool {
    let in_input = || task.inputs.values().any(|input| input.to_string().contains(name));
    task.description.contains(name) || in_input() || task.subtasks.iter().any(|task| has(task, name))
}

/// Files, addresses and identifiers: words with an ending like `.txt`, or with `_` within. Names of people and places are none
/// of them, as they may be written in other ways.
fn names(goal: &str) -> impl Iterator<Item = &str> {
    goal.split_whitespace()
        .map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()))
        .filter(|word| is_name(word))
}

fn is_name(word: &str) -> bool {
    let has_ending = word.rsplit_once('.').is_some_and(|(stem, ending)| {
        !stem.is_empty() && ending.len() > 1 && ending.chars().all(char::is_alphanumeric)
    });
    let is_number = word.chars().all(|c| !c.is_alphabetic());
    !is_number && (has_ending || word.contains("://") || word.trim_matches('_').contains('_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost_of(goal: &str, descriptions: &[&str]) -> Option<String> {
        let tasks = descriptions.iter().enumerate();
        let tasks = tasks.map(|(n, text)| Task::new(format!("t{n}"), *text, Vec::<String>::new()));
        lost(&tasks.collect::<Vec<_>>(), &Goal::new(goal))
    }

    #[test]
    fn a_name_in_other_letters_is_lost() {
        let goal = "What do the trips in bergen.txt and oslo.txt cost?";
        assert_eq!(lost_of(goal, &["Read bergen.txt.", "Read oslo.txt."]), None);
        let problem = lost_of(goal, &["Read bergen.txt.", "Read Oslo.txt."]).unwrap();
        assert!(problem.starts_with("no task names `oslo.txt`, as the goal does"), "{problem}");
    }

    #[test]
    fn a_name_in_other_letters_is_spelled_as_the_goal_spells_it() {
        for (text, expected) in [
            ("Read Bergen.txt.", "Read bergen.txt."),
            ("BERGEN.TXT and `Bergen.Txt`", "bergen.txt and `bergen.txt`"),
            (
                "Read old_Bergen.txt, Bergen.txt2 and æBergen.txt",
                "Read old_Bergen.txt, Bergen.txt2 and æBergen.txt",
            ),
            ("Å Bergen.txt ø", "Å bergen.txt ø"),
        ] {
            assert_eq!(spelled(text, "bergen.txt", &["bergen.txt"]), expected);
        }
    }

    #[test]
    fn names_that_differ_in_case_alone_stay_two() {
        let goal = Goal::new("Rename max_len to MAX_LEN in README.md and readme.md");
        let text = "Rename max_len to MAX_LEN in Readme.md";
        let tasks = vec![Task::new("t1", text, Vec::<String>::new())];
        let spelled = restored(tasks, &goal).remove(0).description;
        assert_eq!(spelled, "Rename max_len to MAX_LEN in README.md");
    }

    #[test]
    fn names_are_files_addresses_and_identifiers() {
        let found = |text| names(text).collect::<Vec<_>>();
        assert_eq!(
            found("Fix (src/main.rs), \"a_b.md\"; see https://x.example/y."),
            ["src/main.rs", "a_b.md", "https://x.example/y"]
        );
        assert_eq!(found("rename max_tasks in lib.rs:12"), ["max_tasks"]);
        for none in
            ["Compare Oslo with Bergen, e.g. by price.", "It costs 3.50 or 12.000.", "and/or __ ... U.S.A."]
        {
            assert_eq!(found(none), Vec::<&str>::new(), "{none}");
        }
    }
}
