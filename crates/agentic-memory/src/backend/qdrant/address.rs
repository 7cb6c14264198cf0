//! Addresses: `qdrant://HOST[:PORT]/COLLECTION[?api_key_env=NAME][&tls=true|false][&timeout=SECONDS]`.

use std::time::Duration;

use agentic_core::{StoreError, StoreErrorKind as Kind};

/// The port of Qdrant's gRPC interface.
const PORT: u16 = 6334;

/// Where the API key is, unless the address names another place.
const API_KEY: &str = "QDRANT_API_KEY";

/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where a collection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// With brackets, if it is one of IPv6.
    host: String,
    port: u16,
    pub(super) collection: String,
    /// The environment variable with the API key, and whether the address names it.
    pub(super) key: (String, bool),
    /// Unless it is said: with a key, if the host is not this machine.
    tls: Option<bool>,
    pub(super) timeout: Duration,
}

impl Address {
    /// Reads an address.
    pub(super) fn read(url: &str) -> Result<Self, StoreError> {
        let rest = url.strip_prefix("qdrant://").unwrap_or_default();
        let (place, asked) = rest.split_once('?').unwrap_or((rest, ""));
        let (server, collection) = place.split_once('/').unwrap_or((place, ""));
        // What stands in a wrong address may be a secret, so it is not shown.
        let wrong = |what: &str| {
            let form =
                "qdrant://HOST[:PORT]/COLLECTION[?api_key_env=NAME][&tls=true|false][&timeout=SECONDS]";
            Err(StoreError::new(Kind::Invalid, "qdrant", format!("{what}; write `{form}`")))
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if server.contains('@') {
            return wrong("an address has no password; the API key is in the environment");
        }
        if collection.is_empty() || !collection.bytes().all(plain) {
            return wrong("it names no collection: letters, digits, `_`, `-` and `.`");
        }
        let (host, port) = match server.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
            _ => (server, Some(PORT)),
        };
        let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let named = match inside {
            Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(plain),
        };
        let Some(port) = port.filter(|_| named) else { return wrong("it names no host and port") };
        let mut address = Self {
            host: host.to_owned(),
            port,
            collection: collection.to_owned(),
            key: (API_KEY.to_owned(), false),
            tls: None,
            timeout: TIMEOUT,
        };
        for (name, value) in asked
            .split('&')
            .filter_map(|part| part.split_once('=').or((!part.is_empty()).then_some((part, ""))))
        {
            match (name, value, value.parse::<u32>()) {
                ("api_key_env", name, _) if !name.is_empty() => address.key = (name.to_owned(), true),
                ("tls", "true", _) => address.tls = Some(true),
                ("tls", "false", _) => address.tls = Some(false),
                ("timeout", _, Ok(seconds @ 1..)) => {
                    address.timeout = Duration::from_secs(seconds.into());
                }
                _ => return wrong("it asks for what there is not"),
            }
        }
        Ok(address)
    }

    /// The address of the store, without what only says how it is reached.
    pub(super) fn url(&self) -> String {
        let Self { host, port, collection, .. } = self;
        format!("qdrant://{host}:{port}/{collection}")
    }

    /// Whether what is sent is encrypted.
    pub(super) fn tls(&self, with_key: bool) -> bool {
        let here = self.host == "localhost"
            || self
                .host
                .trim_matches(['[', ']'])
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback());
        self.tls.unwrap_or(with_key && !here)
    }

    /// Where the server is.
    pub(super) fn endpoint(&self, tls: bool) -> String {
        let scheme = if tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let address = Address::read("qdrant://db/notes").unwrap();
        assert_eq!(address.url(), "qdrant://db:6334/notes");
        assert_eq!((address.key.0.as_str(), address.timeout), ("QDRANT_API_KEY", TIMEOUT));
        assert!(!address.tls(false) && address.tls(true), "a key is not sent as it is");
        let address = Address::read("qdrant://[::1]:7/a-b?tls=true&api_key_env=KEY&timeout=2").unwrap();
        assert_eq!(address.endpoint(address.tls(false)), "https://[::1]:7");
        assert_eq!((address.key, address.timeout), (("KEY".into(), true), Duration::from_secs(2)));
        for local in ["qdrant://localhost/a", "qdrant://127.0.0.1:1/a", "qdrant://[::1]/a"] {
            assert!(!Address::read(local).unwrap().tls(true), "{local} does not leave this machine");
        }
        for wrong in [
            "qdrant:",
            "qdrant://",
            "qdrant://db",
            "qdrant://db/",
            "qdrant://db/a/b",
            "qdrant:///a",
            "qdrant://db:x/a",
            "qdrant://db:99999/a",
            "qdrant://[x]/a",
            "qdrant://user:swordfish@db/a",
            "qdrant://db/a?tls=maybe",
            "qdrant://db/a?swordfish",
            "qdrant://db/a?api_key=swordfish",
            "qdrant://db/a?timeout=0",
        ] {
            let error = Address::read(wrong).unwrap_err();
            assert_eq!(error.kind, Kind::Invalid, "{wrong}");
            assert!(!error.to_string().contains("swordfish"), "{error}");
        }
    }
}
