//! Agents made of a closure, and effects to watch.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{Agent, AgentError, Goal, Outcome, RunContext, Spend, StepError, async_trait};
use agentic_core::{EffectClass, Step};
use agentic_runtime::Ephemeral;
use agentic_testkit::{EventLog, FakeSources};
use futures_util::future::BoxFuture;

type Body = dyn Fn(RunContext) -> BoxFuture<'static, Result<String, StepError>> + Send + Sync;

/// An agent that is a closure.
pub(crate) struct Scripted(pub(crate) Box<Body>);

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl Agent for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        Ok(Outcome::new((self.0)(cx.clone()).await?, Spend::default()))
    }
}

pub(crate) fn agent<F>(body: impl Fn(RunContext) -> F + Send + Sync + 'static) -> Scripted
where
    F: Future<Output = Result<String, StepError>> + Send + 'static,
{
    Scripted(Box::new(move |cx| Box::pin(body(cx))))
}

/// A run with fake time and a log of its events.
pub(crate) fn run() -> (Ephemeral, Arc<EventLog>) {
    let log = Arc::new(EventLog::new());
    (Ephemeral::new().sources(FakeSources::seeded(1)).events(log.clone()), log)
}

/// What effects did, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub(crate) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// An effect that takes `ms` and notes its start and its end.
pub(crate) fn slow(
    cx: &RunContext,
    trace: &Trace,
    name: &'static str,
    class: EffectClass,
    ms: u64,
) -> Step<String> {
    let trace = trace.clone();
    cx.effect(name, class, name, move |ecx| async move {
        trace.note(format!("{name} starts"));
        ecx.sleep(Duration::from_millis(ms)).await;
        trace.note(format!("{name} ends"));
        Ok::<_, String>(name.to_owned())
    })
}
