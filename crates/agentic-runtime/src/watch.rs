//! Whoever watches a run: numbers its events and hands them on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use agentic_core::{DeltaSink, Event, EventKind, EventSink, ModelDelta, RunId, Sources, StepId};

/// Numbers the events of one run.
#[derive(Debug)]
pub(crate) struct Watch {
    run: RunId,
    sources: Arc<dyn Sources>,
    sink: Option<Arc<dyn EventSink>>,
    // Held while the sink is called, so that events reach it in their order.
    last: Mutex<u64>,
}

impl Watch {
    pub(crate) fn new(run: RunId, sources: Arc<dyn Sources>, sink: Option<Arc<dyn EventSink>>) -> Self {
        Self { run, sources, sink, last: Mutex::new(0) }
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.sink.is_some()
    }

    /// Publishes an event; it is made only if there is somebody to see it.
    pub(crate) fn emit(&self, scope: &str, kind: impl FnOnce() -> EventKind) {
        let Some(sink) = &self.sink else { return };
        // Values and sinks are others' code: what panics there must not take the run with it.
        let Ok(kind) = catch_unwind(AssertUnwindSafe(kind)) else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        let (run, at) = (self.run, self.sources.now());
        tell(&**sink, &Event { run, seq: Some(*last), at, scope: scope.into(), kind });
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
        let _order = self.watch.last.lock().unwrap_or_else(PoisonError::into_inner);
        let (run, at) = (self.watch.run, self.watch.sources.now());
        tell(&**sink, &Event { run, seq: None, at, scope: self.step.scope().into(), kind });
    }
}
