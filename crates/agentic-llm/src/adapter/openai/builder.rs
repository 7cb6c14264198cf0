//! How a model behind an endpoint is set up.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{Capabilities, ChatModel, ModelInfo, Price};
use futures_util::FutureExt as _;
use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use thiserror::Error;
use url::Url;

use super::origin::Origin;
use super::tools::ToolCache;
use super::{Inner, OpenAi, Quirks};
use crate::open::{Address, Environment, OpenError, OpenFuture};
use crate::prices::{PriceList, PriceListError};
use crate::secret::Secret;
use crate::toolcall::Dialect;
use crate::transport::{Timeouts, Transport};
use crate::wrap::TextCalls;

/// OpenAI's own endpoint.
const OPENAI_URL: &str = "https://api.openai.com/v1";
/// Where the key is looked for, unless said otherwise.
const KEY_NAME: &str = "OPENAI_API_KEY";

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
        let base_url = self.base_url.as_deref().unwrap_or(OPENAI_URL);
        let endpoint = endpoint(base_url)?;
        let name = endpoint.host_str().unwrap_or_default();
        let host = match endpoint.port_or_known_default() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let official = name == "api.openai.com";
        let key = self.key.filter(|key| !key.expose().is_empty());
        if official && key.is_none() {
            return Err(OpenAiError::NoKey { host: name.to_owned(), key_name: self.key_name });
        }
        let headers =
            headers(key.as_ref()).ok_or_else(|| OpenAiError::BadKey { key_name: self.key_name.clone() })?;
        let quirks = self.quirks.unwrap_or_else(|| Quirks::of_host(name));
        let mut info = match self.info {
            Some(info) => info,
            None => describe(&model, name, &self.prices.map_or_else(PriceList::builtin, Ok)?),
        };
        info.price = self.price.or(info.price);
        let uri = Uri::try_from(endpoint.as_str()).map_err(|error| refused(base_url, &error.to_string()))?;
        let endpoint = Transport::new(self.timeouts).endpoint(uri, headers);
        let origin = Origin { id: info.id.clone(), host, key, key_name: self.key_name.into() };
        let (origin, tools) = (Arc::new(origin), ToolCache::default());
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

fn endpoint(base: &str) -> Result<Url, OpenAiError> {
    let base = base.trim();
    let refuse = |reason: &str| refused(base, reason);
    let mut url = Url::parse(base).map_err(|error| refuse(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("it begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("it holds a user or a password; give the key instead"));
    }
    url.set_fragment(None);
    // Some people give the whole endpoint, some a trailing slash; a query (Azure's `api-version`) stays.
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/chat/completions").unwrap_or(path);
    let path = format!("{path}/chat/completions");
    url.set_path(&path);
    Ok(url)
}

fn refused(base: &str, reason: &str) -> OpenAiError {
    // Whatever stands before an `@` may be a password.
    let shown = base.rsplit('@').next().unwrap_or_default();
    let shown = shown.split(['?', '#']).next().unwrap_or_default();
    OpenAiError::BaseUrl { url: shown.to_owned(), reason: reason.to_owned() }
}

fn headers(key: Option<&Secret>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    if let Some(key) = key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose())).ok()?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Some(headers)
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
        if let Some(url) =
            address.option("base_url").map(str::to_owned).or_else(|| environment.get("OPENAI_BASE_URL"))
        {
            builder = builder.base_url(url);
        }
        let key_name = address.option("key_env").unwrap_or(KEY_NAME);
        builder = builder.key_name(key_name);
        if let Some(key) = environment.secret(key_name) {
            builder = builder.key(key);
        }
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

    #[track_caller]
    fn check(base: &str, expected: &str) {
        assert_eq!(endpoint(base).unwrap().as_str(), expected);
    }

    #[test]
    fn the_endpoint_follows_from_the_base_url() {
        check("http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions");
        check(" http://localhost:8000/v1/ ", "http://localhost:8000/v1/chat/completions");
        check("http://localhost:8000", "http://localhost:8000/chat/completions");
        check("https://x.test/v1/chat/completions", "https://x.test/v1/chat/completions");
        check("https://x.test/d?api-version=1", "https://x.test/d/chat/completions?api-version=1");
    }

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
