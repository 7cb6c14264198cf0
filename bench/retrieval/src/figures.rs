//! Figures and their bars.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use crate::Failed;

/// The mean of these; 0 of none.
pub fn mean(parts: &[f64]) -> f64 {
    parts.iter().sum::<f64>() / parts.len().max(1) as f64
}

/// The normalised discounted cumulative gain of the first `k` found, where a text is relevant or not (Järvelin and
/// Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", 2002).
pub fn ndcg<'a>(found: impl IntoIterator<Item = &'a str>, relevant: &HashSet<String>, k: usize) -> f64 {
    let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let best: f64 = (0..relevant.len().min(k)).map(gain).sum();
    let found = found.into_iter().take(k).enumerate();
    let gained: f64 = found.filter(|(_, id)| relevant.contains(*id)).map(|(place, _)| gain(place)).sum();
    if best > 0.0 { gained / best } else { 0.0 }
}

/// How long each of many things took.
#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Does it, and counts it.
    pub async fn of<T>(&mut self, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        self.0.push(began.elapsed());
        done
    }

    /// All of them together.
    pub fn total(&self) -> Duration {
        self.0.iter().sum()
    }

    /// The time within which this part of them was done, in milliseconds.
    pub fn within(&self, part: f64) -> f64 {
        let mut times = self.0.clone();
        times.sort_unstable();
        let at = ((times.len() as f64 * part).ceil() as usize).clamp(1, times.len().max(1)) - 1;
        times.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    }

    /// `p50 1.2 ms, p99 3.4 ms`.
    pub fn shown(&self) -> String {
        format!("p50 {:.1} ms, p99 {:.1} ms", self.within(0.5), self.within(0.99))
    }
}

/// What figures have to reach.
#[derive(Debug, Default)]
pub struct Bars(Vec<String>);

impl Bars {
    /// Prints whether it holds.
    pub fn hold(&mut self, what: &str, holds: bool) {
        println!("{what}: {}", if holds { "ok" } else { "MISSED" });
        if !holds {
            self.0.push(what.to_owned());
        }
    }

    /// # Errors
    /// The bars that were missed.
    pub fn result(self) -> Result<(), Failed> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("missed: {}", self.0.join("; ")).into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_first_counts_most() {
        let relevant = ["a", "b"].map(str::to_owned).into();
        assert_eq!(ndcg(["a", "b", "x"], &relevant, 10), 1.0);
        assert_eq!(ndcg(["x", "y"], &relevant, 10), 0.0);
        let second = ndcg(["x", "a"], &relevant, 10);
        let expected = (1.0 / 3.0_f64.log2()) / (1.0 + 1.0 / 3.0_f64.log2());
        assert!((second - expected).abs() < 1e-12);
        assert_eq!(ndcg(["x", "a"], &relevant, 1), 0.0, "the second is not looked at");
        assert_eq!(ndcg(["x"], &HashSet::new(), 1), 0.0);
    }

    #[test]
    fn times_are_sorted() {
        let times = Times([3, 1, 2].map(Duration::from_millis).into());
        assert_eq!((times.within(0.5), times.within(0.99), times.within(0.0)), (2.0, 3.0, 1.0));
        assert_eq!(Times::default().within(0.5), 0.0);
    }
}
