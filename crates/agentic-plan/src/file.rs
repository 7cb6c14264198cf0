//! Plans that people write: YAML files.

use agentic_core::{Criterion, Goal, Plan, PlanError, Task, TaskStatus};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::verify::predicate;

/// Why a text is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFileError {
    /// It is no YAML, or has other fields than a plan.
    #[error("{what} can't be read: {message}")]
    Form {
        /// What was to be read.
        what: &'static str,
        /// What is wrong, and where.
        message: String,
    },
    /// One of its criteria is none.
    #[error("{}criterion {number} {problem}", if of.is_empty() { String::new() } else { format!("{of}: ") })]
    Criterion {
        /// Whose it is: the goal's or a task's, in a plan.
        of: String,
        /// Which one of the list, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// Its tasks are not a plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    goal: Value,
    tasks: Vec<Written>,
    /// A plan that was written down as JSON is a file too.
    #[serde(rename = "version")]
    _version: Option<u32>,
}

/// A task as people write it: a field that there is not is a slip of the pen.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    description: String,
    #[serde(default)]
    dependencies: Vec<String>,
    agent: Option<String>,
    tools: Option<Vec<String>>,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    reads_goal: bool,
    #[serde(default)]
    criteria: Vec<Value>,
    retries: Option<u32>,
    budget_share: Option<f64>,
    #[serde(default)]
    status: TaskStatus,
    #[serde(default)]
    subtasks: Vec<Written>,
}

impl Written {
    fn task(self, above: &str) -> Result<Task, PlanFileError> {
        let path = format!("{above}{}", self.id);
        if self.status != TaskStatus::Pending {
            let path = path.replace(char::is_control, " ");
            let message = format!(
                "task `{path}` is not pending; leave its status out, as a plan in a file begins anew"
            );
            return Err(PlanFileError::Form { what: "the plan", message });
        }
        if let Some(reference) = reference_in(&self.description) {
            let problem =
                "references stand in inputs, whose values the task reads; write it there".to_owned();
            let (input, reference) = ("description".to_owned(), reference.to_owned());
            return Err(PlanError::Reference { task: path, input, reference, problem }.into());
        }
        let mut task = Task::new(self.id, self.description, self.dependencies);
        (task.agent, task.tools, task.inputs) = (self.agent, self.tools, self.inputs);
        let of = format!("task `{}`", path.replace(char::is_control, " "));
        (task.criteria, task.retries) = (criteria(self.criteria, &of)?, self.retries);
        (task.budget_share, task.reads_goal) = (self.budget_share, self.reads_goal);
        let subtasks = self.subtasks.into_iter().map(|written| written.task(&format!("{path}/")));
        Ok(task.split(subtasks.collect::<Result<Vec<_>, _>>()?))
    }
}

/// The first reference in a text.
fn reference_in(text: &str) -> Option<&str> {
    let from = text.find("{{")?;
    let length = text[from..].find("}}")?;
    Some(&text[from..from + length + 2])
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenGoal {
    text: String,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    criteria: Vec<Value>,
}

/// What criteria of each type have.
const FIELDS: [(&str, &[&str]); 7] = [
    ("equals", &["value"]),
    ("matches", &["pattern"]),
    ("schema", &["schema"]),
    ("near", &["value", "tolerance"]),
    ("answer", &["any_of"]),
    ("tool", &["tool", "arguments", "gives"]),
    ("judged", &["rubric"]),
];

/// Criteria as people write them: a field that there is not is a slip of the pen here too.
fn criteria(written: Vec<Value>, of: &str) -> Result<Vec<Criterion>, PlanFileError> {
    let read = |(place, written): (usize, Value)| {
        let wrong = |problem: String| {
            // It may say what was written, line ends and all.
            let problem = problem.replace(char::is_control, " ");
            PlanFileError::Criterion { of: of.to_owned(), number: place + 1, problem }
        };
        let kind = written.get("type").and_then(Value::as_str);
        let Some((kind, fields)) = kind.and_then(|kind| FIELDS.iter().find(|(known, _)| *known == kind))
        else {
            let kinds = FIELDS.map(|(kind, _)| kind).join(", ");
            return Err(wrong(format!("is none; write {{type: T, …}}, and for T one of: {kinds}")));
        };
        let mut names = written.as_object().into_iter().flat_map(serde_json::Map::keys);
        if let Some(name) = names.find(|name| *name != "type" && !fields.contains(&name.as_str())) {
            let fields = fields.join(", ");
            return Err(wrong(format!("has a field `{name}`; criteria of the type `{kind}` have: {fields}")));
        }
        let criterion =
            Criterion::deserialize(&written).map_err(|error| wrong(format!("can't be read: {error}")))?;
        match predicate::flaw(&criterion) {
            Some(flaw) => Err(wrong(format!("can't be used: {flaw}"))),
            None => Ok(criterion),
        }
    };
    written.into_iter().enumerate().map(read).collect()
}

/// Reads what must hold for a goal to be met: a list of criteria.
///
/// ```
/// let criteria = agentic_plan::read_criteria("
/// - {type: matches, pattern: '^[0-9]+$'}
/// - {type: near, value: 4200, tolerance: 0.5}
/// - {type: tool, tool: shell, arguments: {command: cargo test}, gives: {exit_code: 0}}
/// - {type: judged, rubric: It names all three cities.}
/// ")?;
/// assert_eq!(criteria.len(), 4);
/// # Ok::<(), agentic_plan::PlanFileError>(())
/// ```
///
/// # Errors
/// [`PlanFileError`].
pub fn read_criteria(text: &str) -> Result<Vec<Criterion>, PlanFileError> {
    criteria(yaml(text, "a list of criteria")?, "")
}

fn yaml<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, PlanFileError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let message = error.to_string().lines().next().unwrap_or_default().to_owned();
        let message = message.strip_prefix("error: ").map(str::to_owned).unwrap_or(message);
        PlanFileError::Form { what, message }
    })
}

/// Reads a plan that a person has written. JSON is YAML too.
///
/// ```
/// let plan = agentic_plan::read_plan("
/// goal: Pack for Oslo
/// tasks:
///   - {id: weather, description: Look up the weather in Oslo, tools: [weather]}
///   - id: pack
///     description: Write a packing list
///     inputs: {forecast: '{{weather.result}}'}
/// ")?;
/// assert_eq!(plan.next_tasks(), ["weather"]);
/// # Ok::<(), agentic_plan::PlanFileError>(())
/// ```
///
/// # Errors
/// [`PlanFileError`].
pub fn read_plan(text: &str) -> Result<Plan, PlanFileError> {
    let file: File = yaml(text, "the plan")?;
    let goal = match file.goal {
        Value::String(text) => Goal::new(text),
        whole => {
            let written = WrittenGoal::deserialize(&whole).map_err(|error| {
                let message =
                    format!("`goal`, which is a text or has the fields text, inputs and criteria: {error}");
                PlanFileError::Form { what: "the plan", message }
            })?;
            let mut goal = Goal::new(written.text);
            (goal.inputs, goal.criteria) = (written.inputs, criteria(written.criteria, "the goal")?);
            goal
        }
    };
    let tasks = file.tasks.into_iter().map(|written| written.task("")).collect::<Result<_, _>>()?;
    Ok(Plan::new(goal, tasks)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_have_the_fields_that_are_listed() {
        let all = [
            Criterion::Equals { value: 1.into() },
            Criterion::Matches { pattern: "x".into() },
            Criterion::Schema { schema: true.into() },
            Criterion::Near { value: 1.0, tolerance: 0.0 },
            Criterion::Answer { any_of: vec!["x".into()] },
            Criterion::Tool { tool: "t".into(), arguments: 1.into(), gives: 1.into() },
            Criterion::Judged { rubric: "x".into() },
        ];
        for (criterion, (kind, fields)) in all.iter().zip(FIELDS) {
            let written = serde_json::to_value(criterion).unwrap();
            let mut has: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
            has.retain(|name| *name != "type");
            let mut listed = fields.to_vec();
            has.sort_unstable();
            listed.sort_unstable();
            assert_eq!((written["type"].as_str(), has), (Some(kind), listed));
        }
    }
}
