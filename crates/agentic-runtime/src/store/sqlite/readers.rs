//! The connections that read.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::Semaphore;

use super::blocking;
use super::failure::{Failure, closed};
use super::open;
use crate::store::error::JournalError;

/// So many read at the same time.
const READERS: usize = 4;

/// Connections that see what is committed.
#[derive(Debug)]
pub(super) struct Readers {
    path: Arc<Path>,
    idle: Mutex<Vec<Connection>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn of(path: Arc<Path>) -> Self {
        Self { path, idle: Mutex::default(), turns: Arc::new(Semaphore::new(READERS)) }
    }

    /// Asks the database, on a thread that may wait. All of a query sees the same state.
    pub(super) async fn read<T: Send + 'static>(
        this: &Arc<Self>,
        query: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, JournalError> {
        let Ok(turn) = this.turns.clone().acquire_owned().await else { return Err(closed(&this.path)) };
        let this = this.clone();
        blocking(move || {
            let _turn = turn;
            this.now(query).map_err(|failure| failure.told("read the journals in", &this.path))
        })
        .await
    }

    fn now<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let db = match idle {
            Some(db) => db,
            None => open::reader(&self.path)?,
        };
        let snapshot = rusqlite::Transaction::new_unchecked(&db, TransactionBehavior::Deferred)?;
        let read = query(&snapshot);
        drop(snapshot);
        // A connection that failed is not asked again.
        if !matches!(read, Err(Failure::Sql(_))) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(db);
        }
        read
    }
}
