//! Drivers: what runs the effects of a run. Core holds the trait; `agentic-runtime` holds the drivers.

use std::fmt::Debug;
use std::task::{Context, Poll};

use uuid::Uuid;

use crate::budget::Ledger;
use crate::event::EventKind;
use crate::id::{RunId, StepId};
use crate::step::{Delivered, StepError, StepRequest};
use crate::time::Timestamp;

/// A step that is registered with a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Runs the effects behind a [`RunContext`](crate::RunContext).
///
/// # The contract
/// - The driver owns the effects; a step is only a handle. Work goes on whether or not anybody polls the step.
/// - Outcomes are delivered one at a time, in one order, which a recording driver keeps. A step is not ready
///   at its first poll.
/// - What a step may take is reserved when it registers and settled when its outcome is delivered. A call that fits
///   once calls in flight have given back what they hold ([`BudgetError::may_fit_later`](crate::BudgetError::may_fit_later))
///   waits for that, in the order of registration among those that the same limit holds for.
/// - After cancellation every open step that may be cut is answered with
///   [`StepError::Cancelled`], in the order of registration, and each later one at once.
/// - What is drawn (`id`, `random`, `version`) is the same for the same step id whenever the run is repeated, and so is
///   the time between two deliveries.
pub trait Driver: Debug + Send + Sync + 'static {
    /// The run that is driven.
    fn run_id(&self) -> RunId;

    /// Takes a step at its first poll.
    fn register(&self, request: Box<StepRequest>) -> Ticket;

    /// Gives a step's outcome once it is delivered; else keeps the waker.
    fn poll(&self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<Delivered, StepError>>;

    /// A step was dropped before its outcome was delivered.
    fn abandon(&self, ticket: Ticket);

    /// The time now: the same whenever the run is repeated.
    fn now(&self) -> Timestamp;

    /// A new id, drawn for this step.
    fn next_id(&self, step: &StepId) -> Uuid;

    /// 64 random bits, drawn for this step.
    fn random(&self, step: &StepId) -> u64;

    /// The version of a change that this run follows: `newest` if the run reaches it live, less if it was
    /// recorded by older code.
    fn version(&self, step: &StepId, newest: u32) -> u32;

    /// Whether anybody watches: if not, events need not be made.
    fn is_watched(&self) -> bool;

    /// Publishes an event of the scope at `path`.
    fn emit(&self, path: &str, event: EventKind);

    /// The budget's ledger, shared by the whole run.
    fn ledger(&self) -> &Ledger;
}
