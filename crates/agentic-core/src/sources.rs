//! Where time, ids and randomness come from.

use std::fmt::Debug;
use std::time::Duration;

use futures_core::future::BoxFuture;
use uuid::Uuid;

use crate::time::Timestamp;

/// The source of time, ids and randomness: the system's in programs, a fake one in tests.
///
/// Agents draw through their [`RunContext`](crate::RunContext), which records what was drawn.
pub trait Sources: Debug + Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// A new unique id.
    fn id(&self) -> Uuid;

    /// 64 random bits; not for secrets.
    fn random(&self) -> u64;

    /// Ends after `duration`. Safe to drop.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
