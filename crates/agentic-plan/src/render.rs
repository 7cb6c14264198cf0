//! Plans as text.

use std::fmt::{self, Display};

use agentic_core::{Plan, Task, TaskStatus};

/// A plan as a tree, a line a task: status, id, what to do, what it needs, and what it says besides of who works on it and how.
///
/// ```text
/// Pack for both cities
/// ✔ oslo     Look up the weather in Oslo [scout, only search]
/// ▸ bergen   Look up the weather in Bergen [scout, only search]
/// · pack     Pack for both ← oslo, bergen [2 criteria, 25% of the budget]
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Tree<'p>(pub &'p Plan);

/// A plan as a [Mermaid](https://mermaid.js.org/syntax/flowchart.html) flowchart.
#[derive(Clone, Copy, Debug)]
pub struct Mermaid<'p>(pub &'p Plan);

impl Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(first_line(&self.0.goal().text))?;
        branch(f, self.0.tasks(), 0)
    }
}

fn branch(f: &mut fmt::Formatter<'_>, tasks: &[Task], depth: usize) -> fmt::Result {
    let width = tasks.iter().map(|task| task.id.len()).max().unwrap_or_default();
    for task in tasks {
        let (indent, mark) = (depth * 2, mark(task.status));
        write!(f, "\n{:indent$}{mark} {:width$}  {}", "", task.id, first_line(&task.description))?;
        if !task.dependencies.is_empty() {
            write!(f, " ← {}", task.dependencies.join(", "))?;
        }
        let terms = terms(task);
        if !terms.is_empty() {
            write!(f, " [{}]", terms.join(", "))?;
        }
        if let Some(error) = &task.error {
            write!(f, " ({})", first_line(error))?;
        }
        branch(f, &task.subtasks, depth + 1)?;
    }
    Ok(())
}

/// Who works on it, and within what.
fn terms(task: &Task) -> Vec<String> {
    let Task { agent, tools, criteria, retries, budget_share, .. } = task;
    let only = |tools: &Vec<String>| match tools.is_empty() {
        true => "no tools".to_owned(),
        false => format!("only {}", tools.join(" and ")),
    };
    let count = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    let criteria =
        Some(criteria.len()).filter(|many| *many > 0).map(|many| count(many, "criterion", "criteria"));
    let retries = retries.map(|retries| count(retries as usize, "retry", "retries"));
    let share = budget_share.map(|share| format!("{}% of the budget", (share * 100.0).round()));
    agent
        .clone()
        .into_iter()
        .chain(tools.as_ref().map(only))
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

/// Text within quotes, where `#` begins an entity.
fn label(task: &Task) -> String {
    let text = format!("{}: {}", task.id, first_line(&task.description));
    text.replace('#', "#35;").replace('"', "#quot;")
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
        let plan = Plan::new(Goal::new("g"), tasks.into()).unwrap();
        assert_eq!(
            Tree(&plan).to_string(),
            "g\n· a  look [scout, only search and read, 1 criterion]\n· b  look [no tools, 2 retries, 26% of the budget]"
        );
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
