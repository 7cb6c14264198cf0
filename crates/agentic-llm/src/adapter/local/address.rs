//! Opens `local:` addresses: a name of the catalog, a path, or a file of the hub.

use std::sync::Arc;

use agentic_core::ChatModel;
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::model::{LocalOptions, open};
use crate::catalog::{FetchEvent, FetchOptions, Fetcher, ModelLibrary};
use crate::open::{Address, Environment, OpenError, OpenFuture};

/// Opens `local:SPEC?context=TOKENS&threads=N&thought=CHARACTERS`. A model that is not on this machine is fetched
/// first; programs that want to show how far that is call [`ModelLibrary::fetch`] before.
pub(crate) fn open_address<'a>(address: &'a Address<'a>, environment: &'a Environment) -> OpenFuture<'a> {
    async move {
        // Options are looked at first: a mistake in one must not cost a download.
        let mut options = options(address)?;
        let library = ModelLibrary::of_user(environment).map_err(|error| OpenError::setup(address, error))?;
        let fetcher = Fetcher::new(FetchOptions::from_vars(|name| environment.get(name)));
        let spec = format!("local:{}", address.rest());
        let progress = |event: &FetchEvent| tracing::debug!(%event, "fetching a model");
        let fetched = library.fetch(&spec, &fetcher, &progress, &CancellationToken::new()).await;
        let model = fetched.map_err(|error| OpenError::setup(address, error))?;

        options.id = Some(spec);
        options.engine.prefix_dir = Some(library.store().root().join("prefixes"));
        options.engine.model_digest =
            model.entry.as_ref().and_then(|entry| entry.files.first()?.sha256).map(|sum| sum.to_string());
        let model = open(model.path(), options).await.map_err(|error| OpenError::setup(address, error))?;
        Ok(Arc::new(model) as Arc<dyn ChatModel>)
    }
    .boxed()
}

/// Says whether the options of a `local:` address can be used, before its model is fetched.
///
/// # Errors
/// [`OpenError`] as [`open_with`](crate::open_with) gives it.
pub fn check_address(address: &str) -> Result<(), OpenError> {
    options(&Address::parse(address)?).map(drop)
}

fn options(address: &Address<'_>) -> Result<LocalOptions, OpenError> {
    address.allow(&["context", "threads", "thought"])?;
    let thought = number(address, "thought")?;
    let mut options = LocalOptions { max_thought: thought, ..LocalOptions::default() };
    options.engine.n_ctx = number(address, "context")?;
    options.engine.threads = number(address, "threads")?;
    Ok(options)
}

fn number<T: std::str::FromStr>(address: &Address<'_>, option: &str) -> Result<Option<T>, OpenError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    address
        .option(option)
        .map(|value| value.parse().map_err(|error| OpenError::setup(address, error)))
        .transpose()
}
