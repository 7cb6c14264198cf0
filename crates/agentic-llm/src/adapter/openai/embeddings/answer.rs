//! Reads the answer of an endpoint for embeddings, and believes none of it unseen.

use agentic_core::{Embeddings, ModelError, ModelErrorKind as Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::origin::Origin;
use super::super::text::page_text;
use super::super::wire::{self, WireUsage};

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    data: Option<Vec<Item>>,
    #[serde(default)]
    usage: Option<WireUsage>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    /// Which text it is of; some servers leave it out and keep the order.
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f32>,
}

/// The vectors of `texts` texts, each of `dimensions` numbers, in the order of the texts.
pub(super) fn read(
    body: &[u8],
    texts: usize,
    dimensions: usize,
    origin: &Origin,
) -> Result<Embeddings, ModelError> {
    let answer: Answer<'_> =
        serde_json::from_slice(body).map_err(|error| unreadable(body, &error, origin))?;
    if let Some(error) = wire::error(answer.error) {
        return Err(origin.in_band(error));
    }
    let wrong = |what: String| Err(origin.error(Kind::InvalidResponse, what));
    let Some(data) = answer.data else {
        return wrong(format!("the answer holds no embeddings; check the base URL ({})", origin.host));
    };
    if data.len() != texts {
        return wrong(format!("the server sent {} vectors for {texts} texts", data.len()));
    }
    let mut vectors: Vec<Option<Vec<f32>>> = vec![None; texts];
    for (place, Item { index, embedding }) in data.into_iter().enumerate() {
        let index = index.unwrap_or(place);
        let Some(slot) = vectors.get_mut(index) else {
            return wrong(format!("the server sent a vector of text {index}, of {texts} from 0"));
        };
        if slot.is_some() {
            return wrong(format!("the server sent two vectors of text {index}"));
        }
        let found = embedding.len();
        if found != dimensions {
            return wrong(format!(
                "the vector of text {index} has {found} numbers, not {dimensions}; set the model's dimensions to what it gives"
            ));
        }
        if embedding.iter().any(|number| !number.is_finite()) {
            return wrong(format!("the vector of text {index} holds a number that is none"));
        }
        *slot = Some(embedding);
    }
    // As many as there are texts, none of them twice: none is missing.
    Ok(Embeddings { vectors: vectors.into_iter().flatten().collect(), usage: usage(answer.usage) })
}

fn usage(wire: Option<WireUsage>) -> Usage {
    let wire = wire.unwrap_or_default();
    Usage { input_tokens: wire.prompt_tokens.or(wire.total_tokens).unwrap_or(0), ..Usage::default() }
}

fn unreadable(body: &[u8], error: &serde_json::Error, origin: &Origin) -> ModelError {
    if error.is_eof() {
        let message = format!("the answer of {} broke off before its end; try again", origin.host);
        return origin.error(Kind::Interrupted, message);
    }
    let message = if matches!(body.trim_ascii().first(), Some(b'{' | b'[')) {
        let (line, column) = (error.line(), error.column());
        format!("the answer is no list of embeddings: wrong at line {line}, column {column}")
    } else {
        let page = origin.clean(&page_text(&String::from_utf8_lossy(body)));
        format!("the answer is no list of embeddings but \"{page}\"; check the base URL ({})", origin.host)
    };
    origin.error(Kind::InvalidResponse, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { id: "openai:m".into(), host: "h:1".into(), key: None, key_name: "K".into() }
    }

    #[track_caller]
    fn fails(body: &str, kind: Kind, says: &str) {
        let error = read(body.as_bytes(), 2, 2, &origin()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(says), "{error}");
    }

    #[test]
    fn vectors_come_in_the_order_of_the_texts() {
        let body = r#"{"object":"list","data":[
            {"object":"embedding","index":1,"embedding":[3,4e0]},{"index":0,"embedding":[1.5,-2]}],
            "model":"m","usage":{"prompt_tokens":5,"total_tokens":5}}"#;
        let read = read(body.as_bytes(), 2, 2, &origin()).unwrap();
        assert_eq!(read.vectors, [[1.5, -2.0], [3.0, 4.0]]);
        assert_eq!(read.usage.input_tokens, 5);
    }

    #[test]
    fn what_a_server_leaves_out_is_not_needed() {
        let body = br#"{"data":[{"embedding":[1,2]},{"embedding":[3,4]}]}"#;
        let read = read(body, 2, 2, &origin()).unwrap();
        assert_eq!((read.vectors, read.usage), (vec![vec![1.0, 2.0], vec![3.0, 4.0]], Usage::default()));
    }

    #[test]
    fn wrong_answers_are_typed() {
        let wrong = Kind::InvalidResponse;
        fails(r#"{"data":[{"embedding":[1,2]}]}"#, wrong, "1 vectors for 2 texts");
        fails(r#"{"data":[]}"#, wrong, "0 vectors for 2 texts");
        fails(r#"{"object":"list"}"#, wrong, "no embeddings; check the base URL (h:1)");
        fails(
            r#"{"data":[{"index":0,"embedding":[1,2]},{"index":0,"embedding":[1,2]}]}"#,
            wrong,
            "two vectors of text 0",
        );
        fails(
            r#"{"data":[{"index":0,"embedding":[1,2]},{"index":2,"embedding":[1,2]}]}"#,
            wrong,
            "text 2, of 2 from 0",
        );
        fails(
            r#"{"data":[{"embedding":[1,2]},{"embedding":[1,2,3]}]}"#,
            wrong,
            "text 1 has 3 numbers, not 2",
        );
        // Read as infinite, or not at all where serde_json is built with `float_roundtrip`.
        fails(r#"{"data":[{"embedding":[1,2]},{"embedding":[1,1e39]}]}"#, wrong, "the ");
        fails(r#"{"data":[{"embedding":[1,2]},{"embedding":[1,null]}]}"#, wrong, "wrong at line 1");
        fails(r#"{"data":[{"embedding":"AACAPw=="},{"embedding":[1,2]}]}"#, wrong, "no list of embeddings");
        fails("<html><title>Sign in</title></html>", wrong, "an HTML page: Sign in");
        fails(r#"{"data":[{"embedding":[1,2]},{"embe"#, Kind::Interrupted, "broke off");
        fails("", Kind::Interrupted, "broke off");
        fails(
            r#"{"error":{"message":"no such model","code":"model_not_found"}}"#,
            Kind::NotFound,
            "no such model",
        );
    }
}
