//! Goals that are met by what was done, not by what is said: settings that have to be changed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentic_core::{
    Criterion, EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolSpec, async_trait,
};
use fastrand::Rng;
use serde_json::{Value, json};

use super::case::{Turn, Wanted, Way, any};

/// What was done to the settings.
#[derive(Clone, Debug)]
enum Done {
    Set(String, Value),
    Commit,
}

#[derive(Debug, Default)]
struct State {
    kept: BTreeMap<String, Value>,
    /// Set, but not committed.
    open: BTreeMap<String, Value>,
    log: Vec<Done>,
}

/// Settings that are kept once they are committed. Those whose names begin with `locked.` can't be set.
#[derive(Clone, Debug)]
pub(super) struct Store(Arc<Mutex<State>>);

impl Store {
    pub(super) fn new(stored: &[(String, Value)]) -> Self {
        let kept = stored.iter().cloned().collect();
        Self(Arc::new(Mutex::new(State { kept, ..State::default() })))
    }

    /// `get`, `set` or `commit`.
    pub(super) fn tool(&self, name: &'static str) -> Arc<dyn Tool> {
        let key = json!({"type": "string"});
        let (does, parameters) = match name {
            "get" => (
                "Gives a setting that is committed.",
                json!({"properties": {"key": key}, "required": ["key"]}),
            ),
            "set" => (
                "Sets a setting, once it is committed.",
                json!({"properties": {"key": key, "value": {}}, "required": ["key", "value"]}),
            ),
            _ => ("Commits what was set since the last time.", json!({"properties": {}})),
        };
        let mut parameters = parameters;
        parameters["type"] = json!("object");
        Arc::new(Access { spec: Arc::new(ToolSpec::new(name, does, parameters)), name, store: self.clone() })
    }

    /// What a setting came to be, by the log alone: the last that was set before the last commit.
    fn became(&self, key: &str) -> Option<Value> {
        let state = self.state();
        let last = state.log.iter().rposition(|done| matches!(done, Done::Commit))?;
        state.log[..last].iter().rev().find_map(|done| match done {
            Done::Set(name, value) if name == key => Some(value.clone()),
            _ => None,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct Access {
    spec: Arc<ToolSpec>,
    name: &'static str,
    store: Store,
}

#[async_trait]
impl Tool for Access {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        if self.name == "get" { EffectClass::Pure } else { EffectClass::Idempotent }
    }

    async fn call(&self, arguments: Value, _: EffectContext) -> Result<Value, ToolError> {
        let key = arguments["key"].as_str().unwrap_or_default().to_owned();
        let mut state = self.store.state();
        match self.name {
            "get" => match state.kept.get(&key) {
                Some(value) => Ok(json!({"key": key, "value": value})),
                None => Err(ToolError::new(ToolErrorKind::NotFound, format!("there is no setting `{key}`"))),
            },
            "set" if key.starts_with("locked.") => Err(ToolError::failed(format!("`{key}` is locked"))),
            "set" => {
                let value = arguments["value"].clone();
                state.log.push(Done::Set(key.clone(), value.clone()));
                state.open.insert(key, value);
                Ok(json!("set"))
            }
            _ => {
                state.log.push(Done::Commit);
                let open = std::mem::take(&mut state.open);
                state.kept.extend(open);
                Ok(json!("committed"))
            }
        }
    }
}

fn set(key: &str, value: impl Into<Value>) -> Turn {
    Turn::Calls("set", json!({"key": key, "value": value.into()}))
}

fn get(key: &str) -> Turn {
    Turn::Calls("get", json!({ "key": key }))
}

fn commit() -> Turn {
    Turn::Calls("commit", json!({}))
}

fn is(key: &str, value: impl Into<Value>) -> Criterion {
    let gives = json!({"value": value.into()});
    Criterion::Tool { tool: "get".into(), arguments: json!({ "key": key }), gives }
}

/// One setting has to be changed.
pub(super) fn setting(rng: &mut Rng) -> Wanted {
    let name = *any(rng, &["request", "login", "upload", "backup"]);
    let (key, sibling, locked) =
        (format!("{name}.timeout"), format!("{name}.retry_timeout"), format!("locked.{name}.timeout"));
    let before = rng.i64(5..50);
    let wanted = before + rng.i64(3..60);
    let done = Turn::Says(format!("Done, `{key}` is {wanted} seconds now."));
    let way = |how: &'static str, turns: Vec<Turn>| -> Way {
        (how, turns.into_iter().chain([done.clone()]).collect())
    };
    let meet = vec![
        way("set and committed", vec![set(&key, wanted), commit()]),
        way("looked at first, and afterwards", vec![get(&key), set(&key, wanted), commit(), get(&key)]),
        way("wrong at first", vec![set(&key, wanted * 1_000), commit(), set(&key, wanted), commit()]),
        way("another one besides", vec![set(&sibling, 9), set(&key, wanted), commit()]),
        way("mended before it is committed", vec![set(&key, before), set(&key, wanted), commit()]),
        way("with a point", vec![set(&key, wanted as f64), commit()]),
        way("the locked one tried first", vec![set(&locked, wanted), set(&key, wanted), commit()]),
    ];
    let miss = vec![
        way("nothing done", vec![]),
        way("only looked at", vec![get(&key)]),
        way("not committed", vec![set(&key, wanted)]),
        way("committed too early", vec![commit(), set(&key, wanted)]),
        way("in milliseconds", vec![set(&key, wanted * 1_000), commit()]),
        way("one off", vec![set(&key, wanted + 1), commit()]),
        way("as text", vec![set(&key, wanted.to_string()), commit()]),
        way("another setting", vec![set(&sibling, wanted), commit()]),
        way("set back again", vec![set(&key, wanted), commit(), set(&key, before), commit()]),
        way("one that is locked", vec![set(&locked, wanted), commit()]),
        way("to what it was", vec![set(&key, before), commit()]),
    ];
    let stored = vec![(key.clone(), json!(before)), (sibling, json!(wanted - 1)), (locked, json!(1))];
    Wanted {
        text: format!("Change the setting `{key}` to {wanted} seconds, a number."),
        inputs: json!({}),
        criteria: vec![is(&key, wanted)],
        stored,
        meet,
        miss,
        truth: Box::new(move |_, store| {
            store.became(&key).is_some_and(|value| value.as_f64() == Some(wanted as f64))
        }),
    }
}

/// Two settings have to be changed, so that nothing is lost between them.
pub(super) fn transfer(rng: &mut Rng) -> Wanted {
    let (from, to) = *any(rng, &[("stock.north", "stock.south"), ("seats.early", "seats.late")]);
    let (had, has) = (rng.i64(20..90), rng.i64(5..40));
    let moved = rng.i64(2..15);
    let (less, more) = (had - moved, has + moved);
    let done = Turn::Says(format!("Done: {moved} moved from `{from}` to `{to}`."));
    let way = |how: &'static str, turns: Vec<Turn>| -> Way {
        (how, turns.into_iter().chain([done.clone()]).collect())
    };
    let meet = vec![
        way("both at once", vec![set(from, less), set(to, more), commit()]),
        way("one after the other", vec![set(from, less), commit(), set(to, more), commit()]),
        way("the other way round", vec![get(to), get(from), set(to, more), set(from, less), commit()]),
    ];
    let miss = vec![
        way("taken, not given", vec![set(from, less), commit()]),
        way("given, not taken", vec![set(to, more), commit()]),
        way("the second one not committed", vec![set(from, less), commit(), set(to, more)]),
        way("the wrong way", vec![set(from, had + moved), set(to, has - moved), commit()]),
        way("one lost on the way", vec![set(from, less), set(to, more - 1), commit()]),
        way("moved twice", vec![set(from, less - moved), set(to, more + moved), commit()]),
        way("swapped", vec![set(from, more), set(to, less), commit()]),
        way("only looked at", vec![get(from), get(to)]),
    ];
    let mut miss = miss;
    // Then it would be right by chance.
    miss.retain(|(how, _)| *how != "swapped" || less != more);
    Wanted {
        text: format!("Move {moved} from `{from}` to `{to}`: both are settings with numbers."),
        inputs: json!({}),
        criteria: vec![is(from, less), is(to, more)],
        stored: vec![(from.into(), json!(had)), (to.into(), json!(has))],
        meet,
        miss,
        truth: Box::new(move |_, store| {
            let number = |key| store.became(key).as_ref().and_then(Value::as_i64);
            match (number(from), number(to)) {
                (Some(left), Some(there)) => had - left == moved && left + there == had + has,
                _ => false,
            }
        }),
    }
}
