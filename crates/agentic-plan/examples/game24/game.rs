//! Game of 24: of four numbers, each used once, 24 is made with `+ - * /`. In exact fractions throughout.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use agentic_core::{
    ChatModel, FinishReason, Goal, Message, ModelContext, ModelError, ModelEvent, ModelInfo, ModelRequest,
    ModelResponse, ModelStream, Usage, async_trait,
};
use futures_util::stream::{self, StreamExt as _};
use num_rational::Ratio;
use serde_json::json;

type Number = Ratio<i64>;

/// So many steps there are at most: two of four numbers, in either order, by four operators.
pub(crate) const MOVES: usize = 4 * 3 * 4;

/// The numbers that are left, sorted: `1/3 4 6`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbers(Vec<Number>);

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |word: &str| word.parse().map_err(|_| format!("`{word}` is no number"));
        text.split_whitespace().map(number).collect::<Result<_, _>>().map(Self::sorted)
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.0.iter().map(Number::to_string).collect();
        f.write_str(&words.join(" "))
    }
}

impl Numbers {
    fn sorted(mut numbers: Vec<Number>) -> Self {
        numbers.sort();
        Self(numbers)
    }

    /// Each way to take two of them and put one in their place.
    fn moves(&self) -> Vec<(String, Self)> {
        let mut moves = Vec::new();
        for (i, a) in self.0.iter().enumerate() {
            for (j, b) in self.0.iter().enumerate().filter(|(j, _)| *j != i) {
                for operator in ['+', '-', '*', '/'] {
                    let Some(made) = apply(*a, operator, *b) else { continue };
                    let others = self.0.iter().enumerate().filter(|(k, _)| *k != i && *k != j);
                    let left = others.map(|(_, number)| *number).chain([made]).collect();
                    moves.push((format!("{a} {operator} {b} = {made}"), Self::sorted(left)));
                }
            }
        }
        moves
    }

    fn is_solved(&self) -> bool {
        self.0 == [Number::from_integer(24)]
    }

    /// Whether 24 can still be made.
    fn can_be_solved(&self) -> bool {
        self.is_solved() || self.moves().iter().any(|(_, left)| left.can_be_solved())
    }
}

fn apply(a: Number, operator: char, b: Number) -> Option<Number> {
    match operator {
        '+' => Some(a + b),
        '-' => Some(a - b),
        '*' => Some(a * b),
        '/' if b != Number::from_integer(0) => Some(a / b),
        _ => None,
    }
}

/// The goal of a puzzle.
pub(crate) fn goal(puzzle: &Numbers) -> Goal {
    let text = "Make 24 of the numbers, each used once, with + - * /. A step takes two of the numbers that are left and puts \
        their result in their place, as `2 * 6 = 12`; the state is the numbers that are then left.";
    Goal::new(text).with_input("numbers", puzzle.to_string())
}

/// How many states a plain breadth-first search expands until it makes 24; the same states are expanded once. Nothing if 24
/// can't be made.
pub(crate) fn breadth_first(puzzle: &Numbers) -> Option<usize> {
    let (mut level, mut met, mut expanded) = (vec![puzzle.clone()], BTreeSet::new(), 0);
    while !level.is_empty() {
        let mut next = Vec::new();
        for numbers in level {
            expanded += 1;
            for (_, left) in numbers.moves() {
                if left.is_solved() {
                    return Some(expanded);
                }
                if met.insert(left.clone()) {
                    next.push(left);
                }
            }
        }
        level = next;
    }
    None
}

/// Whether these steps make 24 of the four numbers and use each once: each step is read and done again.
pub(crate) fn is_solution<'s>(puzzle: &Numbers, steps: impl IntoIterator<Item = &'s str>) -> bool {
    let mut left = puzzle.0.clone();
    let take = |left: &mut Vec<Number>, word: &str| {
        let number: Number = word.parse().ok()?;
        let place = left.iter().position(|there| *there == number)?;
        Some(left.swap_remove(place))
    };
    for step in steps {
        let words: Vec<&str> = step.split_whitespace().collect();
        let [a, operator, b, "=", made] = words[..] else { return false };
        let made_of = |left: &mut Vec<Number>| {
            let (a, b) = (take(left, a)?, take(left, b)?);
            apply(a, operator.parse().ok()?, b)
        };
        match made_of(&mut left) {
            Some(number) if made.parse() == Ok(number) => left.push(number),
            _ => return false,
        }
    }
    left == [Number::from_integer(24)]
}

/// A chat model that knows the game: it reads its prompt, proposes each step that there is, and values states exactly.
#[derive(Clone, Debug)]
pub(crate) struct Player(Arc<ModelInfo>);

impl Player {
    pub(crate) fn new() -> Self {
        let mut info = ModelInfo::new("player:game24");
        info.capabilities.json_schema = true;
        Self(Arc::new(info))
    }

    fn answer(asked: &str) -> Result<String, String> {
        let numbers: Numbers = match asked.split_once("The state now:\n") {
            Some((_, state)) => state.lines().next().unwrap_or_default().parse()?,
            None => {
                let given = asked.lines().find_map(|line| line.strip_prefix("numbers: "));
                given.ok_or("there are no numbers")?.trim_matches('"').parse()?
            }
        };
        let answer = if asked.contains("Propose at most") {
            let thought = |(step, left): (String, Numbers)| json!({"step": step, "state": left.to_string()});
            json!({"thoughts": numbers.moves().into_iter().map(thought).collect::<Vec<_>>()})
        } else {
            let (reason, value) = match (numbers.is_solved(), numbers.can_be_solved()) {
                (true, _) => ("24 is made.", "solved"),
                (_, true) => ("24 can be made.", "sure"),
                _ => ("24 can't be made any more.", "impossible"),
            };
            json!({"reason": reason, "value": value})
        };
        Ok(answer.to_string())
    }
}

#[async_trait]
impl ChatModel for Player {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    async fn stream(&self, request: ModelRequest, _: ModelContext) -> Result<ModelStream, ModelError> {
        let asked = request.messages.last().map(Message::text).unwrap_or_default();
        let message = Message::assistant(Self::answer(&asked).unwrap_or_else(|error| error));
        let response = ModelResponse::new(message, FinishReason::Stop, Usage::default(), self.0.id.clone());
        Ok(stream::iter([Ok(ModelEvent::Finished(Box::new(response)))]).boxed())
    }
}
