//! A durable run as it happens, for people or for programs.

use std::sync::Arc;

use agentic::RunReport;
use agentic::core::{Event, EventSink};

use super::{JsonLines, Live, Stopped};
use crate::args::Output;

/// How a run is shown.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    Json(Arc<JsonLines>),
    Text(Arc<Live>),
}

impl Shown {
    /// `unaided`: what is to be said of an answer that was given without any tool.
    pub(crate) fn new(output: Output, unaided: Option<&'static str>) -> Self {
        match output {
            Output::Json => Self::Json(Arc::default()),
            Output::Text => Self::Text(Arc::new(Live::new(unaided))),
        }
    }

    /// What takes the events.
    pub(crate) fn sink(&self) -> Arc<dyn EventSink> {
        match self {
            Self::Json(lines) => lines.clone(),
            Self::Text(live) => live.clone(),
        }
    }

    /// One event more.
    pub(crate) fn tell(&self, event: &Event) {
        match self {
            Self::Json(lines) => lines.on_event(event),
            Self::Text(live) => live.on_event(event),
        }
    }

    /// Whether the reader of JSON knows that the run has ended; people are told by [`finish`](Self::finish).
    pub(crate) fn has_told_the_end(&self) -> bool {
        match self {
            Self::Json(lines) => lines.has_told_the_end(),
            Self::Text(_) => true,
        }
    }

    /// The run has ended.
    pub(crate) fn finish(&self, report: &RunReport) {
        if let Self::Text(live) = self {
            live.finish(report);
        }
    }

    /// The run stopped short of its end. How to go on is told to people in both cases.
    pub(crate) fn stop(&self, stopped: &Stopped) {
        match self {
            Self::Json(_) => super::json_line(stopped),
            Self::Text(live) => live.stop(),
        }
        if let Some(error) = stopped.error() {
            super::error(error);
        }
        for line in stopped.lines() {
            super::note(line);
        }
    }
}
