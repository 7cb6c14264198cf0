//! Rules: questions that are answered in place of a person.

use std::sync::Arc;

use agentic_core::{ApprovalRule, Delivered, Json, Spend, StepKind, Ticket};

use super::slots::Stage;
use super::wait::Input;
use super::{Engine, State};
use crate::journal::EntryKind;

/// Characters of a rule that are noted with an answer of it.
const NOTED: usize = 200;

impl Engine {
    /// A rule holds from now on, and answers what is open. It is written down or told already.
    pub(super) fn give_rule(self: &Arc<Self>, state: &mut State, rule: ApprovalRule) {
        state.rules.give(rule);
        // One that is given or taken back by now counts as well.
        self.hold_posted(state);
        self.answer_by_rules(state);
    }

    /// A rule that was posted to be revoked holds no more.
    fn revoke_rule(&self, state: &mut State, rule: ApprovalRule, by: Option<String>, post: u64) {
        let (at, held) = (self.sources.now(), state.rules.revoke(&rule));
        let Some(record) = &mut state.record else { return };
        if held {
            record.append(at, EntryKind::RuleRevoked { rule, by }, Some(post));
        } else {
            record.ignore(at, format!("the end of a rule that does not hold: {rule}"), post);
        }
    }

    /// Takes in the rules that have come, ahead of all else, and answers what is open by them: one that is given or taken
    /// back by then counts for each. Gives whether there were any.
    pub(super) fn take_rules(self: &Arc<Self>, state: &mut State) -> bool {
        let taken = self.hold_posted(state);
        if taken {
            self.answer_by_rules(state);
        }
        taken
    }

    /// Notes all rules that were posted to be given or revoked. Gives whether there were any.
    fn hold_posted(&self, state: &mut State) -> bool {
        let mut taken = false;
        while let Some(record) = &mut state.record {
            let is_rule = |(input, _): &(Option<Input>, u64)| {
                matches!(input, Some(Input::Rule { .. } | Input::RevokeRule { .. }))
            };
            let place = record.inputs.iter().position(is_rule);
            let Some((input, post)) = place.and_then(|place| record.inputs.remove(place)) else { break };
            record.taken = record.taken.max(post);
            taken = true;
            match input {
                Some(Input::Rule { rule, by }) => {
                    let given = EntryKind::RuleGiven { rule: rule.clone(), by };
                    record.append(self.sources.now(), given, Some(post));
                    state.rules.give(rule);
                }
                Some(Input::RevokeRule { rule, by }) => self.revoke_rule(state, rule, by, post),
                _ => {}
            }
        }
        taken
    }

    /// Whoever answers this question gives a rule for others with the answer.
    pub(super) fn brings_rule(&self, ticket: Ticket, rule: ApprovalRule) {
        if let Some(slot) = self.state().slots.awaited(ticket) {
            slot.rule = Some(rule);
        }
    }

    /// Answers what is open by the rules that hold.
    fn answer_by_rules(self: &Arc<Self>, state: &mut State) {
        let open = state.slots.in_order().into_iter().filter(|(_, slot)| slot.asks());
        for ticket in open.map(|(ticket, _)| ticket).collect::<Vec<_>>() {
            self.answer_by_rule(state, ticket);
        }
    }

    /// Answers a question that no answer has come for, if a rule does. Gives whether. Once its time is over, it stays
    /// unanswered.
    pub(super) fn answer_by_rule(self: &Arc<Self>, state: &mut State, ticket: Ticket) -> bool {
        if state.slots.has_arrived(ticket) || state.is_decided(ticket) {
            return false;
        }
        let State { slots, rules, .. } = state;
        let Some(slot) = slots.get_mut(ticket) else { return false };
        let now = self.sources.now();
        let in_time = slot.until.is_none_or(|until| until > now);
        let asked = slot.asked.as_ref().filter(|_| in_time);
        let Some(rule) = asked.and_then(|asked| rules.of(asked)) else { return false };
        let decision = rule.decision();
        let Ok(value) = Json::of(&decision) else { return false };
        let (by, rule) = (Some(signature(rule)), Some(Box::new(rule.clone())));
        slot.stage = Stage::AtWork;
        if let Some(task) = slot.task.take() {
            task.abort();
        }
        let (step, kind, spend) = (slot.id.clone(), StepKind::Approval, Spend::default());
        let withheld = slot.withholds();
        let answer = if self.recorded {
            Delivered::Recorded(value.clone())
        } else {
            Delivered::Value(Box::new(decision))
        };
        let outcome = EntryKind::Outcome { step, kind, error: None, spend, by, rule, withheld, value };
        self.arrive(state, ticket, Ok(answer), spend, self.keeps_values().then_some(outcome));
        true
    }
}

impl State {
    /// Whether somebody has answered this very question, and that is yet to be taken in.
    fn is_decided(&mut self, ticket: Ticket) -> bool {
        let Some(slot) = self.slots.get_mut(ticket) else { return false };
        let (id, asked) = (&slot.id, slot.digest);
        self.record.as_ref().is_some_and(|record| {
            record.inputs.iter().any(|(input, _)| match input {
                Some(Input::Decide { step, digest, .. }) => step == id && Some(*digest) == asked,
                _ => false,
            })
        })
    }
}

/// How a rule signs its answers: a line that is not too long.
fn signature(rule: &ApprovalRule) -> String {
    let mut line = format!("rule: {rule}");
    if let Some((end, _)) = line.char_indices().nth("rule: ".len() + NOTED) {
        line.truncate(end);
        line.push('…');
    }
    line
}
