//! Stores by URL, and how to write one.
//!
//! A store of one's own implements [`VectorStore`], and is handed to
//! [`LongTermMemory::new`](crate::LongTermMemory::new). This one is complete; it keeps its records in a list, and its `main` runs
//! the conformance suite on it (`cargo run -p agentic-memory --example own_store`):
//!
//! ```rust,no_run
#![doc = include_str!("../examples/own_store.rs")]
//! ```

#[cfg(feature = "edge")]
pub mod edge;
#[cfg(any(feature = "edge", feature = "sqlite"))]
mod files;
pub mod memory;
#[cfg(any(feature = "edge", feature = "qdrant"))]
mod points;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "qdrant")]
pub mod qdrant;
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
    #[cfg(feature = "postgres")]
    postgres::BACKEND,
    #[cfg(feature = "postgres")]
    postgres::LONG_BACKEND,
    #[cfg(feature = "sqlite")]
    sqlite::BACKEND,
    #[cfg(feature = "edge")]
    edge::BACKEND,
    #[cfg(feature = "qdrant")]
    qdrant::BACKEND,
];

/// Opens the store at this address, for vectors of this embedding model; one with vectors of another refuses. Without a
/// model it opens a store that is there already, whichever model its vectors are of.
///
/// | address | store |
/// |---|---|
/// | `memory:` | [`MemoryStore`](memory::MemoryStore), gone with the process |
/// | `postgres://USER:PASSWORD@HOST/DATABASE` | `postgres::PostgresStore`, PostgreSQL with pgvector (feature `postgres`) |
/// | `sqlite://PATH` | `sqlite::SqliteStore`, a file (feature `sqlite`) |
/// | `edge://PATH` | `edge::EdgeStore`, a folder of one process, searched by a graph (feature `edge`) |
/// | `qdrant://HOST[:PORT]/COLLECTION` | `qdrant::QdrantStore`, a collection of a server (feature `qdrant`) |
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
            let message = if url.contains(':') {
                format!(
                    "no memory backend for scheme `{scheme}` (known: {known}); is its cargo feature enabled?"
                )
            } else {
                format!("it has no scheme (known: {known}); for a file write `sqlite://{url}`")
            };
            Err(StoreError::new(Kind::Invalid, scheme, message))
        }
    }
}

/// What stands in an address after its scheme, with or without two slashes.
#[cfg(any(feature = "edge", feature = "sqlite"))]
fn after_scheme(url: &str) -> &str {
    let rest = url.split_once(':').map_or("", |(_, rest)| rest);
    rest.strip_prefix("//").unwrap_or(rest)
}
