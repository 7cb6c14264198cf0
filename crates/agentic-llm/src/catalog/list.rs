//! The catalog: entries by id and alias.

use std::{collections::HashSet, path::Path};

use serde::Deserialize;

use super::{CatalogError, Entry, Purpose};

/// The models known by name: those built in, and those of the user's own catalog file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    default: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogText {
    default: Option<String>,
    #[serde(default, rename = "model")]
    models: Vec<Entry>,
}

impl Catalog {
    /// The catalog compiled into the program.
    ///
    /// # Errors
    /// [`CatalogError::InvalidCatalog`] cannot occur in a tested build.
    pub fn builtin() -> Result<Self, CatalogError> {
        Self::parse(include_str!("catalog.toml"), "built in")
    }

    /// Reads a catalog from TOML; `origin` names it in errors. The form is described at the head
    /// of the built-in `catalog.toml`.
    ///
    /// # Errors
    /// [`CatalogError::InvalidCatalog`] with what is wrong.
    pub fn parse(text: &str, origin: &str) -> Result<Self, CatalogError> {
        let invalid = |reason: String| CatalogError::InvalidCatalog { origin: origin.to_owned(), reason };
        let CatalogText { default, models } =
            toml::from_str(text).map_err(|error| invalid(one_line(&error.to_string())))?;
        models.iter().try_for_each(Entry::check).map_err(&invalid)?;
        let catalog = Self { default: default.unwrap_or_default(), entries: models };
        catalog.check_names().map_err(invalid)?;
        Ok(catalog)
    }

    /// Adds the user's own catalog file: its entries replace those of the same id, its default
    /// replaces the default.
    ///
    /// # Errors
    /// [`CatalogError::InvalidCatalog`] if the file can't be read, or is not a catalog.
    pub fn with_user_file(self, path: &Path) -> Result<Self, CatalogError> {
        let origin = path.display().to_string();
        match std::fs::read_to_string(path) {
            Ok(text) => self.with_text(&text, &origin),
            Err(error) => {
                Err(CatalogError::InvalidCatalog { origin, reason: format!("can't read it: {error}") })
            }
        }
    }

    fn with_text(mut self, text: &str, origin: &str) -> Result<Self, CatalogError> {
        let added = Self::parse(text, origin)?;
        self.entries.retain(|old| added.entries.iter().all(|new| new.id != old.id));
        // An alias that the user gives to another model moves there.
        let taken: HashSet<&String> =
            added.entries.iter().flat_map(|e| e.aliases.iter().chain([&e.id])).collect();
        for old in &mut self.entries {
            old.aliases.retain(|alias| !taken.contains(alias));
        }
        self.entries.extend(added.entries);
        if !added.default.is_empty() {
            self.default = added.default;
        }
        let invalid = |reason| CatalogError::InvalidCatalog { origin: origin.to_owned(), reason };
        self.check_names().map_err(invalid)?;
        Ok(self)
    }

    /// The entry with this id or alias.
    ///
    /// # Errors
    /// [`CatalogError::UnknownModel`] with the ids of the chat models.
    pub fn get(&self, name: &str) -> Result<&Entry, CatalogError> {
        let by_id = self.entries.iter().find(|entry| entry.id == name);
        by_id
            .or_else(|| self.entries.iter().find(|entry| entry.aliases.iter().any(|alias| alias == name)))
            .ok_or_else(|| CatalogError::UnknownModel { name: name.to_owned(), known: self.known() })
    }

    /// The ids of the chat models; of all models where there are none for chat.
    fn known(&self) -> Vec<String> {
        let ids = |wanted: fn(&Entry) -> bool| -> Vec<String> {
            self.entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.id.clone()).collect()
        };
        let chat = ids(|entry| entry.purpose == Purpose::Chat);
        if chat.is_empty() { ids(|_| true) } else { chat }
    }

    /// The id of the model used where none is named; empty for a catalog that names none.
    pub fn default_id(&self) -> &str {
        &self.default
    }

    /// All entries, in the order of the catalog.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn check_names(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        let names = self.entries.iter().flat_map(|entry| entry.aliases.iter().chain([&entry.id]));
        if let Some(twice) = names.into_iter().find(|name| !seen.insert(name.as_str())) {
            return Err(format!("the name `{twice}` is used twice"));
        }
        match self.default.is_empty() || self.entries.iter().any(|entry| entry.id == self.default) {
            true => Ok(()),
            false => Err(format!("the default `{}` is not among the ids", self.default)),
        }
    }
}

/// TOML errors draw the place over several lines; a message of ours is one line.
fn one_line(text: &str) -> String {
    let drawing = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('|');
    text.lines().filter(drawing).map(str::trim).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests;
