//! `http_get`, against a server of this machine.

use std::net::SocketAddr;
use std::sync::Arc;

use agentic_core::{Tool, ToolError, ToolErrorKind};
use agentic_testkit::conformance;
use agentic_tools::builtin::HttpGet;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::{call, context, text};

/// A server that answers each path in its own way; it ends with the test's runtime.
async fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 1024];
                while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => request.extend_from_slice(&buffer[..read]),
                    }
                }
                let request = String::from_utf8_lossy(&request);
                let path = request.split(' ').nth(1).unwrap_or_default();
                // The other end may hang up in the middle of a long answer.
                let _ = stream.write_all(&answer(path, address)).await;
            });
        }
    });
    address
}

fn answer(path: &str, address: SocketAddr) -> Vec<u8> {
    let ok = |kind: &str, body: &str| format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let to = |place: &str| format!("HTTP/1.1 302 Found\r\nlocation: {place}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    match path {
        "/json" => ok("application/json", "{\"price\": 5}"),
        "/html" => ok("text/html", "<html><body><h1>Prices</h1><script>x()</script><p>Tea <b>5</b></p></body></html>"),
        "/image" => ok("image/png", "no text"),
        "/huge" => ok("text/plain", &"0123456789\n".repeat(1_000_000)),
        "/long" => ok("text/plain", &"0123456789\n".repeat(10_000)),
        "/here" => to("/json"),
        "/round" => to("/round"),
        "/file" => to("file:///etc/passwd"),
        "/private" => to(&format!("http://169.254.169.254:{}/json", address.port())),
        _ => "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".into(),
    }
    .into_bytes()
}

async fn get(url: String) -> Result<Value, ToolError> {
    call(HttpGet::new().unwrap().allow_private_addresses().unwrap(), json!({ "url": url })).await
}

#[tokio::test]
async fn reads_documents() {
    let address = serve().await;
    let tool: Arc<dyn Tool> = Arc::new(HttpGet::new().unwrap().allow_private_addresses().unwrap());
    conformance::tool::all(&context(), &tool, &json!({ "url": format!("http://{address}/json") })).await;
    let json = text(get(format!("http://{address}/here")).await);
    assert_eq!(json, format!("http://{address}/json\n\n{{\"price\": 5}}\n"), "after a redirect");
    let html = text(get(format!("http://{address}/html")).await);
    assert!(html.contains("Prices") && html.contains("Tea") && !html.contains("x()"), "{html}");
}

#[tokio::test]
async fn bounds_what_it_reads() {
    let address = serve().await;
    let huge = text(get(format!("http://{address}/huge")).await);
    assert!(huge.len() < 31_000, "{}", huge.len());
    assert!(huge.ends_with("[cut: the document is longer than the 2.1 MB that are read; these are the first 30.0 KB of 2.1 MB of text]\n"), "{}", &huge[huge.len() - 200..]);
    let long = text(get(format!("http://{address}/long")).await);
    assert!(long.ends_with("[cut: these are the first 30.0 KB of 110.0 KB of text]\n"), "{}", &long[long.len() - 200..]);
}

#[tokio::test]
async fn says_what_is_wrong() {
    let address = serve().await;
    for (url, kind, part) in [
        (format!("http://{address}/nothing"), ToolErrorKind::NotFound, "404 Not Found"),
        (format!("http://{address}/image"), ToolErrorKind::Unsupported, "`image/png`"),
        (format!("http://{address}/round"), ToolErrorKind::LimitReached, "redirects"),
        (format!("http://{address}/file"), ToolErrorKind::Forbidden, "http and https"),
        ("example.com".into(), ToolErrorKind::InvalidArguments, "no web address"),
        ("file:///etc/passwd".into(), ToolErrorKind::InvalidArguments, "only http and https"),
        (format!("http://user:pass@{address}/json"), ToolErrorKind::InvalidArguments, "user name"),
        // Nobody listens at port 1 of the loopback address.
        ("http://127.0.0.1:1/".into(), ToolErrorKind::Unavailable, "can't connect to `127.0.0.1`"),
    ] {
        let error = get(url.clone()).await.expect_err(&url);
        assert_eq!(error.kind(), kind, "{url}: {error}");
        assert!(error.message().contains(part), "{url}: {error}");
        assert!(!error.message().contains("pass@"), "{error}");
    }
}

#[tokio::test]
async fn refuses_private_addresses() {
    let port = serve().await.port();
    for url in [
        format!("http://127.0.0.1:{port}/json"),
        format!("http://localhost:{port}/json"),
        format!("http://[::1]:{port}/json"),
        format!("http://[::ffff:127.0.0.1]:{port}/json"),
        format!("http://2130706433:{port}/json"),
        format!("http://0x7f.1:{port}/json"),
        format!("http://0.0.0.0:{port}/json"),
        "http://169.254.169.254/latest/meta-data".into(),
        "http://10.0.0.1/".into(),
    ] {
        let error = call(HttpGet::new().unwrap(), json!({ "url": url })).await.expect_err(&url);
        assert_eq!(error.kind(), ToolErrorKind::Forbidden, "{url}: {error}");
        assert!(error.message().contains("private address"), "{url}: {error}");
    }
}
