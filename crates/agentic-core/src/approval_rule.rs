//! Answering questions of the same kind once and for all.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::approval::{Approval, Decision};

/// A rule that answers the questions of a tool in place of a person, for the whole tree of agents of a run.
///
/// It answers questions and nothing else: a call of a tool that does not ask is not touched by it, and a question that is
/// no tool's is never answered by it. Where several rules match, one that denies wins over all that allow, whichever came
/// first; of those that say the same the latest counts. To go back on a rule, revoke it.
///
/// A rule with a field that is not known here can't be read: that field may say that it matches less.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ApprovalRule {
    /// The tool, by its exact name.
    pub tool: String,
    /// The arguments that a call has to have.
    #[serde(default, skip_serializing_if = "RuleArguments::is_any")]
    pub arguments: RuleArguments,
    /// What it answers.
    pub answer: RuleAnswer,
}

/// Which arguments a rule is about. Values are equal if they are equal as JSON: `1` is not `1.0`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleArguments {
    /// Whatever they are.
    #[default]
    Any,
    /// These have these values, whatever the others are.
    Having(Map<String, Value>),
    /// Exactly these, and no others.
    Exactly(Map<String, Value>),
}

/// What a rule answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleAnswer {
    /// Go ahead.
    Allow,
    /// Don't.
    Deny {
        /// Why, for the model to read.
        reason: String,
    },
}

impl ApprovalRule {
    /// Calls of this tool may be made, whatever their arguments.
    pub fn allow(tool: impl Into<String>) -> Self {
        Self { tool: tool.into(), arguments: RuleArguments::Any, answer: RuleAnswer::Allow }
    }

    /// Calls of this tool must not be made, whatever their arguments.
    pub fn deny(tool: impl Into<String>, reason: impl Into<String>) -> Self {
        let answer = RuleAnswer::Deny { reason: reason.into() };
        Self { tool: tool.into(), arguments: RuleArguments::Any, answer }
    }

    /// The same rule, for calls in which these arguments have these values, whatever the others are.
    pub fn having(mut self, arguments: Map<String, Value>) -> Self {
        self.arguments = RuleArguments::Having(arguments);
        self
    }

    /// The same rule, for calls with exactly these arguments.
    pub fn exactly(mut self, arguments: Map<String, Value>) -> Self {
        self.arguments = RuleArguments::Exactly(arguments);
        self
    }

    /// Whether it answers this question.
    pub fn matches(&self, approval: &Approval) -> bool {
        approval.tool.as_ref() == Some(&self.tool) && self.arguments.fit(&approval.arguments)
    }

    /// Its answer.
    pub fn decision(&self) -> Decision {
        match &self.answer {
            RuleAnswer::Allow => Decision::Approve,
            RuleAnswer::Deny { reason } => Decision::Deny { reason: reason.clone() },
        }
    }

    /// Whether it says no.
    pub fn denies(&self) -> bool {
        matches!(self.answer, RuleAnswer::Deny { .. })
    }
}

impl RuleArguments {
    fn is_any(&self) -> bool {
        *self == Self::Any
    }

    fn fit(&self, arguments: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Having(wanted) => wanted.iter().all(|(name, value)| arguments.get(name) == Some(value)),
            Self::Exactly(wanted) => arguments.as_object() == Some(wanted),
        }
    }
}

/// In one line: ``allow `shell` having {"command":"ls"}``.
impl fmt::Display for ApprovalRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = if self.denies() { "deny" } else { "allow" };
        write!(f, "{answer} `{}`", self.tool)?;
        match &self.arguments {
            RuleArguments::Any => {}
            RuleArguments::Having(arguments) => write!(f, " having {}", Text(arguments))?,
            RuleArguments::Exactly(arguments) => write!(f, " with exactly {}", Text(arguments))?,
        }
        match &self.answer {
            RuleAnswer::Allow => Ok(()),
            RuleAnswer::Deny { reason } => write!(f, ": {}", reason.replace(['\n', '\r'], " ")),
        }
    }
}

/// Arguments as JSON text.
struct Text<'a>(&'a Map<String, Value>);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn shell(arguments: Value) -> Approval {
        Approval::of_tool("shell", arguments)
    }

    #[test]
    fn a_rule_matches_its_tool_and_its_arguments() {
        let (any, ls) = (ApprovalRule::allow("shell"), object(json!({"command": "ls"})));
        let (having, exactly) = (any.clone().having(ls.clone()), any.clone().exactly(ls));
        for (asked, expected) in [
            (shell(json!({"command": "ls"})), [true, true, true]),
            (shell(json!({"command": "ls", "cwd": "/"})), [true, true, false]),
            (shell(json!({"command": "ls "})), [true, false, false]),
            (shell(json!({"cwd": "/"})), [true, false, false]),
            (shell(json!("ls")), [true, false, false]),
            (shell(Value::Null), [true, false, false]),
            (Approval::of_tool("Shell", json!({"command": "ls"})), [false; 3]),
            (Approval::new("Call `shell` with {\"command\":\"ls\"}?"), [false; 3]),
        ] {
            let found = [&any, &having, &exactly].map(|rule| rule.matches(&asked));
            assert_eq!(found, expected, "{asked:?}");
        }
    }

    #[test]
    fn a_call_without_arguments_is_no_call_with_any() {
        let rule = ApprovalRule::allow("deploy").exactly(Map::new());
        assert!(rule.matches(&Approval::of_tool("deploy", json!({}))));
        assert!(!rule.matches(&Approval::of_tool("deploy", json!({"force": true}))));
        assert!(!rule.matches(&Approval::of_tool("deploy", Value::Null)));
    }

    #[test]
    fn a_rule_is_one_line() {
        let ls = object(json!({"command": "ls\n"}));
        for (rule, line) in [
            (ApprovalRule::allow("shell"), "allow `shell`"),
            (ApprovalRule::allow("shell").having(ls.clone()), r#"allow `shell` having {"command":"ls\n"}"#),
            (
                ApprovalRule::deny("shell", "not\nhere").exactly(ls),
                r#"deny `shell` with exactly {"command":"ls\n"}: not here"#,
            ),
        ] {
            assert_eq!(rule.to_string(), line);
        }
    }
}
