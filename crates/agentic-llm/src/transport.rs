//! HTTP to providers: one request, an answer in pieces, and nothing in between that a provider's endpoint does not
//! need. No redirects, no cookies, no decoding; each request is sent at most once, except over a kept connection that
//! turned out to be closed before anything was sent.

mod connect;

use std::error::Error;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use thiserror::Error;

use connect::{Connector, Unusable};

/// Who asks.
const PROGRAM: HeaderValue = HeaderValue::from_static(concat!("agentic/", env!("CARGO_PKG_VERSION")));

type Cause = Box<dyn Error + Send + Sync>;

/// What is at the bottom of an error.
pub(crate) fn root_cause<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause
}

/// Why there is no answer, or no more of it.
#[derive(Debug, Error)]
pub(crate) enum TransportError {
    /// No connection can be made, however often it is tried: the certificates or the proxy are not as they should be.
    #[error("no way to connect")]
    Setup(#[source] Cause),
    /// There is no connection.
    #[error("no connection")]
    Connect(#[source] Cause),
    /// Nothing came for too long.
    #[error("nothing came for too long")]
    TimedOut,
    /// The connection broke before the answer.
    #[error("no answer")]
    Failed(#[source] Cause),
    /// The connection broke within the answer.
    #[error("the answer broke off")]
    Interrupted(#[source] Cause),
}

/// How long the parts of a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// From the name of the host to a connection that can be used.
    pub(crate) connect: Duration,
    /// How long nothing may come, before the answer and within it.
    pub(crate) idle: Duration,
}

impl Default for Timeouts {
    /// Reasoning models may be silent for minutes before the first byte of a whole answer.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), idle: Duration::from_secs(600) }
    }
}

/// The connections to one or more endpoints. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    client: Client<Connector, Full<Bytes>>,
    connector: Connector,
    idle: Duration,
}

/// The connections that all endpoints with the default timeouts share.
static SHARED: OnceLock<Transport> = OnceLock::new();

/// How long a connection is kept that nobody uses.
const KEPT: Duration = Duration::from_secs(90);

impl Transport {
    /// Connections with these timeouts. Proxies are those of the environment, or of the system.
    pub(crate) fn new(timeouts: Timeouts) -> Self {
        if timeouts == Timeouts::default() {
            SHARED.get_or_init(|| Self::own(timeouts)).clone()
        } else {
            Self::own(timeouts)
        }
    }

    fn own(timeouts: Timeouts) -> Self {
        Self::over(Connector::new(timeouts.connect), timeouts.idle)
    }

    fn over(connector: Connector, idle: Duration) -> Self {
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(KEPT);
        Self { client: client.build(connector.clone()), connector, idle }
    }

    /// An endpoint to send JSON to, with these headers more.
    pub(crate) fn endpoint(self, uri: Uri, more: HeaderMap) -> Endpoint {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(USER_AGENT, PROGRAM);
        if let Some(auth) = self.connector.proxy_authorization(&uri) {
            headers.insert(PROXY_AUTHORIZATION, auth);
        }
        headers.extend(more);
        Endpoint { transport: self, target: Arc::new(Target { uri, headers }) }
    }
}

/// Where requests go, and what all of them say.
#[derive(Clone)]
pub(crate) struct Endpoint {
    transport: Transport,
    target: Arc<Target>,
}

struct Target {
    uri: Uri,
    headers: HeaderMap,
}

impl Endpoint {
    /// Sends a body, and waits for the head of the answer.
    ///
    /// # Cancel safety
    /// Dropping the future ends the request.
    pub(crate) async fn post(&self, body: Vec<u8>) -> Result<Response, TransportError> {
        let mut request = Request::new(Full::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.uri.clone();
        *request.headers_mut() = self.target.headers.clone();
        let (client, idle) = (&self.transport.client, self.transport.idle);
        match tokio::time::timeout(idle, client.request(request)).await {
            Ok(Ok(response)) => Ok(Response { response, idle }),
            Ok(Err(error)) if Unusable::is_in(&error) => Err(TransportError::Setup(error.into())),
            Ok(Err(error)) if error.is_connect() => Err(TransportError::Connect(error.into())),
            Ok(Err(error)) => Err(TransportError::Failed(error.into())),
            Err(_) => Err(TransportError::TimedOut),
        }
    }
}

/// An answer: its head is here, its body comes in pieces.
#[derive(Debug)]
pub(crate) struct Response {
    response: http::Response<Incoming>,
    idle: Duration,
}

impl Response {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// The next piece of the body, `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        loop {
            match tokio::time::timeout(self.idle, self.response.body_mut().frame()).await {
                // Trailers say nothing that matters here.
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(_) => continue,
                },
                Ok(Some(Err(error))) => return Err(TransportError::Interrupted(error.into())),
                Ok(None) => return Ok(None),
                Err(_) => return Err(TransportError::TimedOut),
            }
        }
    }
}

#[cfg(test)]
mod tests;
