//! Settings of the engine and of sampling.

use std::path::PathBuf;

use super::error::EngineError;

/// Settings of the embedded engine. The defaults suit a laptop.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineOptions {
    /// Tokens the KV cache holds, all requests together; also the limit of one request's prompt and output.
    ///
    /// Default: the context the model was trained with, at most 16,384 (448 MiB for a 1.5B Qwen2.5 model).
    pub n_ctx: Option<u32>,
    /// Requests evaluated at the same time; more wait. Default 8.
    pub max_parallel: usize,
    /// Sequences kept in the KV cache for later requests with the same prefix. Default 16.
    pub max_kept: usize,
    /// Threads that evaluate. Default: all logical processors.
    pub threads: Option<usize>,
    /// Folder where the evaluated fixed part of prompts (system prompt and tools) is saved. Default: not saved.
    pub prefix_dir: Option<PathBuf>,
    /// Bytes that folder may hold; the least recently used files are removed. Default 1 GiB.
    pub prefix_dir_bytes: u64,
    /// SHA-256 of the model file in hexadecimal, where the caller knows it: the key of saved prefixes.
    /// Default: a key from the file's size, date and header.
    pub model_digest: Option<String>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            n_ctx: None,
            max_parallel: 8,
            max_kept: 16,
            threads: None,
            prefix_dir: None,
            prefix_dir_bytes: 1 << 30,
            model_digest: None,
        }
    }
}

/// How the next token is chosen.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sampling {
    /// 0 always takes the most likely token; higher is more varied. Default 0.
    pub temperature: f32,
    /// Takes only the most likely tokens that have this probability together. Default 1 (off).
    pub top_p: f32,
    /// Takes only this many most likely tokens; 0 is off. Default 40.
    pub top_k: u32,
    /// Takes only tokens at least this likely, relative to the most likely one. Default 0 (off).
    pub min_p: f32,
    /// Seed of the random choice. Default 0.
    pub seed: u32,
    /// Factor against repeating one of the last 64 output tokens; 1 is off. Default 1.
    pub repeat_penalty: f32,
    /// Penalty for each time a token was used in the last 64 output tokens. Default 0 (off).
    pub frequency_penalty: f32,
    /// Penalty for any token used in the last 64 output tokens. Default 0 (off).
    pub presence_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 40,
            min_p: 0.0,
            seed: 0,
            repeat_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
        }
    }
}

impl Sampling {
    /// Checks every setting against its range, since llama.cpp does not.
    pub(crate) fn validate(&self) -> Result<(), EngineError> {
        check("temperature", self.temperature, (0.0..=100.0).contains(&self.temperature), "from 0 to 100")?;
        check("top_p", self.top_p, self.top_p > 0.0 && self.top_p <= 1.0, "above 0 and at most 1")?;
        check("min_p", self.min_p, (0.0..1.0).contains(&self.min_p), "from 0 to below 1")?;
        let repeat = self.repeat_penalty > 0.0 && self.repeat_penalty <= 100.0;
        check("repeat_penalty", self.repeat_penalty, repeat, "above 0 and at most 100")?;
        for (name, value) in
            [("frequency_penalty", self.frequency_penalty), ("presence_penalty", self.presence_penalty)]
        {
            check(name, value, (-100.0..=100.0).contains(&value), "from -100 to 100")?;
        }
        Ok(())
    }

    pub(crate) fn is_greedy(&self) -> bool {
        self.temperature == 0.0
    }

    #[allow(clippy::float_cmp)] // exact defaults mean "off"
    pub(crate) fn has_penalties(&self) -> bool {
        self.repeat_penalty != 1.0 || self.frequency_penalty != 0.0 || self.presence_penalty != 0.0
    }
}

fn check(name: &'static str, value: f32, ok: bool, expected: &'static str) -> Result<(), EngineError> {
    if ok { Ok(()) } else { Err(EngineError::Sampling { name, value: value.to_string(), expected }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_named() {
        assert!(Sampling::default().validate().is_ok());
        for (sampling, name) in [
            (Sampling { temperature: -0.1, ..Sampling::default() }, "temperature"),
            (Sampling { temperature: f32::NAN, ..Sampling::default() }, "temperature"),
            (Sampling { top_p: 0.0, ..Sampling::default() }, "top_p"),
            (Sampling { min_p: 1.0, ..Sampling::default() }, "min_p"),
            (Sampling { repeat_penalty: 0.0, ..Sampling::default() }, "repeat_penalty"),
            (Sampling { presence_penalty: f32::INFINITY, ..Sampling::default() }, "presence_penalty"),
        ] {
            let message = sampling.validate().unwrap_err().to_string();
            assert!(message.contains(name), "{message}");
        }
    }
}
