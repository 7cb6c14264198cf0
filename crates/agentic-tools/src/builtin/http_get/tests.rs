use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use super::addresses::is_public;
use super::body::{Kind, text};

#[test]
fn tells_public_addresses_from_others() {
    for address in ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "2a00:1450:400f::200e", "64:ff9b::101:101"] {
        assert!(is_public(address.parse().expect("an address")), "{address}");
    }
    for address in [
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.0.9", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.1", "192.0.2.1", "192.168.1.1", "198.18.0.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1", "fc00::1", "fd12::1", "ff02::1",
        "2001:db8::1", "2001::1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1", "3fff::1", "fec0::1",
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
