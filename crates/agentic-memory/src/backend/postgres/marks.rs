//! Fields as what filters ask of them.
//!
//! JSON as the database has it would lose what is not to be lost: its texts have no U+0000, and 1.0 is 1. So fields are kept
//! as text, and beside it stands a mark for each value that can be asked for, and each number.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::values::Digest;

/// What is asked of the fields of a record, as literals of arrays.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// `uuid[]`: which fields are there, and what they are.
    pub(super) marks: String,
    /// `uuid[]`: which field each of the numbers is of.
    pub(super) number_keys: String,
    /// `float8[]`
    pub(super) numbers: String,
}

/// That a field is this value, if it is one that can be asked for.
pub(super) fn of_value(field: &str, value: &Value) -> Option<Digest> {
    let asked = value.is_string() || value.is_i64() || value.is_u64() || value.is_boolean();
    // Its JSON form tells 1, "1" and true apart.
    asked.then(|| Digest::of("field is", &[field, &value.to_string()]))
}

/// That a field is there: neither null nor a list of nothing.
pub(super) fn there(field: &str) -> Digest {
    Digest::of("field", &[field])
}

/// Which field a number is of.
pub(super) fn number(field: &str) -> Digest {
    Digest::of("number", &[field])
}

impl Marks {
    pub(super) fn of(fields: &Map<String, Value>) -> Self {
        let (mut marks, mut number_keys, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for (field, value) in fields {
            let values = match value {
                Value::Null => continue,
                Value::Array(values) => &values[..],
                one => std::slice::from_ref(one),
            };
            if values.is_empty() {
                continue;
            }
            marks.push(there(field));
            for value in values {
                marks.extend(of_value(field, value));
                if let Some(it) = value.as_f64() {
                    number_keys.push(number(field));
                    numbers.push(it);
                }
            }
        }
        marks.sort_unstable();
        marks.dedup();
        let keys = |keys: &[Digest]| literal(keys.iter().map(|key| key.shown()));
        // Rust writes as many digits as tell the number from all others.
        let numbers = literal(numbers.iter().map(|number| format!("{number:?}")));
        Self { marks: keys(&marks), number_keys: keys(&number_keys), numbers }
    }
}

fn literal(values: impl Iterator<Item = String>) -> String {
    let mut text = String::from("{");
    for (at, value) in values.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{value}");
    }
    text.push('}');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_can_be_asked_has_a_mark() {
        let Value::Object(fields) =
            json!({"a": 1, "b": [1.5, "x"], "c": null, "d": [], "e": [null], "f": {}})
        else {
            unreachable!()
        };
        let marks = Marks::of(&fields);
        assert_eq!(marks.numbers, "{1.0,1.5}");
        let has = |mark: Digest| marks.marks.contains(&mark.shown());
        assert!(has(of_value("a", &json!(1)).unwrap()) && has(of_value("b", &json!("x")).unwrap()));
        assert!(["a", "b", "e", "f"].iter().all(|field| has(there(field))));
        assert!(!has(there("c")) && !has(there("d")));
        assert!(!has(of_value("a", &json!("1")).unwrap()) && !has(of_value("a", &json!(true)).unwrap()));
        assert_eq!(Marks::of(&Map::new()).marks, "{}");
    }
}
