//! Plans as text.

use std::fmt::{self, Display, Write as _};

use agentic_core::{Plan, Task, TaskStatus};

/// A plan as a tree, a line a task: status, id, what to do, what it needs, and what it says besides of who works on it, with what
/// and how. What could steer a terminal is left out.
///
/// ```text
/// Pack for both cities
/// ✔ oslo     Look up the weather in Oslo [scout, only search]
/// ▸ bergen   Look up the weather in Bergen [scout, only search]
/// · pack     Pack for both ← oslo, bergen [reads the goal, input days, 2 criteria, 25% of the budget]
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tree<'p>(pub &'p Plan);

/// A plan as a [Mermaid](https://mermaid.js.org/syntax/flowchart.html) flowchart.
#[derive(Clone, Copy, Debug)]
pub struct Mermaid<'p>(pub &'p Plan);

impl Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&harmless(first_line(&self.0.goal().text)))?;
        branch(f, self.0.tasks(), 0)
    }
}

fn branch(f: &mut fmt::Formatter<'_>, tasks: &[Task], depth: usize) -> fmt::Result {
    let width = tasks.iter().map(|task| task.id.len()).max().unwrap_or_default();
    for task in tasks {
        let (indent, mark) = (depth * 2, mark(task.status));
        let mut line = format!("{mark} {:width$}  {}", task.id, first_line(&task.description));
        if !task.dependencies.is_empty() {
            write!(line, " ← {}", task.dependencies.join(", "))?;
        }
        let terms = terms(task);
        if !terms.is_empty() {
            write!(line, " [{}]", terms.join(", "))?;
        }
        if let Some(error) = &task.error {
            write!(line, " ({})", first_line(error))?;
        }
        write!(f, "\n{:indent$}{}", "", harmless(&line))?;
        branch(f, &task.subtasks, depth + 1)?;
    }
    Ok(())
}

/// Inputs that are named; of more only the number is.
const NAMED: usize = 3;

/// Who works on it, with what and within what.
fn terms(task: &Task) -> Vec<String> {
    let Task { agent, tools, reads_goal, inputs, criteria, retries, budget_share, .. } = task;
    let only = |tools: &Vec<String>| match tools.is_empty() {
        true => "no tools".to_owned(),
        false => format!("only {}", tools.join(" and ")),
    };
    let count = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    let goal = reads_goal.then(|| "reads the goal".to_owned());
    let names: Vec<_> = inputs.keys().map(String::as_str).collect();
    let inputs = match names.len() {
        0 => None,
        1 => Some(format!("input {}", names.concat())),
        2..=NAMED => Some(format!("inputs {}", names.join(" and "))),
        more => Some(format!("{more} inputs")),
    };
    let criteria =
        Some(criteria.len()).filter(|many| *many > 0).map(|many| count(many, "criterion", "criteria"));
    let retries = retries.map(|retries| count(retries as usize, "retry", "retries"));
    let share = budget_share.map(|share| format!("{}% of the budget", (share * 100.0).round()));
    agent
        .clone()
        .into_iter()
        .chain(tools.as_ref().map(only))
        .chain(goal)
        .chain(inputs)
        .chain(criteria)
        .chain(retries)
        .chain(share)
        .collect()
}

/// The sign of a status, as in a [`Tree`].
pub fn mark(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Pending => "·",
        TaskStatus::InProgress => "▸",
        TaskStatus::Completed => "✔",
        TaskStatus::Failed => "✘",
        TaskStatus::Blocked => "⊘",
    }
}

/// Text on one line, without control characters and without marks that turn the direction of writing.
fn harmless(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.replace('\t', " ").replace(steers, "")
}

pub(crate) fn first_line(text: &str) -> &str {
    text.trim().lines().next().unwrap_or_default()
}

impl Display for Mermaid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("flowchart TD\n")?;
        nodes(f, self.0.tasks(), "", 1)?;
        arrows(f, self.0.tasks(), "")?;
        for (status, colour) in [
            ("completed", "#c8e6c9"),
            ("in_progress", "#fff9c4"),
            ("failed", "#ffcdd2"),
            ("blocked", "#e0e0e0"),
        ] {
            writeln!(f, "  classDef {status} fill:{colour}")?;
        }
        Ok(())
    }
}

fn nodes(f: &mut fmt::Formatter<'_>, tasks: &[Task], above: &str, depth: usize) -> fmt::Result {
    let indent = depth * 2;
    for task in tasks {
        let (name, label) = (name(above, &task.id), label(task));
        if task.is_leaf() {
            let class = match task.status {
                TaskStatus::Pending => "",
                TaskStatus::InProgress => ":::in_progress",
                TaskStatus::Completed => ":::completed",
                TaskStatus::Failed => ":::failed",
                TaskStatus::Blocked => ":::blocked",
            };
            writeln!(f, "{:indent$}{name}[\"{label}\"]{class}", "")?;
        } else {
            writeln!(f, "{:indent$}subgraph {name}[\"{label}\"]", "")?;
            nodes(f, &task.subtasks, &name, depth + 1)?;
            writeln!(f, "{:indent$}end", "")?;
        }
    }
    Ok(())
}

fn arrows(f: &mut fmt::Formatter<'_>, tasks: &[Task], above: &str) -> fmt::Result {
    for task in tasks {
        let to = name(above, &task.id);
        for needed in &task.dependencies {
            writeln!(f, "  {} --> {to}", name(above, needed))?;
        }
        arrows(f, &task.subtasks, &to)?;
    }
    Ok(())
}

/// Ids may be words of the language, as `end`; with something before them they are not. No two paths have the same name.
fn name(above: &str, id: &str) -> String {
    let above = if above.is_empty() { "t_".to_owned() } else { format!("{above}__") };
    above + &id.replace('_', "_5f").replace('-', "_2d")
}

/// Text within quotes, which is HTML, but that `#` begins an entity.
fn label(task: &Task) -> String {
    let text = harmless(&format!("{}: {}", task.id, first_line(&task.description)));
    let mut label = text.replace('#', "#35;");
    for (sign, entity) in [("\"", "#quot;"), ("&", "#amp;"), ("<", "#lt;"), (">", "#gt;")] {
        label = label.replace(sign, entity);
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::{Goal, Plan, Task};

    fn plan() -> Plan {
        const NONE: [&str; 0] = [];
        let split = [Task::new("x", "read \"#1\"", NONE), Task::new("end", "go on", ["x"])];
        let tasks = vec![
            Task::new("a", "look\nit up", NONE),
            Task::new("gr-oup", "do both", ["a"]).split(split),
            Task::new("c", "join", ["gr-oup"]),
        ];
        Plan::new(Goal::new("All of it\nand more"), tasks).unwrap()
    }

    #[test]
    fn a_tree_shows_a_task_a_line() {
        let mut plan = plan();
        plan.complete("a", 1).unwrap();
        plan.begin("gr-oup/x").unwrap();
        assert_eq!(
            Tree(&plan).to_string(),
            "All of it\n✔ a       look\n▸ gr-oup  do both ← a\n  ▸ x    read \"#1\"\n  · end  go on ← x\n· c       join ← gr-oup"
        );
        plan.fail("gr-oup/x", "no luck").unwrap();
        let tree = Tree(&plan).to_string();
        assert!(
            tree.contains("✘ x    read \"#1\" (no luck)")
                && tree.contains("⊘ end  go on ← x (task `x` failed)")
        );
    }

    #[test]
    fn a_tree_shows_who_works_on_a_task_and_within_what() {
        const NONE: [&str; 0] = [];
        let mut tasks = ["a", "b"].map(|id| Task::new(id, "look", NONE));
        tasks[0].agent = Some("scout".into());
        tasks[0].tools = Some(vec!["search".into(), "read".into()]);
        tasks[0].criteria = vec![agentic_core::Criterion::Equals { value: 1.into() }];
        tasks[1].tools = Some(Vec::new());
        (tasks[1].retries, tasks[1].budget_share) = (Some(2), Some(0.255));
        tasks[1].reads_goal = true;
        tasks[1].inputs.insert("rain".into(), "{{a.result}}".into());
        let plan = |tasks: &[Task]| Plan::new(Goal::new("g"), tasks.to_vec()).unwrap();
        assert_eq!(
            Tree(&plan(&tasks)).to_string(),
            "g\n· a  look [scout, only search and read, 1 criterion]\n· b  look ← a [no tools, reads the goal, input rain, 2 \
             retries, 26% of the budget]"
        );
        for (name, expected) in [
            ("snow", "inputs rain and snow,"),
            ("sun", "inputs rain and snow and sun,"),
            ("wind", "4 inputs,"),
        ] {
            tasks[1].inputs.insert(name.into(), 1.into());
            let tree = Tree(&plan(&tasks)).to_string();
            assert!(tree.contains(expected), "{tree}");
        }
    }

    #[test]
    fn what_could_steer_a_terminal_or_is_markup_is_text() {
        let mut task = Task::new("a", "\u{1b}[31mred\u{1b}[0m\t\u{202e}<b>&amp;\r#1", [""; 0]);
        (task.agent, task.tools) = (Some("s\u{7}cout".into()), Some(vec!["se\narch".into()]));
        task.inputs.insert("ra\u{9b}in".into(), 1.into());
        let plan = Plan::new(Goal::new("g\u{1b}]0;title\u{7}"), vec![task]).unwrap();
        assert_eq!(
            Tree(&plan).to_string(),
            "g]0;title\n· a  [31mred[0m <b>&amp;#1 [scout, only search, input rain]"
        );
        let chart = Mermaid(&plan).to_string();
        assert!(chart.contains("t_a[\"a: [31mred[0m #lt;b#gt;#amp;amp;#35;1\"]"), "{chart}");
    }

    #[test]
    fn a_flowchart_has_a_node_a_task_and_an_arrow_a_dependency() {
        let mut plan = plan();
        plan.complete("a", 1).unwrap();
        let chart = Mermaid(&plan).to_string();
        let expected = "flowchart TD\n  t_a[\"a: look\"]:::completed\n  subgraph t_gr_2doup[\"gr-oup: do both\"]\n    \
             t_gr_2doup__x[\"x: read #quot;#35;1#quot;\"]\n    t_gr_2doup__end[\"end: go on\"]\n  end\n  t_c[\"c: join\"]\n  \
             t_a --> t_gr_2doup\n  t_gr_2doup__x --> t_gr_2doup__end\n  t_gr_2doup --> t_c\n";
        assert!(chart.starts_with(expected), "{chart}");
    }
}
