//! Proxies and timeouts, against sockets on the loopback interface.

use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::connect::Connector;
use super::*;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a peer is sent: a whole request, or as many bytes.
async fn heard(socket: &mut TcpStream, bytes: Option<usize>) -> Vec<u8> {
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

/// A peer that answers in turn: after so many bytes (a whole request if none are named) these.
async fn peer(turns: &'static [(Option<usize>, &'static [u8])]) -> (String, JoinHandle<Vec<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let said = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut said = Vec::new();
        for (bytes, answer) in turns {
            said.push(heard(&mut socket, *bytes).await);
            socket.write_all(answer).await.unwrap();
        }
        said
    });
    (address, said)
}

async fn post(proxy: &str, to: &'static str) -> Result<Bytes, TransportError> {
    let connector = Connector::through(Matcher::builder().all(proxy).build(), Duration::from_secs(10));
    let endpoint = Transport::over(connector, Duration::from_secs(60));
    let mut response = endpoint.endpoint(Uri::from_static(to), HeaderMap::new()).post(b"{}".to_vec()).await?;
    assert_eq!(response.status(), 200);
    Ok(response.chunk().await?.unwrap_or_default())
}

fn cause(error: &TransportError) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[tokio::test]
async fn a_proxy_is_told_the_whole_address_and_who_asks() {
    let (proxy, said) = peer(&[(None, ANSWER)]).await;
    let body = post(&format!("http://me:secret@{proxy}"), "http://models.test/v1/chat").await.unwrap();
    assert_eq!(&body[..], b"ok");
    let said = String::from_utf8(said.await.unwrap().remove(0)).unwrap();
    assert!(said.starts_with("POST http://models.test/v1/chat HTTP/1.1\r\n"), "{said}");
    assert!(said.contains("proxy-authorization: Basic bWU6c2VjcmV0\r\n"), "{said}");
    assert!(said.contains("host: models.test\r\n"), "{said}");
}

#[tokio::test]
async fn what_is_secret_goes_through_a_tunnel() {
    let (proxy, said) = peer(&[(None, b"HTTP/1.1 403 Forbidden\r\n\r\n")]).await;
    let error = post(&format!("http://me:secret@{proxy}"), "https://models.test/v1/chat").await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    let said = String::from_utf8(said.await.unwrap().remove(0)).unwrap();
    assert!(said.starts_with("CONNECT models.test:443 HTTP/1.1\r\n"), "{said}");
    assert!(said.to_lowercase().contains("proxy-authorization: basic bwu6c2vjcmv0\r\n"), "{said}");
    assert!(!said.contains("/v1/chat"), "{said}");
}

#[tokio::test]
async fn socks_proxies_resolve_names_themselves() {
    let (proxy, said) = peer(&[
        (Some(3), &[5, 0]),
        // version, connect, reserved, a name of 11 bytes, port
        (Some(18), &[5, 0, 0, 1, 127, 0, 0, 1, 0, 80]),
        (None, ANSWER),
    ])
    .await;
    let body = post(&format!("socks5h://{proxy}"), "http://models.test/v1").await.unwrap();
    assert_eq!(&body[..], b"ok");
    let said = said.await.unwrap();
    assert_eq!(said[1], b"\x05\x01\x00\x03\x0bmodels.test\x00\x50");
    assert!(said[2].starts_with(b"POST /v1 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_proxy_of_an_unknown_kind_is_named() {
    let error = post("socks4://127.0.0.1:1", "http://models.test/v1").await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)));
    assert!(cause(&error).contains("socks4"), "{}", cause(&error));
}

#[tokio::test(start_paused = true)]
async fn connecting_and_answering_take_only_so_long() {
    let (proxy, _said) = peer(&[(Some(100_000), b"")]).await;
    let error = post(&format!("http://{proxy}"), "https://models.test/v1").await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
    assert_eq!(cause(&error), "connecting took longer than 10.0 s");

    let (proxy, _said) = peer(&[(Some(100_000), b"")]).await;
    let error = post(&format!("http://{proxy}"), "http://models.test/v1").await.unwrap_err();
    assert!(matches!(error, TransportError::TimedOut), "{error:?}");

    let (proxy, _said) =
        peer(&[(None, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"), (Some(100_000), b"")]).await;
    let error = post(&format!("http://{proxy}"), "http://models.test/v1").await.unwrap_err();
    assert!(matches!(error, TransportError::TimedOut), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_apart_from_none() {
    let (proxy, _said) = peer(&[(None, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")]).await;
    let error = post(&format!("http://{proxy}"), "http://models.test/v1").await.unwrap_err();
    assert!(matches!(error, TransportError::Interrupted(_)), "{error:?}");

    let (proxy, _said) = peer(&[(None, b"")]).await;
    let error = post(&format!("http://{proxy}"), "http://models.test/v1").await.unwrap_err();
    assert!(matches!(error, TransportError::Failed(_)), "{error:?}");
}
