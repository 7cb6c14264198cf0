//! A run that was started or resumed.

use agentic_core::RunId;

use super::{Runtime, RuntimeError};
use crate::report::RunReport;

/// A run. It works on whether or not anybody holds this.
#[derive(Clone, Debug)]
pub struct Run {
    runtime: Runtime,
    id: RunId,
}

impl Run {
    pub(super) fn new(runtime: Runtime, id: RunId) -> Self {
        Self { runtime, id }
    }

    /// Its id.
    pub fn id(&self) -> RunId {
        self.id
    }

    /// How it ended, or for whom it waits. A run that waits for nothing but a time is waited for.
    ///
    /// # Errors
    /// If it can't be found out.
    ///
    /// # Cancel safety
    /// Safe to drop: the run works on.
    pub async fn report(&self) -> Result<RunReport, RuntimeError> {
        self.runtime.report(self.id).await
    }

    /// Asks it to end. It will, even if this process dies now.
    ///
    /// # Errors
    /// If that can't be written down.
    pub async fn cancel(&self) -> Result<(), RuntimeError> {
        self.runtime.cancel(self.id).await
    }
}
