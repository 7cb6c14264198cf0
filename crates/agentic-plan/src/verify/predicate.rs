//! Criteria that say by themselves what they want.

use agentic_core::{Criterion, Outcome, normalised_answer};
use agentic_schema::Schema;
use regex::RegexBuilder;
use serde_json::Value;

use super::{Finding, short};

/// The most memory that a compiled expression takes, in bytes.
const EXPRESSION: usize = 1 << 20;

/// Whether it holds; what needs a tool or a judge is not known here.
pub(super) fn look(criterion: &Criterion, outcome: &Outcome) -> Finding {
    let output = &outcome.output;
    let told = |holds: bool, what: String| {
        if holds { Finding::Holds(what) } else { Finding::Fails(format!("{what}; it is {}", short(output))) }
    };
    match criterion {
        Criterion::Equals { value } => told(same(output, value), format!("the output equals {value}")),
        Criterion::Matches { pattern } => match RegexBuilder::new(pattern).size_limit(EXPRESSION).build() {
            Ok(expression) => {
                told(expression.is_match(&outcome.text()), format!("the output matches `{pattern}`"))
            }
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim().to_owned();
                Finding::Unknown(format!("`{pattern}` is no regular expression: {why}"))
            }
        },
        Criterion::Schema { schema } => match Schema::compile(schema) {
            Ok(schema) => match schema.validate(output).or_else(|invalid| {
                // JSON that was given as text.
                let value = output.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
                value.filter(|value| schema.is_valid(value)).map(drop).ok_or(invalid)
            }) {
                Ok(()) => Finding::Holds("the output keeps to the schema".to_owned()),
                Err(invalid) => Finding::Fails(format!("the output keeps to the schema: {invalid}")),
            },
            Err(error) => Finding::Unknown(format!("the schema can't be used: {error}")),
        },
        Criterion::Near { value, tolerance } => {
            let number =
                output.as_f64().or_else(|| output.as_str().and_then(|text| text.trim().parse().ok()));
            let holds = number.is_some_and(|number: f64| (number - value).abs() <= *tolerance);
            told(holds, format!("the output is a number within {tolerance} of {value}"))
        }
        Criterion::Answer { any_of } => {
            let given = normalised_answer(&outcome.text());
            let holds = any_of.iter().any(|answer| normalised_answer(answer) == given);
            told(holds, format!("the output is the answer \"{}\"", any_of.join("\" or \"")))
        }
        _ => Finding::Unknown("this verifier does not know such a criterion".to_owned()),
    }
}

/// Whether a value has what is wanted: of an object the fields that are named, of anything else all.
pub(super) fn has(given: &Value, wanted: &Value) -> bool {
    match (given, wanted) {
        (_, Value::Null) => true,
        (Value::Object(given), Value::Object(wanted)) => {
            wanted.iter().all(|(name, wanted)| given.get(name).is_some_and(|given| has(given, wanted)))
        }
        (given, wanted) => same(given, wanted),
    }
}

/// Whether two values are the same: 30 and 30.0 are one number.
fn same(given: &Value, wanted: &Value) -> bool {
    match (given, wanted) {
        (Value::Number(given), Value::Number(wanted)) if given.is_f64() != wanted.is_f64() => {
            given.as_f64() == wanted.as_f64()
        }
        (Value::Array(given), Value::Array(wanted)) => {
            given.len() == wanted.len() && given.iter().zip(wanted).all(|(given, wanted)| same(given, wanted))
        }
        (Value::Object(given), Value::Object(wanted)) => {
            let found =
                |(name, wanted): (&String, &Value)| given.get(name).is_some_and(|given| same(given, wanted));
            given.len() == wanted.len() && wanted.iter().all(found)
        }
        (given, wanted) => given == wanted,
    }
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
    fn outputs_are_compared_matched_and_measured() {
        let equals = Criterion::Equals { value: json!({"a": 1}) };
        assert_eq!(holds(&equals, json!({"a": 1})), Some(true));
        assert_eq!(holds(&equals, json!({"a": 2})), Some(false));
        assert_eq!(holds(&equals, json!({"a": 1.0})), Some(true));
        assert_eq!(holds(&equals, json!({"a": 1, "b": 2})), Some(false));
        let list = Criterion::Equals { value: json!([1.0, {"b": null}]) };
        assert_eq!(holds(&list, json!([1, {"b": null}])), Some(true));
        assert_eq!(holds(&list, json!([1])), Some(false));
        let matches = |pattern: &str| Criterion::Matches { pattern: pattern.into() };
        assert_eq!(holds(&matches("^Ös.o$"), json!("Öslo")), Some(true));
        assert_eq!(holds(&matches("^b"), json!("ab")), Some(false));
        assert_eq!(holds(&matches("("), json!("(")), None);
        assert_eq!(holds(&matches("(a{1000}){1000}"), json!("a")), None, "too large");
        let near = Criterion::Near { value: 10.0, tolerance: 0.5 };
        for (output, expected) in
            [(json!(10.5), true), (json!(" 9.5 "), true), (json!(10.6), false), (json!("ten"), false)]
        {
            assert_eq!(holds(&near, output.clone()), Some(expected), "{output}");
        }
        let answer = Criterion::Answer { any_of: vec!["Oslo".into(), "Kristiania".into()] };
        assert_eq!(holds(&answer, json!("the kristiania.")), Some(true));
        assert_eq!(holds(&answer, json!("Oslo, Norway")), Some(false));
        assert_eq!(holds(&Criterion::Near { value: f64::NAN, tolerance: 1.0 }, json!(1)), Some(false));
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

    #[test]
    fn of_objects_the_named_fields_matter() {
        assert!(has(&json!({"code": 0, "out": "x"}), &json!({"code": 0})));
        assert!(has(&json!({"a": {"b": 1, "c": 2}}), &json!({"a": {"b": 1}})));
        assert!(!has(&json!({"code": 1}), &json!({"code": 0})) && !has(&json!({}), &json!({"code": 0})));
        assert!(
            has(&json!(3), &Value::Null)
                && has(&json!("x"), &json!("x"))
                && !has(&json!(["x", "y"]), &json!(["x"]))
        );
    }
}
