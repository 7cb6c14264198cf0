//! Plans that people write: YAML files.

mod criteria;
mod told;

use std::collections::BTreeSet;
use std::fmt;

use agentic_core::{Criterion, Goal, Plan, PlanError, Task, TaskStatus};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use serde_path_to_error::Track;

use self::criteria::criteria;

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

impl PlanFileError {
    /// The plan is well-formed, and says what no plan in a file says.
    fn of_plan(message: String) -> Self {
        Self::Form { what: PLAN, message: one_line(&message) }
    }
}

const PLAN: &str = "the plan";

/// What somebody wrote may have line ends and the like in it; what is said of it has none.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}'), " ")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    goal: WrittenGoal,
    tasks: Vec<Written>,
    /// A plan that was written down as JSON is a file too.
    version: Option<u32>,
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
        let wrong = |what: String| Err(PlanFileError::of_plan(what));
        if self.status != TaskStatus::Pending {
            return wrong(format!(
                "task `{path}` is not pending; leave its status out, as a plan in a file begins anew"
            ));
        }
        if let Some(reference) = reference_in(&self.description) {
            return wrong(format!(
                "the description of task `{path}` has the reference {reference}, which only inputs can have; give the task an \
                 input with it, as {{what: '{reference}'}}, and call it by its name"
            ));
        }
        for (key, names) in [("dependencies", Some(&self.dependencies)), ("tools", self.tools.as_ref())] {
            if let Some(name) = names.and_then(|names| repeated(names)) {
                return wrong(format!("task `{path}` names `{name}` twice in its `{key}`; leave one out"));
            }
        }
        let mut task = Task::new(self.id, self.description, self.dependencies);
        (task.agent, task.tools, task.inputs) = (self.agent, self.tools, self.inputs);
        let of = format!("task `{}`", one_line(&path));
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

/// The first name that stands there before.
fn repeated(names: &[String]) -> Option<&String> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !seen.insert(*name))
}

/// A goal as people write it: a text, or more than that.
enum WrittenGoal {
    Text(String),
    Whole(WholeGoal),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WholeGoal {
    text: String,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    criteria: Vec<Value>,
}

impl<'de> Deserialize<'de> for WrittenGoal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;

        impl<'de> Visitor<'de> for Reads {
            type Value = WrittenGoal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a goal")
            }

            fn visit_str<E>(self, text: &str) -> Result<WrittenGoal, E> {
                Ok(WrittenGoal::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<WrittenGoal, A::Error> {
                WholeGoal::deserialize(MapAccessDeserializer::new(fields)).map(WrittenGoal::Whole)
            }
        }

        deserializer.deserialize_any(Reads)
    }
}

impl WrittenGoal {
    fn goal(self) -> Result<Goal, PlanFileError> {
        let WholeGoal { text, inputs, criteria: written } = match self {
            Self::Text(text) => return Ok(Goal::new(text)),
            Self::Whole(whole) => whole,
        };
        let mut goal = Goal::new(text);
        (goal.inputs, goal.criteria) = (inputs, criteria(written, "the goal")?);
        Ok(goal)
    }
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
    criteria(yaml(text, "a list of criteria", told::CRITERIA)?, "")
}

/// Reads a text, which has to be this.
fn yaml<T>(text: &str, what: &'static str, whole: &str) -> Result<T, PlanFileError>
where
    T: for<'de> Deserialize<'de>,
{
    let mut track = Track::new();
    let read = serde_saphyr::with_deserializer_from_str(text, |deserializer| {
        T::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track))
    });
    read.map_err(|error| {
        let message = one_line(&told::told(&error, &track.path(), text, whole));
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
    let file: File = yaml(text, PLAN, told::PLAN)?;
    if let Some(version) = file.version.filter(|version| *version != 1) {
        return Err(PlanFileError::of_plan(format!(
            "it is of version {version}; leave its version out, as a plan in a file begins anew, with 1"
        )));
    }
    let tasks = file.tasks.into_iter().map(|written| written.task("")).collect::<Result<_, _>>()?;
    Ok(Plan::new(file.goal.goal()?, tasks)?)
}
