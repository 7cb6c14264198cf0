//! How a fetcher reaches its sources.

use std::time::Duration;

use super::Pip;
use crate::secret::Secret;

/// How a [`Fetcher`](super::Fetcher) reaches its sources. Start from [`FetchOptions::default`] or
/// [`FetchOptions::from_vars`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// The hub's address. Default `https://huggingface.co`.
    pub hub_endpoint: String,
    /// The hub's access token, sent only to `hub_endpoint`, for gated and private repositories.
    pub hub_token: Option<Secret>,
    /// The pip to use.
    pub pip: Pip,
    /// How long a connection may take before the next source is tried. Default 5 s.
    pub connect_timeout: Duration,
    /// How long a server may send nothing before the transfer counts as broken off. Default 30 s.
    pub stall_timeout: Duration,
    /// How often a transfer that broke off is continued without a byte gained, before the next
    /// source is tried. Default 3; at most 20 times in all.
    pub retries: u32,
    /// The pause before each of these. Default 1 s.
    pub retry_pause: Duration,
    /// How often to look whether another process has finished the same model. Default 100 ms.
    pub lock_poll: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            hub_endpoint: "https://huggingface.co".to_owned(),
            hub_token: None,
            pip: Pip::default(),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            retries: 3,
            retry_pause: Duration::from_secs(1),
            lock_poll: Duration::from_millis(100),
        }
    }
}

impl FetchOptions {
    /// The defaults, with `HF_ENDPOINT` and `HF_TOKEN` as `var` knows them (usually
    /// `|name| std::env::var(name).ok()`). Empty values count as absent.
    pub fn from_vars(var: impl Fn(&str) -> Option<String>) -> Self {
        let set =
            |name: &str| var(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let mut options = Self::default();
        if let Some(endpoint) = set("HF_ENDPOINT") {
            options.hub_endpoint = endpoint;
        }
        options.hub_token = set("HF_TOKEN").map(Secret::new);
        options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_read_and_the_token_is_not_shown() {
        let options = FetchOptions::from_vars(|name| match name {
            "HF_ENDPOINT" => Some("http://mirror.test".to_owned()),
            "HF_TOKEN" => Some("hf_secret\n".to_owned()),
            _ => None,
        });
        assert_eq!(options.hub_endpoint, "http://mirror.test");
        assert!(options.hub_token.is_some());
        assert!(!format!("{options:?}").contains("hf_secret"));

        let options = FetchOptions::from_vars(|_| Some(String::new()));
        assert_eq!(options.hub_endpoint, "https://huggingface.co");
        assert!(options.hub_token.is_none());
    }
}
