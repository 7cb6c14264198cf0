//! Answers to the question whether a limit is raised, as the user writes them.

use agentic::core::{Approval, Decision};
use serde_json::Value;

/// Whether there is anything in a question that other arguments could be given for.
pub(crate) fn can_be_edited(asked: &Approval) -> bool {
    asked.tool.is_some() || !asked.arguments.is_null()
}

/// Whether an answer that is a yes says by how much, if that is asked. Gives what whoever answers should know.
pub(crate) fn check(asked: &Approval, decision: &Decision) -> Result<Option<String>, String> {
    if asked.raised_by(&Decision::Approve).is_none() || matches!(decision, Decision::Deny { .. }) {
        return match decision {
            Decision::Edit { .. } if !can_be_edited(asked) => {
                Err("there is nothing to edit in this question; answer it without --edit".to_owned())
            }
            _ => Ok(None),
        };
    }
    let number = |name: &str| asked.arguments.get(name).and_then(Value::as_u64).unwrap_or_default();
    let is_money = asked.arguments.get("what").is_some_and(|what| what == "nano_usd");
    let Some(raise) = asked.raised_by(decision) else {
        let (unit, example) =
            if is_money { (", in billionths of a dollar", 500_000_000) } else { ("", 1000) };
        return Err(format!(
            "it is asked whether a limit is raised; edit `raise` to a whole number above 0{unit}, and nothing else: {{\"raise\": {example}}}"
        ));
    };
    let missing = number("spent").saturating_add(number("asked")).saturating_sub(number("limit"));
    let unit = if is_money { " billionths of a dollar" } else { "" };
    Ok((raise < missing)
        .then(|| format!("that is not enough: {missing}{unit} are missing, so it will be asked again")))
}
