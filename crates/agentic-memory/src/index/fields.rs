//! Fields as text: a record has many, and they are asked for seldom.

use std::borrow::Cow;
use std::fmt;

use agentic_core::Filter;
use serde::Deserialize;
use serde::de::{DeserializeSeed as _, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The fields of a record as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fields(Box<str>);

impl Fields {
    pub(crate) fn of(fields: &Map<String, Value>) -> Self {
        // A map of JSON values always has a JSON form.
        Self(serde_json::to_string(fields).unwrap_or_default().into())
    }

    /// Text that a map of fields has in JSON.
    #[cfg(any(feature = "edge", feature = "sqlite"))]
    pub(crate) fn read(text: &str) -> Self {
        Self(text.into())
    }

    #[cfg(feature = "sqlite")]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn map(&self) -> Map<String, Value> {
        serde_json::from_str(&self.0).unwrap_or_default()
    }

    /// Whether they fulfil the filter. Only the fields that it names are read.
    pub(crate) fn fulfil(&self, filter: &Filter) -> bool {
        if filter.all.is_empty() {
            return true;
        }
        let mut text = serde_json::Deserializer::from_str(&self.0);
        Fulfil(filter).deserialize(&mut text).unwrap_or(false)
    }
}

struct Fulfil<'f>(&'f Filter);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> serde::de::DeserializeSeed<'de> for Fulfil<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, text: D) -> Result<bool, D::Error> {
        text.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fulfil<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        let conditions = &self.0.all;
        let (mut holds, mut seen) = (true, vec![false; conditions.len()]);
        while let Some(Name(name)) = fields.next_key()? {
            let asked = || conditions.iter().zip(0..).filter(|(condition, _)| condition.field == name);
            if !holds || asked().next().is_none() {
                fields.next_value::<IgnoredAny>()?;
                continue;
            }
            let value: Value = fields.next_value()?;
            for (condition, at) in asked() {
                let at: usize = at;
                seen[at] = true;
                holds &= condition.test.holds(Some(&value));
            }
        }
        let missing = conditions.iter().zip(seen).filter(|(_, seen)| !seen);
        Ok(holds && missing.into_iter().all(|(condition, _)| condition.test.holds(None)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::Predicate;
    use serde_json::json;

    #[test]
    fn text_fulfils_what_its_fields_fulfil() {
        let Value::Object(map) = json!({"a": "x", "b\"": [1, 2], "ü": null, "n": 1.5, "m": {"a": "y"}})
        else {
            unreachable!()
        };
        let fields = Fields::of(&map);
        assert_eq!(fields.map(), map);
        for name in ["a", "b\"", "ü", "n", "m", "none"] {
            for test in [
                Predicate::AnyOf(vec![json!("x"), json!(2)]),
                Predicate::Not(vec![json!("x"), json!(1)]),
                Predicate::AtLeast(1.5),
                Predicate::Below(1.5),
                Predicate::Missing,
            ] {
                let filter = Filter::any().and(name, test);
                assert_eq!(fields.fulfil(&filter), filter.matches(&map), "{filter:?}");
                let twice =
                    filter.clone().and(name, Predicate::Missing).and("a", Predicate::Not(vec![json!("z")]));
                assert_eq!(fields.fulfil(&twice), twice.matches(&map), "{twice:?}");
            }
        }
        assert!(fields.fulfil(&Filter::any()));
    }
}
