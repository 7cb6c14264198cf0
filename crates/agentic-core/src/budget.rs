//! Budgets: limits that a whole tree of agents shares, and the ledger that keeps them.
//!
//! Every model call first *reserves* an upper bound of what it may take and *settles* what it took afterwards.
//! So agents that run at the same time can't overrun a limit together.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::usage::{NanoUsd, Price, Spend, Usage};

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

    fn add(&mut self, what: Resource, by: u64) {
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
}

impl fmt::Display for BudgetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, limit, spent, reserved, asked } = self;
        match what {
            Resource::WallTimeMs => {
                write!(f, "the time limit of {limit} ms was reached; allow more time or ask for less")
            }
            Resource::NanoUsd if !self.fits_if_raised() => write!(
                f,
                "a budget of money refuses a model whose price is unknown; name its price, or limit its tokens instead"
            ),
            _ => {
                let [spent, reserved, asked] = [*spent, *reserved, *asked].map(|number| what.amount(number));
                write!(
                    f,
                    "budget of {} is exhausted: {spent} spent, {reserved} reserved, {asked} more asked for; raise it or ask for less",
                    what.limit(*limit)
                )
            }
        }
    }
}

impl BudgetError {
    /// Whether it fits once calls in flight have given back what they hold: only tokens and money are given back.
    pub fn may_fit_later(&self) -> bool {
        matches!(self.what, Resource::Tokens | Resource::NanoUsd)
            && self.reserved > 0
            && self.asked <= self.limit.saturating_sub(self.spent)
    }

    /// Whether it fits under a higher limit that can be had in the middle of a run: time and depth can't be raised, and
    /// no limit is high enough for a price that nobody knows.
    pub fn fits_if_raised(&self) -> bool {
        !matches!(self.what, Resource::WallTimeMs | Resource::Depth) && self.asked < u64::MAX
    }

    /// By how much the limit is too low.
    pub(crate) fn missing(&self) -> u64 {
        let Self { limit, spent, reserved, asked, .. } = *self;
        spent.saturating_add(reserved).saturating_add(asked).saturating_sub(limit)
    }
}

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
    spend: Spend,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    limited: bool,
}

impl Held {
    /// The output tokens that a model call may write; `None` if the budget sets no limit to them.
    pub fn output_tokens(&self) -> Option<u64> {
        self.limited.then_some(self.spend.usage.output_tokens)
    }

    /// All that is held: what to book for a call that was cut off, since it may have taken all of it.
    pub fn all(&self) -> Spend {
        self.spend
    }

    /// The calls that are held, without tokens and money: what to book for a call that failed.
    pub fn calls(&self) -> Spend {
        let Spend { model_calls, tool_calls, turns, .. } = self.spend;
        Spend { model_calls, tool_calls, turns, ..Spend::default() }
    }
}

/// A run's limits, and what of them is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetState {
    /// The limits, as high as they were raised.
    pub limits: Budget,
    /// What was settled so far.
    pub spent: Spend,
    /// What steps in flight hold.
    pub held: Spend,
}

/// Keeps a run's budget: what is spent, what is held by steps in flight. One for the whole tree of agents.
#[derive(Debug, Default)]
pub struct Ledger {
    budget: Budget,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    limits: Budget,
    raised: Raised,
    spent: Spend,
    held: Spend,
}

/// A model call that could not even write this much is refused rather than cut short.
const LEAST_OUTPUT: u64 = 16;

impl Ledger {
    /// A ledger with nothing spent.
    pub fn new(budget: Budget) -> Self {
        Self { budget, state: Mutex::new(State { limits: budget, ..State::default() }) }
    }

    /// The limits as they were given.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The limits, and where the run stands.
    pub fn state(&self) -> BudgetState {
        let State { limits, spent, held, .. } = *self.lock();
        BudgetState { limits, spent, held }
    }

    /// Raises a limit for the rest of the run. What has no limit has none after it; time and depth stay as they are.
    ///
    /// A run that is repeated has to raise it in the same place: after the outcome that it follows from.
    pub fn raise(&self, what: Resource, by: u64) {
        let mut state = self.lock();
        state.raised.add(what, by);
        state.limits = self.budget.raised_by(&state.raised);
    }

    /// By how much limits were raised so far.
    pub(crate) fn raised(&self) -> Raised {
        self.lock().raised
    }

    /// Holds what a step may take. A model call that may write more than is left is granted what is left; what calls in
    /// flight hold never makes a grant smaller.
    ///
    /// # Errors
    /// [`BudgetError`] if a limit would be passed; then nothing is held.
    pub fn reserve(&self, reservation: &Reservation) -> Result<Held, BudgetError> {
        let mut state = self.lock();
        let spend = state.grant(reservation)?;
        let Budget { tokens, cost, model_calls, tool_calls, turns, .. } = state.limits;
        state.room(Resource::Turns, turns, |spend| spend.turns, &spend)?;
        state.room(Resource::ModelCalls, model_calls, |spend| spend.model_calls, &spend)?;
        state.room(Resource::ToolCalls, tool_calls, |spend| spend.tool_calls, &spend)?;
        state.room(Resource::Tokens, tokens, Spend::tokens, &spend)?;
        state.room(Resource::NanoUsd, cost.map(|cost| cost.0), |spend| spend.cost.0, &spend)?;
        state.held += spend;
        Ok(self.held_of(spend))
    }

    /// Holds again what a journal says that a step was granted, even beyond the limits.
    pub fn hold(&self, held: Held) {
        self.lock().held += held.spend;
    }

    fn held_of(&self, spend: Spend) -> Held {
        Held { spend, limited: self.budget.tokens.is_some() || self.budget.cost.is_some() }
    }

    /// Gives back what was held and books what was taken.
    pub fn settle(&self, held: Held, taken: Spend) {
        let mut state = self.lock();
        state.held = minus(state.held, held.spend);
        state.spent += taken;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain numbers, changed in one go: a panic elsewhere can't leave it half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the step would be granted if no other were in flight.
    fn grant(&self, reservation: &Reservation) -> Result<Spend, BudgetError> {
        let mut grant = unlimited(reservation);
        let Reservation::Model { input_tokens, output_tokens, price, .. } = *reservation else {
            return Ok(grant);
        };
        let refused = |what, limit, spent, asked| BudgetError { what, limit, spent, reserved: 0, asked };
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
                price.map_or(u64::MAX, |price| price.of(&usage).0)
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
        grant.usage.output_tokens = output;
        grant.cost = price.map_or(NanoUsd(0), |price| price.of(&grant.usage));
        Ok(grant)
    }

    /// Whether it fits beside what is spent and held.
    fn room(
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
            Err(BudgetError { what, limit, spent, reserved, asked })
        }
    }
}

/// What a reservation holds where nothing limits it.
fn unlimited(reservation: &Reservation) -> Spend {
    match *reservation {
        Reservation::Nothing => Spend::default(),
        Reservation::ToolCall => Spend { tool_calls: 1, ..Spend::default() },
        Reservation::Model { input_tokens, output_tokens, price, turns } => {
            let usage = Usage { input_tokens, output_tokens, ..Usage::default() };
            let cost = price.map_or(NanoUsd(0), |price| price.of(&usage));
            Spend { usage, cost, model_calls: 1, turns, ..Spend::default() }
        }
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
    }
}
