//! How an embedding model behind an endpoint is set up.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{Embedder, EmbedderInfo, Price};
use futures_util::FutureExt as _;

use super::super::builder::OpenAiError;
use super::super::connection::Connection;
use super::{Inner, Limits, OpenAiEmbedder};
use crate::open::{Address, EmbedderFuture, Environment, OpenError};
use crate::prices::PriceList;
use crate::secret::Secret;
use crate::wrap::RetryPolicy;

/// Texts of one request. OpenAI takes 2,048; smaller requests fail for less.
const TEXTS: usize = 256;
/// Bytes of text of one request. OpenAI takes 300,000 tokens.
const BYTES: usize = 250_000;

/// Sets up an [`OpenAiEmbedder`].
#[derive(Clone, Debug)]
pub struct OpenAiEmbedderBuilder {
    model: String,
    connection: Connection,
    dimensions: Option<usize>,
    shorten: Option<bool>,
    price: Option<Price>,
    prices: Option<PriceList>,
    texts: usize,
    retry: RetryPolicy,
}

impl OpenAiEmbedderBuilder {
    pub(super) fn new(model: String) -> Self {
        Self {
            model,
            connection: Connection::default(),
            dimensions: None,
            shorten: None,
            price: None,
            prices: None,
            texts: TEXTS,
            retry: RetryPolicy::default(),
        }
    }

    /// The endpoint's URL up to and without `/embeddings`. Default: `https://api.openai.com/v1`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.connection.base_url = Some(url.into());
        self
    }

    /// The key. A server on this machine mostly needs none.
    pub fn key(mut self, key: Secret) -> Self {
        self.connection.key = Some(key);
        self
    }

    /// Where a person would set the key, for error messages. Default: `OPENAI_API_KEY`.
    pub fn key_name(mut self, name: impl Into<String>) -> Self {
        self.connection.key_name = name.into();
        self
    }

    /// How many numbers a vector has. Default: as the price list says; a model that is not in it needs this. Answers with
    /// other vectors are errors.
    pub fn dimensions(mut self, dimensions: usize) -> Self {
        self.dimensions = Some(dimensions);
        self
    }

    /// Whether the server is asked for vectors of that length (`dimensions` in the request). Default: if the price list
    /// says that the model can shorten its vectors, and another length than its own is wanted. Servers refuse the field
    /// for models that can't.
    pub fn shorten(mut self, shorten: bool) -> Self {
        self.shorten = Some(shorten);
        self
    }

    /// The list to look the model up in, by its name and the endpoint's host. Default: the built-in one.
    pub fn prices(mut self, prices: PriceList) -> Self {
        self.prices = Some(prices);
        self
    }

    /// What the model costs (only `input` counts), whatever a list says.
    pub fn price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    /// The most texts of one request, at least one. Default: 256. A request also holds at most 250,000 bytes of text, or
    /// one text.
    pub fn texts_per_request(mut self, texts: usize) -> Self {
        self.texts = texts.max(1);
        self
    }

    /// How a request that failed is tried again. Default: that of [`RetryPolicy`]; one attempt is none.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long connecting may take. Default: 10 s. Models with timeouts of their own have connections of their own.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connection.timeouts.connect = timeout;
        self
    }

    /// How long the server may send nothing. Default: 10 minutes.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.connection.timeouts.idle = timeout;
        self
    }

    /// The model. Its id is `openai:` and its name, with `?dimensions=N` where its vectors are shortened.
    ///
    /// # Errors
    /// [`OpenAiError`].
    pub fn build(self) -> Result<OpenAiEmbedder, OpenAiError> {
        let model = self.model.trim().to_owned();
        if model.is_empty() {
            return Err(OpenAiError::NoModel);
        }
        let connected = self.connection.to("/embeddings")?;
        let prices = self.prices.map_or_else(PriceList::builtin, Ok)?;
        let known = prices.find(&connected.host, &model);
        let own = known.and_then(|known| known.dimensions);
        let Some(dimensions) = self.dimensions.or(own).filter(|dimensions| *dimensions > 0) else {
            return Err(OpenAiError::Dimensions { model, host: connected.host });
        };
        let can = known.is_some_and(|known| known.shortens);
        let shorten = self.shorten.unwrap_or(can && Some(dimensions) != own);
        let id = if shorten {
            format!("openai:{model}?dimensions={dimensions}")
        } else {
            format!("openai:{model}")
        };
        let mut info = EmbedderInfo::new(id, dimensions);
        info.max_tokens = known.and_then(|known| known.context_tokens);
        info.price = self.price.or(known.map(|known| known.price()));
        let origin = connected.origin(info.id.clone());
        let (endpoint, retry) = (connected.endpoint, self.retry);
        let limits = Limits { texts: self.texts, bytes: BYTES };
        Ok(OpenAiEmbedder(Arc::new(Inner { endpoint, model, info, shorten, limits, retry, origin })))
    }
}

/// Opens `openai:MODEL`, with `?dimensions=N`, `?shorten=true|false`, `?base_url=…` and `?key_env=NAME` as options. The
/// environment gives `OPENAI_BASE_URL`, `OPENAI_API_KEY`, and in `AGENTIC_PRICES` a price list.
pub(crate) fn open_embedder<'a>(
    address: &'a Address<'a>,
    environment: &'a Environment,
) -> EmbedderFuture<'a> {
    async move {
        address.allow(&["base_url", "key_env", "dimensions", "shorten"])?;
        let mut builder = OpenAiEmbedder::builder(address.rest());
        builder.dimensions =
            option::<NonZeroUsize>(address, "dimensions", "a number above 0")?.map(NonZeroUsize::get);
        builder.shorten = option(address, "shorten", "`true` or `false`")?;
        let prices = PriceList::of_user(environment).map_err(|error| OpenError::setup(address, error))?;
        builder.prices = Some(prices);
        builder.connection = Connection::of(address, environment);
        let model = builder.build().map_err(|error| OpenError::setup(address, error))?;
        Ok(Arc::new(model) as Arc<dyn Embedder>)
    }
    .boxed()
}

fn option<T: std::str::FromStr>(
    address: &Address<'_>,
    option: &'static str,
    form: &'static str,
) -> Result<Option<T>, OpenError> {
    let Some(value) = address.option(option) else { return Ok(None) };
    let wrong = || OpenError::setup(address, OpenAiError::Option { option, value: value.to_owned(), form });
    value.parse().map(Some).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Secret {
        Secret::new("k")
    }

    #[test]
    fn what_is_known_of_a_model_is_used() {
        let model = OpenAiEmbedder::builder("text-embedding-3-small").key(key()).build().unwrap();
        let info = model.info();
        assert_eq!((&*info.id, info.dimensions), ("openai:text-embedding-3-small", 1536));
        assert!(info.price.is_some() && !model.0.shorten);
        let short =
            OpenAiEmbedder::builder("text-embedding-3-small").key(key()).dimensions(256).build().unwrap();
        assert_eq!(&*short.info().id, "openai:text-embedding-3-small?dimensions=256");
        assert!(short.0.shorten);
        let old = OpenAiEmbedder::builder("text-embedding-ada-002").key(key()).build().unwrap();
        assert!(!old.0.shorten && old.info().dimensions == 1536);
    }

    #[test]
    fn the_dimensions_of_other_models_must_be_told() {
        let local = || OpenAiEmbedder::builder("nomic-embed-text").base_url("http://localhost:1/v1");
        let error = local().build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the dimensions of `nomic-embed-text` at localhost are not known; add ?dimensions=N to its address"
        );
        let model = local().dimensions(768).build().unwrap();
        assert_eq!((model.info().dimensions, model.info().price, model.0.shorten), (768, None, false));
        assert!(local().dimensions(128).shorten(true).build().unwrap().0.shorten);
        assert!(matches!(local().dimensions(0).build(), Err(OpenAiError::Dimensions { .. })));
    }

    #[tokio::test]
    async fn an_address_is_opened() {
        let vars = [("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")];
        let environment = Environment::from_vars(vars);
        let open = async |address: &str| crate::open_embedder_with(address, &environment).await;
        let model = open("openai:bge-m3?dimensions=1024").await.unwrap();
        assert_eq!((&*model.info().id, model.info().dimensions), ("openai:bge-m3", 1024));
        assert!(format!("{model:?}").contains("127.0.0.1:9"), "{model:?}");
        let error = open("openai:bge-m3?dimensions=0").await.unwrap_err().to_string();
        assert!(error.ends_with("option `dimensions` can't be `0`; write a number above 0"), "{error}");
        let error = open("openai:bge-m3?dimension=1").await.unwrap_err().to_string();
        assert!(error.contains("(known: base_url, key_env, dimensions, shorten)"), "{error}");
        let error = open("magic:8").await.unwrap_err().to_string();
        assert!(error.starts_with("no model adapter for scheme `magic` (known: "), "{error}");
    }
}
