//! Connections: straight or through a proxy, with or without TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Ready, ready};
use http::Uri;
use http::header::{HeaderMap, HeaderValue, USER_AGENT};
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected as Info, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;
use thiserror::Error;
use tower_service::Service;

use super::{Cause, root_cause};

/// After so much silence a connection is asked whether it is still there, and so often.
const ALIVE: Duration = Duration::from_secs(15);

/// Opens connections, through the proxies of the environment or of the system.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    straight: Straight,
    proxies: Arc<Matcher>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(timeout: Duration) -> Self {
        Self::through(Matcher::from_system(), timeout)
    }

    pub(super) fn through(proxies: Matcher, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Divided among the addresses of a host, so that one that does not answer leaves time for the others.
        tcp.set_connect_timeout(Some(timeout));
        // A model may think for minutes: what stands between must not forget the connection meanwhile, and a peer that
        // is gone must be noticed before the idle timeout.
        tcp.set_keepalive(Some(ALIVE));
        tcp.set_keepalive_interval(Some(ALIVE));
        tcp.set_keepalive_retries(Some(3));
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(2 * ALIVE));
        Self { straight: Straight { tcp, tls: Arc::default() }, proxies: Arc::new(proxies), timeout }
    }

    /// With this TLS in place of the system's.
    #[cfg(test)]
    pub(super) fn with_tls(mut self, config: ClientConfig) -> Self {
        self.straight.tls = Arc::new(Arc::new(config).into());
        self
    }

    /// What a proxy wants to be told with each request: it passes on requests without TLS one by one.
    pub(super) fn proxy_authorization(&self, to: &Uri) -> Option<HeaderValue> {
        let proxy = self.proxies.intercept(to).filter(|_| !is_https(to))?;
        proxy.basic_auth().cloned()
    }

    async fn connect(self, to: Uri) -> Result<Stream, Cause> {
        let (limit, proxy) = (self.timeout, self.proxies.intercept(&to));
        let connecting = async {
            match &proxy {
                None => self.straight.connect(to).await,
                Some(proxy) => self.by_proxy(proxy, to).await,
            }
        };
        let error = match tokio::time::timeout(limit, connecting).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error,
            Err(_) => format!("connecting took longer than {:.1} s", limit.as_secs_f64()).into(),
        };
        let unusable = is_final(&*error);
        // What is at the bottom of an error is what is told, so the proxy is named there.
        let mut why = root_cause(&*error).to_string();
        if let Some(proxy) = proxy {
            let name = proxy.uri().authority().map_or("", |name| host_and_port(name.as_str()));
            why = format!("{why} (through the proxy {name})");
        }
        Err(if unusable { Unusable(why).into() } else { why.into() })
    }

    async fn by_proxy(self, proxy: &Intercept, to: Uri) -> Result<Stream, Cause> {
        match proxy.uri().scheme_str().unwrap_or_default() {
            "http" | "https" if is_https(&to) => {
                let tls = self.straight.tls()?;
                let hop = Connected(Some(self.straight.connect(proxy.uri().clone()).await?));
                let mut tunnel = Tunnel::new(proxy.uri().clone(), hop);
                tunnel = tunnel.with_headers(HeaderMap::from_iter([(USER_AGENT, super::PROGRAM)]));
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                Ok(Stream::new(HttpsConnector::from((tunnel, tls)).call(to).await?))
            }
            "http" | "https" => {
                let stream = self.straight.connect(proxy.uri().clone()).await?;
                Ok(Stream { asks_proxy: true, ..stream })
            }
            // Names are resolved by the proxy in both cases: what resolves them here would block.
            "socks5" | "socks5h" => self.socks(proxy, to).await,
            other => {
                let why = format!("a proxy `{other}:` can't be used; use http, https or socks5");
                Err(Unusable(why).into())
            }
        }
    }

    async fn socks(self, proxy: &Intercept, to: Uri) -> Result<Stream, Cause> {
        // To what connects to it, it is a host and a port like others.
        let address = with_port(proxy.uri(), 1080)?;
        let tls = is_https(&to).then(|| self.straight.tls()).transpose()?;
        let hop = Connected(Some(self.straight.connect(address.clone()).await?));
        let mut socks = SocksV5::new(address, hop);
        if let Some((user, password)) = proxy.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        match tls {
            Some(tls) => Ok(Stream::new(HttpsConnector::from((socks, tls)).call(to).await?)),
            // It would take 443 for the port of any address that names none.
            None => Ok(socks.call(with_port(&to, 80)?).await?),
        }
    }
}

/// A connection that is there already, for what asks for one: why none came about would be lost in its errors.
struct Connected(Option<Stream>);

impl Service<Uri> for Connected {
    type Response = Stream;
    type Error = Cause;
    type Future = Ready<Result<Stream, Cause>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        ready(self.0.take().ok_or_else(|| "the connection is taken".into()))
    }
}

/// The same host without TLS, and this port if it names none.
fn with_port(to: &Uri, port: u16) -> Result<Uri, http::Error> {
    let (host, port) = (to.host().unwrap_or_default(), to.port_u16().unwrap_or(port));
    Uri::builder().scheme(Scheme::HTTP).authority(format!("{host}:{port}")).path_and_query("/").build()
}

/// An authority without the user and the password.
fn host_and_port(authority: &str) -> &str {
    authority.rsplit('@').next().unwrap_or_default()
}

/// Why no connection can be made from here, however often it is tried.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Unusable(String);

impl Unusable {
    /// Whether this is at the bottom of an error.
    pub(super) fn is_in(error: &(dyn std::error::Error + 'static)) -> bool {
        root_cause(error).is::<Self>()
    }
}

/// Whether trying again can't help: what is set up here is wrong, the other end is not trusted, or the proxy wants to
/// know who asks.
fn is_final(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.any(|error| {
        error.is::<Unusable>()
            || matches!(tls_error(error), Some(rustls::Error::InvalidCertificate(_)))
            // The type of this error is not public.
            || error.to_string() == "tunnel error: proxy authorization required"
    })
}

/// What TLS says, below the errors of input and output that it is wrapped in.
fn tls_error<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    let mut error = error;
    while let Some(wrapper) = error.downcast_ref::<io::Error>() {
        error = wrapper.get_ref()?;
    }
    error.downcast_ref()
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Cause;
    type Future = BoxFuture<'static, Result<Stream, Cause>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        self.clone().connect(to).boxed()
    }
}

/// Connects to the host itself.
#[derive(Clone, Debug)]
struct Straight {
    tcp: HttpConnector,
    /// Made for the first connection that needs it: the system's certificates take long to read.
    tls: Arc<OnceLock<Arc<ClientConfig>>>,
}

impl Straight {
    fn tls(&self) -> Result<Arc<ClientConfig>, Cause> {
        if let Some(config) = self.tls.get() {
            return Ok(config.clone());
        }
        let provider = CryptoProvider::get_default().cloned();
        let provider = provider.unwrap_or_else(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
        let verifier = Verifier::new(provider.clone()).map_err(|error| Unusable(error.to_string()))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec!["http/1.1".into()];
        Ok(self.tls.get_or_init(|| Arc::new(config)).clone())
    }

    async fn connect(mut self, to: Uri) -> Result<Stream, Cause> {
        if is_https(&to) {
            let tls = self.tls()?;
            return Ok(Stream::new(HttpsConnector::from((self.tcp, tls)).call(to).await?));
        }
        Ok(Stream::new(self.tcp.call(to).await?))
    }
}

fn is_https(to: &Uri) -> bool {
    to.scheme() == Some(&Scheme::HTTPS)
}

/// A connection of any kind.
pub(super) struct Stream {
    io: Box<dyn Io>,
    /// Whether a proxy at the other end wants to be told the whole address with each request.
    asks_proxy: bool,
}

trait Io: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Io for T {}

impl Stream {
    fn new(io: impl Io + 'static) -> Self {
        Self { io: Box::new(io), asks_proxy: false }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Info {
        self.io.connected().proxy(self.asks_proxy)
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_read(cx, into)
    }
}

impl Write for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.io).poll_write_vectored(cx, bytes)
    }
}
