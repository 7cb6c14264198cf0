//! Opening models, and fetching those that are not here yet.

use std::sync::Arc;
use std::sync::Mutex;

use agentic::ChatModel;
use agentic::llm;
use agentic_llm::catalog::{
    Catalog, CatalogError, FetchError, FetchEvent, FetchOptions, Fetcher, LocalModel, ModelLibrary, Store,
};
use agentic_llm::{Environment, OpenError};
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::render::Bar;

/// The user's models.
pub(crate) fn library() -> Result<ModelLibrary, Failure> {
    let root = Store::default_root(std::env::var_os("AGENTIC_HOME").as_deref()).map_err(Failure::failed)?;
    let mut catalog = Catalog::builtin().map_err(Failure::failed)?;
    if let Some(folder) = crate::config::path().and_then(|path| path.parent().map(ToOwned::to_owned)) {
        catalog = catalog.with_user_file(&folder.join("models.toml")).map_err(Failure::usage)?;
    }
    Ok(ModelLibrary::new(catalog, Store::new(root)))
}

/// Opens the model of an address; a local one is fetched first if it is not here.
pub(crate) async fn open(address: &str) -> Result<Arc<dyn ChatModel>, Failure> {
    if address.starts_with("local:") && cfg!(feature = "local") {
        fetch(address).await?;
    }
    match llm::open_with(address, &Environment::system()).await {
        Ok(model) => Ok(model),
        Err(error @ OpenError::Setup { .. }) => Err(Failure::failed(error)),
        Err(error) => Err(Failure::usage(error)),
    }
}

/// Fetches a model with a progress bar, unless it is here. Ctrl-C stops it; what has come is kept for the next time.
/// Options behind a `?` say how a model is run, not which.
pub(crate) async fn fetch(address: &str) -> Result<LocalModel, Failure> {
    let spec = address.split('?').next().unwrap_or_default();
    let library = library()?;
    let fetcher = Fetcher::new(FetchOptions::from_vars(|name| std::env::var(name).ok()));
    let bar = Mutex::new(Bar::hidden());
    let progress = |event: &FetchEvent| {
        let mut bar = bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            FetchEvent::Downloading { file, done, total } => {
                bar.bytes(&format!("fetching {file}"), *done, *total)
            }
            FetchEvent::Verifying { file, done, total } => {
                bar.bytes(&format!("verifying {file}"), *done, Some(*total));
            }
            // Which sources were asked in vain matters only if all of them were; then the error says so.
            FetchEvent::SourceFailed { .. } | FetchEvent::Ready { .. } => bar.clear(),
            other => bar.say(&other.to_string()),
        }
    };
    let cancel = CancellationToken::new();
    let fetching = library.fetch(spec, &fetcher, &progress, &cancel);
    let fetched = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => return Err(Failure::cancelled()),
        fetched = fetching => fetched,
    };
    bar.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    fetched.map_err(|error| match &error {
        FetchError::Catalog(CatalogError::UnknownModel { .. } | CatalogError::InvalidSpec { .. }) => {
            Failure::usage(error)
        }
        _ => Failure::failed(error),
    })
}
