//! Runs as spans of `tracing`, named and described as OpenTelemetry's conventions for generative AI want it.

mod content;
mod failure;
mod run;
mod span;
mod step;
mod tell;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentic_core::{Event, EventKind, EventSink, Reason, RunId};

use self::run::RunSpans;

/// The most runs that are kept of which nobody said that this process works on them.
const UNTAKEN: usize = 1024;

/// Turns the events of runs into spans and events of [`tracing`], with the names and attributes of OpenTelemetry's
/// [conventions for generative AI](https://opentelemetry.io/docs/specs/semconv/gen-ai/). Where they go is the
/// program's choice: it sets up a subscriber.
///
/// There is a span for the run, for each nested agent, and for each step, all with the target `agentic` and the level
/// `INFO`. What happens within one of them (a restart, a refusal, a note) is an event of it. Fields beyond the
/// conventions begin with `agentic.`. The guide `docs/guides/observability.md` has them all.
///
/// **Content is off.** Prompts, answers, arguments, results, the goal, notes and the text of errors stay out, unless
/// [`with_content`](Self::with_content) lets them in: names, ids, kinds, numbers and times are all that is told.
///
/// A run's span is a child of the span that is current where the process begins to work on it. A span measures the time
/// between two events as this process gets to know them; when it was by the run's own clock stands in
/// `agentic.started_at` and `agentic.ended_at`, in milliseconds since 1970.
///
/// A run has one span for each time that a process works on it. Events come once, so each outcome of a step is in one
/// span: a step that began in an earlier process gets its span when it starts again or ends here. What is open when the
/// process releases the run ends with `agentic.outcome = "open"`. Spans of a process that crashes are lost with it.
///
/// What is kept goes when its run is [released](EventSink::on_release) or ends.
#[derive(Debug, Default)]
pub struct TracingSink {
    content: bool,
    runs: Mutex<Runs>,
}

/// The runs that are at work.
#[derive(Debug, Default)]
struct Runs {
    known: HashMap<RunId, Arc<Mutex<RunSpans>>>,
    /// Of these nobody said that this process works on them, so nobody may say when it stops. The oldest go first.
    untaken: VecDeque<RunId>,
}

impl TracingSink {
    /// A sink that keeps content out.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same sink, but it also tells what is said: goals, answers, arguments, results, notes and the text of
    /// errors. That may be personal, secret and large; look first at who can read what is exported.
    #[must_use]
    pub fn with_content(mut self) -> Self {
        self.content = true;
        self
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The spans of an event's run. Only what begins something makes new ones: what comes late must not.
    fn spans(&self, event: &Event) -> Option<Arc<Mutex<RunSpans>>> {
        let mut runs = self.runs();
        if let Some(spans) = runs.known.get(&event.run) {
            return Some(spans.clone());
        }
        match event.kind {
            EventKind::RunStarted { .. }
            | EventKind::RunResumed { .. }
            | EventKind::AgentStarted { .. }
            | EventKind::AgentFinished { .. }
            | EventKind::StepStarted { .. }
            | EventKind::StepRestarted { .. }
            | EventKind::StepFinished { .. }
            | EventKind::ApprovalRequested { .. }
            | EventKind::ApprovalDecided { .. } => Some(runs.untaken(event.run, self.content)),
            _ => None,
        }
    }
}

impl Runs {
    fn untaken(&mut self, run: RunId, content: bool) -> Arc<Mutex<RunSpans>> {
        self.untaken.push_back(run);
        if self.untaken.len() > UNTAKEN
            && let Some(oldest) = self.untaken.pop_front()
        {
            self.known.remove(&oldest);
        }
        let spans = Arc::new(Mutex::new(RunSpans::new(run, content)));
        self.known.insert(run, spans.clone());
        spans
    }
}

fn locked(spans: &Mutex<RunSpans>) -> MutexGuard<'_, RunSpans> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}

impl EventSink for TracingSink {
    fn on_event(&self, event: &Event) {
        match self.spans(event) {
            Some(spans) => locked(&spans).on_event(event),
            // Nobody works on the run here.
            None => RunSpans::new(event.run, self.content).tell(event),
        }
        if let EventKind::RunFinished { .. } = event.kind {
            let ended = self.runs().known.remove(&event.run);
            drop(ended);
        }
    }

    fn on_take(&self, run: RunId, agent: Option<&str>) {
        let spans = {
            let mut runs = self.runs();
            runs.untaken.retain(|untaken| *untaken != run);
            let content = self.content;
            runs.known.entry(run).or_insert_with(|| Arc::new(Mutex::new(RunSpans::new(run, content)))).clone()
        };
        locked(&spans).take(agent);
    }

    fn on_release(&self, run: RunId, reason: Option<Reason>) {
        let released = self.runs().known.remove(&run);
        if let Some(spans) = released {
            locked(&spans).release(reason);
        }
    }
}

#[cfg(test)]
mod tests;
