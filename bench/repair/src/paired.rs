//! Two ways on the same tasks: whether one solves more of them, or luck would do as much.

use std::fmt;

/// So rarely luck may look like that.
const LEVEL: f64 = 0.05;

/// The tasks that only one of the two solves; all others say nothing of which is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Paired {
    pub(crate) only_repair: u32,
    pub(crate) only_samples: u32,
}

impl Paired {
    pub(crate) fn add(&mut self, repair: bool, samples: bool) {
        self.only_repair += u32::from(repair && !samples);
        self.only_samples += u32::from(samples && !repair);
    }

    /// How often tosses of a coin would be as uneven as this, to either side: the exact test of McNemar (1947).
    pub(crate) fn p(self) -> f64 {
        let of = self.only_repair + self.only_samples;
        let fewer = self.only_repair.min(self.only_samples);
        let (mut ways, mut sum) = (1.0, 0.0);
        for hits in 0..=fewer {
            sum += ways;
            ways *= f64::from(of - hits) / f64::from(hits + 1);
        }
        (2.0 * sum / 2.0_f64.powi(of as i32)).min(1.0)
    }

    pub(crate) fn repair_wins(self) -> bool {
        self.only_repair > self.only_samples && self.p() < LEVEL
    }
}

impl fmt::Display for Paired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { only_repair, only_samples } = self;
        let p = self.p();
        writeln!(
            f,
            "solved by repair alone: {only_repair}, by samples alone: {only_samples}; exact p {p:.3}"
        )?;
        match self.repair_wins() {
            true => write!(f, "repair beats samples"),
            false => write!(f, "repair does not beat samples here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Paired;

    #[track_caller]
    fn check(only_repair: u32, only_samples: u32, p: f64, wins: bool) {
        let paired = Paired { only_repair, only_samples };
        assert!((paired.p() - p).abs() < 1e-9, "{}", paired.p());
        assert_eq!(paired.repair_wins(), wins);
    }

    #[test]
    fn few_tasks_prove_little() {
        check(0, 0, 1.0, false);
        check(3, 0, 0.25, false);
        check(5, 0, 0.0625, false);
        check(6, 0, 0.03125, true);
        check(0, 6, 0.03125, false);
        check(4, 4, 1.0, false);
        check(9, 1, 22.0 / 1024.0, true);
        check(8, 2, 112.0 / 1024.0, false);
    }

    #[test]
    fn tasks_that_both_or_none_solve_say_nothing() {
        let mut paired = Paired::default();
        for (repair, samples) in [(true, true), (false, false), (true, false), (false, true), (true, false)] {
            paired.add(repair, samples);
        }
        assert_eq!(paired, Paired { only_repair: 2, only_samples: 1 });
    }
}
