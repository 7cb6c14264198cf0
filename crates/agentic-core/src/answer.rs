//! Answers, as they are compared.

use serde_json::Value;

/// A short answer in the form in which answers are compared: lower case, without punctuation and the English articles, one
/// space between words. So "The Eiffel Tower." is "eiffel tower".
///
/// This is how answers are compared in question answering since SQuAD (Rajpurkar et al. 2016, "exact match"), but for what would
/// make different answers the same there: a sign before a number, what stands between digits, `%` after a number and `+` and `#`
/// at the end of a word are kept, so "-5" is not "5", "1.5" is not "15", and "C++" is not "C". Commas between digits are not, nor
/// zeros at the end of decimals: "1,000.50" is "1000.5". An answer of nothing else is kept as it is: "A", "?".
pub fn normalised_answer(answer: &str) -> String {
    let letters: Vec<char> = answer.to_lowercase().replace('\u{2212}', "-").chars().collect();
    let kept: String =
        (0..letters.len()).filter(|place| counts(&letters, *place)).map(|place| letters[place]).collect();
    let words = kept.split_whitespace().filter(|word| !matches!(*word, "a" | "an" | "the"));
    let normal = words.map(without_zeros).collect::<Vec<_>>().join(" ");
    if normal.is_empty() { answer.trim().to_lowercase() } else { normal }
}

/// Whether the letter at this place is more than punctuation.
fn counts(letters: &[char], place: usize) -> bool {
    let at = |place: usize| letters.get(place).copied();
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    let (before, after) = (place.checked_sub(1).and_then(at), at(place + 1));
    let begins = before.is_none_or(|before| before.is_whitespace() || "([$\"'=".contains(before));
    let ends = after.is_none_or(|after| !after.is_alphanumeric());
    match letters[place] {
        '-' if begins => is_digit(after) || after == Some('.') && is_digit(at(place + 2)),
        '.' if is_digit(after) => is_digit(before) || begins || before == Some('-'),
        '-' | '/' | ':' => is_digit(before) && is_digit(after),
        '%' => is_digit(before),
        '+' | '#' => {
            ends && before.is_some_and(|before| before.is_alphanumeric() || before == letters[place])
        }
        letter => !letter.is_ascii_punctuation(),
    }
}

/// A number without the zeros at the end of its decimals.
fn without_zeros(word: &str) -> &str {
    let mut parts = word.trim_start_matches('-').split('.');
    let digits = |part: &str| part.chars().all(|letter| letter.is_ascii_digit());
    match (parts.next(), parts.next(), parts.next()) {
        (Some(whole), Some(decimals), None) if digits(whole) && digits(decimals) => {
            word.trim_end_matches('0').trim_end_matches('.')
        }
        _ => word,
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{code_in, includes, normalised_answer};

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
