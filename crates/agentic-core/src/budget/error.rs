//! A limit that would be passed.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::resource::Resource;
use crate::context::RunContext;
use crate::id::{StepId, is_within};

/// A limit would be passed. Nothing was done and nothing was spent.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
pub struct BudgetError {
    /// Which limit.
    pub what: Resource,
    /// The limit, in the resource's unit.
    pub limit: u64,
    /// What is spent of it.
    pub spent: u64,
    /// What calls in flight hold of it.
    pub reserved: u64,
    /// What was asked for.
    pub asked: u64,
    /// The scope whose limit it is, by its path; empty if it is the run's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, limit, spent, reserved, asked, scope } = self;
        match what {
            Resource::WallTimeMs => {
                write!(f, "the time limit of {limit} ms was reached; allow more time or ask for less")
            }
            Resource::NanoUsd if *asked == u64::MAX => write!(
                f,
                "a budget of money refuses a model whose price is unknown; name its price, or limit its tokens instead"
            ),
            _ if *spent == 0 && *reserved == 0 => {
                let (limit, of, asked) = (what.limit(*limit), Of(scope), what.amount(*asked));
                let advice = advice(scope);
                write!(f, "budget of {limit}{of} is too small: {asked} asked for; {advice} or ask for less")
            }
            _ => {
                let [spent, reserved, asked] = [*spent, *reserved, *asked].map(|number| what.amount(number));
                let (limit, of) = (what.limit(*limit), Of(scope));
                let advice = advice(scope);
                write!(
                    f,
                    "budget of {limit}{of} is exhausted: {spent} spent, {reserved} reserved, {asked} more asked for; {advice} or ask for less",
                )
            }
        }
    }
}

/// A scope's limit is what it is once the scope is there.
fn advice(scope: &str) -> &'static str {
    if scope.is_empty() { "raise it" } else { "give it more" }
}

/// Whose a limit is, where it is not the run's.
struct Of<'a>(&'a str);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " for `{}`", self.0) }
    }
}

impl BudgetError {
    /// A limit of the run that nothing in flight holds anything of.
    pub fn new(what: Resource, limit: u64, spent: u64, asked: u64) -> Self {
        Self { what, limit, spent, reserved: 0, asked, scope: String::new() }
    }

    /// The same of the account of the scope at this path.
    pub(super) fn of(mut self, path: &str) -> Self {
        self.scope = path.to_owned();
        self
    }

    /// Whether its scope is that of the other one, or below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        is_within(&self.scope, &other.scope)
    }

    /// Whether it is a limit of the scope that this step is in, or of one above.
    pub fn holds_for(&self, step: &StepId) -> bool {
        is_within(step.as_str(), &self.scope)
    }

    /// Whether nothing else can go on here either: it is a limit of the run, or of a scope that this one is in, and not one of
    /// how deep agents nest.
    pub fn ends(&self, cx: &RunContext) -> bool {
        is_within(cx.path(), &self.scope) && self.what != Resource::Depth
    }

    /// Whether it fits once calls in flight have given back what they hold: only tokens and money are given back.
    pub fn may_fit_later(&self) -> bool {
        matches!(self.what, Resource::Tokens | Resource::NanoUsd)
            && self.reserved > 0
            && self.asked <= self.limit.saturating_sub(self.spent)
    }

    /// Whether it fits under a higher limit that can be had in the middle of a run: time, depth and the limits of scopes
    /// can't be raised, and no limit is high enough for a price that nobody knows.
    pub fn fits_if_raised(&self) -> bool {
        let is_raisable = !matches!(self.what, Resource::WallTimeMs | Resource::Depth);
        is_raisable && self.scope.is_empty() && self.asked < u64::MAX
    }

    /// By how much the limit is too low.
    pub(crate) fn missing(&self) -> u64 {
        let &Self { limit, spent, reserved, asked, .. } = self;
        spent.saturating_add(reserved).saturating_add(asked).saturating_sub(limit)
    }
}
