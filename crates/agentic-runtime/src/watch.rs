//! Whoever watches a run: numbers its events and hands them on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentic_core::{DeltaSink, Event, EventKind, EventSink, ModelDelta, RunId, Sources, StepId, StepKind};

/// Numbers the events of one run.
#[derive(Debug)]
pub(crate) struct Watch {
    run: RunId,
    sources: Arc<dyn Sources>,
    sink: Option<Arc<dyn EventSink>>,
    // Held while the sink is called, so that events reach it in their order.
    told: Mutex<Told>,
}

/// What was told so far.
#[derive(Debug, Default)]
struct Told {
    /// The number of the last event.
    last: u64,
    /// Model calls of which the start was told, and the end was not.
    open: Vec<StepId>,
}

impl Told {
    fn note(&mut self, kind: &EventKind) {
        self.last += 1;
        match kind {
            EventKind::StepStarted { step, kind: StepKind::Model, .. } => self.open.push(step.clone()),
            EventKind::StepFinished { step, .. } | EventKind::StepDropped { step, .. } => {
                self.open.retain(|open| open != step);
            }
            _ => {}
        }
    }
}

impl Watch {
    pub(crate) fn new(run: RunId, sources: Arc<dyn Sources>, sink: Option<Arc<dyn EventSink>>) -> Self {
        Self { run, sources, sink, told: Mutex::default() }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.sink.is_some()
    }

    /// Publishes an event; it is made only if there is somebody to see it.
    pub(crate) fn emit(&self, scope: &str, kind: impl FnOnce() -> EventKind) {
        let Some(sink) = &self.sink else { return };
        // Values and sinks are others' code: what panics there must not take the run with it.
        let Ok(kind) = catch_unwind(AssertUnwindSafe(kind)) else { return };
        let mut told = self.told();
        told.note(&kind);
        let (run, at) = (self.run, self.sources.now());
        tell(&**sink, &Event { run, seq: Some(told.last), at, scope: scope.into(), kind });
    }

    /// Takes the deltas of one step.
    pub(crate) fn deltas(self: &Arc<Self>, step: &StepId) -> Option<Arc<dyn DeltaSink>> {
        self.sink.as_ref()?;
        Some(Arc::new(StepDeltas { watch: self.clone(), step: step.clone() }))
    }
}

fn tell(sink: &dyn EventSink, event: &Event) {
    let _ = catch_unwind(AssertUnwindSafe(|| sink.on_event(event)));
}

#[derive(Debug)]
struct StepDeltas {
    watch: Arc<Watch>,
    step: StepId,
}

impl DeltaSink for StepDeltas {
    fn delta(&self, attempt: u32, index: u32, delta: ModelDelta) {
        let Some(sink) = &self.watch.sink else { return };
        let kind = EventKind::StepDelta { step: self.step.clone(), attempt, index, delta };
        let told = self.watch.told();
        // A call that was cut off may have more to say until it notices.
        if !told.open.contains(&self.step) {
            return;
        }
        let (run, at) = (self.watch.run, self.watch.sources.now());
        tell(&**sink, &Event { run, seq: None, at, scope: self.step.scope().into(), kind });
    }
}
