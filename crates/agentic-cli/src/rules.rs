//! Rules as the user writes them: `TOOL`, or `TOOL=JSON` for calls that have these arguments.

use agentic::core::{Approval, ApprovalRule};
use agentic::tools::builtin;
use serde_json::Value;

use crate::arguments;

/// Reads what is allowed.
pub(crate) fn allow(text: &str) -> Result<ApprovalRule, String> {
    rule(text, ApprovalRule::allow)
}

/// Reads what is denied.
pub(crate) fn deny(text: &str) -> Result<ApprovalRule, String> {
    rule(text, |tool| ApprovalRule::deny(tool, "a rule of the user denies it"))
}

fn rule(text: &str, rule: fn(String) -> ApprovalRule) -> Result<ApprovalRule, String> {
    let (tool, arguments) = match text.split_once('=') {
        Some((tool, arguments)) => (tool.trim(), Some(arguments)),
        None => (text.trim(), None),
    };
    let tool = builtin::by_name(tool, &builtin::Settings::new(".")).map_err(|error| error.to_string())?;
    let spec = tool.spec();
    // A rule answers questions: for a tool that never asks it would do nothing, and nobody would know.
    if !spec.policy.approval {
        return Err(format!(
            "`{}` never asks, so no rule answers; leave it out of the tools to deny it",
            spec.name
        ));
    }
    let rule = rule(spec.name.clone());
    match arguments.map(serde_json::from_str) {
        None => Ok(rule),
        Some(Ok(Value::Object(arguments))) => {
            arguments::check_some(spec, &arguments)?;
            Ok(rule.having(arguments))
        }
        Some(Ok(_)) => Err("the arguments are no JSON object".into()),
        Some(Err(error)) => Err(format!("the arguments are not JSON: {error}")),
    }
}

/// The rule that allows what is asked from now on: each call of the tool, or each with the same arguments. `None` if the
/// question is no tool's, or its arguments are none that could be the same.
pub(crate) fn allowing(approval: &Approval, same: bool) -> Option<ApprovalRule> {
    let rule = ApprovalRule::allow(approval.tool.as_deref()?);
    match &approval.arguments {
        _ if !same => Some(rule),
        Value::Object(arguments) => Some(rule.exactly(arguments.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_is_a_tool_and_perhaps_arguments() {
        let written = |text| allow(text).map(|rule| rule.to_string());
        assert_eq!(written("shell").unwrap(), "allow `shell`");
        let having = r#"allow `shell` having {"command":"a=b"}"#;
        assert_eq!(written(r#"shell={"command":"a=b"}"#).unwrap(), having);
        assert_eq!(deny("shell").unwrap().to_string(), "deny `shell`: a rule of the user denies it");
        for (text, says) in [
            ("shel", "there is no tool `shel`; there are: "),
            ("read_file", "`read_file` never asks"),
            ("shell=", "the arguments are not JSON"),
            ("shell=ls", "the arguments are not JSON"),
            (r#"shell="ls""#, "no JSON object"),
            (r#"shell={"cmd":"ls"}"#, "`shell` has no argument `cmd`; it has: command"),
            (r#"shell={"command":1}"#, "`shell` takes no such `command`"),
        ] {
            let message = written(text).unwrap_err();
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn the_same_is_exactly_the_same() {
        let rule = |arguments, same| {
            allowing(&Approval::of_tool("shell", arguments), same).map(|rule| rule.to_string())
        };
        assert_eq!(rule(json!({}), false).as_deref(), Some("allow `shell`"));
        assert_eq!(rule(json!({}), true).as_deref(), Some("allow `shell` with exactly {}"));
        assert_eq!(rule(Value::Null, true), None);
        assert_eq!(allowing(&Approval::new("go on?"), false), None);
    }
}
