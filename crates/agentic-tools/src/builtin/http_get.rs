//! `http_get`: a page or a document from the web.

mod addresses;
mod body;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait,
};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, ClientBuilder, Response, Url};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use self::addresses::{OnlyPrivate, PublicOnly, is_public};
use super::support::{arguments, size, spec};

pub(super) const NAME: &str = "http_get";
pub(super) const DESCRIPTION: &str = "Read a web page or a JSON document by its address. \
    Example: {\"url\": \"https://example.com/prices.json\"}";

/// Bytes of a body that are read.
const MAX_BODY: usize = 2 << 20;
/// Bytes of text that are given.
const MAX_TEXT: usize = 30_000;
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// How long one connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);

/// Gets documents by HTTP.
///
/// Private addresses (this machine, the local network, link-local, unique-local, multicast and other special ones)
/// are refused, unless [allowed](Self::allow_private_addresses). It is the *resolved* address that counts, at the
/// moment of the connection and at every redirect, so a public name that leads to a private address is refused
/// too. Proxies of the environment are not used, since they would connect in our place.
#[derive(Clone, Debug)]
pub struct HttpGet {
    client: Client,
    private: bool,
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The whole address, with https:// or http://.
    url: String,
}

impl HttpGet {
    /// A tool that reaches public addresses alone.
    ///
    /// # Errors
    /// `unavailable` if the system's certificates can't be loaded.
    pub fn new() -> Result<Self, ToolError> {
        let policy = ToolPolicy::default().with_timeout(Duration::from_secs(30));
        Ok(Self {
            client: client(Client::builder(), false)?,
            private: false,
            spec: spec::<Arguments>(NAME, DESCRIPTION, policy),
        })
    }

    /// The same tool, but it reaches private addresses too: for a service on this machine or the local network.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn allow_private_addresses(self) -> Result<Self, ToolError> {
        Ok(Self { client: client(Client::builder(), true)?, private: true, spec: self.spec })
    }

    async fn get(&self, url: Url) -> Result<String, ToolError> {
        let host = url.host_str().unwrap_or_default().to_owned();
        let response = self.client.get(url).send().await.map_err(|error| failed(&host, error))?;
        let status = response.status();
        let address = response.url().clone();
        let kind = body::Kind::of(response.headers())?;
        let (bytes, is_cut) = read(response, &host).await?;
        let text = body::text(&bytes, &kind);
        if !status.is_success() {
            let (code, reason) = (status.as_u16(), status.canonical_reason().unwrap_or("no reason given"));
            let advice = match code {
                404 | 410 => "check the address",
                401 | 403 => "it needs a login; use another source",
                429 | 500.. => "try again later or use another source",
                300..=399 => "it sends the reader on to what is no web address; use another one",
                _ => "use another address",
            };
            let kind = match code {
                404 | 410 => ToolErrorKind::NotFound,
                401 | 403 => ToolErrorKind::Denied,
                429 | 500.. => ToolErrorKind::Unavailable,
                _ => ToolErrorKind::Failed,
            };
            return Err(ToolError::new(kind, format!("`{host}` answered {code} {reason}; {advice}")));
        }
        let mut answer = format!("{address}\n\n");
        let shown = super::support::head(text.trim(), MAX_TEXT);
        answer.push_str(shown);
        answer.push('\n');
        let mut notes = Vec::new();
        if is_cut {
            notes.push(format!("the document is longer than the {} that are read", size(MAX_BODY as u64)));
        }
        if shown.len() < text.trim().len() {
            let (shown, all) = (size(shown.len() as u64), size(text.trim().len() as u64));
            notes.push(format!("these are the first {shown} of {all} of text"));
        }
        if !notes.is_empty() {
            answer.push_str(&format!("[cut: {}]\n", notes.join("; ")));
        }
        Ok(answer)
    }
}

#[async_trait]
impl Tool for HttpGet {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, given: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        let Arguments { url: given } = arguments(NAME, given)?;
        let url = Url::parse(given.trim()).map_err(|error| {
            let message =
                format!("`{given}` is no web address: {error}; give one like https://example.com/page");
            ToolError::invalid(message).with_source(error)
        })?;
        allowed(&url, self.private).map_err(|refused| refused.into_error(&url))?;
        let limit = ecx.time_left().unwrap_or(self.spec.policy.timeout).min(self.spec.policy.timeout);
        let host = url.host_str().unwrap_or_default().to_owned();
        let (get, clock) = (self.get(url), ecx.sleep(limit));
        futures_util::pin_mut!(get, clock);
        match futures_util::future::select(get, clock).await {
            futures_util::future::Either::Left((answer, _)) => answer.map(Value::String),
            futures_util::future::Either::Right(_) => {
                let message =
                    format!("`{host}` did not answer within {} s; try again later", limit.as_secs());
                Err(ToolError::new(ToolErrorKind::TimedOut, message))
            }
        }
    }
}

/// Why an address is not gone to.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Refused {
    #[error("only http and https addresses can be read")]
    Scheme,
    #[error("the address has a user name or password in it; leave them out")]
    Login,
    #[error("it is a private address, which this tool may not reach; use a public one")]
    Private,
    #[error("more than {MAX_REDIRECTS} redirects; use another address")]
    Redirects,
}

impl Refused {
    fn into_error(self, url: &Url) -> ToolError {
        let kind = match self {
            Self::Scheme | Self::Login => ToolErrorKind::InvalidArguments,
            Self::Private => ToolErrorKind::Forbidden,
            Self::Redirects => ToolErrorKind::LimitReached,
        };
        let what = url.host_str().unwrap_or(url.scheme());
        ToolError::new(kind, format!("`{what}` can't be read: {self}"))
    }
}

/// Checks what no resolver gets to see: the scheme, and addresses that stand in the URL as numbers.
fn allowed(url: &Url, private: bool) -> Result<(), Refused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Login);
    }
    let host = url.host_str().unwrap_or_default();
    let number = host.trim_start_matches('[').trim_end_matches(']').parse();
    match number {
        Ok(address) if !private && !is_public(address) => Err(Refused::Private),
        _ => Ok(()),
    }
}

fn client(builder: ClientBuilder, private: bool) -> Result<Client, ToolError> {
    let redirects = Policy::custom(move |attempt: Attempt<'_>| {
        if attempt.previous().len() > MAX_REDIRECTS {
            return attempt.error(Refused::Redirects);
        }
        match allowed(attempt.url(), private) {
            Ok(()) => attempt.follow(),
            Err(refused) => attempt.error(refused),
        }
    });
    let mut builder = builder
        .user_agent(concat!("agentic/", env!("CARGO_PKG_VERSION")))
        .redirect(redirects)
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT);
    if !private {
        builder = builder.dns_resolver(Arc::new(PublicOnly));
    }
    builder.build().map_err(|error| {
        let message = format!(
            "the HTTP client can't start: {error}; see whether the system's certificates are installed"
        );
        ToolError::new(ToolErrorKind::Unavailable, message).with_source(error)
    })
}

/// The body up to the limit, and whether there is more.
async fn read(mut response: Response, host: &str) -> Result<(Vec<u8>, bool), ToolError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(host, error))? {
        let left = MAX_BODY - bytes.len();
        if chunk.len() > left {
            bytes.extend_from_slice(&chunk[..left]);
            return Ok((bytes, true));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok((bytes, false))
}

fn failed(host: &str, error: reqwest::Error) -> ToolError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut last = error.to_string();
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            let kind = if matches!(refused, Refused::Redirects) {
                ToolErrorKind::LimitReached
            } else {
                ToolErrorKind::Forbidden
            };
            return ToolError::new(kind, format!("`{host}` sends the reader on, but {refused}"));
        }
        if error.is::<OnlyPrivate>() {
            let message = format!(
                "`{host}` can't be read: it is a private address, which this tool may not reach; use a public one"
            );
            return ToolError::new(ToolErrorKind::Forbidden, message);
        }
        last = error.to_string();
        cause = error.source();
    }
    let message = if error.is_connect() {
        format!("can't connect to `{host}`: {last}; check the address or try again later")
    } else {
        format!("reading from `{host}` failed: {last}; try again later")
    };
    // Without the source: it holds the whole URL, which may hold a secret.
    ToolError::new(ToolErrorKind::Unavailable, message)
}
