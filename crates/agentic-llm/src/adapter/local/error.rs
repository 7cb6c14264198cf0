//! What can go wrong inside the embedded engine.

use std::path::PathBuf;

/// An error of the embedded engine. Its one-line message says what failed, on what, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The model file cannot be read.
    #[error("cannot read the model file {path}: {reason}; check the path and its permissions")]
    Unreadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What the operating system said.
        reason: String,
    },
    /// The file is readable but is no GGUF file.
    #[error("{path} is not a GGUF model file ({found}); fetch the model again or give another path")]
    NotGguf {
        /// The file that was asked for.
        path: PathBuf,
        /// What its first bytes look like.
        found: String,
    },
    /// The file is a GGUF file, but llama.cpp refuses it.
    #[error("llama.cpp cannot load {path}: {reason}; verify its SHA-256 and fetch it again if it differs")]
    Unloadable {
        /// The file that was asked for.
        path: PathBuf,
        /// What is known about the cause.
        reason: String,
    },
    /// The inference context could not be made, mostly for want of memory.
    #[error("cannot make an inference context of {n_ctx} tokens: {reason}; ask for a smaller context")]
    Context {
        /// Tokens the context was to hold.
        n_ctx: u32,
        /// What llama.cpp said.
        reason: String,
    },
    /// Prompt and output together do not fit into the context.
    #[error(
        "the prompt has {prompt} tokens and up to {max_output} output tokens were asked for, \
         but the context holds {n_ctx}; shorten the prompt, ask for less output or open the model with a larger context"
    )]
    ContextOverflow {
        /// Tokens of the prompt.
        prompt: usize,
        /// Output tokens asked for.
        max_output: usize,
        /// Tokens the context holds.
        n_ctx: usize,
    },
    /// A prompt without any token.
    #[error("the prompt is empty; give at least one message")]
    EmptyPrompt,
    /// A sampling setting out of its range.
    #[error("sampling setting `{name}` is {value}, but must be {expected}")]
    Sampling {
        /// Name of the setting.
        name: &'static str,
        /// The value given.
        value: String,
        /// The range allowed.
        expected: &'static str,
    },
    /// A grammar or JSON schema that cannot be compiled.
    #[error("cannot compile the {what} for constrained decoding: {reason}")]
    Grammar {
        /// What the grammar was made from (`schema of tool "x"`, …).
        what: String,
        /// The first line of the compiler's message.
        reason: String,
    },
    /// The model's chat template failed on this conversation.
    #[error("the model's chat template failed: {reason}")]
    Template {
        /// The template engine's message.
        reason: String,
    },
    /// The request asks for what the embedded engine can't do.
    #[error("{0}")]
    Unsupported(String),
    /// The model has no chat template.
    #[error("the model has no chat template (a base model?); use an instruction-tuned one")]
    NoTemplate,
    /// The request was cancelled.
    #[error("the request was cancelled")]
    Cancelled,
    /// The engine has been shut down.
    #[error("the engine has been shut down")]
    Closed,
    /// llama.cpp failed while evaluating.
    #[error("llama.cpp failed while evaluating: {reason}; try the request again")]
    Decode {
        /// What is known about the cause.
        reason: String,
    },
}
