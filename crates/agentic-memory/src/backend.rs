//! Stores by URL.

pub mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::sync::Arc;

use agentic_core::{EmbedderInfo, StoreError, StoreErrorKind as Kind, VectorStore};
use futures_util::future::BoxFuture;

/// A store that is being opened.
type Opening = BoxFuture<'static, Result<Arc<dyn VectorStore>, StoreError>>;

/// A kind of store: a file of this folder, and a line of [`BACKENDS`].
struct Backend {
    /// What its addresses begin with.
    scheme: &'static str,
    /// Opens the store at an address.
    open: fn(String, Option<EmbedderInfo>) -> Opening,
}

const BACKENDS: &[Backend] = &[
    memory::BACKEND,
    #[cfg(feature = "sqlite")]
    sqlite::BACKEND,
];

/// Opens the store at this address, for vectors of this embedding model; one with vectors of another refuses. Without a
/// model it opens a store that is there already, whichever model its vectors are of.
///
/// | address | store |
/// |---|---|
/// | `memory:` | [`MemoryStore`](memory::MemoryStore), gone with the process |
/// | `sqlite://PATH` | `sqlite::SqliteStore`, a file (feature `sqlite`) |
///
/// # Errors
/// [`Invalid`](Kind::Invalid) if no backend has this scheme, [`OtherEmbedder`](Kind::OtherEmbedder),
/// [`WrongDimension`](Kind::WrongDimension), [`NotFound`](Kind::NotFound) without a model if there is no such store, or
/// what the backend says.
pub async fn open(url: &str, embedder: Option<&EmbedderInfo>) -> Result<Arc<dyn VectorStore>, StoreError> {
    let scheme = url.split(':').next().unwrap_or_default();
    match BACKENDS.iter().find(|backend| backend.scheme == scheme) {
        Some(backend) => (backend.open)(url.to_owned(), embedder.cloned()).await,
        None => {
            let known = BACKENDS.iter().map(|backend| backend.scheme).collect::<Vec<_>>().join(", ");
            // The rest of an address that is none may hold a password.
            let message = format!(
                "no memory backend for scheme `{scheme}` (known: {known}); is its cargo feature enabled?"
            );
            Err(StoreError::new(Kind::Invalid, scheme, message))
        }
    }
}

/// What stands in an address after its scheme, with or without two slashes.
#[cfg(feature = "sqlite")]
fn after_scheme(url: &str) -> &str {
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
    rest.strip_prefix("//").unwrap_or(rest)
}
