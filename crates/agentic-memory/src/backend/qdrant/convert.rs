//! The types of Qdrant's gRPC interface.

use std::collections::HashMap;

use agentic_core::Record;
use qdrant_client::qdrant::{
    self as grpc, condition::ConditionOneOf, r#match::MatchValue, point_id::PointIdOptions, value::Kind,
    vectors::VectorsOptions,
};
use serde_json::{Map, Value};

use super::sparse;
use crate::backend::points::{self, Condition, Payload, VECTOR, direction};

/// What the vector of the words of a point is called.
pub(super) const WORDS: &str = "words";

/// Under which key the number of words is, where there are any.
pub(super) const LENGTH: &str = "length";

/// Under which key the time is.
pub(super) const AT: &str = "at";

pub(super) fn id(bits: u128) -> grpc::PointId {
    let hex = format!("{bits:032x}");
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    grpc::PointId { point_id_options: Some(PointIdOptions::Uuid(format!("{a}-{b}-{c}-{d}-{e}"))) }
}

/// The bits of an id that is a UUID.
pub(super) fn bits(id: Option<&grpc::PointId>) -> Option<u128> {
    match id?.point_id_options.as_ref()? {
        PointIdOptions::Uuid(text) => u128::from_str_radix(&text.replace('-', ""), 16).ok(),
        PointIdOptions::Num(_) => None,
    }
}

/// The point of a record with this revision.
pub(super) fn point(record: &Record, revision: u64) -> grpc::PointStruct {
    use grpc::vector::Vector::{Dense, Sparse};
    let vector = |vector| grpc::Vector { vector: Some(vector), ..grpc::Vector::default() };
    let mut vectors = HashMap::new();
    if let Some(unit) = direction(&record.vector) {
        vectors.insert(VECTOR.to_owned(), vector(Dense(grpc::DenseVector { data: unit.into_owned() })));
    }
    if !record.words.is_empty() {
        vectors.insert(WORDS.to_owned(), vector(Sparse(sparse::of_record(&record.words))));
    }
    let mut payload = payload(&Payload::of(record, revision).json());
    if !record.words.is_empty() {
        payload.insert(LENGTH.to_owned(), value(&record.words.len().into()));
    }
    grpc::PointStruct {
        id: Some(id(points::id(&record.scope.tenant, &record.id))),
        payload,
        vectors: Some(named(vectors)),
    }
}

/// These vectors by their names.
pub(super) fn named(vectors: HashMap<String, grpc::Vector>) -> grpc::Vectors {
    grpc::Vectors { vectors_options: Some(VectorsOptions::Vectors(grpc::NamedVectors { vectors })) }
}

/// A payload of this JSON object.
pub(super) fn payload(json: &Value) -> HashMap<String, grpc::Value> {
    let entries = json.as_object().into_iter().flatten();
    entries.map(|(name, json)| (name.clone(), value(json))).collect()
}

fn value(json: &Value) -> grpc::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(it) => Kind::BoolValue(*it),
        Value::Number(it) => match it.as_i64() {
            Some(it) => Kind::IntegerValue(it),
            None => Kind::DoubleValue(it.as_f64().unwrap_or_default()),
        },
        Value::String(it) => Kind::StringValue(it.clone()),
        Value::Array(all) => Kind::ListValue(grpc::ListValue { values: all.iter().map(value).collect() }),
        Value::Object(_) => Kind::StructValue(grpc::Struct { fields: payload(json) }),
    };
    grpc::Value { kind: Some(kind) }
}

/// The JSON object of a payload.
pub(super) fn json(payload: HashMap<String, grpc::Value>) -> Map<String, Value> {
    payload.into_iter().map(|(name, value)| (name, json_of(value))).collect()
}

fn json_of(value: grpc::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(it)) => it.into(),
        Some(Kind::IntegerValue(it)) => it.into(),
        Some(Kind::DoubleValue(it)) => it.into(),
        Some(Kind::StringValue(it)) => it.into(),
        Some(Kind::ListValue(all)) => all.values.into_iter().map(json_of).collect(),
        Some(Kind::StructValue(it)) => Value::Object(json(it.fields)),
    }
}

/// The record of a point, and its words; `None` if it is damaged.
pub(super) fn record(
    of: HashMap<String, grpc::Value>,
    vectors: Option<grpc::VectorsOutput>,
    with_index: bool,
) -> Option<(Record, Vec<String>)> {
    let payload = Payload::read(json(of))?;
    let words = payload.words.clone();
    let record = payload.record(with_index.then(|| dense(vectors)))?;
    Some((record, words))
}

/// The vector of a point; empty for none.
fn dense(vectors: Option<grpc::VectorsOutput>) -> Vec<f32> {
    use grpc::vector_output::Vector;
    use grpc::vectors_output::VectorsOptions;
    let Some(VectorsOptions::Vectors(mut named)) = vectors.and_then(|it| it.vectors_options) else {
        return Vec::new();
    };
    match named.vectors.remove(VECTOR).map(grpc::VectorOutput::into_vector) {
        Some(Vector::Dense(dense)) => dense.data,
        _ => Vec::new(),
    }
}

/// The server's filter for these conditions.
pub(super) fn filter(conditions: &[Condition]) -> grpc::Filter {
    let mut filter = grpc::Filter::default();
    let is_one_of = |key: &str, texts: &[String]| {
        let wanted = match texts {
            [one] => MatchValue::Keyword(one.clone()),
            several => MatchValue::Keywords(grpc::RepeatedStrings { strings: several.to_vec() }),
        };
        let r#match = Some(grpc::Match { match_value: Some(wanted) });
        field(grpc::FieldCondition { key: key.to_owned(), r#match, ..grpc::FieldCondition::default() })
    };
    for condition in conditions {
        match condition {
            Condition::Has(key, texts) => filter.must.push(is_one_of(key, texts)),
            Condition::HasNot(key, texts) => filter.must_not.push(is_one_of(key, texts)),
            Condition::Empty(key) => {
                let empty = ConditionOneOf::IsEmpty(grpc::IsEmptyCondition { key: key.clone() });
                filter.must.push(grpc::Condition { condition_one_of: Some(empty) });
            }
            Condition::Within(key, gte, lt) => {
                let range = Some(grpc::Range { gte: *gte, lt: *lt, ..grpc::Range::default() });
                let key = key.clone();
                filter.must.push(field(grpc::FieldCondition {
                    key,
                    range,
                    ..grpc::FieldCondition::default()
                }));
            }
        }
    }
    filter
}

fn field(condition: grpc::FieldCondition) -> grpc::Condition {
    grpc::Condition { condition_one_of: Some(ConditionOneOf::Field(condition)) }
}

/// All of the payload.
pub(super) fn whole() -> Option<grpc::WithPayloadSelector> {
    use grpc::with_payload_selector::SelectorOptions;
    Some(grpc::WithPayloadSelector { selector_options: Some(SelectorOptions::Enable(true)) })
}

/// Of the payload, what is under this key.
pub(super) fn only(key: &str) -> Option<grpc::WithPayloadSelector> {
    use grpc::with_payload_selector::SelectorOptions;
    let fields = vec![key.to_owned()];
    let include = SelectorOptions::Include(grpc::PayloadIncludeSelector { fields });
    Some(grpc::WithPayloadSelector { selector_options: Some(include) })
}

/// The vector, if it is wanted.
pub(super) fn vectors(wanted: bool) -> Option<grpc::WithVectorsSelector> {
    use grpc::with_vectors_selector::SelectorOptions;
    let options = match wanted {
        true => SelectorOptions::Include(grpc::VectorsSelector { names: vec![VECTOR.to_owned()] }),
        false => SelectorOptions::Enable(false),
    };
    Some(grpc::WithVectorsSelector { selector_options: Some(options) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn payloads_come_back() {
        let value = json!({"a": [1, -2, 1.5, true, null, "é\u{0}"], "b": {"c": 9_007_199_254_740_992_u64}});
        assert_eq!(Value::Object(json(payload(&value))), value);
    }

    #[test]
    fn ids_come_back() {
        let bits = points::id("t", "a");
        assert_eq!(super::bits(Some(&id(bits))), Some(bits));
        assert_eq!(super::bits(Some(&id(0))), Some(0));
    }
}
