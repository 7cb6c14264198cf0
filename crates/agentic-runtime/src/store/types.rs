//! What a store of journals is asked and what it answers.

use std::fmt;

use agentic_core::{Approval, Digest, Json, Reason, RunId, RunStatus, Spend, StepId, Timestamp};
use serde::{Deserialize, Serialize};

use super::error::{JournalError, JournalErrorKind};
use crate::journal::Entry;

/// A run that is to be accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRun {
    /// Its id.
    pub id: RunId,
    /// The queue that it waits in.
    pub queue: String,
    /// The agent's name.
    pub agent: String,
    /// The goal's text, for lists.
    pub goal: String,
    /// Now.
    pub at: Timestamp,
    /// The first entries, from `Seq(1)`. If the last is the run's [end](crate::EntryKind::Finished), it has ended.
    pub entries: Vec<Entry>,
    /// The run that it was forked from.
    pub forked_from: Option<RunId>,
    /// If it is not to be begun, but to wait: for what.
    pub waits: Option<Release>,
}

/// What is known of a run without reading its journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id.
    pub id: RunId,
    /// Where it is in its life.
    pub status: RunStatus,
    /// Why, if it is not pending, running or completed.
    pub reason: Option<Reason>,
    /// The goal's text.
    pub goal: String,
    /// The agent's name.
    pub agent: String,
    /// The queue.
    pub queue: String,
    /// When it was accepted.
    pub created: Timestamp,
    /// When its status last changed.
    pub updated: Timestamp,
    /// How many entries its journal has.
    pub entries: u64,
    /// How often it was taken since it last stopped in an orderly way.
    pub attempts: u32,
    /// What it took, once it has ended or waits.
    pub spend: Spend,
    /// The error in one line, if it failed.
    pub error: Option<String>,
    /// What it waits for.
    pub waits: Vec<Wait>,
    /// When it will go on by itself, if it waits.
    pub wake_at: Option<Timestamp>,
    /// Who works on it.
    pub owner: Option<String>,
    /// Until when that is certain.
    pub leased_until: Option<Timestamp>,
    /// The run that it was forked from.
    pub forked_from: Option<RunId>,
}

/// Something that a run waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Wait {
    /// A person's answer.
    Approval {
        /// The step that asks.
        step: StepId,
        /// The digest of the question: an answer has to bring it.
        digest: Digest,
        /// The question.
        approval: Approval,
    },
    /// Somebody has to say whether an effect happened.
    UnknownEffect {
        /// The step.
        step: StepId,
        /// The digest of its request.
        digest: Digest,
        /// The tool or effect.
        name: String,
    },
    /// A message.
    Message {
        /// The step that waits for it.
        step: StepId,
        /// The mailbox.
        mailbox: String,
    },
    /// A point in time.
    Time {
        /// The step that waits for it.
        step: StepId,
        /// When.
        until: Timestamp,
    },
    /// Somebody has to look at it: the reason of the run says why.
    Operator {
        /// What happened, and what to do, in one line.
        message: String,
    },
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunFilter {
    /// Only with this status.
    pub status: Option<RunStatus>,
    /// Only in this queue.
    pub queue: Option<String>,
    /// Only those that ended before this.
    pub ended_before: Option<Timestamp>,
    /// At most so many.
    pub limit: Option<u64>,
}

/// Asks for a run to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who asks: a name that no other process has, nor had.
    pub owner: String,
    /// Which run.
    pub which: Which,
    /// Now.
    pub now: Timestamp,
    /// Until when it is to be owned.
    pub until: Timestamp,
}

/// Which run to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// This one, even if it waits.
    Run(RunId),
    /// The one of this queue that has waited longest.
    Next {
        /// The queue.
        queue: String,
    },
}

/// A run that is owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// How often it was taken, ever: writes of earlier owners are refused by it.
    pub epoch: u64,
    /// How often it was taken since it last stopped in an orderly way, this time included.
    pub attempt: u32,
}

/// Entries to add.
pub struct Append {
    /// Who adds them.
    pub lease: Lease,
    /// The entries, at least one; their places follow each other and those before. If the last is the run's
    /// [end](crate::EntryKind::Finished), the run ends and so does the lease, in the same transaction.
    pub entries: Vec<Entry>,
    /// What was posted and is taken in with them, in the same transaction. Each can be consumed once.
    pub consumed: Vec<u64>,
    /// For entries that end the run: the last [post](Posted::id) that its owner has seen. If something was posted after
    /// that, the run does not end. `None` looks at no posts.
    pub seen: Option<u64>,
    /// Told when they are durable, or that they never will be.
    pub done: Commit,
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Append")
            .field("lease", &self.lease)
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
}

type Told = Box<dyn FnOnce(Result<(), JournalError>) + Send>;

/// Told once what came of an append.
pub struct Commit(Option<Told>);

impl Commit {
    /// Calls this function. It must be quick, and must not call the store.
    pub fn new(told: impl FnOnce(Result<(), JournalError>) + Send + 'static) -> Self {
        Self(Some(Box::new(told)))
    }

    /// Tells what came of it.
    pub fn tell(mut self, result: Result<(), JournalError>) {
        if let Some(told) = self.0.take() {
            told(result);
        }
    }
}

/// A store that goes away without a word has lost it.
impl Drop for Commit {
    fn drop(&mut self) {
        if let Some(told) = self.0.take() {
            let message = "the store of journals was closed before an entry was written";
            told(Err(JournalError::new(JournalErrorKind::Unavailable, message)));
        }
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Commit")
    }
}

/// How a run is given back.
#[derive(Clone, Debug, PartialEq)]
pub struct Release {
    /// Why it waits; `None` if it need not: then it is `pending`.
    pub reason: Option<Reason>,
    /// What it waits for.
    pub waits: Vec<Wait>,
    /// When it goes on by itself.
    pub wake_at: Option<Timestamp>,
    /// What it took so far.
    pub spend: Spend,
    /// Now.
    pub at: Timestamp,
    /// Whether it stopped in an orderly way, so that attempts are counted anew.
    pub orderly: bool,
    /// The last [post](Posted::id) that whoever worked on it has seen. What came after that wakes it.
    pub seen: u64,
}

impl Release {
    /// To wait for these, from `at` on, having seen all that was posted.
    pub fn waiting(reason: Reason, waits: Vec<Wait>, at: Timestamp) -> Self {
        Self { reason: Some(reason), waits, ..Self::pending(at) }
    }

    /// For anybody to go on with.
    pub fn pending(at: Timestamp) -> Self {
        let (spend, seen) = (Spend::default(), u64::MAX);
        Self { reason: None, waits: Vec::new(), wake_at: None, spend, at, orderly: true, seen }
    }
}

/// Something for whoever works on a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Makes a second post of the same a refused one.
    pub key: String,
    /// What it is.
    pub content: Json,
    /// Now.
    pub at: Timestamp,
}

/// Something that was posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// Its number, for [`Append::consumed`]; higher than that of every earlier one.
    pub id: u64,
    /// The sender's key.
    pub key: String,
    /// What it is.
    pub content: Json,
    /// When it came.
    pub at: Timestamp,
}

impl Wait {
    /// The step that waits; `None` if it is the run as a whole.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Approval { step, .. }
            | Self::UnknownEffect { step, .. }
            | Self::Message { step, .. }
            | Self::Time { step, .. } => Some(step),
            Self::Operator { .. } => None,
        }
    }

    /// The reason of a run that waits for this.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Approval { .. } => Reason::Approval,
            Self::UnknownEffect { .. } => Reason::UnknownEffect,
            Self::Message { .. } => Reason::Message,
            Self::Time { .. } => Reason::Timer,
            Self::Operator { .. } => Reason::Internal,
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approval { step, approval, .. } => {
                write!(f, "an answer to step `{step}`: {}", approval.question)
            }
            Self::UnknownEffect { step, name, .. } => {
                write!(f, "somebody to say whether step `{step}` (`{name}`) has happened")
            }
            Self::Message { step, mailbox } => write!(f, "a message in `{mailbox}`, for step `{step}`"),
            Self::Time { step, until } => {
                write!(f, "step `{step}`, until {} ms since 1970", until.as_millis())
            }
            Self::Operator { message } => f.write_str(message),
        }
    }
}
