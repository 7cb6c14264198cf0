//! Opens a model by its address: `openai:gpt-5`, `scripted:demo.yaml`.

mod address;
mod embedder;
mod environment;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use agentic_core::ChatModel;
use futures_util::future::BoxFuture;
use thiserror::Error;

pub(crate) use address::Address;
pub(crate) use embedder::EmbedderFuture;
pub(crate) use embedder::EmbedderOpener;
pub use embedder::{DEFAULT_EMBEDDER, open_embedder, open_embedder_with};
pub use environment::Environment;

use crate::adapter::ADAPTERS;

/// Opens the model of an address, with the environment of this process.
///
/// | address | model |
/// |---|---|
/// | `openai:MODEL` | any endpoint for chat completions: `OPENAI_BASE_URL`, or OpenAI's own; the key is `OPENAI_API_KEY` |
/// | `openai:MODEL?base_url=http://127.0.0.1:8000/v1&key_env=NAME` | the same, with the endpoint and the key's variable in the address |
/// | `openai:MODEL?tool_text=hermes` | the same, where tool calls come as text: `any`, `hermes`, `qwen3-coder`, `mistral`, `llama`, … |
/// | `local:NAME`, `local:PATH.gguf` | a GGUF file, run in this process |
/// | `scripted:FILE` | plays a script, see `adapter::scripted` |
///
/// Which of them are there depends on the cargo features.
///
/// # Errors
/// [`OpenError`].
///
/// # Cancel safety
/// Safe to drop.
pub async fn open(address: &str) -> Result<Arc<dyn ChatModel>, OpenError> {
    open_with(address, &Environment::system()).await
}

/// Opens the model of an address as [`open`] does, with these variables in place of the process's own.
///
/// # Errors
/// [`OpenError`].
///
/// # Cancel safety
/// Safe to drop.
pub async fn open_with(address: &str, environment: &Environment) -> Result<Arc<dyn ChatModel>, OpenError> {
    let address = Address::parse(address)?;
    match ADAPTERS.iter().find(|adapter| adapter.scheme == address.scheme()) {
        Some(adapter) => (adapter.open)(&address, environment).await,
        None => Err(unknown(&address, ADAPTERS.iter().map(|adapter| adapter.scheme))),
    }
}

fn unknown<'a>(address: &Address<'_>, schemes: impl Iterator<Item = &'a str>) -> OpenError {
    let known: Vec<_> = schemes.map(|scheme| format!("`{scheme}:`")).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    OpenError::UnknownScheme { scheme: address.scheme().to_owned(), known }
}

/// What an adapter's opener gives.
pub(crate) type OpenFuture<'a> = BoxFuture<'a, Result<Arc<dyn ChatModel>, OpenError>>;
/// Opens a model for an adapter.
pub(crate) type Opener = for<'a> fn(&'a Address<'a>, &'a Environment) -> OpenFuture<'a>;

/// Why a model can't be opened.
#[derive(Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address has no scheme.
    #[error("`{address}` names no model; write SCHEME:NAME, for example `openai:gpt-5`")]
    NoScheme {
        /// The address.
        address: String,
    },
    /// No adapter has that scheme.
    #[error("no model adapter for scheme `{scheme}` (known: {known}); is its cargo feature enabled?")]
    UnknownScheme {
        /// The scheme.
        scheme: String,
        /// The schemes of this build.
        known: String,
    },
    /// The adapter does not know an option of the address.
    #[error("`{scheme}:` has no option `{option}` (known: {known})")]
    UnknownOption {
        /// The scheme.
        scheme: String,
        /// The option.
        option: String,
        /// The adapter's options.
        known: String,
    },
    /// The adapter can't set the model up.
    #[error("can't open model `{address}`: {reason}")]
    Setup {
        /// The address, without options.
        address: String,
        /// What the adapter says: what is wrong and what to do.
        reason: String,
        /// The cause of that.
        source: Option<Box<dyn Error + Send + Sync>>,
    },
}

/// The message, then the causes, a line each: `main` prints errors that it returns in this form.
impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        let told = self.to_string();
        while let Some(error) = cause {
            let text = error.to_string();
            if !told.contains(&text) {
                write!(f, "\ncaused by: {text}")?;
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl OpenError {
    /// The adapter says why it can't open this address.
    pub(crate) fn setup(address: &Address<'_>, error: impl Error + Send + Sync + 'static) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let text = next.to_string();
            if !reason.contains(&text) {
                reason = format!("{reason}: {text}");
            }
            cause = next.source();
        }
        let address = format!("{}:{}", address.scheme(), address.rest());
        Self::Setup { address, reason, source: Some(Box::new(error)) }
    }
}

#[cfg(test)]
mod tests;
