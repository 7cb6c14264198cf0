//! What budgets limit.

use serde::{Deserialize, Serialize};

/// What a budget limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Resource {
    /// Tokens.
    Tokens,
    /// Billionths of a US dollar.
    NanoUsd,
    /// Model calls.
    ModelCalls,
    /// Tool calls.
    ToolCalls,
    /// Turns.
    Turns,
    /// Milliseconds of wall time.
    WallTimeMs,
    /// Levels of nested agents.
    Depth,
}

impl std::fmt::Display for Resource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tokens => "tokens",
            Self::NanoUsd => "billionths of a dollar",
            Self::ModelCalls => "model calls",
            Self::ToolCalls => "tool calls",
            Self::Turns => "turns",
            Self::WallTimeMs => "ms of wall time",
            Self::Depth => "levels of nested agents",
        })
    }
}

impl Resource {
    /// A number of it as people write it: `5,000`, of money `$0.005`.
    pub(crate) fn amount(self, number: u64) -> String {
        if self != Self::NanoUsd {
            return grouped(number);
        }
        let (dollars, nanos) = (grouped(number / 1_000_000_000), format!("{:09}", number % 1_000_000_000));
        let cents = nanos.trim_end_matches('0');
        format!("${dollars}.{cents:0<2}")
    }

    /// A limit of it as people write it: `5,000 tokens`, of money `$0.005`.
    pub fn limit(self, number: u64) -> String {
        let amount = self.amount(number);
        if self == Self::NanoUsd { amount } else { format!("{amount} {self}") }
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
