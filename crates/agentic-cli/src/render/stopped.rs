//! A run that stopped short of its end: what it asks, and the commands that let it go on.

use agentic::RunReport;
use agentic::core::{Reason, RunId, RunStatus};
use agentic::runtime::{RunError, Wait};
use serde::Serialize;

/// What is told of a run that stopped short of its end. As JSON it is a line like an event, but it is none: nothing of it
/// is in the journal, so it has no number.
#[derive(Debug, Serialize)]
pub(crate) struct Stopped {
    run: RunId,
    at: agentic::core::Timestamp,
    #[serde(rename = "type")]
    kind: &'static str,
    status: RunStatus,
    reason: Option<Reason>,
    waits: Vec<Wait>,
    /// What is wrong, in one line.
    error: Option<String>,
    /// The commands that let it go on.
    next: Vec<String>,
    #[serde(skip)]
    lines: Vec<String>,
}

impl Stopped {
    fn new(run: RunId, status: RunStatus, reason: Option<Reason>) -> Self {
        let (waits, next, lines) = Default::default();
        Self {
            run,
            at: crate::journals::now(),
            kind: "run_waiting",
            status,
            reason,
            waits,
            error: None,
            next,
            lines,
        }
    }

    /// This process gave it back.
    pub(crate) fn interrupted(run: RunId) -> Self {
        let mut stopped = Self::new(run, RunStatus::Pending, Some(Reason::HandedBack));
        stopped.next = vec![resume(run)];
        stopped.lines = vec![format!("interrupted; go on with: {}", resume(run))];
        stopped
    }

    /// Nobody works on it.
    pub(crate) fn idle(run: RunId, status: RunStatus) -> Self {
        let mut stopped = Self::new(run, status, None);
        stopped.next = vec![resume(run)];
        stopped.lines = vec![format!("nobody works on run {run}; go on with: {}", resume(run))];
        stopped
    }

    /// It could not go on.
    pub(crate) fn failed(report: &RunReport, error: &RunError) -> Self {
        let run = report.run;
        let mut stopped = Self::new(run, report.status, report.reason);
        stopped.error = Some(error.to_string());
        stopped.next = vec![resume(run)];
        stopped.lines = vec![format!("nothing is lost; go on with: {}", resume(run))];
        stopped
    }

    /// It waits for these.
    pub(crate) fn waits(report: &RunReport, waits: &[Wait]) -> Self {
        let mut stopped = Self::new(report.run, report.status, report.reason);
        stopped.waits = waits.to_vec();
        (stopped.lines, stopped.next) = questions(report.run, waits);
        let operator = waits.iter().find_map(|wait| match wait {
            Wait::Operator { message } => Some(message.clone()),
            _ => None,
        });
        stopped.error = operator;
        stopped
    }

    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }
}

fn resume(run: RunId) -> String {
    format!("agentic runs resume {run}")
}

/// What a run waits for, a line each with the commands that answer it; and the commands alone.
pub(crate) fn questions(run: RunId, waits: &[Wait]) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut next) = (Vec::new(), Vec::new());
    // Only where several are open a step has to be named.
    let open = |kind: fn(&Wait) -> bool| waits.iter().filter(|wait| kind(wait)).count();
    let approvals = open(|wait| matches!(wait, Wait::Approval { .. }));
    let doubts = open(|wait| matches!(wait, Wait::UnknownEffect { .. }));
    for wait in waits {
        match wait {
            Wait::Approval { step, approval, .. } => {
                let step = if approvals > 1 { format!(" {step}") } else { String::new() };
                let yes = format!("agentic runs approve {run}{step}");
                let no = format!("agentic runs deny {run}{step} --reason WHY");
                lines.push(format!("the run waits for an answer: {}", approval.question));
                lines.push(format!("  say yes with: {yes}"));
                if approval.tool.is_some() {
                    lines.push(format!("  always with:  {yes} --always"));
                }
                lines.push(format!("  or no with:   {no}"));
                next.extend([yes, no]);
            }
            Wait::UnknownEffect { step, name, .. } => {
                let named = if doubts > 1 { format!(" {step}") } else { String::new() };
                lines.push(format!(
                    "it is unknown whether step `{step}` (`{name}`) happened; look, and say so with one of:"
                ));
                for became in ["--done JSON", "--failed TEXT", "--not-done"] {
                    let command = format!("agentic runs resolve {run}{named} {became}");
                    lines.push(format!("  {command}"));
                    next.push(command);
                }
            }
            // What is wrong is told as an error.
            Wait::Operator { .. } => {}
            wait => lines.push(format!("the run waits for {wait}")),
        }
    }
    lines.push(format!("go on with: {}", resume(run)));
    next.push(resume(run));
    (lines, next)
}
