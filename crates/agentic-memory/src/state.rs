//! What an agent knows of its work, in a form that survives it.

use agentic_core::{Goal, Json, Plan, Recalled, ToolResult};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// What an agent knows of its work: the goal, the plan, what it has noted, what tools gave, and what it remembered lately.
///
/// As JSON it comes back as it was ([`to_json`](Self::to_json), [`from_json`](Self::from_json)). It says in which format it
/// is written: this version reads all formats up to [`FORMAT`](Self::FORMAT), and refuses newer ones and parts that it does
/// not know, rather than to lose one. Within a part, such as the goal, it reads what the part's type knows.
///
/// # Examples
/// ```
/// use agentic_core::Goal;
/// use agentic_memory::AgentState;
///
/// let mut state = AgentState::new(Goal::new("Book a train to Oslo"));
/// state.update("seats", &2)?;
/// let again = AgentState::from_json(&state.to_json()?)?;
/// assert_eq!(again.get::<u32>("seats")?, Some(2));
/// # Ok::<_, agentic_memory::StateError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct AgentState {
    /// What is wanted.
    pub goal: Goal,
    /// How it is to be done, once there is a plan.
    pub plan: Option<Plan>,
    /// What tools gave, the oldest first.
    pub tool_results: Vec<ToolResult>,
    /// What was remembered lately.
    pub memories: Vec<Recalled>,
    context: Map<String, Value>,
}

/// The form in which a state is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u32,
    goal: Goal,
    plan: Option<Plan>,
    context: Map<String, Value>,
    tool_results: Vec<ToolResult>,
    memories: Vec<Recalled>,
}

/// Why a state can't be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateError {
    /// A newer version wrote it.
    #[error("the state has format {found}, this version reads up to {known}; use a newer one")]
    Newer {
        /// Its format.
        found: u64,
        /// The newest format that can be read.
        known: u32,
    },
    /// It is no state, or a part of it has another form.
    #[error("this is no state of an agent; look at where it came from")]
    Unreadable(#[source] serde_json::Error),
    /// What is noted under a name has another type, or has no JSON form.
    #[error("`{name}` in the agent's context has another type; ask for the one that was noted")]
    Context {
        /// The name.
        name: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

impl AgentState {
    /// The format in which states are written.
    pub const FORMAT: u32 = 1;

    /// The state of an agent that begins.
    pub fn new(goal: Goal) -> Self {
        Self { goal, ..Self::default() }
    }

    /// What is noted under a name; `None` if nothing is.
    ///
    /// # Errors
    /// [`StateError::Context`] if it has another type.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StateError> {
        let Some(value) = self.context.get(name) else { return Ok(None) };
        let read = T::deserialize(value).map(Some);
        read.map_err(|source| StateError::Context { name: name.to_owned(), source })
    }

    /// Notes something under a name, in place of what was there.
    ///
    /// # Errors
    /// [`StateError::Context`] if it has no JSON form; then nothing has changed.
    pub fn update<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), StateError> {
        let value = serde_json::to_value(value);
        let value = value.map_err(|source| StateError::Context { name: name.to_owned(), source })?;
        self.context.insert(name.to_owned(), value);
        Ok(())
    }

    /// Takes away what is noted under a name, and gives whether something was.
    pub fn remove(&mut self, name: &str) -> bool {
        self.context.remove(name).is_some()
    }

    /// The names under which something is noted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.context.keys().map(String::as_str)
    }

    /// The state as JSON.
    ///
    /// # Errors
    /// [`StateError::Unreadable`] if a part of it has no JSON form, such as a number that is none.
    pub fn to_json(&self) -> Result<Json, StateError> {
        let Self { goal, plan, tool_results, memories, context } = self.clone();
        let written = Written { format: Self::FORMAT, goal, plan, context, tool_results, memories };
        Json::of(&written).map_err(StateError::Unreadable)
    }

    /// The state that was written as this.
    ///
    /// # Errors
    /// [`StateError::Newer`], [`StateError::Unreadable`].
    pub fn from_json(json: &Json) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Format {
            format: u64,
        }
        // The format first: what a newer one has is not known.
        let Format { format } = json.read().map_err(StateError::Unreadable)?;
        if format > u64::from(Self::FORMAT) {
            return Err(StateError::Newer { found: format, known: Self::FORMAT });
        }
        let Written { goal, plan, context, tool_results, memories, .. } =
            json.read().map_err(StateError::Unreadable)?;
        Ok(Self { goal, plan, tool_results, memories, context })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::{MemoryEntry, MemoryKind, MemoryScope, Standing, Task, Timestamp};
    use serde_json::json;

    fn state() -> AgentState {
        let goal = Goal::new("Größe 🦀").with_input("n", 1);
        let tasks = vec![Task::new("a", "first", [""; 0]), Task::new("b", "then", ["a"])];
        let scope = MemoryScope::of_tenant("t").session("s");
        let entry = MemoryEntry::new(scope, MemoryKind::Fact, "it rains", Timestamp::from_millis(5));
        let entry = entry.importance(0.7).said_by("Anna").with("room", "kitchen");
        let mut state = AgentState::new(goal.clone());
        state.plan = Some(Plan::new(goal, tasks).unwrap());
        let (call_id, name, content) = ("1".into(), "look".into(), "a\nb".into());
        state.tool_results.push(ToolResult { call_id, name, content, is_error: true });
        state.memories.push(Recalled { id: "m".into(), entry, standing: Standing::default(), score: 0.25 });
        state.update("seats", &2).unwrap();
        state.update("names", &["a", "b"]).unwrap();
        state
    }

    #[test]
    fn all_of_it_comes_back() {
        let state = state();
        assert_eq!(AgentState::from_json(&state.to_json().unwrap()).unwrap(), state);
        let empty = AgentState::default();
        assert_eq!(AgentState::from_json(&empty.to_json().unwrap()).unwrap(), empty);
    }

    /// As the first version wrote it: it can be read for ever.
    #[test]
    fn format_1_is_read() {
        let text = r#"{"format":1,"goal":{"text":"go"},"plan":null,"context":{"n":1},
            "tool_results":[{"call_id":"1","name":"look","content":"x"}],"memories":[]}"#;
        let state = AgentState::from_json(&Json::parse(text).unwrap()).unwrap();
        assert_eq!((state.goal.text.as_str(), state.get::<u8>("n").unwrap()), ("go", Some(1)));
        assert_eq!(state.tool_results[0].content, "x");
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let mut value = state().to_json().unwrap().value();
        value["format"] = json!(2);
        value["goal"] = json!("another form");
        let error = AgentState::from_json(&Json::of(&value).unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "the state has format 2, this version reads up to 1; use a newer one");
        let mut value = state().to_json().unwrap().value();
        value["more"] = json!(1);
        for value in [value, json!({"format": 1}), json!({"goal": {"text": "x"}}), json!([]), json!(null)] {
            let read = AgentState::from_json(&Json::of(&value).unwrap());
            assert!(matches!(read, Err(StateError::Unreadable(_))), "{value}");
        }
    }

    #[test]
    fn what_is_noted_has_a_type() {
        let mut state = state();
        assert_eq!(state.get::<u32>("seats").unwrap(), Some(2));
        assert_eq!(state.get::<Vec<String>>("names").unwrap().unwrap(), ["a", "b"]);
        assert_eq!(state.get::<u32>("other").unwrap(), None);
        let error = state.get::<u32>("names").unwrap_err();
        assert!(error.to_string().contains("`names`"), "{error}");
        assert_eq!(state.names().count(), 2);
        assert!(state.remove("seats") && !state.remove("seats"));
    }
}
