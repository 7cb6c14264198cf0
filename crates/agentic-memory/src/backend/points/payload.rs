//! What a point says of its record.

use agentic_core::{Json, MemoryScope, Record, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::conditions::{number_key, presence, token};
use super::direction;

/// The payload of a point. The names of its fields are a format: [`key`](super::key) has those that are asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::backend) struct Payload {
    pub(in crate::backend) tenant: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    pub(in crate::backend) id: String,
    /// Milliseconds since 1970.
    at: i64,
    pub(in crate::backend) revision: u64,
    /// What [tokens](token) and [presences](presence) there are of the fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    is: Vec<String>,
    /// The fields that are numbers, under their [keys](number_key).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    numbers: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::backend) words: Vec<String>,
    /// All fields as JSON.
    pub(in crate::backend) fields: String,
    /// JSON.
    body: String,
    /// The floats in base 64, the lowest byte first, if the point's vector is not this one to the bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vector: Option<String>,
}

impl Payload {
    /// The payload of this record, with this revision.
    pub(in crate::backend) fn of(record: &Record, revision: u64) -> Self {
        let Record { id, scope, at, vector, words, fields, body, .. } = record;
        let MemoryScope { tenant, agent, session } = scope.clone();
        let (mut is, mut numbers) = (Vec::new(), Map::new());
        for (name, value) in fields {
            let values = match value {
                Value::Array(values) => values,
                one => std::slice::from_ref(one),
            };
            if values.is_empty() || value.is_null() {
                continue;
            }
            is.push(presence(name));
            is.extend(values.iter().filter_map(|value| token(name, value)));
            let found: Vec<Value> = values.iter().filter(|value| value.is_number()).cloned().collect();
            if !found.is_empty() {
                numbers.insert(number_key(name), found.into());
            }
        }
        is.sort_unstable();
        is.dedup();
        let same = match direction(vector) {
            None => vector.is_empty(),
            Some(unit) => *unit == **vector,
        };
        let bytes = || vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        Self {
            tenant,
            agent,
            session,
            id: id.clone(),
            at: at.as_millis().cast_signed(),
            revision,
            is,
            numbers,
            words: words.clone(),
            // A map of JSON values always has a JSON form.
            fields: serde_json::to_string(fields).unwrap_or_default(),
            body: body.as_str().to_owned(),
            vector: (!same).then(|| BASE64.encode(bytes())),
        }
    }

    /// The payload as JSON.
    pub(in crate::backend) fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// What [`json`](Self::json) gave; `None` if it is damaged.
    pub(in crate::backend) fn read(json: Map<String, Value>) -> Option<Self> {
        serde_json::from_value(Value::Object(json)).ok()
    }

    pub(in crate::backend) fn scope(&self) -> MemoryScope {
        let (tenant, agent, session) = (self.tenant.clone(), self.agent.clone(), self.session.clone());
        MemoryScope { tenant, agent, session }
    }

    pub(in crate::backend) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.at.cast_unsigned())
    }

    /// The body; `None` if it is damaged.
    pub(in crate::backend) fn body(&self) -> Option<Json> {
        Json::parse(&*self.body).ok()
    }

    /// The record's vector, by that of the point; `None` if it is damaged.
    pub(in crate::backend) fn vector(&self, of_point: Vec<f32>) -> Option<Vec<f32>> {
        let Some(text) = &self.vector else { return Some(of_point) };
        let bytes = BASE64.decode(text).ok()?;
        let (floats, rest) = bytes.as_chunks();
        rest.is_empty().then(|| floats.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    }

    /// The record, by the vector of the point if it is wanted with its index; `None` if it is damaged.
    pub(in crate::backend) fn record(self, index: Option<Vec<f32>>) -> Option<Record> {
        let mut record = Record::new(self.id.clone(), self.scope(), self.at()).over(self.revision);
        (record.fields, record.body) = (serde_json::from_str(&self.fields).ok()?, self.body()?);
        if let Some(of_point) = index {
            (record.vector, record.words) = (self.vector(of_point)?, self.words);
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn records_come_back_to_the_bit() {
        let scope = MemoryScope::of_tenant("größe").agent("a/b").session("");
        let body = Json::parse("{\"b\":1.50,  \"a\":[\"\\u0000\"]}").unwrap();
        let record = Record::new("id 🦀", scope, Timestamp::from_millis(7)).with_body(body).over(1 << 60);
        let record = record.with_words(["\u{1}mark", "", "a b"]).with_field("whole", 1_u64 << 53);
        let record = record.with_field("list", json!([1, "a", null])).with_field("part", 0.1);
        for vector in [vec![], vec![0.0, -0.0], vec![0.6, 0.8], vec![1.0 / 3.0, -2.5e-30]] {
            let record = record.clone().with_vector(vector.clone());
            let Value::Object(json) = Payload::of(&record, record.revision).json() else { unreachable!() };
            let payload = Payload::read(json).unwrap();
            let of_point = direction(&vector).unwrap_or_default().into_owned();
            assert_eq!(payload.clone().record(Some(of_point)).unwrap(), record);
            let short = payload.record(None).unwrap();
            assert!(short.vector.is_empty() && short.words.is_empty() && short.fields == record.fields);
        }
        let mut json = Map::new();
        json.insert("tenant".into(), "t".into());
        assert_eq!(Payload::read(json), None);
    }
}
