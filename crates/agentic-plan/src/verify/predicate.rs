//! Criteria that say by themselves what they want.

use agentic_core::{Criterion, Outcome, code_in, equals, json_in, normalised_answer};
use agentic_schema::Schema;
use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{Finding, short};

/// The most memory that a compiled expression takes, in bytes.
const EXPRESSION: usize = 1 << 20;

/// Whether it holds; what needs a tool or a judge is not known here.
pub(super) fn look(criterion: &Criterion, outcome: &Outcome) -> Finding {
    let output = &outcome.output;
    // What does not hold is read by who tries again, who is not told the answer.
    let told = |holds: bool, what: String, wanted: &str| match holds {
        true => Finding::Holds(what),
        false => Finding::Fails(format!("the output is {}, not {wanted}", short(output))),
    };
    match criterion {
        Criterion::Equals { value } => {
            let holds = equals(output, value) || read(output).is_some_and(|output| equals(&output, value));
            told(holds, format!("the output equals {value}"), "the value that is wanted")
        }
        Criterion::Matches { pattern } => match compiled(pattern) {
            Ok(expression) => {
                let wanted = format!("one that matches `{pattern}`");
                told(expression.is_match(&outcome.text()), format!("the output matches `{pattern}`"), &wanted)
            }
            Err(why) => Finding::Unknown(why),
        },
        Criterion::Schema { schema } => match compiled_schema(schema) {
            // Of a text that is JSON it is the JSON that does not keep to it.
            Ok(schema) => match schema.validate(output).or_else(|invalid| match read(output) {
                Some(value) => schema.validate(&value),
                None => Err(invalid),
            }) {
                Ok(()) => Finding::Holds("the output keeps to the schema".to_owned()),
                Err(invalid) => Finding::Fails(format!("the output does not keep to the schema: {invalid}")),
            },
            Err(why) => Finding::Unknown(why),
        },
        Criterion::Near { value, tolerance } => {
            let number = output.as_f64().or_else(|| read(output)?.as_f64()).or_else(|| {
                // What is no number in JSON, as `.5` or `+3`.
                output.as_str().and_then(|text| code_in(text).trim().parse().ok())
            });
            let holds = number.is_some_and(|number: f64| (number - value).abs() <= *tolerance);
            told(
                holds,
                format!("the output is a number within {tolerance} of {value}"),
                "near the number that is wanted",
            )
        }
        Criterion::Answer { any_of } => {
            let given = normalised_answer(&outcome.text());
            let holds = any_of.iter().any(|answer| normalised_answer(answer) == given);
            told(
                holds,
                format!("the output is the answer \"{}\"", any_of.join("\" or \"")),
                "the answer that is wanted",
            )
        }
        _ => Finding::Unknown("this verifier does not know such a criterion".to_owned()),
    }
}

/// What is wrong with a criterion, whatever the output: such a one never holds.
#[cfg(feature = "yaml")]
pub(crate) fn flaw(criterion: &Criterion) -> Option<String> {
    match criterion {
        Criterion::Matches { pattern } => compiled(pattern).err(),
        Criterion::Schema { schema } => compiled_schema(schema).err(),
        Criterion::Near { value, tolerance } => {
            (!value.is_finite() || !tolerance.is_finite() || *tolerance < 0.0)
                .then(|| format!("no number is within {tolerance} of {value}"))
        }
        Criterion::Answer { any_of } => {
            any_of.is_empty().then(|| "there is no answer in `any_of`".to_owned())
        }
        Criterion::Judged { rubric } => rubric.trim().is_empty().then(|| "the rubric is empty".to_owned()),
        _ => None,
    }
}

fn compiled(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).size_limit(EXPRESSION).build().map_err(|error| {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim();
        format!("`{pattern}` is no regular expression: {why}")
    })
}

fn compiled_schema(schema: &Value) -> Result<Schema, String> {
    Schema::compile(schema).map_err(|error| format!("the schema can't be used: {error}"))
}

/// The output as a value: JSON that a model wrote as text, in a code fence or not.
fn read(output: &Value) -> Option<Value> {
    output.as_str().and_then(json_in)
}

#[cfg(test)]
mod tests {
    use agentic_core::Spend;
    use serde_json::json;

    use super::*;

    fn holds(criterion: &Criterion, output: Value) -> Option<bool> {
        match look(criterion, &Outcome::new(output, Spend::default())) {
            Finding::Holds(_) => Some(true),
            Finding::Fails(_) => Some(false),
            Finding::Unknown(_) => None,
        }
    }

    #[test]
    fn of_a_text_of_json_it_is_said_what_the_json_lacks() {
        let schema = json!({"type": "object", "required": ["a", "b"]});
        let looked = look(&Criterion::Schema { schema }, &Outcome::new(r#"{"a":1}"#, Spend::default()));
        let Finding::Fails(why) = looked else { panic!("{looked:?}") };
        assert!(why.contains("at /b"), "{why}");
    }

    #[test]
    fn outputs_are_compared_matched_and_measured() {
        let equals = Criterion::Equals { value: json!({"a": 1}) };
        assert_eq!(holds(&equals, json!({"a": 1})), Some(true));
        assert_eq!(holds(&equals, json!({"a": 2})), Some(false));
        assert_eq!(holds(&equals, json!({"a": 1.0})), Some(true));
        assert_eq!(holds(&equals, json!({"a": 1, "b": 2})), Some(false));
        let list = Criterion::Equals { value: json!([1.0, {"b": null}]) };
        assert_eq!(holds(&list, json!([1, {"b": null}])), Some(true));
        assert_eq!(holds(&list, json!([1])), Some(false));
        for text in ["4", " 4.0\n", "```json\n4\n```"] {
            assert_eq!(holds(&Criterion::Equals { value: json!(4) }, json!(text)), Some(true), "{text}");
        }
        assert_eq!(holds(&Criterion::Equals { value: json!("4") }, json!("4")), Some(true));
        assert_eq!(holds(&Criterion::Equals { value: json!(4) }, json!("4 or 5")), Some(false));
        let matches = |pattern: &str| Criterion::Matches { pattern: pattern.into() };
        assert_eq!(holds(&matches("^Ös.o$"), json!("Öslo")), Some(true));
        assert_eq!(holds(&matches("^b"), json!("ab")), Some(false));
        assert_eq!(holds(&matches("("), json!("(")), None);
        assert_eq!(holds(&matches("(a{1000}){1000}"), json!("a")), None, "too large");
        let near = Criterion::Near { value: 10.0, tolerance: 0.5 };
        for (output, expected) in [
            (json!(10.5), true),
            (json!(" 9.5 "), true),
            (json!("```json\n10\n```"), true),
            (json!("+10"), true),
            (json!(10.6), false),
            (json!("ten"), false),
        ] {
            assert_eq!(holds(&near, output.clone()), Some(expected), "{output}");
        }
        let answer = Criterion::Answer { any_of: vec!["Oslo".into(), "Kristiania".into()] };
        assert_eq!(holds(&answer, json!("the kristiania.")), Some(true));
        assert_eq!(holds(&answer, json!("Oslo, Norway")), Some(false));
        assert_eq!(holds(&Criterion::Near { value: f64::NAN, tolerance: 1.0 }, json!(1)), Some(false));
    }

    #[test]
    fn what_does_not_hold_does_not_tell_the_answer() {
        for criterion in [
            Criterion::Equals { value: json!("Oslo") },
            Criterion::Near { value: 4711.0, tolerance: 0.5 },
            Criterion::Answer { any_of: vec!["Oslo".into()] },
        ] {
            let Finding::Fails(why) = look(&criterion, &Outcome::new("Rome", Spend::default())) else {
                panic!("it does not hold")
            };
            assert!(
                why.starts_with("the output is \"Rome\", not ")
                    && !why.contains("Oslo")
                    && !why.contains("4711")
            );
        }
    }

    #[test]
    fn outputs_keep_to_schemas_as_values_or_as_text() {
        let schema = Criterion::Schema { schema: json!({"type": "object", "required": ["a"]}) };
        assert_eq!(holds(&schema, json!({"a": 1})), Some(true));
        assert_eq!(holds(&schema, json!("{\"a\": 1}")), Some(true));
        assert_eq!(holds(&schema, json!({"b": 1})), Some(false));
        assert_eq!(holds(&schema, json!("a")), Some(false));
        assert_eq!(holds(&Criterion::Schema { schema: json!({"type": 7}) }, json!("a")), None);
    }
}
