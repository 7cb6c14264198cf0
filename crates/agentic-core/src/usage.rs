//! What work costs: tokens, calls and money.

use std::fmt;
use std::ops::{Add, AddAssign};

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

/// An amount of US dollars, exact to a billionth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

impl NanoUsd {
    /// The amount for a decimal number of dollars; `None` if it is negative, not a number or above 18 billion.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let nanos = (dollars * 1e9).round();
        // The cast is exact enough for the range that was just checked.
        (nanos >= 0.0 && nanos < u64::MAX as f64).then_some(Self(nanos as u64))
    }

    /// Dollars, as a decimal number for display.
    pub fn dollars(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// `tokens` tokens at this price a million tokens, rounded up.
    fn per_million(self, tokens: u64) -> Self {
        let nanos = (u128::from(self.0) * u128::from(tokens)).div_ceil(1_000_000);
        Self(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${}.{:09}", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// What a model asks for a million tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// For a million input tokens.
    pub input: NanoUsd,
    /// For a million input tokens that the provider had cached.
    pub cached_input: NanoUsd,
    /// For a million output tokens.
    pub output: NanoUsd,
}

impl Price {
    /// What a call with this usage costs.
    pub fn of(&self, usage: &Usage) -> NanoUsd {
        let fresh = usage.input_tokens.saturating_sub(usage.cached_input_tokens);
        let parts = [
            self.input.per_million(fresh),
            self.cached_input.per_million(usage.cached_input_tokens),
            self.output.per_million(usage.output_tokens),
        ];
        NanoUsd(parts.iter().fold(0, |sum, part| sum.saturating_add(part.0)))
    }
}

/// The tokens of one model call, as the model counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens of the prompt, cached ones included.
    pub input_tokens: u64,
    /// Tokens of the prompt that were not processed again, because their prefix was cached.
    pub cached_input_tokens: u64,
    /// Tokens that the model wrote, reasoning included.
    pub output_tokens: u64,
    /// Tokens of the output that were reasoning.
    pub reasoning_tokens: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_input_tokens = self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.reasoning_tokens = self.reasoning_tokens.saturating_add(other.reasoning_tokens);
    }
}

/// What a step, an agent or a whole run spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spend {
    /// Tokens of all model calls.
    #[serde(flatten)]
    pub usage: Usage,
    /// Money, where the models' prices are known.
    pub cost: NanoUsd,
    /// Model calls.
    pub model_calls: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Turns of agents: one model call and its tools.
    pub turns: u64,
    /// Whether it may have been less: of a call that was cut off only the most that it can have taken is known, and that is in
    /// the tokens and the money.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub at_most: bool,
}

impl Spend {
    /// Writes only what is not zero, for journals: `#[serde(serialize_with = "Spend::sparse")]`.
    ///
    /// # Errors
    /// The serializer's.
    pub fn sparse<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { usage, cost, model_calls, tool_calls, turns, at_most } = *self;
        let Usage { input_tokens, cached_input_tokens, output_tokens, reasoning_tokens } = usage;
        let fields = [
            ("input_tokens", input_tokens),
            ("cached_input_tokens", cached_input_tokens),
            ("output_tokens", output_tokens),
            ("reasoning_tokens", reasoning_tokens),
            ("cost", cost.0),
            ("model_calls", model_calls),
            ("tool_calls", tool_calls),
            ("turns", turns),
        ];
        let mut map = serializer.serialize_map(None)?;
        for (name, number) in fields.into_iter().filter(|(_, number)| *number > 0) {
            map.serialize_entry(name, &number)?;
        }
        if at_most {
            map.serialize_entry("at_most", &at_most)?;
        }
        map.end()
    }

    /// Input and output tokens together: what a token budget counts.
    pub fn tokens(&self) -> u64 {
        self.usage.input_tokens.saturating_add(self.usage.output_tokens)
    }
}

impl AddAssign for Spend {
    fn add_assign(&mut self, other: Self) {
        self.usage += other.usage;
        self.cost = NanoUsd(self.cost.0.saturating_add(other.cost.0));
        self.model_calls = self.model_calls.saturating_add(other.model_calls);
        self.tool_calls = self.tool_calls.saturating_add(other.tool_calls);
        self.turns = self.turns.saturating_add(other.turns);
        self.at_most |= other.at_most;
    }
}

impl Add for Spend {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}
