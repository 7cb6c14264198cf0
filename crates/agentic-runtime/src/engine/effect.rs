//! One effect at work: a task of its own, cut off by the run's cancellation and by its time limit.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    CancelReason, Decision, Done, Failed, Launch, Spend, StepError, StepId, StepKind, StepValue, Ticket,
    Timestamp, ToolError, ToolErrorKind,
};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Either, pending, select};

use super::{Engine, GRACE};
use crate::approver::Answer;
use crate::runtime::said;

type Outcome = Result<Done, Failed>;

/// The work of a step as one future.
pub(super) fn perform(
    engine: &Arc<Engine>,
    ticket: Ticket,
    step: &StepId,
    launch: Launch,
    until: Option<Timestamp>,
) -> BoxFuture<'static, Outcome> {
    match launch {
        Launch::Effect(effect) => effect,
        Launch::Sleep(duration) => {
            let time = until.map_or(duration, |until| until.since(engine.sources.now()));
            engine.sources.sleep(time).map(|()| done(())).boxed()
        }
        Launch::Approval(approval) => {
            let Some(approver) = engine.approver.clone() else { return pending().boxed() };
            let (step, engine) = (step.clone(), engine.clone());
            async move {
                let answer = approver.decide(&step, &approval);
                let time = until.map(|until| until.since(engine.sources.now()));
                let Answer { decision, rule } = match time {
                    None => answer.await,
                    Some(time) => match select(answer, engine.sources.sleep(time)).await {
                        Either::Left((answer, _)) => answer,
                        Either::Right(_) => Decision::unanswered().into(),
                    },
                };
                if let Some(rule) = rule {
                    engine.brings_rule(ticket, rule);
                }
                done(decision)
            }
            .boxed()
        }
        // Messages come to runs that are recorded, and are answered without an effect.
        Launch::Receive(_) => pending().boxed(),
    }
}

fn done<T: StepValue>(value: T) -> Outcome {
    Ok(Done::new(value, Spend::default()))
}

/// What is known of an effect at work.
pub(super) struct Effect {
    pub(super) engine: Arc<Engine>,
    pub(super) ticket: Ticket,
    pub(super) id: StepId,
    pub(super) kind: StepKind,
    pub(super) name: Arc<str>,
    pub(super) may_be_cut: bool,
    /// Whether what it gives is told to nobody who watches.
    pub(super) withheld: bool,
    pub(super) limit: Option<Timestamp>,
}

/// Why nobody waits for an effect any more.
enum Cut {
    Cancelled(CancelReason),
    TooLate(Duration),
}

impl Effect {
    pub(super) async fn run(self, work: BoxFuture<'static, Outcome>) {
        let uncut = (!self.may_be_cut).then(|| Uncut(self.engine.clone()));
        // Cancelled before its first moment: nothing has happened yet, and nothing will.
        if let Some(reason) = self.engine.cancellation.reason() {
            self.engine.cancelled(reason);
            return;
        }
        if !self.engine.state().slots.begins(self.ticket) {
            return;
        }
        let mut work = AssertUnwindSafe(work).catch_unwind();
        let ended = match select(&mut work, std::pin::pin!(self.cut())).await {
            Either::Left((ended, _)) => Ok(ended),
            Either::Right((cut, _)) => Err(cut),
        };
        // What may be cut off ends here, not when its end has been told.
        let work = Some(work).filter(|_| ended.is_err() && !self.may_be_cut);
        let late = match (ended, work) {
            (Ok(ended), _) => self.ended(ended).await,
            (Err(Cut::Cancelled(reason)), work) => {
                self.engine.cancelled(reason);
                match work {
                    Some(work) => self.ended(work.await).await,
                    None => None,
                }
            }
            (Err(Cut::TooLate(limit)), work) => {
                // If nobody waits for that either, it is no news.
                drop(self.engine.complete(self.ticket, Err(self.too_late(limit).into())).await);
                match work {
                    Some(work) => Some(self.outcome(work.await)),
                    None => None,
                }
            }
        };
        if let Some(outcome) = late.filter(|_| !self.may_be_cut) {
            self.engine.tell_late(&self.id, self.kind, self.withheld, outcome);
        }
        // Only now: a run that waits for it finds it booked and told.
        drop(uncut);
    }

    /// Gives the outcome if nobody waits for it.
    async fn ended(&self, ended: std::thread::Result<Outcome>) -> Option<Outcome> {
        let outcome = self.outcome(ended);
        // Stopped on its way, it may have done its work or a part of it: whoever takes the run over finds it open, as after
        // a crash. Of one that says what it took it is known that it came to its end.
        let is_unknown = matches!(outcome, Err(Failed { spend: None, .. }));
        if is_unknown && !self.may_be_cut && self.engine.is_interrupted() {
            return None;
        }
        self.engine.complete(self.ticket, outcome).await.err()
    }

    /// Ends when the run is cancelled, when its time is up, or when the effect's own time is over.
    async fn cut(&self) -> Cut {
        let (sources, cancellation) = (&self.engine.sources, &self.engine.cancellation);
        let sleep_until = |limit: Option<Timestamp>, more: Duration| match limit {
            Some(limit) => Either::Left(sources.sleep(limit.since(sources.now()) + more)),
            None => Either::Right(pending()),
        };
        let cancelled = async {
            let out_of_time =
                sleep_until(self.engine.deadline().filter(|_| !self.engine.recorded), Duration::ZERO);
            match select(std::pin::pin!(cancellation.cancelled()), out_of_time).await {
                Either::Left((reason, _)) => reason,
                Either::Right(_) => {
                    cancellation.cancel(CancelReason::TimedOut);
                    cancellation.reason().unwrap_or(CancelReason::TimedOut)
                }
            }
        };
        let Some(limit) = self.limit else { return Cut::Cancelled(cancelled.await) };
        let time = limit.since(sources.now());
        // What must not be cut off knows its limit, and is given time to end by itself.
        let grace = if self.may_be_cut { Duration::ZERO } else { GRACE };
        match select(std::pin::pin!(cancelled), sleep_until(self.limit, grace)).await {
            Either::Left((reason, _)) => Cut::Cancelled(reason),
            Either::Right(_) => Cut::TooLate(time),
        }
    }

    fn outcome(&self, ended: std::thread::Result<Outcome>) -> Outcome {
        ended.unwrap_or_else(|panic| Err(self.panicked(&*panic).into()))
    }

    fn too_late(&self, time: Duration) -> StepError {
        let what =
            if self.may_be_cut { "was stopped" } else { "may still be at work: it must not be cut off" };
        let message = format!("`{}` took longer than its {:.1} s and {what}", self.name, time.as_secs_f64());
        ToolError::new(ToolErrorKind::TimedOut, message).into()
    }

    fn panicked(&self, panic: &(dyn Any + Send)) -> StepError {
        let said = said(panic);
        let message = format!("`{}` panicked: {said}", self.name);
        match self.kind {
            // Of one tool among many: the agent may go on without it.
            StepKind::Tool => ToolError::failed(message).into(),
            _ => StepError::Failed { step: self.id.clone(), message },
        }
    }
}

/// An effect that must not be cut off is at work while this lives.
struct Uncut(Arc<Engine>);

impl Drop for Uncut {
    fn drop(&mut self) {
        self.0.state().slots.uncut -= 1;
        self.0.settles.notify_waiters();
        self.0.root.wake();
    }
}
