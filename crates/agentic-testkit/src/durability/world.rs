//! What lies outside of a process and survives it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolSpec, async_trait};
use serde_json::{Value, json};

/// Something that an effect did to a [`World`].
#[derive(Clone, Debug, PartialEq)]
pub struct Deed {
    /// The tool or effect.
    pub name: String,
    /// What kind of effect it is.
    pub class: EffectClass,
    /// The idempotency key.
    pub key: String,
    /// The arguments.
    pub arguments: Value,
}

/// What lies outside of a process and survives it: it keeps what was done to it, and counts every attempt.
///
/// It is as good as the classes of its effects promise: a second call with the same key changes nothing for `keyed`
/// effects, a second one with the same arguments changes nothing for `idempotent` ones, and of `checkable` ones it can
/// say whether they were done.
#[derive(Clone, Debug, Default)]
pub struct World {
    state: Arc<Mutex<State>>,
    /// Whether the process that holds this is alive, if that is known.
    alive: Option<Arc<AtomicBool>>,
}

#[derive(Debug, Default)]
struct State {
    deeds: Vec<Deed>,
    attempts: u64,
}

impl World {
    /// A world in which nothing was done.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same world for a process: once that is not alive any more, it does nothing.
    pub fn of_process(&self, alive: Arc<AtomicBool>) -> Self {
        Self { state: self.state.clone(), alive: Some(alive) }
    }

    fn is_out_of_reach(&self) -> bool {
        self.alive.as_ref().is_some_and(|alive| !alive.load(Ordering::Acquire))
    }

    /// A tool that takes any arguments, works for some milliseconds, does a deed, works for some more and gives
    /// `{"did": NAME, "with": ARGUMENTS}`.
    pub fn tool(&self, name: &str, class: EffectClass) -> Arc<dyn Tool> {
        let spec = ToolSpec::new(name, "does a deed", json!({"type": "object"}));
        Arc::new(Worker { spec: Arc::new(spec), class, world: self.clone() })
    }

    /// A tool that reads, and whose answer is another one each time: `{"said": NUMBER}`.
    pub fn oracle(&self, name: &str) -> Arc<dyn Tool> {
        let spec = ToolSpec::new(name, "says something else each time", json!({"type": "object"}));
        Arc::new(Oracle { spec: Arc::new(spec), world: self.clone() })
    }

    /// Does a deed, for effects of an agent's own.
    pub fn does(&self, name: &str, class: EffectClass, key: &str, arguments: &Value) {
        if self.is_out_of_reach() {
            return;
        }
        let mut state = self.state();
        state.attempts += 1;
        let again = |deed: &Deed| match class {
            EffectClass::Pure => true,
            EffectClass::Idempotent => deed.name == name && deed.arguments == *arguments,
            EffectClass::Keyed => deed.key == key,
            EffectClass::Checkable | EffectClass::Unsafe => false,
        };
        if class != EffectClass::Pure && !state.deeds.iter().any(again) {
            let (name, key, arguments) = (name.into(), key.into(), arguments.clone());
            state.deeds.push(Deed { name, class, key, arguments });
        }
    }

    /// What was done to it, sorted.
    pub fn deeds(&self) -> Vec<Deed> {
        let mut deeds = self.state().deeds.clone();
        deeds.sort_by(|one, other| (&one.key, &one.name).cmp(&(&other.key, &other.name)));
        deeds
    }

    /// How often something was attempted, reading included.
    pub fn attempts(&self) -> u64 {
        self.state().attempts
    }

    /// What the tool that did this gave.
    pub fn result_of(&self, key: &str) -> Option<Value> {
        let state = self.state();
        let deed = state.deeds.iter().find(|deed| deed.key == key)?;
        Some(result(&deed.name, &deed.arguments))
    }
}

fn result(name: &str, arguments: &Value) -> Value {
    json!({"did": name, "with": arguments})
}

#[derive(Debug)]
struct Oracle {
    spec: Arc<ToolSpec>,
    world: World,
}

#[async_trait]
impl Tool for Oracle {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, arguments: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        self.world.does(&self.spec.name, EffectClass::Pure, &ecx.key(), &arguments);
        ecx.sleep(Duration::from_millis(1 + ecx.random() % 10)).await;
        Ok(json!({"said": ecx.random()}))
    }
}

#[derive(Debug)]
struct Worker {
    spec: Arc<ToolSpec>,
    class: EffectClass,
    world: World,
}

#[async_trait]
impl Tool for Worker {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        self.class
    }

    async fn call(&self, arguments: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        let some = || Duration::from_millis(1 + ecx.random() % 10);
        ecx.sleep(some()).await;
        self.world.does(&self.spec.name, self.class, &ecx.key(), &arguments);
        ecx.sleep(some()).await;
        Ok(result(&self.spec.name, &arguments))
    }

    async fn check(&self, _: &Value, ecx: EffectContext) -> Result<Option<Value>, ToolError> {
        Ok(self.world.result_of(&ecx.key()))
    }
}
