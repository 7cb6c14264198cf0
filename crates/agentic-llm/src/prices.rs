//! What models behind endpoints cost: a list, as data.

use std::path::{Path, PathBuf};

use agentic_core::{NanoUsd, Price};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::open::Environment;

/// What is known of models behind endpoints, by host and name: prices, and limits where they are known. Built in, and
/// from the user's own file. What is not in it has no known price.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    models: Vec<PricedModel>,
}

/// A line of a [`PriceList`].
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PricedModel {
    /// The name that its server knows it by, without a date.
    pub id: String,
    /// The endpoint's host.
    pub host: String,
    /// For a million input tokens.
    #[serde(deserialize_with = "dollars")]
    pub input: NanoUsd,
    /// For a million input tokens that the provider had cached; `None` if they cost what others do.
    #[serde(default, deserialize_with = "some_dollars")]
    pub cached_input: Option<NanoUsd>,
    /// For a million output tokens.
    #[serde(deserialize_with = "dollars")]
    pub output: NanoUsd,
    /// Tokens of input and output together; of an embedding model, those of one text.
    pub context_tokens: Option<u64>,
    /// The most tokens of one answer.
    pub max_output_tokens: Option<u64>,
    /// Numbers in a vector of an embedding model.
    pub dimensions: Option<usize>,
    /// Whether an embedding model gives shorter vectors if it is asked to.
    #[serde(default)]
    pub shortens: bool,
    /// Where the numbers are from.
    pub source: String,
    /// Of which time they are: a year, a month or a day.
    pub as_of: String,
}

/// Why a price list can't be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PriceListError {
    /// The file can't be read.
    #[error("can't read the price list `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no price list.
    #[error("the price list {origin} can't be used: {reason}")]
    Malformed {
        /// The file or whatever the text is called.
        origin: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default, rename = "model")]
    models: Vec<PricedModel>,
}

impl PriceList {
    /// The list compiled into the program.
    ///
    /// # Errors
    /// [`PriceListError::Malformed`] cannot occur in a tested build.
    pub fn builtin() -> Result<Self, PriceListError> {
        Self::parse(include_str!("prices.toml"), "built in")
    }

    /// The built-in list with the file that `AGENTIC_PRICES` names, if it names one.
    ///
    /// # Errors
    /// [`PriceListError`] about the file.
    pub fn of_user(environment: &Environment) -> Result<Self, PriceListError> {
        let builtin = Self::builtin()?;
        match environment.get("AGENTIC_PRICES") {
            Some(path) => builtin.with_user_file(Path::new(&path)),
            None => Ok(builtin),
        }
    }

    /// Reads a list from TOML; `origin` names it in errors. The form is described at the head of the built-in
    /// `prices.toml`.
    ///
    /// # Errors
    /// [`PriceListError::Malformed`] with what is wrong.
    pub fn parse(text: &str, origin: &str) -> Result<Self, PriceListError> {
        let Text { models } = toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
            let reason = format!("line {line}: {}", error.message());
            PriceListError::Malformed { origin: origin.to_owned(), reason }
        })?;
        Ok(Self { models })
    }

    /// Adds the user's own file: its models replace those of the same host and id.
    ///
    /// # Errors
    /// [`PriceListError`].
    pub fn with_user_file(self, path: &Path) -> Result<Self, PriceListError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(self.with(Self::parse(&text, &path.display().to_string())?)),
            Err(source) => Err(PriceListError::Unreadable { path: path.to_owned(), source }),
        }
    }

    /// This list with another: where both have a model, the other's line holds.
    #[must_use]
    pub fn with(mut self, mut other: Self) -> Self {
        let replaced = |old: &PricedModel| other.find(&old.host, &old.id).is_some_and(|new| new.id == old.id);
        self.models.retain(|old| !replaced(old));
        self.models.append(&mut other.models);
        self
    }

    /// The models in it, in order.
    pub fn models(&self) -> &[PricedModel] {
        &self.models
    }

    /// What is known of a model at a host, by its name or its name with a date (`gpt-5-2025-08-07`).
    pub fn find(&self, host: &str, model: &str) -> Option<&PricedModel> {
        let named = |name: &str| self.models.iter().find(|known| known.host == host && known.id == name);
        named(model).or_else(|| named(undated(model)))
    }
}

impl PricedModel {
    /// The price.
    pub fn price(&self) -> Price {
        let Self { input, cached_input, output, .. } = *self;
        Price { input, cached_input: cached_input.unwrap_or(input), output }
    }
}

fn dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NanoUsd, D::Error> {
    let dollars = f64::deserialize(deserializer)?;
    NanoUsd::from_dollars(dollars)
        .ok_or_else(|| serde::de::Error::custom(format!("{dollars} is no number of dollars")))
}

fn some_dollars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NanoUsd>, D::Error> {
    dollars(deserializer).map(Some)
}

fn undated(model: &str) -> &str {
    let is_date = |text: &str| {
        text.len() == 11
            && text.bytes().enumerate().all(|(at, byte)| match at {
                0 | 5 | 8 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    match model.len().checked_sub(11).and_then(|at| model.split_at_checked(at)) {
        Some((name, date)) if is_date(date) => name,
        _ => model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPENAI: &str = "api.openai.com";

    fn line(id: &str, input: &str) -> String {
        format!(
            "[[model]]\nid = \"{id}\"\nhost = \"{OPENAI}\"\ninput = {input}\noutput = 4\nsource = \"mine\"\nas_of = \"2026\"\n"
        )
    }

    #[test]
    fn prices_are_dollars_for_a_million_tokens() {
        let list = PriceList::builtin().unwrap();
        let price = list.find(OPENAI, "gpt-5-mini").unwrap().price();
        assert_eq!(Some(price.input), NanoUsd::from_dollars(0.25));
        assert_eq!(Some(price.cached_input), NanoUsd::from_dollars(0.025));
        assert_eq!(Some(price.output), NanoUsd::from_dollars(2.0));
    }

    #[test]
    fn every_line_says_where_it_is_from_and_of_when() {
        let list = PriceList::builtin().unwrap();
        assert!(!list.models.is_empty());
        for model in &list.models {
            assert!(!model.source.is_empty() && model.as_of.starts_with("20"), "{model:?}");
        }
    }

    #[test]
    fn a_dated_name_is_the_same_model_and_another_host_is_not() {
        let list = PriceList::builtin().unwrap();
        assert_eq!(list.find(OPENAI, "gpt-5-2025-08-07"), list.find(OPENAI, "gpt-5"));
        assert!(list.find(OPENAI, "gpt-5").is_some());
        for (host, model) in [(OPENAI, "gpt-5-turbo-ultra"), (OPENAI, "é"), ("example.org", "gpt-5")] {
            assert_eq!(list.find(host, model), None, "{host} {model}");
        }
    }

    #[test]
    fn the_users_own_lines_add_and_replace() {
        let own = line("gpt-5", "9") + &line("gpt-5-2025-08-07", "8") + &line("new", "0.5");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.toml");
        let vars = || [("AGENTIC_PRICES", path.to_string_lossy())];
        let missing = PriceList::of_user(&Environment::from_vars(vars())).unwrap_err().to_string();
        assert!(missing.contains(&*path.to_string_lossy()), "{missing}");
        std::fs::write(&path, own).unwrap();
        let list = PriceList::of_user(&Environment::from_vars(vars())).unwrap();
        let input = |model| list.find(OPENAI, model).map(|found| found.price().input.dollars());
        assert_eq!(
            (input("gpt-5"), input("gpt-5-2025-08-07"), input("new")),
            (Some(9.0), Some(8.0), Some(0.5))
        );
        assert_eq!(input("gpt-5-mini"), Some(0.25), "what is not replaced stays");
        let price = list.find(OPENAI, "new").unwrap().price();
        assert_eq!(price.cached_input, price.input, "cached tokens cost what others do");
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let message = |text: &str| PriceList::parse(text, "mine").unwrap_err().to_string();
        assert!(
            message(&line("x", "-1"))
                .starts_with("the price list mine can't be used: line 4: -1 is no number")
        );
        assert!(message("[[model]]\nidd = \"x\"").contains("line 2: unknown field `idd`"));
    }
}
