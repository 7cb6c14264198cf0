//! One event a line, for programs.

use agentic::core::{Event, EventKind, EventSink, GoalVerdict, Spend};

use crate::exit::Failure;

/// Prints each event as one line of JSON.
#[derive(Debug)]
pub(crate) struct JsonLines;

impl EventSink for JsonLines {
    fn on_event(&self, event: &Event) {
        if let Ok(line) = serde_json::to_string(event) {
            super::result(&line);
        }
    }
}

/// The last line where there was no run: the same form, so that readers have one thing to look for.
pub(crate) fn failed_before_the_run(failure: &Failure) {
    let event = EventKind::RunFinished {
        status: failure.status(),
        reason: Some(failure.reason()),
        output: serde_json::Value::Null,
        goal: GoalVerdict::Unverified,
        usage: Spend::default(),
        error: Some(failure.message().to_owned()),
    };
    if let Ok(line) = serde_json::to_string(&event) {
        super::result(&line);
    }
}
