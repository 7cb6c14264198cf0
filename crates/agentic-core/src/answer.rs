//! Answers, as they are compared.

use std::borrow::Cow;

use serde_json::Value;

/// A value as text: a string as it is, anything else as JSON.
pub fn value_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// A short answer in the form in which answers are compared: lower case, without punctuation and the English articles, one
/// space between words. So "The Eiffel Tower." is "eiffel tower".
///
/// This is how answers are compared in question answering since SQuAD (Rajpurkar et al. 2016, "exact match"), but for what would
/// make different answers the same there: a sign before a number, what stands between digits, `%` after a number and `+` and `#`
/// at the end of a word are kept, so "-5" is not "5", "1.5" is not "15", and "C++" is not "C". Commas between digits are not, nor
/// zeros at the end of decimals: "1,000.50" is "1000.5". Articles are kept where there is nothing else, as the choice "A".
pub fn normalised_answer(answer: &str) -> String {
    let letters: Vec<char> = answer.to_lowercase().replace(['\u{2212}', '\u{2013}'], "-").chars().collect();
    let kept: String =
        (0..letters.len()).filter(|place| counts(&letters, *place)).map(|place| letters[place]).collect();
    let words: Vec<String> = kept.split_whitespace().map(plain_number).collect();
    let others: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| !matches!(*word, "a" | "an" | "the")).collect();
    match (others.is_empty(), words.is_empty()) {
        (false, _) => others.join(" "),
        (true, false) => words.join(" "),
        (true, true) => answer.trim().to_lowercase(),
    }
}

/// Whether the letter at this place is more than punctuation.
fn counts(letters: &[char], place: usize) -> bool {
    const CURRENCIES: &str = "$€£¥₹";
    let at = |place: usize| letters.get(place).copied();
    let is_digit = |place: usize| at(place).is_some_and(|letter| letter.is_ascii_digit());
    let before = place.checked_sub(1).and_then(at);
    let digit_before = before.is_some_and(|before| before.is_ascii_digit());
    let word_before = before.is_some_and(char::is_alphanumeric);
    let begins = !word_before && before != Some(')') && before != Some('.');
    let ends = at(place + 1).is_none_or(|after| !after.is_alphanumeric());
    let is_number = |place: usize| is_digit(place) || at(place) == Some('.') && is_digit(place + 1);
    match letters[place] {
        '-' if begins => {
            let currency = at(place + 1).is_some_and(|after| CURRENCIES.contains(after));
            is_number(place + 1 + usize::from(currency))
        }
        // An exponent: 1e-5.
        '-' if before == Some('e') && place > 1 && is_digit(place - 2) => is_digit(place + 1),
        '.' if is_digit(place + 1) => digit_before || !word_before,
        ',' => false,
        '-' | '/' | ':' | '^' | '*' if digit_before => is_digit(place + 1),
        '%' => digit_before,
        '+' | '#' => ends && (word_before || before == Some(letters[place])),
        letter => !letter.is_ascii_punctuation() && !CURRENCIES.contains(letter),
    }
}

/// A number without the zeros at the end of its decimals, and with one before its point; other words as they are.
fn plain_number(word: &str) -> String {
    let (sign, rest) = word.strip_prefix('-').map_or(("", word), |rest| ("-", rest));
    let (number, percent) = rest.strip_suffix('%').map_or((rest, ""), |number| (number, "%"));
    let digits = |part: &str| part.chars().all(|letter| letter.is_ascii_digit());
    match number.split_once('.') {
        Some((whole, decimals)) if digits(whole) && digits(decimals) && !decimals.is_empty() => {
            let whole = if whole.is_empty() { "0" } else { whole };
            match decimals.trim_end_matches('0') {
                "" => format!("{sign}{whole}{percent}"),
                decimals => format!("{sign}{whole}.{decimals}{percent}"),
            }
        }
        _ => word.to_owned(),
    }
}

/// Whether a value has what is wanted: of an object the fields that are named, of anything else all. 30 and 30.0 are one number.
pub fn includes(given: &Value, wanted: &Value) -> bool {
    match (given, wanted) {
        (Value::Object(given), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| given.get(name).is_some_and(|given| includes(given, wanted)))
        }
        (given, wanted) => equals(given, wanted),
    }
}

/// Whether what a check gives is what it has to give: nothing in particular if that is null, else what it [includes], also if it is
/// given as a [text of JSON](as_json). In any case what has an `exit_code` other than 0 does not pass, unless that code is wanted.
pub fn passes(given: &Value, wanted: &Value) -> bool {
    let read = given.as_str().and_then(as_json);
    let ends_well = |given: &Value| given.get("exit_code").is_none_or(|code| code.as_i64() == Some(0));
    let is_well = ends_well(given) && read.as_ref().is_none_or(ends_well);
    let has = || includes(given, wanted) || read.as_ref().is_some_and(|given| includes(given, wanted));
    (is_well || wanted.get("exit_code").is_some()) && (wanted.is_null() || has())
}

/// Whether two values are the same. 30 and 30.0 are one number.
pub fn equals(given: &Value, wanted: &Value) -> bool {
    match (given, wanted) {
        (Value::Number(given), Value::Number(wanted)) if given.is_f64() != wanted.is_f64() => {
            given.as_f64() == wanted.as_f64()
        }
        (Value::Array(given), Value::Array(wanted)) => {
            given.len() == wanted.len()
                && given.iter().zip(wanted).all(|(given, wanted)| equals(given, wanted))
        }
        (Value::Object(given), Value::Object(wanted)) => {
            let found = |(name, wanted): (&String, &Value)| {
                given.get(name).is_some_and(|given| equals(given, wanted))
            };
            given.len() == wanted.len() && wanted.iter().all(found)
        }
        (given, wanted) => given == wanted,
    }
}

/// The code in an answer: what stands in its first code fence (three backticks), without the fence; all of it where there is
/// none. A fence that does not end goes to the end.
pub fn code_in(answer: &str) -> &str {
    const FENCE: &str = "```";
    let Some((_, from)) = answer.split_once(FENCE) else { return answer.trim() };
    // The rest of the line names the language.
    let from = from.split_once('\n').map_or("", |(_, code)| code);
    from.split_once(FENCE).map_or(from, |(code, _)| code).trim()
}

/// The JSON value that an answer is, or else has in its first [code fence](code_in).
pub fn json_in(answer: &str) -> Option<Value> {
    let whole = serde_json::from_str(answer.trim()).ok();
    whole.or_else(|| serde_json::from_str(code_in(answer)).ok())
}

/// The JSON value that an answer is, alone or in a code fence: with words around it there is more to it.
pub fn as_json(answer: &str) -> Option<Value> {
    const FENCE: &str = "```";
    let answer = answer.trim();
    let is_fence = answer.starts_with(FENCE) && answer.ends_with(FENCE) && answer.matches(FENCE).count() == 2;
    let whole = serde_json::from_str(answer).ok();
    whole.or_else(|| json_in(answer).filter(|_| is_fence))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{code_in, includes, json_in, normalised_answer, passes};

    #[test]
    fn values_are_found_in_answers() {
        let fenced = json!({"code": "```python\nprint(1)\n```"});
        assert_eq!(json_in(&format!(" {fenced}\n")), Some(fenced));
        assert_eq!(json_in("It is:\n```json\n[1]\n```"), Some(json!([1])));
        assert_eq!(json_in("three"), None);
    }

    #[test]
    fn what_ends_with_an_error_does_not_pass_unless_that_is_wanted() {
        let ended = |code: Value| json!({"exit_code": code, "stdout": "42\n"});
        for (code, wanted, expected) in [
            (json!(0), Value::Null, true),
            (json!(1), Value::Null, false),
            (Value::Null, Value::Null, false),
            (json!(0), json!({"stdout": "42\n"}), true),
            (json!(1), json!({"stdout": "42\n"}), false),
            (json!(1), json!({"exit_code": 1}), true),
        ] {
            assert_eq!(passes(&ended(code.clone()), &wanted), expected, "{code} {wanted}");
        }
        assert!(passes(&json!("fine"), &Value::Null) && !passes(&json!("fine"), &json!("good")));
        assert!(passes(&json!("42"), &json!(42)) && passes(&json!("42"), &json!("42")));
        assert!(!passes(&json!("43"), &json!(42)) && !passes(&json!(42), &json!("42")));
        let written = json!(ended(json!(1)).to_string());
        assert!(!passes(&written, &json!({"stdout": "42\n"})) && !passes(&written, &Value::Null));
        assert!(!passes(&json!("Not this:\n```json\n42\n```"), &json!(42)), "it is quoted, not given");
    }

    #[test]
    fn code_is_found_in_its_fence() {
        assert_eq!(code_in("Here:\n```python\nx = 1\n```\nand\n```\ny\n```"), "x = 1");
        assert_eq!(code_in(" x = 1\n"), "x = 1");
        assert_eq!((code_in("```\nx = 1"), code_in("```python"), code_in("")), ("x = 1", "", ""));
    }

    #[test]
    fn case_punctuation_articles_and_spacing_do_not_matter() {
        assert_eq!(normalised_answer("  The Eiffel\n Tower. "), "eiffel tower");
        assert_eq!(normalised_answer("an A-list: \"Theatre\""), "alist theatre");
        assert_eq!(normalised_answer("Ångström"), "ångström");
    }

    #[test]
    fn what_makes_answers_different_is_kept() {
        for (one, other) in [
            ("-5", "5"),
            ("1.5", "15"),
            ("C++", "C"),
            ("C#", "C"),
            ("5%", "5"),
            ("1/2", "12"),
            ("2019-2020", "20192020"),
            ("A", "The"),
            ("?", "!"),
            ("", "a"),
            (".5", "5"),
            ("-$30", "$30"),
            ("**-5**", "5"),
            ("1e-5", "1e5"),
            ("2^10", "210"),
            ("2*3", "23"),
        ] {
            assert_ne!(normalised_answer(one), normalised_answer(other), "{one} and {other}");
        }
        for (one, other) in [
            ("1,000.50", "1000.5"),
            ("$30.00", "30"),
            ("\u{2212}5.", "-5"),
            ("the answer: (-5)", "answer -5"),
            ("U.S.", "us"),
            ("A+B", "ab"),
            ("#1", "1"),
            ("30", "30.0"),
            ("well-known", "wellknown"),
            ("(A).", "A"),
            ("**-5**", "-5"),
            ("`-5`", "-5"),
            (".5", "0.50"),
            (".0", "0"),
            ("12.50%", "12.5%"),
            ("2019\u{2013}2020", "2019-2020"),
            ("Paris\u{2013}Roubaix", "Paris-Roubaix"),
            ("-.5", "-0.5"),
            ("\u{20ac}30", "30"),
        ] {
            assert_eq!(normalised_answer(one), normalised_answer(other), "{one} and {other}");
        }
        assert_eq!(normalised_answer("1.10.200"), "1.10.200");
    }

    #[test]
    fn of_objects_the_named_fields_matter() {
        let yes = [
            (json!({"code": 0, "out": "x"}), json!({"code": 0})),
            (json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1.0}})),
            (json!("x"), json!("x")),
            (json!({"a": null}), json!({"a": null})),
        ];
        let no = [
            (json!({"code": 1}), json!({"code": 0})),
            (json!({}), json!({"code": 0})),
            (json!(["x", "y"]), json!(["x"])),
            (json!({"error": "boom"}), json!({"error": null})),
            (json!(3), Value::Null),
        ];
        assert!(yes.iter().all(|(given, wanted)| includes(given, wanted)));
        assert!(!no.iter().any(|(given, wanted)| includes(given, wanted)));
    }
}
