//! What an agent's messages have already.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A conversation that several goals are parts of, with the messages of an agent that are carried from one to the next.
///
/// Clones are the same conversation. It is of this process: one that goes on elsewhere has what was recalled here recalled
/// once more.
#[derive(Clone, Debug)]
pub struct Conversation {
    id: Arc<str>,
    /// The ids of the entries that were read in it.
    recalled: Arc<Mutex<HashSet<String>>>,
}

impl Conversation {
    /// The conversation of this id; entries that are made in it say so in their metadata, as `conversation`.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self { id: id.into(), recalled: Arc::default() }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether this entry was read in it.
    pub(super) fn has(&self, id: &str) -> bool {
        self.recalled.lock().unwrap_or_else(PoisonError::into_inner).contains(id)
    }

    /// These entries were read in it.
    pub(super) fn read(&self, ids: Vec<String>) {
        self.recalled.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }
}
