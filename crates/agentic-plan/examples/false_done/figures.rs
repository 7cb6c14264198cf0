//! What the verdicts are worth.

use std::collections::BTreeMap;
use std::fmt;

use agentic_core::{GoalVerdict, Outcome};

use super::case::Case;
use super::is_right;

/// The verdicts on one family, by what was true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    /// Goals that were met: said to be met, not met, left open.
    pub(crate) met: [usize; 3],
    /// Goals that were missed: the same.
    pub(crate) missed: [usize; 3],
}

/// The verdicts on all cases.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) families: BTreeMap<&'static str, Row>,
    /// Each verdict that is wrong, with its evidence.
    pub(crate) wrong: Vec<String>,
}

impl Figures {
    pub(super) fn add(&mut self, case: &Case, is_met: bool, outcome: &Outcome) {
        let row = self.families.entry(case.family).or_default();
        let of = if is_met { &mut row.met } else { &mut row.missed };
        of[match outcome.verdict {
            GoalVerdict::Met => 0,
            GoalVerdict::NotMet => 1,
            GoalVerdict::Unverified => 2,
        }] += 1;
        if !is_right(outcome.verdict, is_met) {
            let Case { family, how, .. } = case;
            let told = outcome.evidence.join("; ");
            self.wrong.push(format!("{family} ({how}) is said to be {:?}: {told}", outcome.verdict));
        }
    }

    fn sum(&self, of: impl Fn(&Row) -> usize) -> usize {
        self.families.values().map(of).sum()
    }

    /// Verdicts that say what is true.
    pub(crate) fn right(&self) -> usize {
        self.sum(|row| row.met[0] + row.missed[1])
    }

    pub(crate) fn cases(&self) -> usize {
        self.ended_well()
    }

    /// Runs that ended well: all of them, else there are no figures.
    pub(crate) fn ended_well(&self) -> usize {
        self.sum(|row| row.met.iter().chain(&row.missed).sum())
    }

    /// Goals that were met.
    pub(crate) fn met(&self) -> usize {
        self.sum(|row| row.met.iter().sum())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "family     was met: said met, not met, open   was missed: said met, not met, open")?;
        for (family, Row { met, missed }) in &self.families {
            let [a, b, c] = met;
            let [d, e, g] = missed;
            writeln!(f, "{family:<10} {a:>17} {b:>8} {c:>5} {d:>21} {e:>8} {g:>5}")?;
        }
        self.wrong.iter().try_for_each(|wrong| writeln!(f, "WRONG: {wrong}"))
    }
}
