//! The question whether a limit is raised, and what an answer to it means. Pure.

use std::time::Duration;

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::approval::{Approval, Decision};
use crate::budget::{BudgetError, Resource};

/// Whether a limit is raised.
#[derive(Clone, Debug)]
pub(super) struct Question {
    refused: BudgetError,
    raise: u64,
}

impl Question {
    /// About the limit that refused a step; `given` is what it was at first.
    pub(super) fn new(refused: BudgetError, given: u64) -> Self {
        let raise = given.max(refused.asked).max(refused.missing());
        Self { refused, raise }
    }

    pub(super) fn approval(&self, expires_after: Option<Duration>) -> Approval {
        let BudgetError { what, limit, spent, reserved, asked, .. } = self.refused;
        let of = what.limit(limit);
        let held = match reserved {
            0 => String::new(),
            reserved => format!(", {} held by calls in flight", what.amount(reserved)),
        };
        let [spent, asked, raise] = [spent, asked, self.raise].map(|number| what.amount(number));
        let mut approval = Approval::new(format!(
            "The budget of {of} is exhausted: {spent} spent{held}, {asked} more asked for. Raise it by {raise}?"
        ));
        approval.arguments = self.arguments();
        approval.expires_after = expires_after;
        approval
    }

    fn arguments(&self) -> Value {
        let BudgetError { what, limit, spent, asked, .. } = &self.refused;
        json!({"what": what, "limit": limit, "spent": spent, "asked": asked, "raise": self.raise})
    }
}

impl Approval {
    /// By how much an answer raises the limit that this asks to raise, as [`WhenExhausted::ask`](crate::WhenExhausted::ask)
    /// does, in the resource's unit. `None` if it does not raise it, or if this asks something else.
    ///
    /// An edit that says anything but another `raise` is no yes.
    pub fn raised_by(&self, decision: &Decision) -> Option<u64> {
        let asked = self.arguments.as_object().filter(|asked| self.tool.is_none() && is_question(asked))?;
        let raise = |from: &Map<String, Value>| from.get("raise")?.as_u64().filter(|raise| *raise > 0);
        match decision {
            Decision::Approve => raise(asked),
            Decision::Edit { arguments } => {
                let edited = arguments.as_object().filter(|_| raise(asked).is_some())?;
                let agrees =
                    |(name, value): (&String, &Value)| name == "raise" || asked.get(name) == Some(value);
                raise(edited).filter(|_| edited.iter().all(agrees))
            }
            Decision::Deny { .. } => None,
        }
    }
}

/// Whether these are the arguments of a question whether a limit is raised: its five fields and no other.
fn is_question(arguments: &Map<String, Value>) -> bool {
    let what = arguments.get("what").is_some_and(|what| Resource::deserialize(what).is_ok());
    let numbers = ["limit", "spent", "asked", "raise"];
    what && arguments.len() == 1 + numbers.len()
        && numbers.iter().all(|name| arguments.get(*name).is_some_and(Value::is_u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(what: Resource, limit: u64, spent: u64, reserved: u64, asked: u64) -> BudgetError {
        BudgetError { reserved, ..BudgetError::new(what, limit, spent, asked) }
    }

    #[test]
    fn a_question_is_one_line_with_all_numbers() {
        let tokens = refused(Resource::Tokens, 5_000, 4_800, 0, 600);
        let asked = Question::new(tokens, 5_000).approval(None);
        assert_eq!(
            asked.question,
            "The budget of 5,000 tokens is exhausted: 4,800 spent, 600 more asked for. Raise it by 5,000?"
        );
        let arguments = json!({"what": "tokens", "limit": 5000, "spent": 4800, "asked": 600, "raise": 5000});
        assert_eq!(asked.arguments, arguments);
        let money = refused(Resource::NanoUsd, 1_500_000_000, 1_499_000_000, 0, 1_050_000);
        let asked = Question::new(money, 1_500_000_000).approval(Some(Duration::from_secs(60)));
        assert_eq!(
            asked.question,
            "The budget of $1.50 is exhausted: $1.499 spent, $0.00105 more asked for. Raise it by $1.50?"
        );
        assert_eq!(asked.expires_after, Some(Duration::from_secs(60)));
        let calls = refused(Resource::ModelCalls, 2, 0, 2, 1);
        let asked = Question::new(calls, 2).approval(None);
        assert_eq!(
            asked.question,
            "The budget of 2 model calls is exhausted: 0 spent, 2 held by calls in flight, 1 more asked for. Raise it by 2?"
        );
    }

    #[test]
    fn a_raise_is_at_least_what_is_missing() {
        let raise =
            |refused: BudgetError| Question::new(refused, 100).approval(None).raised_by(&Decision::Approve);
        assert_eq!(raise(refused(Resource::Tokens, 100, 90, 0, 50)), Some(100), "as much as there was");
        assert_eq!(raise(refused(Resource::Tokens, 100, 90, 0, 700)), Some(700), "what is asked for");
        assert_eq!(raise(refused(Resource::Tokens, 100, 900, 0, 50)), Some(850), "what is missing");
    }

    #[test]
    fn an_answer_that_is_no_clear_yes_is_a_no() {
        let error = refused(Resource::Tokens, 100, 90, 0, 50);
        let question = Question::new(error, 100).approval(None);
        let edited = |arguments: Value| question.raised_by(&Decision::Edit { arguments });
        assert_eq!(edited(json!({"raise": 7})), Some(7));
        let whole = json!({"what": "tokens", "limit": 100, "spent": 90, "asked": 50, "raise": 8});
        assert_eq!(edited(whole), Some(8), "the whole of the arguments");
        for malformed in [
            json!({"raise": 0}),
            json!({"raise": -7}),
            json!({"raise": 7.5}),
            json!({"raise": "7"}),
            json!({"limit": 200}),
            json!({"limit": 200, "raise": 7}),
            json!({"more": 1, "raise": 7}),
            json!(7),
            json!(null),
        ] {
            assert_eq!(edited(malformed.clone()), None, "{malformed}");
        }
        assert_eq!(question.raised_by(&Decision::Deny { reason: "no".into() }), None);
        let other = Approval::of_tool("withdraw", json!({"raise": 7}));
        assert_eq!(other.raised_by(&Decision::Approve), None, "it asks something else");
        let other = Approval { tool: None, ..other };
        assert_eq!(other.raised_by(&Decision::Approve), None, "so does this, which is no tool's");
        assert_eq!(
            Approval::new("go on?").raised_by(&Decision::Edit { arguments: json!({"raise": 7}) }),
            None
        );
    }
}
