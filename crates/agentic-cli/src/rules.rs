//! Rules as the user writes them: `TOOL`, or `TOOL=JSON` for calls that have these arguments.

use agentic::core::{Approval, ApprovalRule, RuleArguments};
use agentic::tools::builtin;
use serde_json::Value;

use crate::arguments;
use crate::exit::Failure;

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

/// Refuses rules of the command line that would allow nothing: of tools that are not among these, where none are named
/// those of the default set, or denied beside it.
pub(crate) fn check_typed(
    allow: &[ApprovalRule],
    deny: &[ApprovalRule],
    tools: &[String],
) -> Result<(), Failure> {
    for rule in allow {
        let tool = &rule.tool;
        if !tools.iter().any(|name| name.trim() == tool) {
            let what = "the run does not have this tool, and --allow gives none";
            return Err(Failure::usage(format!("--allow {tool}: {what}; add --tool {tool}")));
        }
        let denied = |no: &ApprovalRule| {
            no.tool == *tool && (no.arguments == RuleArguments::Any || no.arguments == rule.arguments)
        };
        if deny.iter().any(denied) {
            return Err(Failure::usage(format!(
                "--deny {tool} leaves nothing of --allow {tool}, as it wins; leave one of the two out"
            )));
        }
    }
    Ok(())
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
    fn what_would_allow_nothing_is_refused() {
        let check = |allows: &str, denies: &[&str], tools: &[&str]| {
            let denies: Vec<_> = denies.iter().map(|text| deny(text).unwrap()).collect();
            let tools: Vec<_> = tools.iter().map(|name| (*name).to_owned()).collect();
            check_typed(&[allow(allows).unwrap()], &denies, &tools)
                .map_err(|failure| failure.message().to_owned())
        };
        let (ls, reboot) = (r#"shell={"command":"ls"}"#, r#"shell={"command":"reboot"}"#);
        assert_eq!(check("shell", &[], &["read_file", " shell"]), Ok(()));
        assert_eq!(check("shell", &[reboot], &["shell"]), Ok(()), "all but one");
        assert_eq!(check(ls, &[reboot], &["shell"]), Ok(()));
        for tools in [&[][..], &["read_file"]] {
            assert!(check("shell", &[], tools).unwrap_err().contains("add --tool shell"));
        }
        for (allows, denies) in [("shell", "shell"), (ls, "shell"), (ls, ls)] {
            let message = check(allows, &[denies], &["shell"]).unwrap_err();
            assert!(message.contains("leave one of the two out"), "{message}");
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
