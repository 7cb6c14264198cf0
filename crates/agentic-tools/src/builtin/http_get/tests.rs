use agentic_core::{ToolErrorKind, ToolPolicy};
use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::addresses::is_public;
use super::body::{Kind, text};
use super::{Arguments, HttpGet, NAME, client, spec};

#[test]
fn tells_public_addresses_from_others() {
    for address in ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:400f::200e", "64:ff9b::101:101"]
    {
        assert!(is_public(address.parse().expect("an address")), "{address}");
    }
    for address in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.0.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "3fff::1",
        "fec0::1",
    ] {
        assert!(!is_public(address.parse().expect("an address")), "{address}");
    }
}

fn kind(content_type: &'static str) -> Result<Kind, agentic_core::ToolError> {
    Kind::of(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(content_type))]))
}

#[test]
fn reads_text_in_its_encoding() {
    assert_eq!(text(b"caf\xe9", &kind("text/plain; charset=iso-8859-1").expect("text")), "café");
    assert_eq!(text("café".as_bytes(), &kind("application/json").expect("json")), "café");
    assert!(kind("image/png").expect_err("no text").message().contains("`image/png`"));
    assert!(kind("application/octet-stream").is_err());
}

#[test]
fn takes_html_apart() {
    let html = b"<html><head><style>p { color: red }</style><script>alert(1)</script></head>\
        <body><h1>Prices</h1><p>Tea: 3 &euro;</p></body></html>";
    let text = text(html, &kind("text/html; charset=utf-8").expect("html"));
    assert!(text.contains("Prices") && text.contains("Tea: 3 €"), "{text}");
    assert!(!text.contains("color") && !text.contains("alert") && !text.contains("<p>"), "{text}");
}

/// A public server that sends the reader on to a private address. The public one is played by this machine, under
/// a name that is taken out of the resolver's hands.
#[tokio::test]
async fn refuses_redirects_to_private_addresses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let port = address.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..read]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let head = match path.strip_prefix("/to/") {
                Some(host) => format!("302 Found\r\nlocation: http://{host}:{port}/secret"),
                None => "200 OK".to_owned(),
            };
            let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: 6\r\n\r\nSECRET");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let builder = Client::builder().resolve("public.test", address);
    let tool = HttpGet {
        client: client(builder, false).expect("a client"),
        private: false,
        spec: spec::<Arguments>(NAME, "", ToolPolicy::default()),
    };
    let get =
        async |path: &str| tool.get(format!("http://public.test:{port}{path}").parse().expect("a URL")).await;
    assert!(get("/open").await.expect("the server answers").ends_with("SECRET\n"));
    for host in ["127.0.0.1", "[::1]", "localhost", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"] {
        let error = get(&format!("/to/{host}")).await.expect_err(host);
        assert_eq!(error.kind(), ToolErrorKind::Forbidden, "{host}: {error}");
        assert!(error.message().contains("private address"), "{host}: {error}");
    }
}
