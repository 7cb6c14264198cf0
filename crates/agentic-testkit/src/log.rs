//! Keeps the events of a run.

use std::sync::{Mutex, PoisonError};

use agentic_core::{Event, EventKind, EventSink};

/// Keeps every event that it gets.
#[derive(Debug, Default)]
pub struct EventLog(Mutex<Vec<Event>>);

impl EventLog {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The kinds of the events so far.
    pub fn kinds(&self) -> Vec<EventKind> {
        self.events().into_iter().map(|event| event.kind).collect()
    }

    /// Panics unless the events' numbers run from 1 without gaps.
    pub fn assert_gap_free(&self) {
        let numbers: Vec<_> = self.events().iter().filter_map(|event| event.seq).collect();
        let expected: Vec<_> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, expected, "event numbers have gaps");
    }
}

impl EventSink for EventLog {
    fn on_event(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}
