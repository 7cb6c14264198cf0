//! Opening models, and fetching those that are not here yet.

use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;

use agentic::ChatModel;
use agentic::core::Embedder;
use agentic::llm;
pub(crate) use agentic_llm::DEFAULT_EMBEDDER;
use agentic_llm::catalog::{
    CatalogError, FetchError, FetchEvent, FetchOptions, Fetcher, LocalModel, ModelLibrary,
};
use agentic_llm::{Environment, OpenError, PriceList};
use tokio_util::sync::CancellationToken;

use crate::exit::Failure;
use crate::render::Bar;

/// The process's environment. The user's own models are in `models.toml` beside the configuration, if there is one, unless
/// `AGENTIC_MODELS` names another file; prices in `prices.toml`, unless `AGENTIC_PRICES` does.
fn environment(config: Option<&Path>) -> Environment {
    let Some(folder) = config.and_then(Path::parent) else { return Environment::system() };
    let beside = [("AGENTIC_MODELS", "models.toml"), ("AGENTIC_PRICES", "prices.toml")];
    let beside = beside.map(|(variable, name)| (variable, folder.join(name)));
    let there = beside.into_iter().filter(|(_, file)| file.exists());
    there.fold(Environment::system(), |environment, (variable, file)| {
        environment.with_default(variable, file.to_string_lossy())
    })
}

/// The user's prices: how many models have one, and the file that adds to the built-in list, if there is one.
pub(crate) fn prices() -> Result<(usize, Option<String>), Failure> {
    let environment = environment(crate::config::path().as_deref());
    let list = PriceList::of_user(&environment).map_err(Failure::usage)?;
    Ok((list.models().len(), environment.get("AGENTIC_PRICES")))
}

/// The user's models.
pub(crate) fn library() -> Result<ModelLibrary, Failure> {
    library_beside(crate::config::path().as_deref())
}

fn library_beside(config: Option<&Path>) -> Result<ModelLibrary, Failure> {
    ModelLibrary::of_user(&environment(config)).map_err(failure)
}

/// What the user named, or wrote into a catalog, can't be; everything else is the machine's fault.
pub(crate) fn failure(error: CatalogError) -> Failure {
    match error {
        CatalogError::UnknownModel { .. }
        | CatalogError::InvalidSpec { .. }
        | CatalogError::FileNotFound { .. }
        | CatalogError::InvalidCatalog { .. } => Failure::usage(error),
        _ => Failure::failed(error),
    }
}

/// The address of the model that is used where none is named, for a configuration at this path.
pub(crate) fn default_address(config: Option<&Path>) -> Result<String, Failure> {
    library_beside(config).map(|library| format!("local:{}", library.catalog().default_id()))
}

/// Opens the model of an address; a local one is fetched first if it is not here.
pub(crate) async fn open(address: &str) -> Result<Arc<dyn ChatModel>, Failure> {
    #[cfg(feature = "local")]
    if address.trim_start().starts_with("local:") {
        agentic_llm::adapter::local::check_address(address).map_err(Failure::usage)?;
        fetch(address.trim()).await?;
    }
    match llm::open_with(address, &environment(crate::config::path().as_deref())).await {
        Ok(model) => Ok(model),
        // The file is there, and can't be used; all other models are set up from the command line and the environment.
        Err(error @ OpenError::Setup { .. }) if address.trim_start().starts_with("local:") => {
            Err(Failure::model(error))
        }
        Err(error) => Err(Failure::usage(error)),
    }
}

/// Opens the embedding model of an address; what a local one needs is fetched first if it is not here.
pub(crate) async fn open_embedder(address: &str) -> Result<Arc<dyn Embedder>, Failure> {
    let environment = environment(crate::config::path().as_deref());
    #[cfg(feature = "onnx")]
    if address.trim_start().starts_with("local:") {
        let needs =
            agentic_llm::adapter::onnx::needs(address.trim(), &environment).map_err(Failure::usage)?;
        for model in needs {
            fetch(&model).await?;
        }
    }
    match llm::open_embedder_with(address, &environment).await {
        Ok(model) => Ok(model),
        Err(error @ OpenError::Setup { .. }) if address.trim_start().starts_with("local:") => {
            Err(Failure::model(error))
        }
        Err(error) => Err(Failure::usage(error)),
    }
}

/// Fetches a model with a progress bar, unless it is here. Safe to drop; what has come is kept for the next time.
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
            other => crate::render::note(&other.to_string()),
        }
    };
    let cancel = CancellationToken::new();
    let fetched = library.fetch(spec, &fetcher, &progress, &cancel).await;
    bar.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    fetched.map_err(|error| match error {
        FetchError::Catalog(error) => failure(error),
        _ => Failure::model(error),
    })
}
