//! One event a line, for programs.

use std::sync::atomic::{AtomicBool, Ordering};

use agentic::core::{Event, EventKind, EventSink, GoalVerdict, Spend};
use agentic::runtime::RunReport;
use serde::Serialize;

use crate::exit::Failure;

/// Prints each event as one line of JSON.
#[derive(Debug, Default)]
pub(crate) struct JsonLines {
    ended: AtomicBool,
}

impl JsonLines {
    /// Whether the end of the run was told.
    pub(crate) fn has_told_the_end(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl EventSink for JsonLines {
    fn on_event(&self, event: &Event) {
        json_line(event);
        if matches!(event.kind, EventKind::RunFinished { .. }) {
            self.ended.store(true, Ordering::Release);
        }
    }
}

/// A value as one line.
pub(crate) fn json_line(value: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(value) {
        super::result(&line);
    }
}

/// The last line where a run that is told in no events has failed.
pub(crate) fn failed(report: &RunReport) {
    json_line(&EventKind::RunFinished {
        status: report.status,
        reason: report.reason,
        output: serde_json::Value::Null,
        goal: report.verdict(),
        evidence: Vec::new(),
        usage: report.spend,
        error: report.result.as_ref().err().map(ToString::to_string),
    });
}

/// The last line where there was no run: the same form, so that readers have one thing to look for.
pub(crate) fn failed_before_the_run(failure: &Failure) {
    let event = EventKind::RunFinished {
        status: failure.status(),
        reason: Some(failure.reason()),
        output: serde_json::Value::Null,
        goal: GoalVerdict::Unverified,
        evidence: Vec::new(),
        usage: Spend::default(),
        error: Some(failure.message().to_owned()),
    };
    json_line(&event);
}
