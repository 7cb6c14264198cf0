//! The system's time, ids and randomness.

use std::time::{Duration, SystemTime};

use agentic_core::{Sources, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use uuid::Uuid;

/// Draws from the system: wall clock, UUIDv7, a thread-local generator, tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSources;

#[allow(clippy::disallowed_methods)] // the one place that the rest of the workspace draws from
impl Sources for SystemSources {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn id(&self) -> Uuid {
        Uuid::now_v7()
    }

    fn random(&self) -> u64 {
        fastrand::u64(..)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}
