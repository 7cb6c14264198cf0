//! Opens `local:` addresses: a name of the catalog, a path, or a file of the hub.

use std::ffi::OsString;
use std::sync::Arc;

use agentic_core::ChatModel;
use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use super::model::{LocalOptions, open};
use crate::catalog::{Catalog, FetchEvent, FetchOptions, Fetcher, ModelLibrary, Store};
use crate::open::{Address, Environment, OpenError, OpenFuture};

/// Opens `local:SPEC?context=TOKENS&threads=N&thought=CHARACTERS`. A model that is not on this machine is fetched first; programs that
/// want to show how far that is call [`ModelLibrary::fetch`] before.
pub(crate) fn open_address<'a>(address: &'a Address<'a>, environment: &'a Environment) -> OpenFuture<'a> {
    async move {
        address.allow(&["context", "threads", "thought"])?;
        let failed = |error| OpenError::setup(address, error);
        let home = environment.get("AGENTIC_HOME").map(OsString::from);
        let root = Store::default_root(home.as_deref()).map_err(failed)?;
        let prefix_dir = root.join("prefixes");
        let library = ModelLibrary::new(Catalog::builtin().map_err(failed)?, Store::new(root));
        let fetcher = Fetcher::new(FetchOptions::from_vars(|name| environment.get(name)));
        let spec = format!("local:{}", address.rest());
        let progress = |event: &FetchEvent| tracing::debug!(%event, "fetching a model");
        let fetched = library.fetch(&spec, &fetcher, &progress, &CancellationToken::new()).await;
        let model = fetched.map_err(|error| OpenError::setup(address, error))?;

        let thought = number(address, "thought")?;
        let mut options = LocalOptions { id: Some(spec), max_thought: thought, ..LocalOptions::default() };
        options.engine.prefix_dir = Some(prefix_dir);
        options.engine.model_digest =
            model.entry.as_ref().and_then(|entry| entry.files.first()?.sha256).map(|sum| sum.to_string());
        options.engine.n_ctx = number(address, "context")?;
        options.engine.threads = number(address, "threads")?;
        let model = open(model.path(), options).await.map_err(|error| OpenError::setup(address, error))?;
        Ok(Arc::new(model) as Arc<dyn ChatModel>)
    }
    .boxed()
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
