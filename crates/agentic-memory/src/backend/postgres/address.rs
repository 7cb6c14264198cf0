//! Addresses: `postgres://USER[:PASSWORD]@HOST[:PORT]/DATABASE[?OPTIONS]`.

use std::path::PathBuf;
use std::time::Duration;

use agentic_core::{StoreError, StoreErrorKind as Kind};
use tokio_postgres::config::{Host, SslMode};

/// Where a store is, and how it is used.
#[derive(Debug)]
pub(super) struct Address {
    /// What the driver needs; its `Debug` leaves out the password.
    pub(super) server: tokio_postgres::Config,
    /// The schema that has the tables.
    pub(super) schema: String,
    /// Whether an encrypted connection has to be with the right one.
    pub(super) trust: Trust,
    /// Whether vectors are found through an approximate index.
    pub(super) hnsw: bool,
    /// The most connections at the same time.
    pub(super) connections: usize,
    /// How long one call may take.
    pub(super) patience: Duration,
    /// The address without secrets.
    pub(super) url: String,
}

/// Whom an encrypted connection may be with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Whoever answers: nobody reads along, but who it is, is not known.
    Anyone,
    /// Whoever has a certificate of this name that the system trusts.
    System,
    /// Whoever has a certificate of this name that one of the authorities in this file made.
    File(PathBuf),
}

const OPTIONS: &str = "schema, sslmode, sslrootcert, index, connections, connect_timeout, statement_timeout";

/// How long connecting may take, in seconds.
const CONNECT: u64 = 10;
/// How long one call may take, in seconds.
const STATEMENT: u64 = 60;
const CONNECTIONS: usize = 8;
const SCHEMA: &str = "agentic_memory";

impl Address {
    /// Reads an address. No error repeats a part of it: whatever stands in the wrong place may be a password.
    pub(super) fn parse(text: &str) -> Result<Self, StoreError> {
        let wrong = |message: &str| {
            let message = format!(
                "{message}; it is like postgres://USER:PASSWORD@HOST:5432/DATABASE, with `@`, `/`, `?`, `:` and `%` of names and \
                 passwords written as %40, %2F, %3F, %3A and %25"
            );
            StoreError::new(Kind::Invalid, "postgres:", message)
        };
        let rest = text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://"));
        let rest = rest.ok_or_else(|| wrong("the address has no `//`"))?;
        let (user, place) = rest.split_once('@').ok_or_else(|| wrong("the address names no user"))?;
        let (place, options) = place.split_once('?').unwrap_or((place, ""));
        if place.contains('@') {
            return Err(wrong("the address has two `@`"));
        }
        let server = format!("postgres://{user}@{place}").parse();
        let server: tokio_postgres::Config = server.map_err(|_| wrong("the address can't be read"))?;
        let named = server.get_user().is_some_and(|user| !user.is_empty())
            && server.get_dbname().is_some_and(|name| !name.is_empty())
            && !server.get_hosts().is_empty();
        if !named {
            return Err(wrong("the address has to name a user, a host and a database"));
        }
        let mut address = Self {
            server,
            schema: SCHEMA.into(),
            trust: Trust::Anyone,
            hnsw: false,
            connections: CONNECTIONS,
            patience: Duration::from_secs(STATEMENT),
            url: String::new(),
        };
        address.server.connect_timeout(Duration::from_secs(CONNECT)).application_name("agentic-memory");
        // A network that has gone away is noticed.
        address.server.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(Duration::from_secs(30));
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let set = option.split_once('=').and_then(|(name, value)| address.set(name, value));
            set.ok_or_else(|| {
                let message = format!(
                    "an option of the address is not known or has a wrong value; there are {OPTIONS}"
                );
                StoreError::new(Kind::Invalid, "postgres:", message)
            })?;
        }
        address.url = address.shown();
        Ok(address)
    }

    /// Sets an option. `None` if there is none of this name, or none with this value.
    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        let number = || value.parse::<u32>().ok().filter(|number| *number > 0);
        match name {
            "schema" => {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
                let begins = value.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
                // Names that begin with `pg_` are the server's own.
                let free = value.len() <= 63 && !value.starts_with("pg_") && value != "information_schema";
                if !(begins && free && value.chars().all(plain)) {
                    return None;
                }
                self.schema = value.into();
            }
            "sslmode" => {
                let (mode, trust) = match value {
                    "disable" => (SslMode::Disable, Trust::Anyone),
                    "prefer" => (SslMode::Prefer, Trust::Anyone),
                    "require" => (SslMode::Require, Trust::Anyone),
                    "verify-full" => (SslMode::Require, Trust::System),
                    _ => return None,
                };
                self.server.ssl_mode(mode);
                if !matches!(self.trust, Trust::File(_)) {
                    self.trust = trust;
                }
            }
            "sslrootcert" => {
                self.server.ssl_mode(SslMode::Require);
                self.trust = Trust::File(value.into());
            }
            "index" if value == "hnsw" => self.hnsw = true,
            "index" if value == "none" => self.hnsw = false,
            "connections" => self.connections = number()? as usize,
            "connect_timeout" => drop(self.server.connect_timeout(Duration::from_secs(number()?.into()))),
            "statement_timeout" => self.patience = Duration::from_secs(number()?.into()),
            _ => return None,
        }
        Some(())
    }

    /// How long connecting to one host may take.
    pub(super) fn connect_patience(&self) -> Duration {
        self.server.get_connect_timeout().copied().unwrap_or(Duration::from_secs(CONNECT))
    }

    fn shown(&self) -> String {
        let ports = self.server.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let host = |(at, host): (usize, &Host)| match host {
            Host::Tcp(name) if name.contains(':') => format!("[{name}]:{}", port(at)),
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        let hosts: Vec<String> = self.server.get_hosts().iter().enumerate().map(host).collect();
        let (user, database) = (self.server.get_user(), self.server.get_dbname());
        let index = if self.hnsw { "&index=hnsw" } else { "" };
        format!(
            "postgres://{}@{}/{}?schema={}{index}",
            user.unwrap_or_default(),
            hosts.join(","),
            database.unwrap_or_default(),
            self.schema
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_passwords() {
        for (text, expected) in [
            ("postgres://anna:s3cret@db/notes", "postgres://anna@db:5432/notes?schema=agentic_memory"),
            (
                "postgresql://anna:s3cret%2F%40@[::1]:99/n?schema=a_1&index=hnsw",
                "postgres://anna@[::1]:99/n?schema=a_1&index=hnsw",
            ),
            ("postgres://anna:s3/cret?@a:1,b:2/n", "postgres://anna@a:1,b:2/n?schema=agentic_memory"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.url, expected);
            assert!(!format!("{address:?}").contains("s3"), "{address:?}");
        }
    }

    #[test]
    fn options_are_read() {
        let text = "postgres://a@b/c?sslmode=verify-full&connections=3&connect_timeout=2&statement_timeout=5";
        let address = Address::parse(text).unwrap();
        assert_eq!((address.trust, address.connections), (Trust::System, 3));
        assert_eq!(address.server.get_ssl_mode(), SslMode::Require);
        assert_eq!(address.patience, Duration::from_secs(5));
        let address = Address::parse("postgres://a@b/c?sslrootcert=/x/ca.pem&sslmode=verify-full").unwrap();
        assert_eq!(address.trust, Trust::File("/x/ca.pem".into()));
        assert_eq!(Address::parse("postgres://a@b/c").unwrap().server.get_ssl_mode(), SslMode::Prefer);
    }

    #[test]
    fn what_can_not_be_read_is_not_repeated() {
        for text in [
            "postgres:x",
            "postgres://",
            "postgres://s3cret",
            "postgres://a:s3cret@b",
            "postgres://a:s3cret@/c",
            "postgres://a:s3@cret@b/c",
            "postgres://a:s3cret@b:s3cret/c",
            "postgres://a:b@c/d?s3cret=1",
            "postgres://a:b@c/d?schema=s3;cret",
            "postgres://a:b@c/d?schema=pg_s3cret",
            "postgres://a:b@c/d?sslmode=s3cret",
            "postgres://a:b@c/d?connections=0",
            "postgres://a:b@c/d?index=s3cret",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind, Kind::Invalid, "{text}");
            assert!(!format!("{error} {error:?}").contains("s3"), "{text}: {error}");
        }
    }
}
