//! Plans that people write: YAML files.

use agentic_core::{Criterion, Goal, Plan, PlanError, Task};
use serde::Deserialize;
use serde_json::{Map, Value};

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
    #[error("criterion {number} {problem}")]
    Criterion {
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
    goal: Goals,
    tasks: Vec<Written>,
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
    criteria: Vec<Value>,
    retries: Option<u32>,
    #[serde(default)]
    subtasks: Vec<Written>,
}

impl TryFrom<Written> for Task {
    type Error = PlanFileError;

    fn try_from(written: Written) -> Result<Self, PlanFileError> {
        let mut task = Self::new(written.id, written.description, written.dependencies);
        (task.agent, task.tools, task.inputs) = (written.agent, written.tools, written.inputs);
        (task.criteria, task.retries) = (criteria(written.criteria)?, written.retries);
        let subtasks = written.subtasks.into_iter().map(Self::try_from);
        Ok(task.split(subtasks.collect::<Result<Vec<_>, _>>()?))
    }
}

/// A goal's text alone, or all that people say of one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Goals {
    Text(String),
    Whole(WrittenGoal),
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

/// Criteria as people write them: a field that there is not is a slip of the pen here too.
fn criteria(written: Vec<Value>) -> Result<Vec<Criterion>, PlanFileError> {
    let read = |(place, written): (usize, Value)| {
        let wrong = |problem: String| {
            // It may say what was written, line ends and all.
            let problem = problem.replace(char::is_control, " ");
            PlanFileError::Criterion { number: place + 1, problem }
        };
        let criterion =
            Criterion::deserialize(&written).map_err(|error| wrong(format!("can't be read: {error}")))?;
        let known = serde_json::to_value(&criterion).unwrap_or_default();
        let unknown = written.as_object().into_iter().flatten().find(|(name, _)| known.get(name).is_none());
        match unknown {
            Some((name, _)) => {
                Err(wrong(format!("has a field `{name}`, which criteria like it do not have")))
            }
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
    criteria(yaml(text, "a list of criteria")?)
}

fn yaml<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, PlanFileError> {
    serde_saphyr::from_str(text).map_err(|error| {
        let message = error.to_string().lines().next().unwrap_or_default().to_owned();
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
        Goals::Text(text) => Goal::new(text),
        Goals::Whole(written) => {
            let mut goal = Goal::new(written.text);
            (goal.inputs, goal.criteria) = (written.inputs, criteria(written.criteria)?);
            goal
        }
    };
    let tasks = file.tasks.into_iter().map(Task::try_from).collect::<Result<_, _>>()?;
    Ok(Plan::new(goal, tasks)?)
}
