//! Criteria that people write.

use agentic_core::Criterion;
use serde::Deserialize;
use serde_json::Value;

use super::{PlanFileError, one_line};
use crate::verify::predicate;

/// What a field is.
#[derive(Clone, Copy)]
enum Form {
    Anything,
    /// It may also be left out.
    Maybe,
    Text,
    Texts,
    Number,
}

impl Form {
    fn fits(self, value: Option<&Value>) -> bool {
        match self {
            Self::Anything => value.is_some(),
            Self::Maybe => true,
            Self::Text => value.is_some_and(Value::is_string),
            Self::Texts => {
                value.and_then(Value::as_array).is_some_and(|values| values.iter().all(Value::is_string))
            }
            Self::Number => value.is_some_and(Value::is_number),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Anything | Self::Maybe => "a value",
            Self::Text => "a text",
            Self::Texts => "a list of texts, as [Oslo, Bergen],",
            Self::Number => "a number",
        }
    }
}

/// What criteria of each type have.
const FIELDS: [(&str, &[(&str, Form)]); 7] = [
    ("equals", &[("value", Form::Anything)]),
    ("matches", &[("pattern", Form::Text)]),
    ("schema", &[("schema", Form::Anything)]),
    ("near", &[("value", Form::Number), ("tolerance", Form::Number)]),
    ("answer", &[("any_of", Form::Texts)]),
    ("tool", &[("tool", Form::Text), ("arguments", Form::Maybe), ("gives", Form::Maybe)]),
    ("judged", &[("rubric", Form::Text)]),
];

/// Criteria as people write them: a field that there is not is a slip of the pen here too.
pub(super) fn criteria(written: Vec<Value>, of: &str) -> Result<Vec<Criterion>, PlanFileError> {
    let read = |(place, written): (usize, Value)| {
        criterion(&written).map_err(|problem| PlanFileError::Criterion {
            of: of.to_owned(),
            number: place + 1,
            problem: one_line(&problem),
        })
    };
    written.into_iter().enumerate().map(read).collect()
}

fn criterion(written: &Value) -> Result<Criterion, String> {
    let kind = written.get("type").and_then(Value::as_str);
    let Some((kind, fields)) = kind.and_then(|kind| FIELDS.iter().find(|(known, _)| *known == kind)) else {
        let kinds = FIELDS.map(|(kind, _)| kind).join(", ");
        return Err(format!("is none; write {{type: T, …}}, and for T one of: {kinds}"));
    };
    let mut names = written.as_object().into_iter().flat_map(serde_json::Map::keys);
    if let Some(name) = names.find(|name| *name != "type" && !fields.iter().any(|(known, _)| known == name)) {
        let fields: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
        let fields = fields.join(", ");
        return Err(format!("has a field `{name}`; criteria of the type `{kind}` have: {fields}"));
    }
    if let Some((name, form)) = fields.iter().find(|(name, form)| !form.fits(written.get(*name))) {
        return Err(format!("is of the type `{kind}` and needs {} as `{name}`", form.name()));
    }
    let criterion = Criterion::deserialize(written).map_err(|error| format!("can't be read: {error}"))?;
    match predicate::flaw(&criterion) {
        Some(flaw) => Err(format!("can't be used: {flaw}")),
        None => Ok(criterion),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criteria_have_the_fields_that_are_listed() {
        let all = [
            Criterion::Equals { value: 1.into() },
            Criterion::Matches { pattern: "x".into() },
            Criterion::Schema { schema: true.into() },
            Criterion::Near { value: 1.0, tolerance: 0.0 },
            Criterion::Answer { any_of: vec!["x".into()] },
            Criterion::Tool { tool: "t".into(), arguments: 1.into(), gives: 1.into() },
            Criterion::Judged { rubric: "x".into() },
        ];
        for (criterion, (kind, fields)) in all.iter().zip(FIELDS) {
            let written = serde_json::to_value(criterion).unwrap();
            let mut has: Vec<_> = written.as_object().unwrap().keys().map(String::as_str).collect();
            has.retain(|name| *name != "type");
            let mut listed: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
            has.sort_unstable();
            listed.sort_unstable();
            assert_eq!((written["type"].as_str(), has), (Some(kind), listed));
            // What is needed is what it can't be read without, and what is no text, list or number is never one.
            for (name, form) in fields {
                let mut without = written.clone();
                without.as_object_mut().unwrap().remove(*name);
                assert_eq!(Criterion::deserialize(&without).is_ok(), form.fits(None), "{kind}: {name}");
                without[*name] = serde_json::json!({});
                assert_eq!(
                    Criterion::deserialize(&without).is_ok(),
                    form.fits(Some(&without[*name])),
                    "{kind}: {name}"
                );
            }
        }
    }
}
