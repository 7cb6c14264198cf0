//! Checks what a model says it has read.
//!
//! A model that lists what it found, each piece with the place and the words there, makes few mistakes, and those it
//! makes can be seen: the words are not in what the place gave.

use serde_json::Value;

use crate::history::Action;

/// Takes out of the arguments what was not read, and says so, a line each.
///
/// A finding is an object in a list with the texts `from` and `quote`. One of its texts besides `from` must be part of
/// what is known; white space does not count, and an empty quote claims nothing. A finding that is known, but from
/// another place than it says, is left out only if the list has it from its right place too: then it is counted twice. If
/// not, only the place is wrong.
pub(crate) fn leave_out_misquoted(arguments: &mut Value, known: &Known<'_>) -> Vec<String> {
    let mut left_out = Vec::new();
    known.visit(arguments, &mut left_out);
    left_out
}

/// What stands before the findings that were left out, at the end of a result.
const NOTE: &str = "\n[left out: ";

/// Adds to a result what was left out.
pub(crate) fn add_note(result: &mut String, left_out: &[String]) {
    if !left_out.is_empty() {
        result.push_str(&format!("{NOTE}{}]", left_out.join("; ")));
    }
}

/// A result without that: what the model made up does not become known by being refused.
pub(crate) fn without_note(result: &str) -> &str {
    result.split_once(NOTE).map_or(result, |(result, _)| result)
}

/// What a finding can be from.
pub(crate) struct Known<'a> {
    /// Calls that looked something up: their arguments are places.
    pub(crate) sources: Vec<&'a Action>,
    /// Everything else that is known, if all of it is. If not, a finding from a place nobody has read is not checked.
    pub(crate) told: Option<Vec<&'a str>>,
}

/// Where a finding is.
enum Found {
    Here,
    /// Elsewhere than it says.
    Elsewhere(String),
    Nowhere(String),
}

/// Characters of a quote that are shown.
const SHOWN: usize = 80;

impl Known<'_> {
    fn visit(&self, value: &mut Value, left_out: &mut Vec<String>) {
        match value {
            Value::Array(items) => {
                let found: Vec<_> = items.iter().map(|item| self.find(item)).collect();
                let here = items.iter().zip(&found).filter(|(_, found)| matches!(found, Found::Here));
                let right: Vec<String> = here.flat_map(|(item, _)| claims(item)).collect();
                let mut found = found.into_iter();
                items.retain_mut(|item| match found.next() {
                    Some(Found::Elsewhere(why)) => {
                        let twice = claims(item).iter().any(|claim| right.contains(claim));
                        if twice {
                            left_out.push(why);
                        }
                        !twice
                    }
                    Some(Found::Nowhere(why)) => {
                        left_out.push(why);
                        false
                    }
                    Some(Found::Here) | None => {
                        self.visit(item, left_out);
                        true
                    }
                });
            }
            Value::Object(object) => object.values_mut().for_each(|value| self.visit(value, left_out)),
            _ => {}
        }
    }

    fn find(&self, finding: &Value) -> Found {
        let text = |name: &str| finding.get(name).and_then(Value::as_str);
        let (Some(from), Some(quote)) = (text("from"), text("quote")) else { return Found::Here };
        if quote.trim().is_empty() {
            return Found::Here;
        }
        let claims = claims(finding);
        let shown: String = quote.chars().take(SHOWN).collect();
        let says = |action: &&Action| says_any(&action.shown, &claims);
        let (about, others): (Vec<_>, Vec<_>) =
            self.sources.iter().partition(|action| is_about(action, from));
        let elsewhere = others.into_iter().any(says);
        let told = self.told.as_ref().map(|told| told.iter().any(|text| says_any(text, &claims)));
        if about.is_empty() {
            return match told {
                // A person is no place that could be read, and of what is not known nothing can be said.
                Some(true) | None => Found::Here,
                Some(false) if elsewhere => Found::Elsewhere(format!("`{from}` was not read")),
                Some(false) => {
                    Found::Nowhere(format!("`{from}` was not read, and nothing that was says {shown:?}"))
                }
            };
        }
        if about.into_iter().any(says) {
            return Found::Here;
        }
        let why = format!("`{from}` does not say {shown:?}");
        if elsewhere || told == Some(true) { Found::Elsewhere(why) } else { Found::Nowhere(why) }
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

    use super::{Known, add_note, leave_out_misquoted, without_note};
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
        let told = Some(vec!["Add 12.50 for the stamps."]);
        let left_out =
            leave_out_misquoted(&mut arguments, &Known { sources: history.iter().collect(), told });
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
            ("rent.txt", "12.50 for the stamps", "12.50"),
            ("flat-1.txt", "Rent for May", "950.00"),
        ] {
            assert!(check(from, quote, number).is_empty(), "{from}: {quote}");
        }
    }

    #[test]
    fn what_was_not_is_left_out_and_named() {
        let wrong = "`memo.txt` does not say \"Amount due: 99.00 EUR\"";
        assert_eq!(check("memo.txt", "Amount due: 99.00 EUR", "99.00"), [wrong]);
        let unread = "`flat-1.txt` was not read, and nothing that was says \"Monthly rent: 700 EUR\"";
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
        let known = Known { sources: history.iter().collect(), told: Some(Vec::new()) };
        let from = |place| json!({"from": place, "quote": "Amount due: 950.00 EUR", "number": "950.00"});
        for wrong in ["memo.txt", "bills/rent.txt"] {
            let mut once = json!([from(wrong)]);
            assert!(leave_out_misquoted(&mut once, &known).is_empty(), "only the place is wrong");
            assert_eq!(once, json!([from(wrong)]));
            for mut twice in [json!([from(wrong), from("rent.txt")]), json!([from("rent.txt"), from(wrong)])]
            {
                assert_eq!(leave_out_misquoted(&mut twice, &known).len(), 1);
                assert_eq!(twice, json!([from("rent.txt")]));
            }
        }
    }

    #[test]
    fn two_that_are_both_misplaced_both_stay() {
        let history = [read("a.txt", "Amount due: 50.00 EUR"), read("b.txt", "Amount due: 50.00 EUR")];
        let known = Known { sources: history.iter().collect(), told: Some(Vec::new()) };
        let from = |place| json!({"from": place, "quote": "Amount due: 50.00 EUR", "number": "50.00"});
        let mut both = json!([from("invoices/a.txt"), from("invoices/b.txt")]);
        assert!(leave_out_misquoted(&mut both, &known).is_empty());
    }

    #[test]
    fn the_same_amount_may_be_said_twice() {
        let known = Known { sources: Vec::new(), told: Some(vec!["3 packs at 4.90 and a pen at 4.90"]) };
        let said = |quote| json!({"from": "the user", "quote": quote, "number": "4.90"});
        let mut both = json!([said("3 packs at 4.90"), said("a pen at 4.90")]);
        assert!(leave_out_misquoted(&mut both, &known).is_empty());
    }

    #[test]
    fn where_not_all_is_known_only_places_that_were_read_are_checked() {
        let history = [read("rent.txt", "Amount due: 950.00 EUR")];
        let known = Known { sources: history.iter().collect(), told: None };
        let from = |place| json!([{"from": place, "quote": "Amount due: 1.00 EUR", "number": "1.00"}]);
        assert!(leave_out_misquoted(&mut from("picture.png"), &known).is_empty());
        assert_eq!(leave_out_misquoted(&mut from("rent.txt"), &known).len(), 1);
    }

    #[test]
    fn what_was_left_out_does_not_become_known_by_that() {
        let mut result = "The result is 7.".to_owned();
        add_note(&mut result, &[]);
        assert_eq!(without_note(&result), result);
        add_note(&mut result, &["`a` does not say \"99.00\"".into()]);
        assert!(result.contains("99.00"));
        assert_eq!(without_note(&result), "The result is 7.");
    }
}
