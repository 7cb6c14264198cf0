//! References to results: `{{t1.result}}`, `{{t1.result.prices[0]}}`.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::answer::{json_in, value_text};

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Field(String),
    Place(usize),
}

/// A result, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// The task's id.
    pub(super) task: String,
    parts: Vec<Part>,
}

/// A text, cut at its references.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// As it stands there, braces included, and what it refers to.
    Reference(&'a str, Reference),
}

/// What is wrong with a reference, as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) reference: String,
    pub(super) problem: String,
}

impl Reference {
    /// Reads what stands between the braces.
    fn read(text: &str) -> Result<Self, String> {
        let form = || "it has to be `{{TASK.result}}`, and may go on with `.name` and `[0]`".to_owned();
        let end = text.find(|letter: char| !is_of_id(letter)).ok_or_else(form)?;
        let (task, mut rest) = text.split_at(end);
        rest = rest.strip_prefix(".result").filter(|_| !task.is_empty()).ok_or_else(form)?;
        let mut parts = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let (place, after) = after.split_once(']').ok_or_else(form)?;
                parts.push(Part::Place(place.parse().map_err(|_| form())?));
                rest = after;
            } else {
                let after = rest.strip_prefix('.').ok_or_else(form)?;
                let end = after.find(['.', '[']).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                parts.push(Part::Field(
                    Some(name).filter(|name| !name.is_empty()).ok_or_else(form)?.to_owned(),
                ));
                rest = after;
            }
        }
        Ok(Self { task: task.to_owned(), parts })
    }

    /// The part of this result.
    fn of<'v>(&self, result: &'v Value) -> Result<Cow<'v, Value>, String> {
        part(&self.parts, result)
    }
}

/// The part of a value. A text that is JSON, as a model writes it, in a code fence or not, has the parts of its value.
fn part<'v>(parts: &[Part], value: &'v Value) -> Result<Cow<'v, Value>, String> {
    let Some((first, rest)) = parts.split_first() else { return Ok(Cow::Borrowed(value)) };
    let read = value.as_str().map(|text| json_in(text).filter(|value| !value.is_string()));
    let why = match read {
        Some(Some(read)) => return part(parts, &read).map(|part| Cow::Owned(part.into_owned())),
        Some(None) => "; it is a text, and none of JSON",
        None => "",
    };
    let (found, what) = match first {
        Part::Field(name) => (value.get(name), format!("`{name}`")),
        Part::Place(place) => (value.get(place), format!("place {place}")),
    };
    found.map_or_else(|| Err(format!("the result has no {what} there{why}")), |value| part(rest, value))
}

/// Whether a letter may stand in an id.
pub(super) fn is_of_id(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_' || letter == '-'
}

fn pieces(text: &str) -> Result<Vec<Piece<'_>>, Wrong> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("{{") {
        let wrong = |reference: &str, problem: String| Wrong { reference: reference.to_owned(), problem };
        let from = &rest[start..];
        let Some(end) = from.find("}}") else {
            return Err(wrong(from, "it does not end; close it by `}}`".to_owned()));
        };
        let whole = &from[..end + 2];
        let reference = Reference::read(from[2..end].trim()).map_err(|problem| wrong(whole, problem))?;
        if start > 0 {
            pieces.push(Piece::Text(&rest[..start]));
        }
        pieces.push(Piece::Reference(whole, reference));
        rest = &from[end + 2..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    Ok(pieces)
}

/// Gives each reference in a value, with the reference as it stands there.
pub(super) fn each(value: &Value, give: &mut impl FnMut(&str, Reference)) -> Result<(), Wrong> {
    match value {
        Value::String(text) => {
            for piece in pieces(text)? {
                if let Piece::Reference(whole, reference) = piece {
                    give(whole, reference);
                }
            }
            Ok(())
        }
        Value::Array(values) => values.iter().try_for_each(|value| each(value, give)),
        Value::Object(fields) => fields.values().try_for_each(|value| each(value, give)),
        _ => Ok(()),
    }
}

/// A value with what its references refer to in their places. `result` gives the result of a task.
pub(super) fn filled<'r>(value: &Value, result: &impl Fn(&str) -> Option<&'r Value>) -> Result<Value, Wrong> {
    let found = |whole: &str, reference: &Reference| {
        let wrong = |problem| Wrong { reference: whole.to_owned(), problem };
        let result = result(&reference.task).ok_or_else(|| wrong("that task has no result".to_owned()))?;
        reference.of(result).map_err(wrong)
    };
    Ok(match value {
        Value::String(text) => match pieces(text)?.as_slice() {
            [Piece::Reference(whole, reference)] => found(whole, reference)?.into_owned(),
            pieces => {
                let mut filled = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => filled.push_str(text),
                        Piece::Reference(whole, reference) => {
                            filled.push_str(&value_text(&*found(whole, reference)?));
                        }
                    }
                }
                filled.into()
            }
        },
        Value::Array(values) => values.iter().map(|value| filled(value, result)).collect::<Result<_, _>>()?,
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Ok((name.clone(), filled(value, result)?));
            Value::Object(fields.iter().map(field).collect::<Result<Map<_, _>, Wrong>>()?)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fill(value: &Value) -> Result<Value, String> {
        let result = json!({"prices": [3, 4], "name": "tea"});
        let told = |wrong: Wrong| format!("{}: {}", wrong.reference, wrong.problem);
        filled(value, &|task| (task == "t-1").then_some(&result)).map_err(told)
    }

    #[test]
    fn a_reference_alone_is_the_value_and_within_text_its_text() {
        assert_eq!(fill(&json!("{{t-1.result.prices}}")), Ok(json!([3, 4])));
        assert_eq!(fill(&json!(["{{ t-1.result.prices[1] }}", 5])), Ok(json!([4, 5])));
        let text = json!({"of": "{{t-1.result.name}} at {{t-1.result.prices}}}"});
        assert_eq!(fill(&text), Ok(json!({"of": "tea at [3,4]}"})));
        assert_eq!(fill(&json!("{ } {x} }}")), Ok(json!("{ } {x} }}")));
    }

    #[test]
    fn a_text_of_json_has_the_parts_of_its_value() {
        let part = |result: &str| {
            let result = json!(result);
            filled(&json!("{{t.result.days[0]}}"), &|_| Some(&result)).map_err(|wrong| wrong.problem)
        };
        for written in [r#" {"days": ["rain", 2]}"#, "Here it is:\n```json\n{\"days\": [\"rain\"]}\n```\n"] {
            assert_eq!(part(written), Ok(json!("rain")), "{written}");
        }
        for (written, expected) in [
            (r#"{"day": "rain"}"#, "the result has no `days` there"),
            ("rain, days", "it is a text, and none of JSON"),
        ] {
            assert!(part(written).unwrap_err().contains(expected), "{written}");
        }
        let inner = json!({"body": r#"{"days": [1]}"#});
        assert_eq!(filled(&json!("{{t.result.body.days[0]}}"), &|_| Some(&inner)), Ok(json!(1)));
        let whole = json!("[1]");
        assert_eq!(filled(&json!("{{t.result}}"), &|_| Some(&whole)), Ok(json!("[1]")), "as it is");
    }

    #[test]
    fn what_can_not_be_found_is_named() {
        for (text, expected) in [
            ("{{t2.result}}", "that task has no result"),
            ("{{t-1.result.size}}", "no `size`"),
            ("{{t-1.result.prices[2]}}", "no place 2"),
            ("{{t-1.result.name[0]}}", "no place 0"),
            ("{{t-1}}", "has to be"),
            ("{{t-1.results}}", "has to be"),
            ("{{t-1.result.}}", "has to be"),
            ("{{t-1.result[x]}}", "has to be"),
            ("{{t-1.result[0}}", "has to be"),
            ("{{.result}}", "has to be"),
            ("a {{t-1.result", "close it"),
        ] {
            let error = fill(&json!(text)).unwrap_err();
            assert!(error.contains(expected) && error.starts_with("{{"), "{text}: {error}");
        }
    }
}
