//! Texts as tokens.

use std::path::Path;

use tokenizers::{Tokenizer, TruncationParams};

use super::error::{OnnxError, one_line};

/// The most tokens of a text where nothing says how many the model takes.
const MAX_TOKENS: usize = 512;
/// A text has two tokens that mark its ends; fewer than these say nothing of it.
const FEWEST: usize = 8;

/// A model's tokenizer.
#[derive(Debug)]
pub(super) struct Vocabulary {
    tokenizer: Tokenizer,
    max_tokens: usize,
    /// What shorter texts of a batch are filled up with.
    padding: i64,
}

impl Vocabulary {
    /// Reads `tokenizer.json`. Texts are cut to `max_tokens`, else to as many as the file says.
    pub(super) fn load(path: &Path, max_tokens: Option<usize>) -> Result<Self, OnnxError> {
        let failed = |reason: String| OnnxError::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        let no_tokenizer = |error: &dyn std::fmt::Display| {
            failed(format!("it is no tokenizer.json that can be used: {}", one_line(error)))
        };
        let mut tokenizer: Tokenizer = text.parse().map_err(|error| no_tokenizer(&error))?;
        let own = tokenizer.get_truncation().map(|truncation| truncation.max_length);
        let max_tokens = max_tokens.or(own).unwrap_or(MAX_TOKENS);
        if max_tokens < FEWEST {
            return Err(failed(format!(
                "texts would be cut to {max_tokens} tokens; allow at least {FEWEST}"
            )));
        }
        let padding = tokenizer.get_padding().map(|padding| padding.pad_id);
        let padding = padding
            .or_else(|| ["[PAD]", "<pad>"].into_iter().find_map(|token| tokenizer.token_to_id(token)))
            .unwrap_or(0);
        let truncation = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
        tokenizer.with_truncation(Some(truncation)).map_err(|error| no_tokenizer(&error))?;
        // Batches are filled up to their longest text, not to a fixed length.
        tokenizer.with_padding(None);
        Ok(Self { tokenizer, max_tokens, padding: padding.into() })
    }

    /// The most tokens of a text, its two ends included.
    pub(super) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    pub(super) fn padding(&self) -> i64 {
        self.padding
    }

    /// The tokens of a text, cut to the most that there may be.
    pub(super) fn tokens(&self, index: usize, text: &str) -> Result<Vec<i64>, OnnxError> {
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|error| OnnxError::Tokens { index, reason: one_line(&error) })?;
        let tokens: Vec<i64> = encoding.get_ids().iter().copied().map(i64::from).collect();
        match tokens.is_empty() {
            true => Err(OnnxError::Tokens { index, reason: "there are none".to_owned() }),
            false => Ok(tokens),
        }
    }
}
