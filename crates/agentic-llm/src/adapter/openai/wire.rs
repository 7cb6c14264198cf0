//! What servers send: chat completions, whole and in chunks, as loosely as servers write them.
//!
//! Texts and arguments are kept as raw JSON first, since servers give them in several forms; a field of a form
//! that nobody knows counts as missing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A whole answer or one chunk of it; also the envelope of an error.
#[derive(Debug, Deserialize)]
pub(super) struct Reply<'a> {
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) model: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) choices: Option<Vec<Choice<'a>>>,
    #[serde(default)]
    pub(super) usage: Option<WireUsage>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
    /// Groq puts the usage of a stream here.
    #[serde(default)]
    x_groq: Option<Groq>,
}

#[derive(Debug, Deserialize)]
struct Groq {
    #[serde(default)]
    usage: Option<WireUsage>,
}

impl Reply<'_> {
    pub(super) fn usage(&self) -> Option<&WireUsage> {
        self.usage.as_ref().or_else(|| self.x_groq.as_ref()?.usage.as_ref())
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Choice<'a> {
    #[serde(default, deserialize_with = "count")]
    pub(super) index: Option<u64>,
    /// The whole message, or the chunk's part of it.
    #[serde(borrow, default)]
    pub(super) message: Option<Body<'a>>,
    #[serde(borrow, default)]
    pub(super) delta: Option<Body<'a>>,
    #[serde(borrow, default)]
    pub(super) finish_reason: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) reasoning: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) reasoning_content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tool_calls: Option<Vec<Call<'a>>>,
    /// What came before `tool_calls`: at most one call, without an id.
    #[serde(borrow, default)]
    pub(super) function_call: Option<Function<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Call<'a> {
    #[serde(default, deserialize_with = "count")]
    pub(super) index: Option<u64>,
    #[serde(borrow, default)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) function: Option<Function<'a>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Function<'a> {
    #[serde(borrow, default)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) arguments: Option<&'a RawValue>,
}

/// The counts of one call, under all the names that servers give them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default, deserialize_with = "count")]
    pub(super) prompt_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) completion_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) total_tokens: Option<u64>,
    #[serde(default)]
    pub(super) prompt_tokens_details: Option<Details>,
    #[serde(default)]
    pub(super) completion_tokens_details: Option<Details>,
    #[serde(default, deserialize_with = "count")]
    pub(super) reasoning_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) prompt_cache_hit_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) num_cached_tokens: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Details {
    #[serde(default, deserialize_with = "count")]
    pub(super) cached_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(super) reasoning_tokens: Option<u64>,
}

impl Body<'_> {
    /// Whether there is nothing of an answer in it.
    pub(super) fn is_empty(&self) -> bool {
        let none =
            |raw: Option<&RawValue>| matches!(raw.map(RawValue::get), None | Some("\"\"" | "null" | "[]"));
        none(self.content)
            && none(self.reasoning)
            && none(self.reasoning_content)
            && none(self.refusal)
            && self.tool_calls.iter().flatten().next().is_none()
            && self.function_call.is_none_or(|function| none(function.name) && none(function.arguments))
    }
}

/// The JSON of an error, if it is one.
pub(super) fn error(raw: Option<&RawValue>) -> Option<&str> {
    raw.map(RawValue::get).filter(|json| !matches!(*json, "null" | "\"\"" | "{}" | "[]" | "false"))
}

/// The JSON string in `raw`, borrowed where it has no escapes; `None` if it is another kind of value.
pub(super) fn string(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let json = raw?.get();
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    Some(Cow::Owned(serde_json::from_str(json).unwrap_or_else(|_| unescape(inner))))
}

/// Resolves the escapes of a JSON string that holds half of a surrogate pair: servers that cut their chunks without
/// looking write `\ud83d` alone. Such a half is shown as U+FFFD; all else is kept.
fn unescape(inner: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(inner.len());
    let mut rest = inner;
    let mut buffer = [0; 2];
    while let Some(at) = rest.find('\\') {
        units.extend(rest[..at].encode_utf16());
        rest = &rest[at + 1..];
        let Some(escaped) = rest.chars().next() else { break };
        rest = &rest[escaped.len_utf8()..];
        let char = match escaped {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'u' => {
                let unit = rest.get(..4).and_then(|digits| u16::from_str_radix(digits, 16).ok());
                units.push(unit.unwrap_or(0xFFFD));
                rest = rest.get(4..).unwrap_or_default();
                continue;
            }
            other => other,
        };
        units.extend_from_slice(char.encode_utf16(&mut buffer));
    }
    units.extend(rest.encode_utf16());
    String::from_utf16_lossy(&units)
}

/// An id or a code: a string, or a number as text.
pub(super) fn label(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let json = raw?.get();
    let text = match json.as_bytes().first() {
        Some(b'"') => string(raw)?,
        Some(b'0'..=b'9' | b'-') => Cow::Borrowed(json),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// The arguments' JSON text: servers send it as a string, as they should, or as the object itself. `None` if half a
/// character is in it: other arguments than the model's must not be acted on.
pub(super) fn arguments(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    match raw.map(RawValue::get) {
        None | Some("null") => Some(Cow::Borrowed("")),
        Some(json) if json.starts_with('"') && json.contains('\\') => serde_json::from_str(json).ok(),
        Some(json) if json.starts_with('"') => string(raw),
        Some(json) => Some(Cow::Borrowed(json)),
    }
}

/// One piece of content.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Text(Cow<'a, str>),
    Reasoning(Cow<'a, str>),
    Refusal(Cow<'a, str>),
}

/// Gives the pieces of a message's content to `each`: of a string, or of an array of parts.
pub(super) fn pieces<'a>(raw: Option<&'a RawValue>, each: &mut impl FnMut(Piece<'a>)) {
    let Some(raw) = raw else { return };
    match raw.get().as_bytes().first() {
        Some(b'"') => {
            if let Some(text) = string(Some(raw)) {
                each(Piece::Text(text));
            }
        }
        Some(b'[') => {
            let parts: Vec<&'a RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
            for part in parts {
                piece(part, each);
            }
        }
        Some(b'{') => piece(raw, each),
        _ => {}
    }
}

#[derive(Deserialize)]
struct WirePart<'a> {
    #[serde(borrow, default)]
    r#type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    /// Mistral: the reasoning, itself an array of parts.
    #[serde(borrow, default)]
    thinking: Option<&'a RawValue>,
}

fn piece<'a>(raw: &'a RawValue, each: &mut impl FnMut(Piece<'a>)) {
    if let Some(text) = string(Some(raw)) {
        each(Piece::Text(text));
        return;
    }
    let Ok(part) = serde_json::from_str::<WirePart<'a>>(raw.get()) else { return };
    let thinks = matches!(string(part.r#type).as_deref(), Some("thinking" | "reasoning"));
    if let Some(text) = string(part.text) {
        each(if thinks { Piece::Reasoning(text) } else { Piece::Text(text) });
    }
    if let Some(text) = string(part.refusal) {
        each(Piece::Refusal(text));
    }
    match part.thinking {
        Some(thinking) if thinking.get().starts_with('[') => {
            let parts: Vec<WirePart<'a>> = serde_json::from_str(thinking.get()).unwrap_or_default();
            for part in parts {
                if let Some(text) = string(part.text) {
                    each(Piece::Reasoning(text));
                }
            }
        }
        thinking => {
            if let Some(text) = string(thinking) {
                each(Piece::Reasoning(text));
            }
        }
    }
}

/// A count, however it is written; anything that is none counts as missing.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Count;
    impl<'de> Visitor<'de> for Count {
        type Value = Option<u64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a count")
        }
        fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
            Ok(Some(value))
        }
        fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
            Ok(u64::try_from(value).ok())
        }
        fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
            // The cast saturates.
            Ok((value >= 0.0).then_some(value as u64))
        }
        fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
            Ok(value.trim().parse().ok())
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(None)
        }
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(None)
        }
    }
    deserializer.deserialize_any(Count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_with_half_a_character_are_none() {
        let raw: Box<RawValue> = serde_json::from_str(r#""{\"a\": \"\ud83d""#).unwrap();
        assert_eq!(arguments(Some(&raw)), None);
        assert_eq!(arguments(None).as_deref(), Some(""));
    }

    #[test]
    fn half_a_character_costs_no_more_than_itself() {
        let string = |json: &str| {
            let raw: Box<RawValue> = serde_json::from_str(json).unwrap();
            string(Some(&raw)).unwrap().into_owned()
        };
        assert_eq!(string(r#""sum: 7\n \ud83d""#), "sum: 7\n \u{fffd}");
        assert_eq!(string(r#""\ude00 done \"x\" \\ \u00e4 \ud83d\ude00""#), "\u{fffd} done \"x\" \\ ä 😀");
    }
}
