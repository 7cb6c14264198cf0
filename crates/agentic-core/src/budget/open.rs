//! The account of a scope, for as long as anybody is in the scope.

use std::sync::Arc;

use super::Budget;
use crate::driver::Driver;

/// Closes the account when the last context of its scope, and of those below, is gone.
#[derive(Debug)]
pub(crate) struct OpenAccount {
    driver: Arc<dyn Driver>,
    path: Box<str>,
    /// The next account further out, which stays open as long.
    _outer: Option<Arc<OpenAccount>>,
}

impl OpenAccount {
    /// Opens it, within the one further out.
    pub(crate) fn new(driver: Arc<dyn Driver>, path: &str, limits: Budget, outer: Option<Arc<Self>>) -> Self {
        driver.ledger().open(path, limits);
        Self { driver, path: path.into(), _outer: outer }
    }
}

impl Drop for OpenAccount {
    fn drop(&mut self) {
        self.driver.ledger().close(&self.path);
    }
}
