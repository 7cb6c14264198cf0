//! Budgets: limits that a whole tree of agents shares, and the ledger that keeps them.
//!
//! Every model call first *reserves* an upper bound of what it may take and *settles* what it took afterwards.
//! So agents that run at the same time can't overrun a limit together.

mod account;
mod error;
mod ledger;
mod open;
mod reservation;
mod resource;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::account::BudgetState;
pub(crate) use self::account::Raised;
pub use self::error::BudgetError;
pub use self::ledger::Ledger;
pub(crate) use self::open::OpenAccount;
pub use self::reservation::{Held, Reservation};
pub use self::resource::Resource;
use crate::usage::NanoUsd;

/// The limits of a run; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Budget {
    /// Input and output tokens of all model calls.
    pub tokens: Option<u64>,
    /// Money of all model calls. A model without a known price is refused.
    pub cost: Option<NanoUsd>,
    /// Model calls.
    pub model_calls: Option<u64>,
    /// Tool calls.
    pub tool_calls: Option<u64>,
    /// Turns of all agents together.
    pub turns: Option<u64>,
    /// Time from the run's start. Then the run is cancelled; effects that must not be cut off still end first, however
    /// long they take.
    pub wall_time: Option<Duration>,
    /// How deep agents may nest. Default: 16, the only limit that is set unless you say otherwise.
    pub depth: Option<u32>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            tokens: None,
            cost: None,
            model_calls: None,
            tool_calls: None,
            turns: None,
            wall_time: None,
            depth: Some(16),
        }
    }
}

impl Budget {
    /// No limit but the default depth.
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// The same limits with at most this many tokens.
    pub fn with_tokens(mut self, tokens: u64) -> Self {
        self.tokens = Some(tokens);
        self
    }

    /// The same limits with at most this much money.
    pub fn with_cost(mut self, cost: NanoUsd) -> Self {
        self.cost = Some(cost);
        self
    }

    /// The same limits with at most this many model calls.
    pub fn with_model_calls(mut self, calls: u64) -> Self {
        self.model_calls = Some(calls);
        self
    }

    /// The same limits with at most this many tool calls.
    pub fn with_tool_calls(mut self, calls: u64) -> Self {
        self.tool_calls = Some(calls);
        self
    }

    /// The same limits with at most this many turns.
    pub fn with_turns(mut self, turns: u64) -> Self {
        self.turns = Some(turns);
        self
    }

    /// The same limits with at most this much time.
    pub fn with_wall_time(mut self, time: Duration) -> Self {
        self.wall_time = Some(time);
        self
    }

    /// The same limits with agents nested at most this deep.
    pub fn with_depth(mut self, depth: u32) -> Self {
        self.depth = Some(depth);
        self
    }

    /// The limit of one resource, in its unit.
    pub fn limit(&self, what: Resource) -> Option<u64> {
        match what {
            Resource::Tokens => self.tokens,
            Resource::NanoUsd => self.cost.map(|cost| cost.0),
            Resource::ModelCalls => self.model_calls,
            Resource::ToolCalls => self.tool_calls,
            Resource::Turns => self.turns,
            Resource::WallTimeMs => {
                self.wall_time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            }
            Resource::Depth => self.depth.map(u64::from),
        }
    }

    /// This share of each limit, rounded up. Time and depth have none: they are the whole run's.
    ///
    /// A share below 0 counts as 0, one above 1 as 1.
    pub fn share(&self, share: f64) -> Self {
        // Without what a product of floats has too much: 0.07 of 100 is 7.
        let of = |limit: u64| (limit as f64 * share.clamp(0.0, 1.0) * (1.0 - 1e-12)).ceil() as u64;
        Self {
            tokens: self.tokens.map(of),
            cost: self.cost.map(|cost| NanoUsd(of(cost.0))),
            model_calls: self.model_calls.map(of),
            tool_calls: self.tool_calls.map(of),
            turns: self.turns.map(of),
            wall_time: None,
            depth: None,
        }
    }

    /// Of each limit the lower one.
    fn lowest(&self, other: &Self) -> Self {
        let lower = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
        let cost = |budget: &Self| budget.cost.map(|cost| cost.0);
        Self {
            tokens: lower(self.tokens, other.tokens),
            cost: lower(cost(self), cost(other)).map(NanoUsd),
            model_calls: lower(self.model_calls, other.model_calls),
            tool_calls: lower(self.tool_calls, other.tool_calls),
            turns: lower(self.turns, other.turns),
            ..*self
        }
    }

    /// The same limits, each as much higher as it was raised.
    fn raised_by(&self, raised: &Raised) -> Self {
        let more = |what, limit: Option<u64>| limit.map(|limit| limit.saturating_add(raised.by(what)));
        Self {
            tokens: more(Resource::Tokens, self.tokens),
            cost: more(Resource::NanoUsd, self.cost.map(|cost| cost.0)).map(NanoUsd),
            model_calls: more(Resource::ModelCalls, self.model_calls),
            tool_calls: more(Resource::ToolCalls, self.tool_calls),
            turns: more(Resource::Turns, self.turns),
            ..*self
        }
    }
}
