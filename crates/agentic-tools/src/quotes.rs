//! Checks what a model says it has read.
//!
//! A model that lists what it found, each piece with the place and the words there, makes few mistakes, and those it
//! makes can be seen: the words are not in what the place gave.

use std::sync::Arc;

use serde_json::Value;

use crate::history::{Action, ActionResult};

/// Takes out of the arguments what was not read where it is said to be from, and says so, a line each.
///
/// A finding is an object in a list with the texts `from` and `quote`. It is checked if `from` was an argument of an
/// earlier call that went well: one of its other texts must be part of what such a call gave. White space does not
/// count. An empty quote claims nothing.
pub(crate) fn leave_out_misquoted(arguments: &mut Value, history: &[Arc<Action>]) -> Vec<String> {
    let mut left_out = Vec::new();
    visit(arguments, history, &mut left_out);
    left_out
}

fn visit(value: &mut Value, history: &[Arc<Action>], left_out: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.retain_mut(|item| match misquoted(item, history) {
            Some(wrong) => {
                left_out.push(wrong);
                false
            }
            None => {
                visit(item, history, left_out);
                true
            }
        }),
        Value::Object(object) => object.values_mut().for_each(|value| visit(value, history, left_out)),
        _ => {}
    }
}

/// What is wrong with a finding, as the model gets to read it.
fn misquoted(finding: &Value, history: &[Arc<Action>]) -> Option<String> {
    let finding = finding.as_object()?;
    let (from, quote) = (finding.get("from")?.as_str()?, finding.get("quote")?.as_str()?);
    let mut sources = history
        .iter()
        .filter(|action| matches!(action.result, ActionResult::Ok { .. }) && names(&action.arguments, from))
        .peekable();
    if quote.trim().is_empty() || sources.peek().is_none() {
        return None;
    }
    let claims: Vec<String> = finding
        .iter()
        .filter(|(name, _)| *name != "from")
        .filter_map(|(_, value)| value.as_str().map(squeezed))
        .filter(|text| !text.is_empty())
        .collect();
    let is_there = sources.any(|action| {
        let said = squeezed(&action.shown);
        claims.iter().any(|claim| said.contains(claim))
    });
    (!is_there).then(|| format!("`{from}` does not say \"{quote}\""))
}

/// Whether one of the arguments is this place.
fn names(arguments: &Value, place: &str) -> bool {
    match arguments {
        Value::String(text) => text.trim_start_matches("./") == place.trim_start_matches("./"),
        Value::Array(items) => items.iter().any(|item| names(item, place)),
        Value::Object(object) => object.values().any(|value| names(value, place)),
        _ => false,
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use agentic_core::Timestamp;
    use serde_json::json;

    use super::leave_out_misquoted;
    use crate::history::{Action, ActionResult};

    fn read(path: &str, shown: &str) -> Arc<Action> {
        Arc::new(Action {
            tool: "read_file".into(),
            arguments: json!({ "path": path }),
            mended: Vec::new(),
            at: Timestamp::default(),
            result: ActionResult::Ok { cut_bytes: 0 },
            shown: shown.into(),
        })
    }

    fn check(from: &str, quote: &str, number: &str) -> Vec<String> {
        let history = [
            read("rent.txt", "Rent for May\nAmount due:  950.00 EUR\n"),
            read("./memo.txt", "Call Anna at 7."),
        ];
        let finding = json!({"from": from, "quote": quote, "number": number});
        let mut arguments = json!({"values": [finding]});
        let left_out = leave_out_misquoted(&mut arguments, &history);
        assert_eq!(arguments["values"].as_array().map(Vec::len), Some(1 - left_out.len()));
        left_out
    }

    #[test]
    fn what_was_read_stays() {
        for (from, quote, number) in [
            ("rent.txt", "Amount due: 950.00 EUR", "950.00"),
            ("rent.txt", "the amount of 950.00 euros", "950.00"),
            ("./rent.txt", "rent for may amount due", "950"),
            ("memo.txt", "", "0"),
            ("the user", "12.50, that was never read by a tool", "12.50"),
        ] {
            assert!(check(from, quote, number).is_empty(), "{from}: {quote}");
        }
    }

    #[test]
    fn what_was_not_is_left_out_and_named() {
        let wrong = "`memo.txt` does not say \"Amount due: 950.00 EUR\"";
        assert_eq!(check("memo.txt", "Amount due: 950.00 EUR", "950.00"), [wrong]);
        assert_eq!(check("rent.txt", "Amount due: 999.00 EUR", "999.00").len(), 1);
    }
}
