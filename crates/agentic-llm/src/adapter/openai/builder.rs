//! How a model behind an endpoint is set up.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{Capabilities, ChatModel, ModelInfo, Price};
use futures_util::FutureExt as _;
use thiserror::Error;

use super::connection::{Connection, KEY_NAME};
use super::tools::ToolCache;
use super::{Inner, OpenAi, Quirks};
use crate::open::{Address, Environment, OpenError, OpenFuture};
use crate::prices::{PriceList, PriceListError};
use crate::secret::Secret;
use crate::toolcall::Dialect;
use crate::transport::Timeouts;
use crate::wrap::TextCalls;

/// Why a model can't be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenAiError {
    /// The model has no name.
    #[error("no model is named; write one, for example `openai:gpt-5`")]
    NoModel,
    /// The base URL is none.
    #[error("`{url}` is no base URL: {reason}; write one like http://127.0.0.1:8000/v1")]
    BaseUrl {
        /// What was given, without user and password.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The dialect of calls in text is none.
    #[error("there is no dialect `{given}` of tool calls in text; the dialects are: {known}")]
    ToolText {
        /// What was given.
        given: String,
        /// The names of the dialects.
        known: String,
    },
    /// Nobody knows how many numbers a vector of the model has.
    #[error("the dimensions of `{model}` at {host} are not known; add ?dimensions=N to its address")]
    Dimensions {
        /// The model, as its server knows it.
        model: String,
        /// The endpoint's host.
        host: String,
    },
    /// An option's value is none.
    #[error("option `{option}` can't be `{value}`; write {form}")]
    Option {
        /// The option.
        option: &'static str,
        /// What was given.
        value: String,
        /// What would be right.
        form: &'static str,
    },
    /// OpenAI's own endpoint wants a key.
    #[error("{host} wants a key: set {key_name}, or OPENAI_BASE_URL for another server")]
    NoKey {
        /// The endpoint's host.
        host: String,
        /// The environment variable for the key.
        key_name: String,
    },
    /// The key can't be sent.
    #[error("the key in {key_name} can't be sent: it holds characters that a header can't")]
    BadKey {
        /// The environment variable for the key.
        key_name: String,
    },
    /// The price list can't be used.
    #[error(transparent)]
    Prices(#[from] PriceListError),
}

/// Sets up an [`OpenAi`] model.
#[derive(Clone, Debug)]
pub struct OpenAiBuilder {
    model: String,
    base_url: Option<String>,
    key: Option<Secret>,
    key_name: String,
    info: Option<ModelInfo>,
    price: Option<Price>,
    prices: Option<PriceList>,
    quirks: Option<Quirks>,
    timeouts: Timeouts,
}

impl OpenAiBuilder {
    pub(super) fn new(model: String) -> Self {
        Self {
            model,
            base_url: None,
            key: None,
            key_name: KEY_NAME.to_owned(),
            info: None,
            price: None,
            prices: None,
            quirks: None,
            timeouts: Timeouts::default(),
        }
    }

    /// The endpoint's URL up to and without `/chat/completions`. Default: `https://api.openai.com/v1`.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The key. A server on this machine mostly needs none.
    pub fn key(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// Where a person would set the key, for error messages. Default: `OPENAI_API_KEY`.
    pub fn key_name(mut self, name: impl Into<String>) -> Self {
        self.key_name = name.into();
        self
    }

    /// What is known of the model, instead of what is found out by its name. Its id is kept as well.
    pub fn info(mut self, info: ModelInfo) -> Self {
        self.info = Some(info);
        self
    }

    /// The list to look the model up in, by its name and the endpoint's host. Default: the built-in one.
    pub fn prices(mut self, prices: PriceList) -> Self {
        self.prices = Some(prices);
        self
    }

    /// What the model costs, whatever a list says.
    pub fn price(mut self, price: Price) -> Self {
        self.price = Some(price);
        self
    }

    /// What the server does otherwise than OpenAI, instead of what is known of its host.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = Some(quirks);
        self
    }

    /// How long connecting may take. Default: 10 s. Not for a model with a limit of its own: such a one has a
    /// client of its own, and so do all that set this or [`idle_timeout`](Self::idle_timeout).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.connect = timeout;
        self
    }

    /// How long the server may send nothing, before the answer and within it. Default: 10 minutes.
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.idle = timeout;
        self
    }

    /// The model.
    ///
    /// Models with the default timeouts share one client and its connections.
    ///
    /// # Errors
    /// [`OpenAiError`].
    pub fn build(self) -> Result<OpenAi, OpenAiError> {
        let model = self.model.trim().to_owned();
        if model.is_empty() {
            return Err(OpenAiError::NoModel);
        }
        let connection = Connection {
            base_url: self.base_url,
            key: self.key,
            key_name: self.key_name,
            timeouts: self.timeouts,
        };
        let connected = connection.to("/chat/completions")?;
        let name = connected.host.as_str();
        let quirks = self.quirks.unwrap_or_else(|| Quirks::of_host(name));
        let mut info = match self.info {
            Some(info) => info,
            None => describe(&model, name, &self.prices.map_or_else(PriceList::builtin, Ok)?),
        };
        info.price = self.price.or(info.price);
        let origin = Arc::new(connected.origin(info.id.clone()));
        let (endpoint, tools) = (connected.endpoint, ToolCache::default());
        Ok(OpenAi(Arc::new(Inner { endpoint, model, info, quirks, origin, tools })))
    }
}

/// What is known of a model by its name and its host.
fn describe(model: &str, host: &str, prices: &PriceList) -> ModelInfo {
    let mut info = ModelInfo::new(format!("openai:{model}"));
    let mut capabilities = Capabilities::default();
    // What a server can't do, it refuses itself; nobody can ask it beforehand.
    (capabilities.tools, capabilities.parallel_tool_calls) = (true, true);
    (capabilities.json_schema, capabilities.images) = (true, true);
    info.capabilities = capabilities;
    if let Some(known) = prices.find(host, model) {
        info.context_tokens = known.context_tokens;
        info.max_output_tokens = known.max_output_tokens;
        info.price = Some(known.price());
    }
    info
}

/// Opens `openai:MODEL`, with `?base_url=…`, `?key_env=NAME` and `?tool_text=DIALECT` as options. The environment
/// gives `OPENAI_BASE_URL`, `OPENAI_API_KEY`, and in `AGENTIC_PRICES` a price list.
pub(crate) fn open<'a>(address: &'a Address<'a>, environment: &'a Environment) -> OpenFuture<'a> {
    async move {
        address.allow(&["base_url", "key_env", "tool_text"])?;
        let dialect = match address.option("tool_text") {
            None => None,
            Some(name) => Some(Dialect::named(name).ok_or_else(|| {
                let (given, known) = (name.to_owned(), Dialect::names().collect::<Vec<_>>().join(", "));
                OpenError::setup(address, OpenAiError::ToolText { given, known })
            })?),
        };
        let prices = PriceList::of_user(environment).map_err(|error| OpenError::setup(address, error))?;
        let mut builder = OpenAi::builder(address.rest()).prices(prices);
        let connection = Connection::of(address, environment);
        (builder.base_url, builder.key) = (connection.base_url, connection.key);
        builder.key_name = connection.key_name;
        let model = builder.build().map_err(|error| OpenError::setup(address, error))?;
        Ok(match dialect {
            None => Arc::new(model) as Arc<dyn ChatModel>,
            Some(dialect) => Arc::new(TextCalls::new(model, dialect)),
        })
    }
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_base_urls_are_refused_without_their_secrets() {
        for url in ["", "localhost:8000", "ftp://x.test", "https://joe:hunter2@x.test/v1", "joe:hunter2@x"] {
            let error = OpenAi::builder("m").base_url(url).build().unwrap_err();
            assert!(matches!(error, OpenAiError::BaseUrl { .. }), "{url}: {error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn only_openai_itself_wants_a_key() {
        let error = OpenAi::builder("gpt-5").build().unwrap_err();
        assert_eq!(
            error.to_string(),
            "api.openai.com wants a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for another server"
        );
        assert!(OpenAi::builder("m").base_url("http://localhost:1/v1").build().is_ok());
        let bad = OpenAi::builder("m").key(Secret::new("a\nb")).build().unwrap_err();
        assert!(matches!(bad, OpenAiError::BadKey { .. }));
        assert!(matches!(OpenAi::builder(" ").build(), Err(OpenAiError::NoModel)));
    }

    #[test]
    fn a_price_is_known_or_given() {
        let key = || Secret::new("k");
        let model = OpenAi::builder("gpt-5-mini").key(key()).build().unwrap();
        assert!(model.info().price.is_some());
        let price = Price::default();
        let model = OpenAi::builder("gpt-5-mini").key(key()).price(price).build().unwrap();
        assert_eq!(model.info().price, Some(price));
        // The same name elsewhere may be anything.
        let model = OpenAi::builder("gpt-5-mini").base_url("http://localhost:1/v1").build().unwrap();
        assert_eq!((model.info().price, model.info().context_tokens), (None, None));
    }
}
