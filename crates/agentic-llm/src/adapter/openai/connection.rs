//! Where requests go: the base URL, the key, and what follows from them.

use std::sync::Arc;

use http::Uri;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use url::Url;

use super::builder::OpenAiError;
use super::origin::Origin;
use crate::open::{Address, Environment};
use crate::secret::Secret;
use crate::transport::{Endpoint, Timeouts, Transport};

/// OpenAI's own endpoint.
const OPENAI_URL: &str = "https://api.openai.com/v1";
/// Where the key is looked for, unless said otherwise.
pub(super) const KEY_NAME: &str = "OPENAI_API_KEY";

/// What is said about the server.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// The URL up to the path of the endpoint; `None` is OpenAI's own.
    pub(super) base_url: Option<String>,
    pub(super) key: Option<Secret>,
    /// Where a person would set the key.
    pub(super) key_name: String,
    pub(super) timeouts: Timeouts,
}

/// A server that requests can go to.
pub(super) struct Connected {
    pub(super) endpoint: Endpoint,
    /// The server's name, without the port.
    pub(super) host: String,
    host_and_port: String,
    key: Option<Secret>,
    key_name: String,
}

impl Default for Connection {
    fn default() -> Self {
        Self { base_url: None, key: None, key_name: KEY_NAME.to_owned(), timeouts: Timeouts::default() }
    }
}

impl Connection {
    /// As an address and the environment say.
    pub(super) fn of(address: &Address<'_>, environment: &Environment) -> Self {
        let given = address.option("base_url").map(str::to_owned);
        let key_name = address.option("key_env").unwrap_or(KEY_NAME);
        Self {
            base_url: given.or_else(|| environment.get("OPENAI_BASE_URL")),
            key: environment.secret(key_name),
            key_name: key_name.to_owned(),
            timeouts: Timeouts::default(),
        }
    }

    /// The endpoint with this path below the base URL.
    pub(super) fn to(self, path: &str) -> Result<Connected, OpenAiError> {
        let base_url = self.base_url.as_deref().unwrap_or(OPENAI_URL);
        let url = endpoint(base_url, path)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let host_and_port = match url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let official = host == "api.openai.com";
        let key = self.key.filter(|key| !key.expose().is_empty());
        if official && key.is_none() {
            return Err(OpenAiError::NoKey { host, key_name: self.key_name });
        }
        let headers =
            headers(key.as_ref()).ok_or_else(|| OpenAiError::BadKey { key_name: self.key_name.clone() })?;
        let uri = Uri::try_from(url.as_str()).map_err(|error| refused(base_url, &error.to_string()))?;
        let endpoint = Transport::new(self.timeouts).endpoint(uri, headers);
        Ok(Connected { endpoint, host, host_and_port, key, key_name: self.key_name })
    }
}

impl Connected {
    /// How errors of the model with this id name it.
    pub(super) fn origin(&self, id: Arc<str>) -> Origin {
        let (host, key_name) = (self.host_and_port.clone(), self.key_name.as_str().into());
        Origin { id, host, key: self.key.clone(), key_name }
    }
}

/// What people give as a base URL that ends in an endpoint already.
const ENDPOINTS: &[&str] = &["/chat/completions", "/embeddings"];

fn endpoint(base: &str, path: &str) -> Result<Url, OpenAiError> {
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
    let given = url.path().trim_end_matches('/');
    let given = ENDPOINTS.iter().find_map(|known| given.strip_suffix(known)).unwrap_or(given);
    let path = format!("{given}{path}");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(base: &str, expected: &str) {
        assert_eq!(endpoint(base, "/chat/completions").unwrap().as_str(), expected);
    }

    #[test]
    fn the_endpoint_follows_from_the_base_url() {
        check("http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions");
        check(" http://localhost:8000/v1/ ", "http://localhost:8000/v1/chat/completions");
        check("http://localhost:8000", "http://localhost:8000/chat/completions");
        check("https://x.test/v1/chat/completions", "https://x.test/v1/chat/completions");
        check("https://x.test/v1/embeddings", "https://x.test/v1/chat/completions");
        check("https://x.test/d?api-version=1", "https://x.test/d/chat/completions?api-version=1");
        let embeddings = endpoint("https://x.test/v1/chat/completions/", "/embeddings").unwrap();
        assert_eq!(embeddings.as_str(), "https://x.test/v1/embeddings");
    }
}
