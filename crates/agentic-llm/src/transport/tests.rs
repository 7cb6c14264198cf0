//! Proxies, TLS and timeouts, against sockets on the loopback interface.

use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::connect::Connector;
use super::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const TUNNEL: &[u8] = b"HTTP/1.1 200 Connected\r\n\r\n";

/// What a peer does next.
#[derive(Clone, Copy)]
enum Turn {
    /// Waits for a whole request, then says this.
    Request(&'static [u8]),
    /// Waits for so many bytes, then says this.
    Count(usize, &'static [u8]),
    /// Takes part in a TLS handshake.
    Tls,
}
use Turn::*;

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// A client and a server that trust each other, for the names of the tests.
fn tls() -> (ClientConfig, TlsAcceptor) {
    let names = ["models.test", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    (client, TlsAcceptor::from(Arc::new(server)))
}

/// What a peer is sent: a whole request, or as many bytes.
async fn heard(socket: &mut dyn Socket, bytes: Option<usize>) -> Vec<u8> {
    let mut all = Vec::new();
    let is_request = |all: &[u8]| all.ends_with(b"\r\n\r\n{}") || all.starts_with(b"CONNECT");
    while bytes.map_or_else(|| !is_request(&all), |bytes| all.len() < bytes) {
        let mut some = [0; 4096];
        match socket.read(&mut some).await {
            Ok(0) | Err(_) => break,
            Ok(count) => all.extend_from_slice(&some[..count]),
        }
    }
    all
}

/// A peer that takes one connection. Gives its address, and in the end what it was sent in each turn.
async fn peer(turns: &'static [Turn], acceptor: TlsAcceptor) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let said = tokio::spawn(async move {
        let mut socket: Box<dyn Socket> = Box::new(listener.accept().await.unwrap().0);
        let mut said = Vec::new();
        for turn in turns {
            let (bytes, answer) = match turn {
                Request(answer) => (None, answer),
                Count(bytes, answer) => (Some(*bytes), answer),
                Tls => {
                    socket = Box::new(acceptor.accept(socket).await.unwrap());
                    continue;
                }
            };
            let heard = heard(&mut *socket, bytes).await;
            said.push(heard.iter().map(|byte| char::from(*byte)).collect());
            socket.write_all(answer).await.unwrap();
            socket.flush().await.unwrap();
        }
        said
    });
    (address, said)
}

/// Posts `{}` to `to` by `proxy`; in both `PEER` stands for the peer's address.
async fn post(
    proxy: &str,
    to: &str,
    turns: &'static [Turn],
) -> (Result<Bytes, TransportError>, JoinHandle<Vec<String>>) {
    let patient = Timeouts { connect: Duration::from_secs(60), idle: Duration::from_secs(60) };
    post_within(patient, proxy, to, turns).await
}

async fn post_within(
    limits: Timeouts,
    proxy: &str,
    to: &str,
    turns: &'static [Turn],
) -> (Result<Bytes, TransportError>, JoinHandle<Vec<String>>) {
    let (client, acceptor) = tls();
    let (address, said) = peer(turns, acceptor).await;
    let (proxy, to) = (proxy.replace("PEER", &address), to.replace("PEER", &address));
    let proxies = if proxy.is_empty() { Matcher::builder() } else { Matcher::builder().all(proxy) };
    let connector = Connector::through(proxies.build(), limits.connect).with_tls(client);
    let transport = Transport::over(connector, limits.idle);
    let endpoint = transport.endpoint(to.parse().unwrap(), HeaderMap::new());
    let answered = async {
        let mut response = endpoint.post(b"{}".to_vec()).await?;
        assert_eq!(response.status(), 200);
        Ok(response.chunk().await?.unwrap_or_default())
    };
    (answered.await, said)
}

/// As [`post`], where all goes well. Gives what the peer was sent.
async fn answered(proxy: &str, to: &str, turns: &'static [Turn]) -> Vec<String> {
    let (answer, said) = post(proxy, to, turns).await;
    assert_eq!(&answer.unwrap()[..], b"ok");
    said.await.unwrap()
}

fn cause(error: &TransportError) -> String {
    root_cause(error).to_string()
}

#[tokio::test]
async fn without_a_proxy_requests_go_straight() {
    let said = answered("", "https://PEER/v1/chat", &[Tls, Request(ANSWER)]).await;
    assert!(said[0].starts_with("POST /v1/chat HTTP/1.1\r\n"), "{}", said[0]);
    assert!(said[0].contains("content-type: application/json\r\n"), "{}", said[0]);
    answered("", "http://PEER/v1/chat", &[Request(ANSWER)]).await;
}

#[tokio::test]
async fn a_proxy_is_told_the_whole_address_and_who_asks() {
    let said = answered("http://me:secret@PEER", "http://models.test/v1/chat", &[Request(ANSWER)]).await;
    assert!(said[0].starts_with("POST http://models.test/v1/chat HTTP/1.1\r\n"), "{}", said[0]);
    assert!(said[0].contains("proxy-authorization: Basic bWU6c2VjcmV0\r\n"), "{}", said[0]);
    assert!(said[0].contains("host: models.test\r\n"), "{}", said[0]);
}

#[tokio::test]
async fn what_is_secret_goes_through_a_tunnel() {
    for (proxy, turns) in [
        ("http://me:secret@PEER", &[Request(TUNNEL), Tls, Request(ANSWER)][..]),
        ("https://me:secret@PEER", &[Tls, Request(TUNNEL), Tls, Request(ANSWER)]),
    ] {
        let said = answered(proxy, "https://models.test/v1/chat", turns).await;
        let (tunnel, request) = (said[0].to_lowercase(), &said[1]);
        assert!(tunnel.starts_with("connect models.test:443 http/1.1\r\n"), "{tunnel}");
        assert!(tunnel.contains("proxy-authorization: basic bwu6c2vjcmv0\r\n"), "{tunnel}");
        assert!(tunnel.contains("user-agent: agentic/"), "{tunnel}");
        assert!(request.starts_with("POST /v1/chat HTTP/1.1\r\n"), "{request}");
        assert!(!request.contains("proxy-authorization"), "{request}");
    }
}

#[tokio::test]
async fn socks_proxies_are_given_the_name() {
    // Version, connect, reserved, a name of 11 bytes, port.
    let asks = "\x05\x01\x00\x03\x0bmodels.test";
    const YES: &[u8] = &[5, 0, 0, 1, 127, 0, 0, 1, 0, 80];
    for scheme in ["socks5", "socks5h"] {
        let turns = &[Count(3, &[5, 0]), Count(18, YES), Request(ANSWER)];
        let said = answered(&format!("{scheme}://PEER"), "http://models.test/v1", turns).await;
        assert_eq!(said[1], format!("{asks}\x00\x50"));
        assert!(said[2].starts_with("POST /v1 HTTP/1.1\r\n"), "{}", said[2]);
    }
    let turns = &[Count(3, &[5, 2]), Count(11, &[1, 0]), Count(18, YES), Tls, Request(ANSWER)];
    let said = answered("socks5://me:secret@PEER", "https://models.test/v1", turns).await;
    assert_eq!(said[1], "\x01\x02me\x06secret");
    assert_eq!(said[2].chars().map(|byte| byte as u8).collect::<Vec<_>>()[16..], [1, 187]);
}

#[tokio::test]
async fn a_refusing_proxy_is_named_without_its_password() {
    let refusal = &[Request(b"HTTP/1.1 403 Forbidden\r\n\r\n")];
    let (answer, _said) = post("http://me:secret@PEER", "https://models.test/v1", refusal).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    let cause = cause(&error);
    assert!(cause.contains("(through the proxy 127.0.0.1:"), "{cause}");
    assert!(!format!("{error:?} {cause}").contains("secret"), "{error:?} {cause}");
}

#[tokio::test]
async fn what_can_never_connect_is_told_apart() {
    let (answer, _said) = post("socks4://PEER", "http://models.test/v1", &[]).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, TransportError::Setup(_)), "{error:?}");
    assert!(cause(&error).contains("`socks4:`"), "{}", cause(&error));
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_not_spoken_to() {
    // The certificate is for other names.
    let (answer, _said) = post("http://PEER", "https://others.test/v1", &[Request(TUNNEL), Tls]).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, TransportError::Setup(_)), "{error:?}");
    assert!(cause(&error).contains("certificate"), "{}", cause(&error));
}

#[tokio::test]
async fn connecting_and_answering_take_only_so_long() {
    const SILENCE: Turn = Count(100_000, b"");
    const HEAD: Turn = Request(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n");
    let (long, short) = (Duration::from_secs(60), Duration::from_millis(300));
    let limits = Timeouts { connect: short, idle: long };
    let (answer, _said) = post_within(limits, "http://PEER", "https://models.test/v1", &[SILENCE]).await;
    let error = answer.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    let cause = cause(&error);
    assert!(cause.starts_with("connecting took longer than 0.3 s (through the proxy 127.0.0.1:"), "{cause}");

    let limits = Timeouts { connect: long, idle: short };
    for turns in [&[SILENCE][..], &[HEAD, SILENCE]] {
        let (answer, _said) = post_within(limits, "http://PEER", "http://models.test/v1", turns).await;
        assert!(matches!(answer, Err(TransportError::TimedOut)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named_with_the_reason() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "socks5"] {
        let (answer, _said) = post(&format!("{scheme}://{nobody}"), "https://models.test/v1", &[]).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
        let cause = cause(&error);
        assert!(
            cause.contains("refused") && cause.ends_with(&format!("(through the proxy {nobody})")),
            "{cause}"
        );
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_is_no_reason_to_try_again() {
    let refusal = &[Request(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")];
    let (answer, _said) = post("http://PEER", "https://models.test/v1", refusal).await;
    assert!(matches!(answer, Err(TransportError::Setup(_))), "{answer:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_apart_from_none() {
    let broken = &[Request(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")];
    let (answer, _said) = post("http://PEER", "http://models.test/v1", broken).await;
    assert!(matches!(answer, Err(TransportError::Interrupted(_))), "{answer:?}");

    let (answer, _said) = post("http://PEER", "http://models.test/v1", &[Request(b"")]).await;
    assert!(matches!(answer, Err(TransportError::Failed(_))), "{answer:?}");
}
