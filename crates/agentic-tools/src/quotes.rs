//! Checks what a model says it has read.
//!
//! A model that lists what it found, each piece with the place and the words there, makes few mistakes, and those it
//! makes can be seen: the words are not in what the place gave.

use serde_json::Value;

use crate::history::Action;

/// Takes out of the arguments what was not read where it is said to be from, and says so, a line each.
///
/// A finding is an object in a list with the texts `from` and `quote`. It is checked if `from` was an argument of one of
/// these earlier calls: one of its other texts must be part of what such a call gave. White space does not count. An
/// empty quote claims nothing.
pub(crate) fn leave_out_misquoted(arguments: &mut Value, earlier: &[&Action]) -> Vec<String> {
    let mut left_out = Vec::new();
    visit(arguments, earlier, &mut left_out);
    left_out
}

fn visit(value: &mut Value, earlier: &[&Action], left_out: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.retain_mut(|item| match misquoted(item, earlier) {
            Some(wrong) => {
                left_out.push(wrong);
                false
            }
            None => {
                visit(item, earlier, left_out);
                true
            }
        }),
        Value::Object(object) => object.values_mut().for_each(|value| visit(value, earlier, left_out)),
        _ => {}
    }
}

/// Characters of a quote that are shown.
const SHOWN: usize = 80;

/// What is wrong with a finding, as the model gets to read it.
fn misquoted(finding: &Value, earlier: &[&Action]) -> Option<String> {
    let finding = finding.as_object()?;
    let (from, quote) = (finding.get("from")?.as_str()?, finding.get("quote")?.as_str()?);
    let mut sources = earlier.iter().filter(|action| is_about(action, from)).peekable();
    if quote.trim().is_empty() || sources.peek().is_none() {
        return None;
    }
    let claims: Vec<String> = finding
        .iter()
        .filter(|(name, _)| *name != "from")
        .filter_map(|(_, value)| value.as_str().map(plain))
        .filter(|text| !text.is_empty())
        .collect();
    let is_there = sources.any(|action| {
        let said = plain(&action.shown);
        claims.iter().any(|claim| says(&said, claim))
    });
    let shown: String = quote.chars().take(SHOWN).collect();
    (!is_there).then(|| format!("`{from}` does not say {shown:?}"))
}

/// Whether this place was an argument of the call.
fn is_about(action: &Action, place: &str) -> bool {
    let same = |text: &str| text.trim_start_matches("./") == place.trim_start_matches("./");
    let arguments = action.arguments.as_object();
    arguments.into_iter().flatten().any(|(_, value)| value.as_str().is_some_and(same))
}

/// Whether the text holds these words, and not as the middle of a longer number.
fn says(text: &str, words: &str) -> bool {
    let digit = |char: Option<char>| char.is_some_and(|char| char.is_ascii_digit());
    text.match_indices(words).any(|(at, _)| {
        let before = digit(words.chars().next()) && digit(text[..at].chars().next_back());
        let after = digit(words.chars().next_back()) && digit(text[at + words.len()..].chars().next());
        !before && !after
    })
}

/// In small letters, with single spaces.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use agentic_core::Timestamp;
    use serde_json::json;

    use super::leave_out_misquoted;
    use crate::history::{Action, ActionResult};

    fn read(path: &str, shown: &str) -> Action {
        Action {
            tool: "read_file".into(),
            arguments: json!({ "path": path }),
            mended: Vec::new(),
            at: Timestamp::default(),
            result: ActionResult::Ok { cut_bytes: 0 },
            shown: shown.into(),
        }
    }

    fn check(from: &str, quote: &str, number: &str) -> Vec<String> {
        let history = [
            read("rent.txt", "Rent for May\nAmount due:  950.00 EUR\n"),
            read("./memo.txt", "Call Anna at 7."),
        ];
        let finding = json!({"from": from, "quote": quote, "number": number});
        let mut arguments = json!({"values": [finding]});
        let history: Vec<&Action> = history.iter().collect();
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
        assert_eq!(check("rent.txt", "due: 50.00", "50.00").len(), 1, "950.00 is another number");
        assert_eq!(check("rent.txt", "Amount due: 95", "95").len(), 1);
        let long = check("rent.txt", &"two\nlines ".repeat(100), "1").remove(0);
        assert!(long.lines().count() == 1 && long.chars().count() < 150, "{long}");
    }
}
