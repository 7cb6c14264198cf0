//! What an agent's messages have already.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentic_core::{Recalled, RunId};

/// A conversation that several goals are parts of, with the messages of an agent that are carried from one to the next.
///
/// Clones are the same conversation. It is of this process: one that goes on elsewhere has what was recalled here recalled
/// once more.
#[derive(Clone, Debug)]
pub struct Conversation {
    id: Arc<str>,
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// The runs that it is made of: what they remembered was said in it.
    runs: HashSet<RunId>,
    /// The ids of the entries that were read in it.
    recalled: HashSet<String>,
}

impl Conversation {
    /// The conversation of this id; entries that are made in it say so in their metadata, as `conversation`.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), known: Arc::default() }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this entry was made or read in it.
    pub(super) fn has(&self, found: &Recalled) -> bool {
        let known = self.known();
        known.recalled.contains(&found.id)
            || found.entry.provenance.run.is_some_and(|run| known.runs.contains(&run))
    }

    /// This run was a part of it, and these entries were read for it.
    pub(super) fn grows(&self, run: RunId, read: Vec<String>) {
        let mut known = self.known();
        known.runs.insert(run);
        known.recalled.extend(read);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
