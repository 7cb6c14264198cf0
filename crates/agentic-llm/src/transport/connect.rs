//! Connections: straight or through a proxy, with or without TLS.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Uri;
use http::header::HeaderValue;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;
use tower_service::Service;

use super::Cause;

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
        Self { straight: Straight { tcp, tls: Arc::default() }, proxies: Arc::new(proxies), timeout }
    }

    /// What a proxy wants to be told with each request: it passes on requests without TLS one by one.
    pub(super) fn proxy_authorization(&self, to: &Uri) -> Option<HeaderValue> {
        let proxy = self.proxies.intercept(to).filter(|_| !is_https(to))?;
        proxy.basic_auth().cloned()
    }

    async fn connect(self, to: Uri) -> Result<Stream, Cause> {
        let Some(proxy) = self.proxies.intercept(&to) else { return self.straight.connect(to).await };
        match proxy.uri().scheme_str().unwrap_or_default() {
            "http" | "https" if is_https(&to) => {
                let tls = self.straight.tls()?;
                let mut tunnel = Tunnel::new(proxy.uri().clone(), self.straight);
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                Ok(Stream::new(HttpsConnector::from((tunnel, tls)).call(to).await?))
            }
            "http" | "https" => {
                let stream = self.straight.connect(proxy.uri().clone()).await?;
                Ok(Stream { asks_proxy: true, ..stream })
            }
            "socks5" => self.socks(&proxy, true, to).await,
            "socks5h" => self.socks(&proxy, false, to).await,
            other => {
                Err(format!("a proxy `{other}:` can't be used; use http, https, socks5 or socks5h").into())
            }
        }
    }

    async fn socks(self, proxy: &Intercept, local_dns: bool, to: Uri) -> Result<Stream, Cause> {
        // To what connects to it, it is a host and a port like others.
        let mut parts = proxy.uri().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        let tls = is_https(&to).then(|| self.straight.tls()).transpose()?;
        let mut socks = SocksV5::new(Uri::from_parts(parts)?, self.straight).local_dns(local_dns);
        if let Some((user, password)) = proxy.raw_auth() {
            socks = socks.with_auth(user.to_owned(), password.to_owned());
        }
        match tls {
            Some(tls) => Ok(Stream::new(HttpsConnector::from((socks, tls)).call(to).await?)),
            None => Ok(socks.call(with_port(to, 80)?).await?),
        }
    }
}

/// What speaks SOCKS here takes 443 for the port of any address that names none.
fn with_port(to: Uri, port: u16) -> Result<Uri, http::Error> {
    let Some(host) = to.host().filter(|_| to.port().is_none()) else { return Ok(to) };
    let authority = format!("{host}:{port}");
    Uri::builder().scheme("http").authority(authority).path_and_query("/").build()
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Cause;
    type Future = BoxFuture<'static, Result<Stream, Cause>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (this, limit) = (self.clone(), self.timeout);
        async move {
            match tokio::time::timeout(limit, this.connect(to)).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("connecting took longer than {:.1} s", limit.as_secs_f64()).into()),
            }
        }
        .boxed()
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
        let mut config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::new(provider)?))
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

impl Service<Uri> for Straight {
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
    fn connected(&self) -> Connected {
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
