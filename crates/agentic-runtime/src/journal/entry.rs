//! One line of a journal.

use agentic_core::{
    AgentError, ApprovalRule, Budget, CancelReason, Digest, EffectClass, EventKind, Goal, Held, Json,
    Outcome, Reason, RunId, RunStatus, Spend, StepError, StepId, StepKind, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::fork::ForkEffects;

use std::sync::Arc;

/// The place of an entry in its run's journal, from 1 and without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Seq {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The form of entries that this version writes. A store keeps it with each entry, refuses a higher one, and brings a
/// lower one into this form as it reads it.
pub const ENTRY_FORMAT: u16 = 1;

/// One line of a run's journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its place.
    pub seq: Seq,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub kind: EntryKind,
}

/// What happened.
///
/// What is said of commits is what a driver waits for: an entry that is not yet durable is lost in a crash, and with it
/// all that come after it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// The run was accepted. Always the first entry; durable before the caller is told.
    Started {
        /// The agent's name: no other agent can go on with this run.
        agent: String,
        /// The version of the program, as it calls itself.
        code: String,
        /// What ids and random numbers are made of.
        seed: Digest,
        /// The limits.
        budget: Budget,
        /// The goal, and what else the program wants to find here again: a [`Begin`].
        #[serde(skip)]
        begin: Json,
    },
    /// A process took the run over, to begin it or to go on.
    Resumed {
        /// How often that has been since it last stopped in an orderly way, this time included.
        attempt: u32,
        /// The version of the program.
        code: String,
    },
    /// This run goes on from another's journal. All entries before this one are copies.
    Forked {
        /// The other run.
        from: RunId,
        /// The last entry that was copied as it is.
        seq: Seq,
        /// What ids and random numbers are made of from here on.
        seed: Digest,
        /// What becomes of effects from here on.
        effects: ForkEffects,
    },
    /// A step is about to start. Durable before its effect only if that is `checkable` or `unsafe`.
    Intent {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// What it does to the world.
        class: EffectClass,
        /// The digest of its request; none in a fork, where the request may have been another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
        /// The model, tool or effect.
        name: Arc<str>,
        /// What it holds of the budget.
        #[serde(default, skip_serializing_if = "is_default")]
        held: Held,
        /// When a wait is over, or a question expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Whether what it asks is told to nobody who watches: a guardrail judges there.
        #[serde(default, skip_serializing_if = "is_default")]
        withheld: bool,
        /// A tool's arguments, or the [`Approval`](agentic_core::Approval) that is asked for.
        #[serde(skip)]
        asked: Json,
    },
    /// A step whose outcome was not known after a crash starts again.
    Restarted {
        /// The step.
        step: StepId,
        /// Which attempt this is, from 2.
        attempt: u32,
        /// What is booked for the attempt before.
        #[serde(default, skip_serializing_if = "is_default", serialize_with = "Spend::sparse")]
        lost: Spend,
        /// What it holds of the budget now.
        #[serde(default, skip_serializing_if = "is_default")]
        held: Held,
    },
    /// A step's effect ended. Durable before the agent is told.
    Outcome {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// How it failed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
        /// What it took.
        #[serde(default, skip_serializing_if = "is_default", serialize_with = "Spend::sparse")]
        spend: Spend,
        /// Who decided, if it was a person or a rule (`rule: …`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The rule that decided, if one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<Box<ApprovalRule>>,
        /// Whether what it gave is told to nobody who watches: a guardrail has yet to judge it.
        #[serde(default, skip_serializing_if = "is_default")]
        withheld: bool,
        /// The value.
        #[serde(skip)]
        value: Json,
    },
    /// A step was refused, by the budget or because the run was cancelled: it has no intent. Durable before the agent
    /// is told.
    Refused {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// The digest of its request; none in a fork.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<Digest>,
        /// Why.
        error: StepError,
    },
    /// A step ended without its outcome being delivered: the agent dropped it, or the run was cancelled.
    Dropped {
        /// The step.
        step: StepId,
        /// What is booked for it.
        #[serde(default, skip_serializing_if = "is_default", serialize_with = "Spend::sparse")]
        spend: Spend,
        /// Whether its effect had begun, so that it may have happened.
        begun: bool,
    },
    /// What came of an effect that must not be cut off, after its step had been dropped or cancelled.
    Late {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// How it failed, if it did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
        /// Whether what it gave is told to nobody who watches: no guardrail has judged it.
        #[serde(default, skip_serializing_if = "is_default")]
        withheld: bool,
        /// The value.
        #[serde(skip)]
        value: Json,
    },
    /// Which version of a change in the agent's code the run follows.
    Version {
        /// The change.
        change: StepId,
        /// The version; 0 is the code from before the change.
        version: u32,
    },
    /// A rule answers questions from here on. Questions are steps as ever, and what a rule answers is their outcome.
    RuleGiven {
        /// The rule.
        rule: ApprovalRule,
        /// Who gave it, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A rule answers no more questions.
    RuleRevoked {
        /// The rule.
        rule: ApprovalRule,
        /// Who revoked it, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// Something came from outside. Durable before the sender is told, and before the agent is.
    Message {
        /// The mailbox that it is for.
        mailbox: String,
        /// The sender's key: a second message with the same is no message.
        key: String,
        /// What it says.
        #[serde(skip)]
        content: Json,
    },
    /// Something came from outside and changed nothing.
    Ignored {
        /// What it was, and why, in one line.
        what: String,
    },
    /// Since a process took the run over, its agent was woken by something that is no step of the run: a timer, a channel
    /// or a task that it did not reach through its run context. Such a run may not repeat as it went.
    Foreign {
        /// How often.
        wakes: u64,
    },
    /// The run is to end. Durable before whoever asked for it is told.
    CancelRequested {
        /// Why.
        reason: CancelReason,
    },
    /// The agent, or the library for it, told something to whoever watches.
    Told {
        /// The scope's path.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        scope: String,
        /// What: an [`EventKind`].
        #[serde(skip)]
        event: Json,
    },
    /// The run ended. Always the last entry; durable before the caller is told.
    Finished {
        /// How.
        status: RunStatus,
        /// Why, if it is not completed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Reason>,
        /// What the whole run took.
        spend: Spend,
        /// The error in one line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Whether nobody worked on it any more, so that its agent had no say in this.
        #[serde(default, skip_serializing_if = "is_default")]
        idle: bool,
        /// What the agent gave: an [`AgentResult`].
        #[serde(skip)]
        result: Json,
    },
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a run begins with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Begin {
    /// The goal.
    pub goal: Goal,
    /// What the program needs to make the agent again.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub config: serde_json::Value,
    /// Rules that answer questions before anybody is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<ApprovalRule>,
}

/// What an agent gave.
pub type AgentResult = Result<Outcome, AgentError>;

impl EntryKind {
    /// The part that may be large. It is kept apart from the rest ([`header`](Self::header)), so that a store can keep
    /// equal ones once.
    pub fn payload(&self) -> Option<&Json> {
        match self {
            Self::Started { begin: payload, .. }
            | Self::Intent { asked: payload, .. }
            | Self::Outcome { value: payload, .. }
            | Self::Late { value: payload, .. }
            | Self::Message { content: payload, .. }
            | Self::Told { event: payload, .. }
            | Self::Finished { result: payload, .. } => Some(payload),
            _ => None,
        }
    }

    fn payload_mut(&mut self) -> Option<&mut Json> {
        match self {
            Self::Started { begin: payload, .. }
            | Self::Intent { asked: payload, .. }
            | Self::Outcome { value: payload, .. }
            | Self::Late { value: payload, .. }
            | Self::Message { content: payload, .. }
            | Self::Told { event: payload, .. }
            | Self::Finished { result: payload, .. } => Some(payload),
            _ => None,
        }
    }

    /// All but the payload, as JSON.
    ///
    /// # Errors
    /// If it has no JSON form, which only a step's error could lack.
    pub fn header(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The entry of a header and its payload.
    ///
    /// # Errors
    /// If the header is none that this version knows.
    pub fn of(header: &str, payload: Option<Json>) -> serde_json::Result<Self> {
        let mut kind: Self = serde_json::from_str(header)?;
        if let (Some(place), Some(payload)) = (kind.payload_mut(), payload) {
            *place = payload;
        }
        Ok(kind)
    }

    /// Whether a run that has this entry has ended.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Finished { .. })
    }

    /// The entry of a run that begins.
    pub(crate) fn started(
        agent: &str,
        code: String,
        seed: Digest,
        budget: Budget,
        begin: &Begin,
    ) -> serde_json::Result<Self> {
        Ok(Self::Started { agent: agent.into(), code, seed, budget, begin: Json::of(begin)? })
    }

    /// An entry for what an agent tells.
    pub(crate) fn told(scope: &str, event: &EventKind) -> Self {
        Self::Told { scope: scope.into(), event: Json::of(event).unwrap_or_default() }
    }
}

/// An entry as one line: what exports are made of.
#[derive(Serialize, Deserialize)]
struct Line<K> {
    seq: Seq,
    at: Timestamp,
    entry: K,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<Json>,
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let payload = self.kind.payload().cloned();
        Line { seq: self.seq, at: self.at, entry: &self.kind, payload }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Line { seq, at, entry: mut kind, payload } = Line::<EntryKind>::deserialize(deserializer)?;
        if let (Some(place), Some(payload)) = (kind.payload_mut(), payload) {
            *place = payload;
        }
        Ok(Self { seq, at, kind })
    }
}
