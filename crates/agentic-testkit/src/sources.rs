//! Time, ids and randomness that a test decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentic_core::{Sources, Timestamp};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::time::Instant;
use uuid::Uuid;

/// Time that starts at 2026-01-01T00:00:00Z and follows tokio's clock, so it stands still in
/// `#[tokio::test(start_paused = true)]` until something sleeps; ids and randomness from a seed.
#[derive(Clone, Debug)]
pub struct FakeSources {
    started: Instant,
    drawn: Arc<AtomicU64>,
    seed: u64,
    start: Timestamp,
}

/// 2026-01-01T00:00:00Z in milliseconds.
const START: u64 = 1_767_225_600_000;

impl FakeSources {
    /// Sources with this seed; equal seeds draw equal ids and random numbers.
    pub fn seeded(seed: u64) -> Self {
        // Tokio's clock, not the system's: it can be paused.
        Self { started: Instant::now(), drawn: Arc::default(), seed, start: Timestamp::from_millis(START) }
    }

    /// The same sources, with a clock that begins here.
    pub fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// The time so long after the beginning.
    pub fn at(&self, elapsed: Duration) -> Timestamp {
        self.start.after(elapsed)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): the `n`-th number of the seed's sequence.
    fn next(&self) -> u64 {
        let n = self.drawn.fetch_add(1, Ordering::Relaxed) + 1;
        let mut z = self.seed.wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl Sources for FakeSources {
    fn now(&self) -> Timestamp {
        self.start.after(self.started.elapsed())
    }

    fn id(&self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }

    fn random(&self) -> u64 {
        self.next()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }
}
