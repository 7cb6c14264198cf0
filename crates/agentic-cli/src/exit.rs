//! How the program ends.

use std::process::ExitCode;

use agentic::core::{GoalVerdict, Reason, RunStatus};
use agentic::plan::is_unknown;
use agentic::runtime::RunReport;

/// Completed, and no criterion is open.
pub(crate) const OK: u8 = 0;
/// The run failed.
pub(crate) const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
pub(crate) const USAGE: u8 = 2;
/// A limit or a budget was reached.
const LIMIT: u8 = 3;
/// The run completed and missed its goal, or nobody could say of a criterion whether it holds.
pub(crate) const NOT_MET: u8 = 4;
/// The run waits.
pub(crate) const WAITING: u8 = 5;
/// The run was cancelled.
pub(crate) const CANCELLED: u8 = 130;

/// The exit code for how a run ended.
pub(crate) fn code(report: &RunReport) -> u8 {
    match report.status {
        RunStatus::Completed if report.verdict() == GoalVerdict::NotMet || is_open(report) => NOT_MET,
        RunStatus::Completed => OK,
        RunStatus::Cancelled => CANCELLED,
        RunStatus::Failed if report.reason.is_some_and(Reason::is_limit) => LIMIT,
        RunStatus::Failed if report.reason == Some(Reason::InvalidInput) => USAGE,
        RunStatus::Failed => FAILED,
        RunStatus::Waiting => WAITING,
        // What happens can't be written down.
        RunStatus::Pending | RunStatus::Running => FAILED,
    }
}

fn is_open(report: &RunReport) -> bool {
    report.result.as_ref().is_ok_and(|outcome| are_open(&outcome.evidence))
}

/// Whether there are criteria of which nobody could say whether they hold.
pub(crate) fn are_open(evidence: &[String]) -> bool {
    evidence.iter().any(|line| is_unknown(line))
}

/// Why there is no run: one line, and an exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    status: RunStatus,
    reason: Reason,
    message: String,
}

impl Failure {
    fn new(code: u8, status: RunStatus, reason: Reason, message: impl ToString) -> Self {
        Self { code, status, reason, message: message.to_string() }
    }

    /// Something went wrong in this program.
    pub(crate) fn failed(message: impl ToString) -> Self {
        Self::new(FAILED, RunStatus::Failed, Reason::Internal, message)
    }

    /// The runs can't be read or written.
    pub(crate) fn store(message: impl ToString) -> Self {
        Self::new(FAILED, RunStatus::Failed, Reason::Journal, message)
    }

    /// A model can't be had.
    pub(crate) fn model(message: impl ToString) -> Self {
        Self::new(FAILED, RunStatus::Failed, Reason::ModelError, message)
    }

    /// A tool failed.
    pub(crate) fn tool(message: impl ToString) -> Self {
        Self::new(FAILED, RunStatus::Failed, Reason::ToolError, message)
    }

    /// The user asked for something that can't be.
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::new(USAGE, RunStatus::Failed, Reason::InvalidInput, message)
    }

    /// A limit was reached before there was anything to do.
    pub(crate) fn limit(message: impl ToString) -> Self {
        Self::new(LIMIT, RunStatus::Failed, Reason::TimedOut, message)
    }

    /// The user cancelled it.
    pub(crate) fn cancelled() -> Self {
        Self::new(CANCELLED, RunStatus::Cancelled, Reason::Cancelled, "cancelled")
    }

    /// The message.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The same failure with more to say.
    pub(crate) fn and(self, more: &str) -> Self {
        Self { message: format!("{}; {more}", self.message), ..self }
    }

    /// The same failure, with the variable that the value is from, if it is about the value of this flag and that is not typed.
    pub(crate) fn of(self, flag: &str) -> Self {
        match crate::args::variable(flag) {
            Some(variable) if self.reason == Reason::InvalidInput => {
                Self { message: format!("{variable}: {}", self.message), ..self }
            }
            _ => self,
        }
    }

    /// How it counts where a run would have ended.
    pub(crate) fn status(&self) -> RunStatus {
        self.status
    }

    /// Why.
    pub(crate) fn reason(&self) -> Reason {
        self.reason
    }

    /// Prints the line and gives the code.
    pub(crate) fn report(&self) -> ExitCode {
        crate::render::error(&self.message);
        ExitCode::from(self.code)
    }
}
