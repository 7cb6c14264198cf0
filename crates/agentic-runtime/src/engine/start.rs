//! Starting steps: what they may take, what is written down before, and the effect.

use std::sync::Arc;

use agentic_core::{
    Approval, BudgetError, CancelReason, Delivered, EffectClass, EffectGrant, Held, Json, Reservation,
    Resource, Spend, StepError, StepId, StepKind, StepRequest, Ticket, ToolError, ToolErrorKind, Withheld,
};
use tokio::runtime::Handle;

use super::effect::{Effect, perform};
use super::slots::{Arrival, Arrived, Outcome, Queued, Slot, Stage};
use super::{Engine, Halt, Record, State};
use crate::divergence::Divergence;
use crate::fork::ForkEffects;
use crate::journal::{EntryKind, Seq};

/// What becomes of a step that asks for its share of the budget.
enum Admission {
    /// It may take this.
    Granted(Held),
    /// It fits under this limit once calls in flight have given back what they hold.
    Waits(BudgetError),
    Refused(StepError),
}

impl Engine {
    /// Takes a step: it begins, or waits for its turn, or is refused.
    pub(super) fn register(self: &Arc<Self>, request: Box<StepRequest>, tokio: &Handle) -> Ticket {
        let digest = self.keeps_values().then(|| request.digest());
        let (id, kind) = (request.id.clone(), request.kind);
        // Before any lock is taken: who answers is others' code.
        let left_open = request.approval().is_some_and(|asked| self.leaves_open(asked));
        let mut state = self.state();
        let ticket = state.slots.open(Slot { left_open, ..Slot::new(request, digest) });
        if state.halt.is_some() {
            return ticket;
        }
        match &mut state.record {
            Some(record) if !record.live => match record.replay.meet(&id, kind, digest.unwrap_or_default()) {
                Ok(known) => {
                    // As it was when it began.
                    let held = known.unwrap_or_default();
                    self.ledger.hold(&id, held);
                    if let Some(slot) = state.slots.get_mut(ticket) {
                        slot.held = held;
                    }
                }
                Err(divergence) => self.halt(&mut state, Halt::Diverged(divergence)),
            },
            _ => self.begin(&mut state, ticket, tokio),
        }
        ticket
    }

    /// Whether a question stays open until somebody outside answers it.
    fn leaves_open(&self, asked: &Approval) -> bool {
        match &self.approver {
            Some(approver) => self.recorded && !approver.answers(asked),
            None => true,
        }
    }

    /// The run can't go on. Whoever polls its root learns why.
    pub(super) fn halt(&self, state: &mut State, halt: Halt) {
        state.halt.get_or_insert(halt);
        self.root.wake();
    }

    /// A step begins: it is granted its share, waits for it, or is refused.
    pub(super) fn begin(self: &Arc<Self>, state: &mut State, ticket: Ticket, tokio: &Handle) {
        if self.ends_if_out_of_time(state) {
            // The run's end, which comes first, answers it.
            return state.slots.queued.push_back(Queued { ticket, limit: None });
        }
        if let Some(refused) = self.refused_in_a_fork(state, ticket) {
            return self.refuse(state, ticket, refused);
        }
        let Some(slot) = state.slots.get_mut(ticket) else { return };
        let step = slot.id.clone();
        let Some(reservation) = slot.request.as_ref().map(|request| request.reservation) else { return };
        if matches!(reservation, Reservation::Model { .. })
            && let Some(before) = state.slots.queued.iter().find(|queued| queued.is_before(&step))
        {
            let limit = before.limit.clone();
            return state.slots.queued.push_back(Queued { ticket, limit });
        }
        match self.admit(&step, &reservation) {
            Admission::Granted(held) => self.granted(state, ticket, held, tokio),
            Admission::Waits(limit) => state.slots.queued.push_back(Queued { ticket, limit: Some(limit) }),
            Admission::Refused(error) => self.refuse(state, ticket, error),
        }
    }

    /// Why this effect must not happen here: the run is a fork, and the run that it comes from may have had it.
    fn refused_in_a_fork(&self, state: &mut State, ticket: Ticket) -> Option<StepError> {
        let record = state.record.as_ref().filter(|record| record.effects == ForkEffects::Refuse)?;
        debug_assert!(record.live, "what is repeated is not refused");
        let request = state.slots.get_mut(ticket)?.request.as_ref()?;
        let harmless =
            request.class == EffectClass::Pure || !matches!(request.kind, StepKind::Tool | StepKind::Effect);
        if harmless {
            return None;
        }
        let message =
            format!("`{}` is not run again: this run is a fork, and its effects are refused", request.name);
        Some(match request.kind {
            StepKind::Tool => ToolError::new(ToolErrorKind::Denied, message).into(),
            _ => StepError::Failed { step: request.id.clone(), message },
        })
    }

    /// Something was given back: steps that waited for it begin.
    pub(super) fn begin_queued(self: &Arc<Self>, state: &mut State) {
        let Some(tokio) = self.tokio.get() else { return };
        if !state.slots.queued.is_empty() && self.ends_if_out_of_time(state) {
            return;
        }
        let mut place = 0;
        while let Some(ticket) = state.slots.queued.get(place).map(|queued| queued.ticket) {
            let asked = state.slots.get_mut(ticket).and_then(|slot| slot.request.as_ref());
            let Some((step, reservation)) = asked.map(|asked| (asked.id.clone(), asked.reservation)) else {
                state.slots.queued.remove(place);
                continue;
            };
            if state.slots.queued.iter().take(place).any(|queued| queued.is_before(&step)) {
                place += 1;
                continue;
            }
            match self.admit(&step, &reservation) {
                Admission::Waits(limit) => {
                    let all_wait = limit.scope.is_empty();
                    state.slots.queued[place].limit = Some(limit);
                    if all_wait {
                        return;
                    }
                    place += 1;
                }
                Admission::Granted(held) => {
                    state.slots.queued.remove(place);
                    self.granted(state, ticket, held, tokio);
                }
                Admission::Refused(error) => {
                    state.slots.queued.remove(place);
                    self.refuse(state, ticket, error);
                }
            }
        }
    }

    /// Whether the time of a recorded run is up. Then its end is asked for, in its place among the outcomes, and nothing begins
    /// any more.
    fn ends_if_out_of_time(self: &Arc<Self>, state: &mut State) -> bool {
        let written = state.record.as_ref().is_some_and(Record::is_written);
        let is_up = || self.deadline().is_some_and(|deadline| deadline <= self.sources.now());
        if !written || self.cancellation.is_cancelled() || !is_up() {
            return false;
        }
        self.request_cancel(state, CancelReason::TimedOut, None);
        true
    }

    /// Whether the step may start, and with what.
    fn admit(&self, step: &StepId, reservation: &Reservation) -> Admission {
        if let Some(reason) = self.cancellation.reason() {
            return Admission::Refused(StepError::Cancelled(reason));
        }
        // As for a recorded run, see `ends_if_out_of_time`.
        if let Some(limit) = self.ledger.budget().wall_time.filter(|_| !self.recorded) {
            let spent = self.sources.now().since(self.started);
            if spent >= limit {
                let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let (what, limit, spent) = (Resource::WallTimeMs, ms(limit), ms(spent));
                return Admission::Refused(BudgetError::new(what, limit, spent, 0).into());
            }
        }
        match self.ledger.reserve(step, reservation) {
            Ok(held) => Admission::Granted(held),
            Err(error) if error.may_fit_later() => Admission::Waits(error),
            Err(error) => Admission::Refused(error.into()),
        }
    }

    /// The step may take this: it is written down, and its effect starts, at once or when that is durable.
    fn granted(self: &Arc<Self>, state: &mut State, ticket: Ticket, held: Held, tokio: &Handle) {
        let now = self.sources.now();
        // It was there when this was granted, under the same lock.
        let Some(slot) = state.slots.get_mut(ticket) else { return };
        slot.held = held;
        let restarts = slot.attempt > 1;
        let may_be_cut = slot.may_be_cut;
        let Some(request) = &slot.request else { return };
        if slot.until.is_none() {
            slot.until =
                request.sleep().or_else(|| request.approval()?.expires_after).map(|time| now.after(time));
        }
        let seq = if restarts {
            // What was lost was booked when the step queued for this.
            let (step, attempt) = (slot.id.clone(), slot.attempt);
            Some(self.note(state, || EntryKind::Restarted { step, attempt, lost: Spend::default(), held }))
        } else if self.keeps_values() {
            let until = slot.until.filter(|_| self.recorded);
            let intent = intent(request, slot.digest, held, until);
            Some(self.note(state, || intent))
        } else {
            None
        };
        match seq.filter(|_| self.recorded) {
            Some(seq) if !may_be_cut || restarts || state.is_choosing() => {
                self.launch_when_durable(state, ticket, seq)
            }
            _ => self.launch(state, ticket, tokio),
        }
    }

    /// The effect starts when this entry is durable.
    fn launch_when_durable(&self, state: &mut State, ticket: Ticket, seq: Seq) {
        if let (Some(record), Some(slot)) = (&mut state.record, state.slots.get_mut(ticket)) {
            record.committing.push_back((seq, ticket));
            slot.stage = Stage::Committing;
        }
    }

    /// Effects whose intent is durable by now start.
    pub(super) fn launch_committed(self: &Arc<Self>, state: &mut State) {
        let Some(tokio) = self.tokio.get() else { return };
        let waits = state.record.as_ref().is_some_and(|record| !record.committing.is_empty());
        if waits && (state.slots.is_ending() || self.ends_if_out_of_time(state)) {
            // The run's end answers them.
            return;
        }
        while let Some(record) = &mut state.record {
            let durable = record.durable();
            let Some((_, ticket)) = record.committing.pop_front_if(|(seq, _)| *seq <= durable) else {
                return;
            };
            let waits = |slot: &&mut Slot| slot.stage == Stage::Committing;
            if state.slots.get_mut(ticket).as_ref().is_some_and(waits) {
                self.launch(state, ticket, tokio);
            }
        }
    }

    fn launch(self: &Arc<Self>, state: &mut State, ticket: Ticket, tokio: &Handle) {
        if state.slots.get_mut(ticket).is_some_and(|slot| slot.kind == StepKind::Approval) {
            self.take_rules(state);
            if self.answer_by_rule(state, ticket) {
                return;
            }
        }
        let Some(slot) = state.slots.get_mut(ticket) else { return };
        match slot.kind {
            StepKind::Receive => {
                slot.stage = Stage::Asking;
                let mailbox = slot.request.as_ref().map(|request| request.name.clone()).unwrap_or_default();
                return self.hand_out(state, &mailbox);
            }
            StepKind::Approval if slot.left_open => {
                slot.stage = Stage::Asking;
                // The request stays: it says what is asked.
                let Some(until) = slot.until else { return };
                let expires = self.clone().expires(ticket, until);
                slot.task = Some(tokio.spawn(expires).abort_handle());
                return;
            }
            _ => {}
        }
        let Some(request) = slot.request.take() else { return };
        slot.stage = Stage::Starting;
        let (id, kind, may_be_cut, until) = (request.id.clone(), request.kind, slot.may_be_cut, slot.until);
        let (withheld, streams) =
            (slot.withholds(), kind == StepKind::Model && slot.withheld < Withheld::All);
        let limit = request.timeout.map(|timeout| self.sources.now().after(timeout));
        let name = request.name.clone();
        let launch = request.launch(EffectGrant {
            run: self.run,
            step: id.clone(),
            attempt: slot.attempt,
            deadline: limit.into_iter().chain(self.deadline()).min(),
            cancellation: self.cancellation.clone(),
            sources: self.sources.clone(),
            deltas: if streams { self.watch.deltas(&id) } else { None },
            output_tokens: slot.held.output_tokens(),
        });
        let work = perform(self, ticket, &id, launch, until);
        let effect = Effect { engine: self.clone(), ticket, id, kind, name, may_be_cut, withheld, limit };
        // The task is noted under the lock under which it is spawned: it can't end before that.
        let task = tokio.spawn(effect.run(work)).abort_handle();
        slot.task = Some(task);
        state.slots.uncut += usize::from(!may_be_cut);
    }

    /// A step whose effect never starts. It hears of that after effects that began before have had their first moment.
    fn refuse(self: &Arc<Self>, state: &mut State, ticket: Ticket, error: StepError) {
        let Some(tokio) = self.tokio.get() else { return };
        if self.recorded {
            return self.refused(state, ticket, error);
        }
        let engine = self.clone();
        tokio.spawn(async move { engine.refused(&mut engine.state(), ticket, error) });
    }

    fn refused(self: &Arc<Self>, state: &mut State, ticket: Ticket, error: StepError) {
        let Some(slot) = state.slots.awaited(ticket) else { return };
        let (step, kind, digest) = (slot.id.clone(), slot.kind, slot.digest);
        let told = EntryKind::Refused { step, kind, digest, error: error.clone() };
        self.arrive(state, ticket, Err(error), Spend::default(), self.keeps_values().then_some(told));
    }

    /// Queues an outcome, and writes it down if the run is recorded, together with what comes with it.
    pub(super) fn arrive(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        answer: Result<Delivered, StepError>,
        spend: Spend,
        told: impl IntoIterator<Item = EntryKind>,
    ) {
        let at = self.sources.now();
        let (seq, told) = match &mut state.record {
            Some(record) => (record.append_together(at, told, None), Vec::new()),
            None => (Seq::default(), told.into_iter().collect()),
        };
        let what = Arrived::Outcome(Outcome { ticket, answer, spend, told });
        state.slots.arrivals.push_back(Arrival { seq, at, what });
        self.outcome_queued(state);
    }

    // ------------------------------------------------------------------------------------------- after a crash

    /// The journal is repeated to its end: what is open starts.
    pub(super) fn go_live(self: &Arc<Self>, state: &mut State) -> Result<(), Halt> {
        let Some(tokio) = self.tokio.get() else { return Ok(()) };
        let open: Vec<_> =
            state.slots.in_order().into_iter().map(|(ticket, slot)| (ticket, slot.id.clone())).collect();
        let Some(record) = &mut state.record else { return Ok(()) };
        record.goes_live();
        if !record.is_written() && !record.ends {
            return Err(Halt::HandBack);
        }
        if !record.is_written() && !open.is_empty() {
            let found = open.into_iter().map(|(_, step)| step).collect();
            return Err(Halt::Diverged(Divergence::NotEnded { found }));
        }
        for (ticket, step) in open {
            let known = state.record.as_ref().and_then(|record| record.replay.known(&step));
            match known.map(|known| (known.attempts, known.until, known.class)) {
                Some((attempts, until, class)) => self.reopen(state, ticket, attempts, until, class, tokio),
                None => self.begin(state, ticket, tokio),
            }
        }
        if let Some(record) = &mut state.record {
            record.replay.forget();
        }
        Ok(())
    }

    /// A step whose outcome was not known when the process ended.
    fn reopen(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        attempts: u32,
        until: Option<agentic_core::Timestamp>,
        recorded: EffectClass,
        tokio: &Handle,
    ) {
        let Some(slot) = state.slots.get_mut(ticket) else { return };
        slot.until = until;
        match slot.kind {
            StepKind::Approval | StepKind::Receive | StepKind::Sleep => {
                return self.launch(state, ticket, tokio);
            }
            _ => {}
        }
        let Some((class, reservation)) = slot.request.as_ref().map(|it| (it.class, it.reservation)) else {
            return;
        };
        // What it was when it began counts, whatever the code says of it now. Only a tool can be asked.
        let class = class.max(recorded);
        slot.may_be_cut = class.may_be_cut();
        let can_be_asked = slot.kind == StepKind::Tool && class == recorded;
        slot.in_doubt = class >= EffectClass::Checkable;
        let is_left_open = match class {
            EffectClass::Unsafe => true,
            EffectClass::Checkable => !can_be_asked || self.ends_if_out_of_time(state),
            _ => false,
        };
        if is_left_open {
            if let Some(slot) = state.slots.get_mut(ticket) {
                slot.stage = Stage::Unknown;
            }
            return;
        }
        self.restart(state, ticket, attempts + 1, &reservation);
    }

    /// A step starts again.
    pub(super) fn restart(
        self: &Arc<Self>,
        state: &mut State,
        ticket: Ticket,
        attempt: u32,
        reservation: &Reservation,
    ) {
        let Some(slot) = state.slots.get_mut(ticket) else { return };
        // A model may have been at work to the end. The call is the same one, and so is its turn.
        let lost = match slot.kind {
            StepKind::Model | StepKind::Embed => Spend { turns: 0, ..slot.held.all() },
            _ => Spend::default(),
        };
        self.ledger.settle(&slot.id, std::mem::take(&mut slot.held), lost);
        (slot.attempt, slot.stage) = (attempt, Stage::Waiting);
        let (step, kind) = (slot.id.clone(), slot.kind);
        let admission = if self.ends_if_out_of_time(state) {
            Admission::Refused(StepError::Cancelled(CancelReason::TimedOut))
        } else {
            self.admit(&step, reservation)
        };
        match admission {
            Admission::Granted(held) => {
                if let Some(slot) = state.slots.get_mut(ticket) {
                    slot.held = held;
                }
                // Durable before the effect, so that what every attempt may have taken is booked.
                let seq = self.note(state, || EntryKind::Restarted { step, attempt, lost, held });
                self.launch_when_durable(state, ticket, seq);
            }
            // What was lost is booked; the rest is as if it began now.
            Admission::Waits(limit) => {
                self.note(state, || EntryKind::Restarted { step, attempt, lost, held: Held::default() });
                state.slots.queued.push_back(Queued { ticket, limit: Some(limit) });
            }
            Admission::Refused(error) => {
                let outcome = EntryKind::Outcome {
                    step,
                    kind,
                    error: Some(error.clone()),
                    spend: lost,
                    by: None,
                    rule: None,
                    withheld: false,
                    value: Json::default(),
                };
                self.arrive(state, ticket, Err(error), Spend::default(), Some(outcome));
            }
        }
    }
}

impl State {
    /// Whether the version of the code that is followed may be lost in a crash.
    fn is_choosing(&self) -> bool {
        self.record.as_ref().is_some_and(Record::is_choosing)
    }
}

/// The entry of a step that begins.
fn intent(
    request: &StepRequest,
    digest: Option<agentic_core::Digest>,
    held: Held,
    until: Option<agentic_core::Timestamp>,
) -> EntryKind {
    let asked = match request.approval() {
        Some(approval) => Json::of::<Approval>(approval),
        None => {
            let arguments = request.detail().arguments;
            if arguments.is_null() { Ok(Json::default()) } else { Json::of(&*arguments) }
        }
    };
    EntryKind::Intent {
        step: request.id.clone(),
        kind: request.kind,
        class: request.class,
        digest,
        name: request.name.clone(),
        held,
        until,
        withheld: request.withheld == Withheld::All,
        asked: asked.unwrap_or_default(),
    }
}
