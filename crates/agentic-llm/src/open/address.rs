//! Addresses of models: `SCHEME:REST?OPTION=VALUE&…`.

use super::OpenError;

/// The parts of an address. `REST` may hold anything but a `?`; model names hold colons and slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    scheme: &'a str,
    rest: &'a str,
    options: Vec<(&'a str, &'a str)>,
}

impl<'a> Address<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, OpenError> {
        let text = text.trim();
        let no_scheme =
            || OpenError::NoScheme { address: text.split('?').next().unwrap_or_default().to_owned() };
        let (scheme, rest) = text.split_once(':').ok_or_else(no_scheme)?;
        if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(no_scheme());
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let options = query
            .split('&')
            .filter(|option| !option.is_empty())
            .map(|option| option.split_once('=').unwrap_or((option, "")))
            .collect();
        Ok(Self { scheme, rest, options })
    }

    pub(crate) fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// What stands after the scheme, without options.
    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    /// The value of an option, as it is written.
    #[cfg_attr(
        not(any(feature = "local", feature = "onnx", feature = "openai")),
        expect(dead_code, reason = "no adapter with options")
    )]
    pub(crate) fn option(&self, name: &str) -> Option<&'a str> {
        self.options.iter().find(|(option, _)| *option == name).map(|(_, value)| *value)
    }

    /// Refuses options that are not among these.
    pub(crate) fn allow(&self, known: &[&str]) -> Result<(), OpenError> {
        match self.options.iter().find(|(option, _)| !known.contains(option)) {
            None => Ok(()),
            Some((option, _)) => Err(OpenError::UnknownOption {
                scheme: self.scheme.to_owned(),
                option: (*option).to_owned(),
                known: if known.is_empty() { "none".to_owned() } else { known.join(", ") },
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_colons_and_slashes() {
        let address = Address::parse("openai:org/qwen2.5:7b?base_url=http://h:1/v1&key_env=K").unwrap();
        assert_eq!((address.scheme(), address.rest()), ("openai", "org/qwen2.5:7b"));
        assert_eq!(address.option("base_url"), Some("http://h:1/v1"));
        assert_eq!(address.option("key_env"), Some("K"));
        assert_eq!(address.option("other"), None);
        assert!(address.allow(&["base_url"]).is_err());
    }

    #[test]
    fn an_address_without_a_scheme_is_refused() {
        for text in ["gpt-5", "", ":x", "a b:c", "./x:y"] {
            assert!(matches!(Address::parse(text), Err(OpenError::NoScheme { .. })), "{text}");
        }
    }
}
