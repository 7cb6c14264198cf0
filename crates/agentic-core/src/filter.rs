//! Filters: what the fields of a record have to be.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What the fields of a record have to be. All conditions have to hold; none holds for every record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Filter {
    /// The conditions.
    pub all: Vec<FieldCondition>,
}

/// What one field has to be. A field that a record does not have, or that is null, fulfils [`Predicate::Missing`] and
/// [`Predicate::Not`] alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldCondition {
    /// The name of the field.
    pub field: String,
    /// What it has to be.
    pub test: Predicate,
}

/// A test of a field's value. A list fulfils a test if one of its values does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Predicate {
    /// One of these texts, whole numbers or truth values. None of them is another: 1 is neither "1" nor true.
    AnyOf(Vec<Value>),
    /// None of these.
    Not(Vec<Value>),
    /// A number that is at least this.
    AtLeast(f64),
    /// A number below this.
    Below(f64),
    /// There is no such field, or it is null or a list of nothing.
    Missing,
}

impl Filter {
    /// Every record.
    pub fn any() -> Self {
        Self::default()
    }

    /// And this field is this value.
    #[must_use]
    pub fn is(self, field: impl Into<String>, value: impl Into<Value>) -> Self {
        self.and(field, Predicate::AnyOf(vec![value.into()]))
    }

    /// And this field fulfils this test.
    #[must_use]
    pub fn and(mut self, field: impl Into<String>, test: Predicate) -> Self {
        self.all.push(FieldCondition { field: field.into(), test });
        self
    }

    /// Whether these fields fulfil it.
    pub fn matches(&self, fields: &Map<String, Value>) -> bool {
        self.all.iter().all(|condition| condition.test.holds(fields.get(&condition.field)))
    }

    /// Whether it can be asked: fields have names, texts, whole numbers and truth values can be compared, and finite numbers
    /// limit a range.
    ///
    /// # Errors
    /// One line that names the field and says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |FieldCondition { field, test }: &FieldCondition| {
            let what = if field.is_empty() { Some("names none".to_owned()) } else { test.wrong() };
            Some(format!("the filter of field `{field}` {}", what?))
        };
        self.all.iter().find_map(wrong).map_or(Ok(()), Err)
    }
}

impl Predicate {
    /// What is wrong with it, if it can't be asked.
    fn wrong(&self) -> Option<String> {
        let comparable = |it: &Value| it.is_string() || it.is_i64() || it.is_u64() || it.is_boolean();
        match self {
            Self::AnyOf(values) | Self::Not(values) => {
                let wrong = values.iter().find(|value| !comparable(value))?;
                Some(format!("compares it with {wrong}; use texts, whole numbers, true or false"))
            }
            Self::AtLeast(number) | Self::Below(number) if !number.is_finite() => {
                Some(format!("compares it with {number}; use a finite number"))
            }
            _ => None,
        }
    }

    /// Whether a field with this value fulfils it.
    pub fn holds(&self, value: Option<&Value>) -> bool {
        let value = value.filter(|value| !value.is_null());
        let one = |test: &dyn Fn(&Value) -> bool| match value {
            None => false,
            Some(Value::Array(values)) => values.iter().any(test),
            Some(value) => test(value),
        };
        match self {
            Self::AnyOf(wanted) => one(&|value| wanted.contains(value)),
            Self::Not(unwanted) => !one(&|value| unwanted.contains(value)),
            Self::AtLeast(least) => one(&|value| value.as_f64().is_some_and(|number| number >= *least)),
            Self::Below(limit) => one(&|value| value.as_f64().is_some_and(|number| number < *limit)),
            Self::Missing => value.is_none_or(|value| value.as_array().is_some_and(Vec::is_empty)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_fulfil_filters() {
        let Value::Object(fields) =
            json!({"kind": "fact", "n": 7, "tags": ["a", "ü"], "gone": null, "none": [], "pinned": true})
        else {
            unreachable!()
        };
        for (filter, expected) in [
            (Filter::any(), true),
            (Filter::any().is("kind", "fact").is("n", 7).is("pinned", true), true),
            (Filter::any().is("kind", "fact").is("n", 8), false),
            (Filter::any().is("tags", "ü"), true),
            (Filter::any().and("tags", Predicate::Not(vec![json!("a")])), false),
            (Filter::any().and("other", Predicate::Not(vec![json!("a")])), true),
            (Filter::any().and("n", Predicate::AtLeast(7.0)).and("n", Predicate::Below(7.5)), true),
            (Filter::any().and("n", Predicate::Below(7.0)), false),
            (Filter::any().and("kind", Predicate::AtLeast(0.0)), false),
            (Filter::any().and("gone", Predicate::Missing).and("other", Predicate::Missing), true),
            (Filter::any().and("n", Predicate::Missing), false),
            (
                Filter::any().and("none", Predicate::Missing).and("none", Predicate::Not(vec![json!("a")])),
                true,
            ),
        ] {
            assert_eq!(filter.matches(&fields), expected, "{filter:?}");
        }
    }

    #[test]
    fn what_can_not_be_asked_is_named() {
        let wrong = Filter::any().is("n", 1.5).check().unwrap_err();
        assert_eq!(
            wrong,
            "the filter of field `n` compares it with 1.5; use texts, whole numbers, true or false"
        );
        assert!(Filter::any().and("n", Predicate::Below(f64::NAN)).check().is_err());
        assert!(Filter::any().is("", 1).check().is_err());
    }
}
