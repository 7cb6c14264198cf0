//! What a step asks for, and what it holds until it is settled.

use serde::{Deserialize, Serialize};

use crate::usage::{NanoUsd, Price, Spend, Usage};

/// What a step wants to reserve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reservation {
    /// Nothing.
    #[default]
    Nothing,
    /// One tool call.
    ToolCall,
    /// One model call.
    Model {
        /// An upper bound of its input tokens.
        input_tokens: u64,
        /// The most output tokens that it wants; it is granted fewer if fewer are left.
        output_tokens: u64,
        /// The model's price, if known.
        price: Option<Price>,
        /// Turns that it begins: 1 if it is the model call of an agent's turn, else 0.
        turns: u64,
    },
}

/// What a step holds of the budget until it is settled. A journal keeps it with the step's start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "a held reservation must be settled"]
pub struct Held {
    #[serde(serialize_with = "Spend::sparse")]
    pub(super) spend: Spend,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    limited: bool,
}

impl Held {
    pub(super) fn new(spend: Spend, limited: bool) -> Self {
        Self { spend, limited }
    }

    /// The output tokens that a model call may write; `None` if the budget sets no limit to them.
    pub fn output_tokens(&self) -> Option<u64> {
        self.limited.then_some(self.spend.usage.output_tokens)
    }

    /// All that is held: what to book for a call that was cut off, since it may have taken all of it, and [at
    /// most](Spend::at_most) that.
    pub fn all(&self) -> Spend {
        let at_most = self.spend.tokens() > 0 || self.spend.cost.0 > 0;
        Spend { at_most, ..self.spend }
    }

    /// The calls that are held, without tokens and money: what to book for a call that failed.
    pub fn calls(&self) -> Spend {
        let Spend { model_calls, tool_calls, turns, .. } = self.spend;
        Spend { model_calls, tool_calls, turns, ..Spend::default() }
    }
}

impl Reservation {
    /// What it holds, of a model call with at most this much output.
    pub(super) fn granted(&self, output_tokens: u64) -> Spend {
        match *self {
            Self::Nothing => Spend::default(),
            Self::ToolCall => Spend { tool_calls: 1, ..Spend::default() },
            Self::Model { input_tokens, price, turns, .. } => {
                let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
                let cost = price.map_or(NanoUsd(0), |price| price.of(&usage));
                Spend { usage, cost, model_calls: 1, turns, ..Spend::default() }
            }
        }
    }
}
