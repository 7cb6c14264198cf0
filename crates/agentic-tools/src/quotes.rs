//! Checks what a model says it has read.
//!
//! A model that lists what it found, each piece with the place and the words there, makes few mistakes, and those it
//! makes can be seen: the words are not in what the place gave.

use serde_json::Value;

use crate::history::Action;

/// Takes out of the arguments what was not read where it is said to be from, and says so, a line each.
///
/// A finding is an object in a list with the texts `from` and `quote`. Where `from` was an argument of an earlier call
/// that looked something up, one of the finding's other texts must be part of what such a call gave; else it must be part
/// of anything that is known. White space does not count. An empty quote claims nothing.
///
/// A finding that is in another place than it says is left out only if the list has it from there too: then it is counted
/// twice. If not, it was read, and only the place is wrong.
pub(crate) fn leave_out_misquoted(arguments: &mut Value, known: &Known<'_>) -> Vec<String> {
    let mut left_out = Vec::new();
    known.visit(arguments, &mut left_out);
    left_out
}

/// Characters of a quote that are shown.
const SHOWN: usize = 80;

/// What a finding can be from.
pub(crate) struct Known<'a> {
    /// Calls that looked something up.
    pub(crate) sources: Vec<&'a Action>,
    /// Everything else that was said or that a call gave.
    pub(crate) texts: Vec<&'a str>,
}

impl Known<'_> {
    fn visit(&self, value: &mut Value, left_out: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                let wrong: Vec<_> = items.iter().map(|item| self.misquoted(item)).collect();
                let mut kept: Vec<String> = Vec::new();
                let rightly_placed = items.iter().zip(&wrong).filter(|(_, wrong)| wrong.is_none());
                kept.extend(rightly_placed.flat_map(|(item, _)| claims(item)));
                let mut wrong = wrong.into_iter();
                items.retain_mut(|item| {
                    let Some(wrong) = wrong.next().flatten() else {
                        self.visit(item, left_out);
                        return true;
                    };
                    let claims = claims(item);
                    let was_read = self.sources.iter().any(|action| says_any(&action.shown, &claims));
                    if was_read && !claims.iter().any(|claim| kept.contains(claim)) {
                        kept.extend(claims);
                        return true;
                    }
                    left_out.push(wrong);
                    false
                });
            }
            Value::Object(object) => object.values_mut().for_each(|value| self.visit(value, left_out)),
            _ => {}
        }
    }

    /// What is wrong with a finding, as the model gets to read it.
    fn misquoted(&self, finding: &Value) -> Option<String> {
        let object = finding.as_object()?;
        let (from, quote) = (object.get("from")?.as_str()?, object.get("quote")?.as_str()?);
        if quote.trim().is_empty() {
            return None;
        }
        let claims = claims(finding);
        let mut sources = self.sources.iter().filter(|action| is_about(action, from)).peekable();
        if sources.peek().is_none() {
            let mut all = self.sources.iter().map(|action| &*action.shown).chain(self.texts.iter().copied());
            let is_known = all.any(|text| says_any(text, &claims));
            return (!is_known).then(|| format!("`{from}` was not read; read it first"));
        }
        let is_there = sources.any(|action| says_any(&action.shown, &claims));
        let shown: String = quote.chars().take(SHOWN).collect();
        (!is_there).then(|| format!("`{from}` does not say {shown:?}"))
    }
}

/// The texts of a finding besides its place.
fn claims(finding: &Value) -> Vec<String> {
    let texts = finding.as_object().into_iter().flatten().filter(|(name, _)| *name != "from");
    texts.filter_map(|(_, value)| value.as_str().map(plain)).filter(|text| !text.is_empty()).collect()
}

fn says_any(text: &str, claims: &[String]) -> bool {
    let said = plain(text);
    claims.iter().any(|claim| says(&said, claim))
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

    use super::{Known, leave_out_misquoted};
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
        let texts = vec!["Add 12.50 for the stamps."];
        let left_out =
            leave_out_misquoted(&mut arguments, &Known { sources: history.iter().collect(), texts });
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
            ("the user", "12.50 for the stamps", "12.50"),
            ("flat-1.txt", "Rent for May", "950.00"),
        ] {
            assert!(check(from, quote, number).is_empty(), "{from}: {quote}");
        }
    }

    #[test]
    fn what_was_not_is_left_out_and_named() {
        let wrong = "`memo.txt` does not say \"Amount due: 99.00 EUR\"";
        assert_eq!(check("memo.txt", "Amount due: 99.00 EUR", "99.00"), [wrong]);
        let unread = "`flat-1.txt` was not read; read it first";
        assert_eq!(check("flat-1.txt", "Monthly rent: 700 EUR", "700"), [unread]);
        assert_eq!(check("rent.txt", "Amount due: 999.00 EUR", "999.00").len(), 1);
        assert_eq!(check("rent.txt", "due: 50.00", "50.00").len(), 1, "950.00 is another number");
        assert_eq!(check("rent.txt", "Amount due: 95", "95").len(), 1);
        let long = check("rent.txt", &"two\nlines ".repeat(100), "1").remove(0);
        assert!(long.lines().count() == 1 && long.chars().count() < 150, "{long}");
    }

    #[test]
    fn what_was_read_elsewhere_counts_once() {
        let history = [read("rent.txt", "Amount due: 950.00 EUR"), read("memo.txt", "Call Anna.")];
        let known = Known { sources: history.iter().collect(), texts: Vec::new() };
        let from = |place| json!({"from": place, "quote": "Amount due: 950.00 EUR", "number": "950.00"});
        let mut once = json!([from("memo.txt")]);
        assert!(leave_out_misquoted(&mut once, &known).is_empty(), "only the place is wrong");
        assert_eq!(once, json!([from("memo.txt")]));
        for mut twice in
            [json!([from("memo.txt"), from("rent.txt")]), json!([from("rent.txt"), from("memo.txt")])]
        {
            assert_eq!(leave_out_misquoted(&mut twice, &known).len(), 1);
            assert_eq!(twice, json!([from("rent.txt")]));
        }
    }
}
