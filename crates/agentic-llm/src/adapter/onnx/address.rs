//! Opens `local:` addresses of embedding models: a name of the catalog, or the path of an ONNX file.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use agentic_core::Embedder;
use futures_util::FutureExt as _;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::embedder::{OnnxOptions, Pooling, open};
use crate::catalog::{Catalog, Entry, FetchEvent, FetchOptions, Fetcher, ModelLibrary, ModelSpec, Purpose};
use crate::open::{Address, EmbedderFuture, Environment, OpenError};

/// Names the library of the ONNX Runtime, in place of the catalog's.
const LIBRARY: &str = "ORT_DYLIB_PATH";
/// How the ids of the catalog's runtimes begin.
const RUNTIME: &str = "onnxruntime";

/// What is wrong with an address.
#[derive(Debug, Error)]
enum AddressError {
    #[error("it is a {found} model; embedding models are: {known}")]
    OtherPurpose { found: Purpose, known: String },
    #[error(
        "no such embedding model; there are: {known}; or give the path of an ONNX file with its tokenizer.json beside it"
    )]
    Unknown { known: String },
    #[error(
        "files of a hub are not fetched one by one; give the path of an ONNX file with its tokenizer.json beside it"
    )]
    Hub,
    #[error("option `{option}` can't be `{value}`; write {form}")]
    Value { option: &'static str, value: String, form: &'static str },
    #[error(
        "the catalog has no ONNX Runtime for {platform}; install one and name its library in ORT_DYLIB_PATH"
    )]
    NoRuntime { platform: String },
}

/// Opens `local:NAME?threads=N&max_tokens=N&pooling=mean|cls`. What is not on this machine is fetched first; programs
/// that want to show how far that is fetch what [`needs`] names before.
pub(crate) fn open_address<'a>(address: &'a Address<'a>, environment: &'a Environment) -> EmbedderFuture<'a> {
    async move {
        // Options are looked at first: a mistake in one must not cost a download.
        let mut options = options(address)?;
        let library = ModelLibrary::of_user(environment).map_err(|error| OpenError::setup(address, error))?;
        let entry = entry(address, library.catalog())?;
        let runtime = runtime(address, library.catalog(), environment)?;

        let fetcher = Fetcher::new(FetchOptions::from_vars(|name| environment.get(name)));
        let progress = |event: &FetchEvent| tracing::debug!(%event, "fetching an embedding model");
        let cancel = CancellationToken::new();
        let fetch = async |spec: &str| {
            let fetched = library.fetch(spec, &fetcher, &progress, &cancel).await;
            fetched.map_err(|error| OpenError::setup(address, error))
        };
        let model = fetch(address.rest()).await?;
        options.library = Some(match runtime {
            Runtime::Named(path) => path,
            Runtime::Entry(id) => fetch(&id).await?.path().to_owned(),
        });
        if let Some(entry) = &entry {
            options.tokenizer = model.file("tokenizer.json").map(PathBuf::from);
            options.max_tokens =
                options.max_tokens.or(entry.context_tokens.and_then(|tokens| usize::try_from(tokens).ok()));
        }
        options.id = Some(id(address, entry.as_ref()));
        let model = open(model.path(), options).await.map_err(|error| OpenError::setup(address, error))?;
        Ok(Arc::new(model) as Arc<dyn Embedder>)
    }
    .boxed()
}

/// The models of the catalog that have to be on this machine before this `local:` address of an embedding model can be
/// opened: the model and the runtime, unless the user names files of their own. For
/// [`ModelLibrary::fetch`], which tells its progress.
///
/// # Errors
/// [`OpenError`] about the address or the user's catalog.
pub fn needs(address: &str, environment: &Environment) -> Result<Vec<String>, OpenError> {
    let address = Address::parse(address)?;
    options(&address)?;
    let library = ModelLibrary::of_user(environment).map_err(|error| OpenError::setup(&address, error))?;
    let model = entry(&address, library.catalog())?.map(|entry| entry.id);
    let runtime = match runtime(&address, library.catalog(), environment)? {
        Runtime::Entry(id) => Some(id),
        Runtime::Named(_) => None,
    };
    Ok(model.into_iter().chain(runtime).collect())
}

fn options(address: &Address<'_>) -> Result<OnnxOptions, OpenError> {
    address.allow(&["threads", "max_tokens", "pooling"])?;
    let pooling = match address.option("pooling") {
        None | Some("mean") => Pooling::Mean,
        Some("cls") => Pooling::Cls,
        Some(value) => return Err(wrong(address, "pooling", value, "`mean` or `cls`")),
    };
    let (threads, max_tokens) = (number(address, "threads")?, number(address, "max_tokens")?);
    Ok(OnnxOptions { pooling, threads, max_tokens, ..OnnxOptions::default() })
}

fn number<T: FromStr>(address: &Address<'_>, option: &'static str) -> Result<Option<T>, OpenError> {
    let Some(value) = address.option(option) else { return Ok(None) };
    value.parse().map(Some).map_err(|_| wrong(address, option, value, "a number"))
}

fn wrong(address: &Address<'_>, option: &'static str, value: &str, form: &'static str) -> OpenError {
    OpenError::setup(address, AddressError::Value { option, value: value.to_owned(), form })
}

/// The catalog's entry that the address names; `None` for a path.
fn entry(address: &Address<'_>, catalog: &Catalog) -> Result<Option<Entry>, OpenError> {
    let refused = |error: AddressError| OpenError::setup(address, error);
    let known = || {
        let embedding = catalog.entries().iter().filter(|entry| entry.purpose == Purpose::Embedding);
        embedding.map(|entry| entry.id.as_str()).collect::<Vec<_>>().join(", ")
    };
    let spec: ModelSpec = address.rest().parse().map_err(|error| OpenError::setup(address, error))?;
    match spec {
        ModelSpec::Path(_) => Ok(None),
        ModelSpec::Hub(_) => Err(refused(AddressError::Hub)),
        ModelSpec::Id(name) => match catalog.get(&name) {
            Ok(entry) if entry.purpose == Purpose::Embedding => Ok(Some(entry.clone())),
            Ok(entry) => Err(refused(AddressError::OtherPurpose { found: entry.purpose, known: known() })),
            Err(_) => Err(refused(AddressError::Unknown { known: known() })),
        },
    }
}

/// Where the runtime is to be had.
enum Runtime {
    Named(PathBuf),
    /// An id of the catalog.
    Entry(String),
}

fn runtime(
    address: &Address<'_>,
    catalog: &Catalog,
    environment: &Environment,
) -> Result<Runtime, OpenError> {
    if let Some(path) = environment.get(LIBRARY) {
        return Ok(Runtime::Named(PathBuf::from(path)));
    }
    let fits = |entry: &&Entry| {
        entry.purpose == Purpose::Runtime && entry.id.starts_with(RUNTIME) && entry.fits_platform()
    };
    match catalog.entries().iter().find(fits) {
        Some(entry) => Ok(Runtime::Entry(entry.id.clone())),
        None => {
            let platform = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
            Err(OpenError::setup(address, AddressError::NoRuntime { platform }))
        }
    }
}

/// The name that vectors are kept under: the same for all names of a model, another for other vectors.
fn id(address: &Address<'_>, entry: Option<&Entry>) -> String {
    let name = entry.map_or(address.rest(), |entry| &entry.id);
    let changed = ["max_tokens", "pooling"].into_iter().filter_map(|option| {
        let value = address.option(option)?;
        Some(format!("{option}={value}"))
    });
    let changed = changed.collect::<Vec<_>>().join("&");
    if changed.is_empty() { format!("local:{name}") } else { format!("local:{name}?{changed}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none() -> Environment {
        Environment::from_vars([("AGENTIC_HOME", "/nowhere")])
    }

    #[test]
    fn a_model_and_its_runtime_are_needed() {
        let named =
            Environment::from_vars([("AGENTIC_HOME", "/nowhere"), (LIBRARY, "/lib/libonnxruntime.so")]);
        assert_eq!(needs("local:minilm", &named).unwrap(), ["all-minilm-l6-v2"]);
        assert_eq!(needs("local:/models/model.onnx?pooling=cls", &named).unwrap(), [] as [&str; 0]);
        if cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
            let needed = needs("local:all-minilm-l6-v2", &none()).unwrap();
            assert!(needed[1].starts_with(RUNTIME), "{needed:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_before_anything_is_fetched() {
        let error = |address: &str| needs(address, &none()).unwrap_err().to_string();
        assert_eq!(
            error("local:qwen2.5-coder-1.5b"),
            "can't open model `local:qwen2.5-coder-1.5b`: it is a chat model; embedding models are: all-minilm-l6-v2"
        );
        assert!(
            error("local:foo")
                .contains("no such embedding model; there are: all-minilm-l6-v2; or give the path")
        );
        assert!(error("local:a/b/c.onnx").contains("not fetched one by one"));
        assert!(
            error("local:minilm?pooling=max")
                .contains("option `pooling` can't be `max`; write `mean` or `cls`")
        );
        assert!(error("local:minilm?threads=-1").contains("option `threads` can't be `-1`; write a number"));
        assert!(error("local:minilm?thread=1").contains("(known: threads, max_tokens, pooling)"));
    }

    #[test]
    fn other_vectors_have_another_name() {
        let catalog = Catalog::builtin().unwrap();
        let id = |text: &str| {
            let address = Address::parse(text).unwrap();
            id(&address, entry(&address, &catalog).unwrap().as_ref())
        };
        assert_eq!(id("local:minilm?threads=3"), "local:all-minilm-l6-v2");
        assert_eq!(
            id("local:minilm?pooling=cls&max_tokens=64"),
            "local:all-minilm-l6-v2?max_tokens=64&pooling=cls"
        );
        assert_eq!(id("local:/m/model.onnx"), "local:/m/model.onnx");
    }
}
