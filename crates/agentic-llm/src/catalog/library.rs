//! Catalog and store together: what a user names, found on this machine or fetched.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use crate::open::Environment;

use super::{
    Catalog, CatalogError, Entry, FetchError, Fetcher, HubFile, LocalModel, ModelSpec, Progress, Purpose,
    Source, Store,
};

/// The models of this user: a [`Catalog`] and the [`Store`] its files go to.
///
/// Wherever a method takes a `spec`, it is what a user writes: with or without `local:`, an id, an
/// alias, a path or a hub file (see [`ModelSpec`]).
#[derive(Debug, Clone)]
pub struct ModelLibrary {
    catalog: Catalog,
    store: Store,
}

/// Where a spec leads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolved {
    /// All files are on this machine.
    Ready(LocalModel),
    /// The model is known, and must be fetched first.
    Missing(Entry),
}

/// What a spec names.
enum Target {
    Entry(Entry),
    /// An existing file.
    Path(PathBuf),
}

/// One line of `model list`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Listed {
    /// The id, or the spec of a hub file.
    pub id: String,
    /// One line for people.
    pub description: String,
    /// SPDX expression; empty where unknown.
    pub licence: String,
    /// What it is for.
    pub purpose: Purpose,
    /// Length of all files in bytes.
    pub size: Option<u64>,
    /// The first file's path, if all files are on this machine with the right length.
    pub path: Option<PathBuf>,
    /// Whether it is the model used where none is named.
    pub is_default: bool,
}

impl ModelLibrary {
    /// The user's own: the built-in catalog with the catalog file that `AGENTIC_MODELS` names, if it names one,
    /// and the store at `AGENTIC_HOME`, else in the user's data folder. Whoever opens `local:` addresses with this
    /// environment finds the same models.
    ///
    /// # Errors
    /// [`CatalogError::NoHome`], and [`CatalogError::InvalidCatalog`] about the file.
    pub fn of_user(environment: &Environment) -> Result<Self, CatalogError> {
        let home = environment.get("AGENTIC_HOME").map(OsString::from);
        let store = Store::new(Store::default_root(home.as_deref())?);
        let mut catalog = Catalog::builtin()?;
        if let Some(file) = environment.get("AGENTIC_MODELS") {
            catalog = catalog.with_user_file(Path::new(&file))?;
        }
        Ok(Self::new(catalog, store))
    }

    /// Joins a catalog and a store.
    pub fn new(catalog: Catalog, store: Store) -> Self {
        Self { catalog, store }
    }

    /// The catalog.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Finds what a spec names, without any network. Blocks as [`Store::find`] does.
    ///
    /// # Errors
    /// [`CatalogError::InvalidSpec`], [`CatalogError::UnknownModel`], [`CatalogError::FileNotFound`]
    /// for a path, and those of [`Store::find`].
    pub fn resolve(&self, spec: &str) -> Result<Resolved, CatalogError> {
        let entry = match self.target(spec)? {
            Target::Entry(entry) => entry,
            Target::Path(path) => return Ok(Resolved::Ready(LocalModel::at_path(path))),
        };
        Ok(match self.store.find(&entry)? {
            Some(model) => Resolved::Ready(model),
            None => Resolved::Missing(entry),
        })
    }

    /// The path of a model that is on this machine. Blocks as [`Store::find`] does.
    ///
    /// # Errors
    /// [`CatalogError::NotFetched`] if it is not, else as [`ModelLibrary::resolve`].
    pub fn path(&self, spec: &str) -> Result<PathBuf, CatalogError> {
        match self.resolve(spec)? {
            Resolved::Ready(model) => Ok(model.path().to_owned()),
            Resolved::Missing(entry) => Err(CatalogError::NotFetched { name: entry.id }),
        }
    }

    /// Reads and hashes every file of a model in the store. A plain path has no expected content
    /// and is only looked for.
    ///
    /// # Errors
    /// As [`Store::verify`] and [`ModelLibrary::resolve`].
    pub fn verify(&self, spec: &str) -> Result<LocalModel, CatalogError> {
        match self.target(spec)? {
            Target::Entry(entry) => self.store.verify(&entry),
            Target::Path(path) => Ok(LocalModel::at_path(path)),
        }
    }

    /// Removes a model from the store; returns the bytes freed. A file given by its path is the
    /// user's own and never removed.
    ///
    /// # Errors
    /// [`CatalogError::InvalidSpec`] for a path, else as [`Store::remove`].
    pub fn remove(&self, spec: &str) -> Result<u64, CatalogError> {
        match spec.parse()? {
            ModelSpec::Id(name) => self.store.remove(self.catalog.get(&name)?),
            ModelSpec::Hub(hub) => self.store.remove(&self.hub_entry(&hub)),
            ModelSpec::Path(_) => Err(CatalogError::InvalidSpec {
                spec: spec.to_owned(),
                reason: "a file given by its path is not in the store; remove it yourself".to_owned(),
            }),
        }
    }

    /// All models of the catalog, then the hub files in the store. Nothing is hashed.
    ///
    /// # Errors
    /// [`CatalogError::Io`] if the store cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, CatalogError> {
        let stored = self.store.list()?;
        let mut lines: Vec<Listed> = Vec::new();
        for entry in self.catalog.entries() {
            let here = |file: &super::FileEntry| {
                let path = file.sha256.map(|sum| self.store.file_path(&sum, &file.name))?;
                stored.iter().any(|s| s.path == path && Some(s.size) == file.size).then_some(path)
            };
            let paths: Option<Vec<PathBuf>> = entry.files.iter().map(here).collect();
            lines.push(Listed {
                id: entry.id.clone(),
                description: entry.description.clone(),
                licence: entry.licence.clone(),
                purpose: entry.purpose,
                size: entry.size(),
                path: paths.and_then(|paths| paths.into_iter().next()),
                is_default: entry.id == self.catalog.default_id(),
            });
        }
        for file in stored {
            let Some(Ok(ModelSpec::Hub(hub))) = file.model.as_ref().map(|model| model.parse()) else {
                continue;
            };
            let entry = Entry::from_hub(&hub);
            lines.push(Listed {
                id: entry.id,
                description: entry.description,
                licence: entry.licence,
                purpose: entry.purpose,
                size: Some(file.size),
                path: Some(file.path),
                is_default: false,
            });
        }
        Ok(lines)
    }

    /// The model, fetched first if it is not on this machine.
    ///
    /// # Errors
    /// As [`ModelLibrary::resolve`] and [`Fetcher::fetch`].
    ///
    /// # Cancel safety
    /// As [`Fetcher::fetch`].
    pub async fn fetch(
        &self,
        spec: &str,
        fetcher: &Fetcher,
        progress: &dyn Progress,
        cancel: &CancellationToken,
    ) -> Result<LocalModel, FetchError> {
        match self.target(spec)? {
            Target::Entry(entry) => fetcher.fetch(&entry, &self.store, progress, cancel).await,
            Target::Path(path) => Ok(LocalModel::at_path(path)),
        }
    }

    /// The catalog's entry of this hub file, if it has one: its content is known and it may have
    /// other sources.
    fn hub_entry(&self, hub: &HubFile) -> Entry {
        let same = |source: &Source| {
            matches!(source, Source::Hub { repo, revision, file }
            if (repo, revision, file) == (&hub.repo, &hub.revision, &hub.file))
        };
        let mut entries = self.catalog.entries().iter();
        let known =
            entries.find(|entry| matches!(entry.files.as_slice(), [file] if file.sources.iter().any(same)));
        known.cloned().unwrap_or_else(|| Entry::from_hub(hub))
    }

    fn target(&self, spec: &str) -> Result<Target, CatalogError> {
        match spec.parse()? {
            ModelSpec::Id(name) => Ok(Target::Entry(self.catalog.get(&name)?.clone())),
            ModelSpec::Hub(hub) => Ok(Target::Entry(self.hub_entry(&hub))),
            ModelSpec::Path(path) => {
                let path = match path.strip_prefix("~") {
                    Ok(rest) => {
                        directories::BaseDirs::new().ok_or(CatalogError::NoHome)?.home_dir().join(rest)
                    }
                    Err(_) => std::path::absolute(&path).map_err(CatalogError::io("read", &path))?,
                };
                match path.is_file() {
                    true => Ok(Target::Path(path)),
                    false => Err(CatalogError::FileNotFound { path }),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
