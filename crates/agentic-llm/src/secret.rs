//! Keys and other secrets.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

/// A secret text, for example an API key: it never shows in `Debug` or `Display`, and its memory is zeroed when
/// it is dropped.
///
/// Serde does not know it, so it can't get into a journal or an event either.
#[derive(Clone)]
pub struct Secret(SecretString);

/// What is shown in place of a secret.
const HIDDEN: &str = "[secret]";

impl Secret {
    /// A secret of this text; surrounding white space is cut, as it comes with keys that were read from a file.
    pub fn new(text: impl Into<String>) -> Self {
        let text = SecretString::from(text.into());
        let trimmed = text.expose_secret().trim();
        if trimmed.len() == text.expose_secret().len() { Self(text) } else { Self(trimmed.into()) }
    }

    /// The text itself. Keep it out of messages.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// `text` without the secret: each place where it occurs is replaced.
    pub fn redact(&self, text: &str) -> String {
        if self.expose().is_empty() { text.to_owned() } else { text.replace(self.expose(), HIDDEN) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere() {
        let secret = Secret::new("  open-sesame\n");
        assert_eq!(secret.expose(), "open-sesame");
        let shown = format!("{secret} {secret:?} {:?}", Some(&secret));
        assert!(!shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn a_secret_is_taken_out_of_texts() {
        let secret = Secret::new("open-sesame");
        assert_eq!(secret.redact("bad key open-sesame!"), "bad key [secret]!");
        assert_eq!(Secret::new("").redact("abc"), "abc");
    }
}
