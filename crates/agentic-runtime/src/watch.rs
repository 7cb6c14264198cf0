//! Whoever watches a run: hands its events on, in their order.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentic_core::{
    DeltaSink, Event, EventKind, EventSink, ModelDelta, Reason, RunId, Sources, StepId, StepKind,
};

use crate::journal::{Entry, EntryKind, Seq};

/// Tells the events of one run.
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
    last: Seq,
    /// Model calls that are at work.
    streams: HashMap<StepId, Stream>,
    /// Whether it was told that this process works on the run.
    taken: bool,
}

/// The pieces of one answer.
#[derive(Debug)]
enum Stream {
    /// The call's start was not yet told: what comes is kept.
    Kept(Vec<Event>),
    /// The start was told.
    Open,
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

    /// Tells that this process works on the run from now on, until this is [released](Self::release) or dropped.
    pub(crate) fn take(&self, agent: Option<&str>) {
        let Some(sink) = &self.sink else { return };
        let mut told = self.told();
        told.taken = true;
        let _ = catch_unwind(AssertUnwindSafe(|| sink.on_take(self.run, agent)));
    }

    /// Tells that this process works on the run no more.
    pub(crate) fn release(&self, reason: Option<Reason>) {
        let Some(sink) = &self.sink else { return };
        let mut told = self.told();
        if std::mem::take(&mut told.taken) {
            let _ = catch_unwind(AssertUnwindSafe(|| sink.on_release(self.run, reason)));
        }
    }

    /// Tells something that is not recorded; it is made only if there is somebody to see it.
    pub(crate) fn tell(&self, kind: impl FnOnce() -> EntryKind) {
        let Some(sink) = &self.sink else { return };
        // Values and sinks are others' code: what panics there must not take the run with it.
        let Ok(kind) = catch_unwind(AssertUnwindSafe(kind)) else { return };
        let mut told = self.told();
        let (seq, at) = (told.last.next(), self.sources.now());
        told.tell(&**sink, self.run, &Entry { seq, at, kind });
    }

    /// Tells an entry that is durable.
    pub(crate) fn publish(&self, entry: &Entry) {
        if let Some(sink) = &self.sink {
            self.told().tell(&**sink, self.run, entry);
        }
    }

    /// Takes the deltas of a step that begins.
    pub(crate) fn deltas(self: &Arc<Self>, step: &StepId) -> Option<Arc<dyn DeltaSink>> {
        self.sink.as_ref()?;
        self.told().streams.entry(step.clone()).or_insert_with(|| Stream::Kept(Vec::new()));
        Some(Arc::new(StepDeltas { watch: self.clone(), step: step.clone() }))
    }
}

/// A run that nobody holds any more is not worked on, however that came.
impl Drop for Watch {
    fn drop(&mut self) {
        self.release(None);
    }
}

impl Told {
    fn tell(&mut self, sink: &dyn EventSink, run: RunId, entry: &Entry) {
        self.last = entry.seq;
        let event = entry.event(run);
        tell(sink, &event);
        match event.kind {
            EventKind::StepStarted { step, kind: StepKind::Model, .. }
            | EventKind::StepRestarted { step, .. } => {
                if let Some(Stream::Kept(kept)) = self.streams.insert(step, Stream::Open) {
                    kept.iter().for_each(|delta| tell(sink, delta));
                }
            }
            EventKind::StepFinished { step, .. } | EventKind::StepDropped { step, .. } => {
                self.streams.remove(&step);
            }
            _ => {}
        }
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
        let mut told = self.watch.told();
        let (run, at) = (self.watch.run, self.watch.sources.now());
        let event = Event { run, seq: None, at, scope: self.step.scope().into(), kind };
        match told.streams.get_mut(&self.step) {
            Some(Stream::Open) => tell(&**sink, &event),
            Some(Stream::Kept(kept)) => kept.push(event),
            // A call that was cut off may have more to say until it notices.
            None => {}
        }
    }
}
