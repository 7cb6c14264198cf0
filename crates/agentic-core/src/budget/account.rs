//! One account: limits, and what of them is gone. Pure.

use serde::{Deserialize, Serialize};

use super::Budget;
use super::error::BudgetError;
use super::reservation::Reservation;
use super::resource::Resource;
use crate::usage::{NanoUsd, Price, Spend, Usage};

/// Limits, and what of them is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetState {
    /// The limits, as high as they were raised.
    pub limits: Budget,
    /// What was settled so far.
    pub spent: Spend,
    /// What steps in flight hold.
    pub held: Spend,
}

/// By how much limits were raised in a run: also those that it does not have, as in a fork without limits of a run that
/// had some.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Raised {
    tokens: u64,
    nano_usd: u64,
    model_calls: u64,
    tool_calls: u64,
    turns: u64,
}

impl Raised {
    /// By how much this one was.
    pub(crate) fn by(&self, what: Resource) -> u64 {
        match what {
            Resource::Tokens => self.tokens,
            Resource::NanoUsd => self.nano_usd,
            Resource::ModelCalls => self.model_calls,
            Resource::ToolCalls => self.tool_calls,
            Resource::Turns => self.turns,
            Resource::WallTimeMs | Resource::Depth => 0,
        }
    }

    pub(super) fn add(&mut self, what: Resource, by: u64) {
        let raised = match what {
            Resource::Tokens => &mut self.tokens,
            Resource::NanoUsd => &mut self.nano_usd,
            Resource::ModelCalls => &mut self.model_calls,
            Resource::ToolCalls => &mut self.tool_calls,
            Resource::Turns => &mut self.turns,
            Resource::WallTimeMs | Resource::Depth => return,
        };
        *raised = raised.saturating_add(by);
    }
}

/// The account of a run, or of one of its scopes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    pub(super) limits: Budget,
    spent: Spend,
    held: Spend,
}

/// A model call that could not even write this much is refused rather than cut short.
const LEAST_OUTPUT: u64 = 16;

impl Account {
    pub(super) fn new(limits: Budget) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(super) fn state(&self) -> BudgetState {
        let Self { limits, spent, held } = *self;
        BudgetState { limits, spent, held }
    }

    /// How many output tokens a model call would be granted here if no other were in flight, of those that it wants.
    pub(super) fn output(&self, reservation: &Reservation) -> Result<u64, BudgetError> {
        let Reservation::Model { input_tokens, output_tokens, price, .. } = *reservation else {
            return Ok(0);
        };
        let refused = |what, limit, spent, asked| BudgetError::new(what, limit, spent, asked);
        let least = output_tokens.min(LEAST_OUTPUT);
        let mut output = output_tokens;
        if let Some(limit) = self.limits.tokens {
            let (spent, asked) = (self.spent.tokens(), input_tokens.saturating_add(least));
            let left = limit.saturating_sub(spent);
            if asked > left {
                return Err(refused(Resource::Tokens, limit, spent, asked));
            }
            output = output.min(left - input_tokens);
        }
        if let Some(NanoUsd(limit)) = self.limits.cost {
            let price_of = |output_tokens| {
                let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
                // An unknown price may be any price.
                price.map_or(u64::MAX, |price: Price| price.of(&usage).0)
            };
            let (spent, asked) = (self.spent.cost.0, price_of(least));
            let left = limit.saturating_sub(spent);
            if asked > left {
                return Err(refused(Resource::NanoUsd, limit, spent, asked));
            }
            let each = price.map_or(0, |price| price.output.0);
            if each > 0 {
                let affordable = u128::from(left.saturating_sub(price_of(0))) * 1_000_000 / u128::from(each);
                output = output.min(u64::try_from(affordable).unwrap_or(u64::MAX)).max(least);
            }
        }
        Ok(output)
    }

    /// Whether this fits beside what is spent and held.
    pub(super) fn room(&self, asked: &Spend) -> Result<(), BudgetError> {
        let Budget { tokens, cost, model_calls, tool_calls, turns, .. } = self.limits;
        self.room_of(Resource::Turns, turns, |spend| spend.turns, asked)?;
        self.room_of(Resource::ModelCalls, model_calls, |spend| spend.model_calls, asked)?;
        self.room_of(Resource::ToolCalls, tool_calls, |spend| spend.tool_calls, asked)?;
        self.room_of(Resource::Tokens, tokens, Spend::tokens, asked)?;
        self.room_of(Resource::NanoUsd, cost.map(|cost| cost.0), |spend| spend.cost.0, asked)
    }

    fn room_of(
        &self,
        what: Resource,
        limit: Option<u64>,
        count: fn(&Spend) -> u64,
        asked: &Spend,
    ) -> Result<(), BudgetError> {
        let Some(limit) = limit else { return Ok(()) };
        let (spent, reserved, asked) = (count(&self.spent), count(&self.held), count(asked));
        let left = limit.saturating_sub(spent).saturating_sub(reserved);
        // What takes nothing of it passes no limit, though it may be passed already.
        if asked == 0 || asked <= left {
            Ok(())
        } else {
            Err(BudgetError { reserved, ..BudgetError::new(what, limit, spent, asked) })
        }
    }

    pub(super) fn hold(&mut self, spend: Spend) {
        self.held += spend;
    }

    /// Gives back what was held and books what was taken.
    pub(super) fn settle(&mut self, held: Spend, taken: Spend) {
        self.held = minus(self.held, held);
        self.spent += taken;
    }
}

fn minus(from: Spend, what: Spend) -> Spend {
    let usage = Usage {
        input_tokens: from.usage.input_tokens.saturating_sub(what.usage.input_tokens),
        cached_input_tokens: from.usage.cached_input_tokens.saturating_sub(what.usage.cached_input_tokens),
        output_tokens: from.usage.output_tokens.saturating_sub(what.usage.output_tokens),
        reasoning_tokens: from.usage.reasoning_tokens.saturating_sub(what.usage.reasoning_tokens),
    };
    Spend {
        usage,
        cost: NanoUsd(from.cost.0.saturating_sub(what.cost.0)),
        model_calls: from.model_calls.saturating_sub(what.model_calls),
        tool_calls: from.tool_calls.saturating_sub(what.tool_calls),
        turns: from.turns.saturating_sub(what.turns),
        at_most: from.at_most,
    }
}
