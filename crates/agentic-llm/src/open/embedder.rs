//! Opens an embedding model by its address: `local:all-minilm-l6-v2`, `openai:text-embedding-3-small`.

use std::sync::Arc;

use agentic_core::Embedder;
use futures_util::future::BoxFuture;

use super::{Address, Environment, OpenError, unknown};
use crate::adapter::EMBEDDERS;

/// The address of the embedding model that needs no key and no server.
pub const DEFAULT_EMBEDDER: &str = "local:all-minilm-l6-v2";

/// Opens the embedding model of an address, with the environment of this process.
///
/// | address | model |
/// |---|---|
/// | `local:NAME` | a name of the catalog, run in this process: [`DEFAULT_EMBEDDER`], 384 dimensions |
/// | `local:PATH.onnx?pooling=cls&max_tokens=512` | an ONNX file with its `tokenizer.json` beside it |
/// | `hashing:DIMENSIONS` | [no model](crate::adapter::hashing): it knows words alone |
/// | `openai:MODEL` | any endpoint for embeddings: `OPENAI_BASE_URL`, or OpenAI's own; the key is `OPENAI_API_KEY` |
/// | `openai:MODEL?dimensions=768&base_url=http://127.0.0.1:8000/v1&key_env=NAME` | the same, with the endpoint, the key's variable and the length of its vectors in the address |
///
/// Which of them are there depends on the cargo features. What a local model consists of is fetched first if it is not on
/// this machine, as that of [`open`](crate::open()).
///
/// # Errors
/// [`OpenError`].
///
/// # Cancel safety
/// Safe to drop.
pub async fn open_embedder(address: &str) -> Result<Arc<dyn Embedder>, OpenError> {
    open_embedder_with(address, &Environment::system()).await
}

/// Opens the embedding model of an address as [`open_embedder`] does, with these variables in place of the process's own.
///
/// # Errors
/// [`OpenError`].
///
/// # Cancel safety
/// Safe to drop.
pub async fn open_embedder_with(
    address: &str,
    environment: &Environment,
) -> Result<Arc<dyn Embedder>, OpenError> {
    let address = Address::parse(address)?;
    match EMBEDDERS.iter().find(|adapter| adapter.scheme == address.scheme()) {
        Some(adapter) => (adapter.open)(&address, environment).await,
        None => Err(unknown(&address, EMBEDDERS.iter().map(|adapter| adapter.scheme))),
    }
}

/// What the opener of an embedding model gives.
pub(crate) type EmbedderFuture<'a> = BoxFuture<'a, Result<Arc<dyn Embedder>, OpenError>>;
/// Opens an embedding model for an adapter.
pub(crate) type EmbedderOpener = for<'a> fn(&'a Address<'a>, &'a Environment) -> EmbedderFuture<'a>;
