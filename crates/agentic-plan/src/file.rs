//! Plans that people write: YAML files.

use agentic_core::{Criterion, Goal, Plan, PlanError, Task};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Why a text is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanFileError {
    /// It is no YAML, or has other fields than a plan.
    #[error("the plan can't be read: {message}")]
    Form {
        /// What is wrong, and where.
        message: String,
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
    #[serde(default)]
    tools: Vec<String>,
    #[serde(default)]
    inputs: Map<String, Value>,
    #[serde(default)]
    criteria: Vec<Criterion>,
    retries: Option<u32>,
    #[serde(default)]
    subtasks: Vec<Written>,
}

impl From<Written> for Task {
    fn from(written: Written) -> Self {
        let mut task = Self::new(written.id, written.description, written.dependencies);
        (task.agent, task.tools, task.inputs) = (written.agent, written.tools, written.inputs);
        (task.criteria, task.retries) = (written.criteria, written.retries);
        task.split(written.subtasks.into_iter().map(Self::from))
    }
}

/// A goal's text alone, or all of it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Goals {
    Text(String),
    Whole(Goal),
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
    let file: File = serde_saphyr::from_str(text).map_err(|error| {
        let message = error.to_string().lines().next().unwrap_or_default().to_owned();
        PlanFileError::Form { message }
    })?;
    let goal = match file.goal {
        Goals::Text(text) => Goal::new(text),
        Goals::Whole(goal) => goal,
    };
    Ok(Plan::new(goal, file.tasks.into_iter().map(Task::from).collect())?)
}
