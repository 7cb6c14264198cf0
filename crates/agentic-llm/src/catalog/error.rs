//! What can go wrong offline: in the catalog, in a spec, in the store.

use std::{io, path::PathBuf};

use super::Sha256Sum;

/// A failure of the catalog or the store. None of these comes from the network.
///
/// The message is one line and complete: it holds the cause, so there is no `source` to print after it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// No entry has this id or alias.
    #[error("unknown model `{name}` (there are {}; a path or owner/repo/file.gguf works too; `agentic model list` has all)", known.join(", "))]
    UnknownModel {
        /// What was asked for.
        name: String,
        /// The ids of the catalog's chat models.
        known: Vec<String>,
    },
    /// The text after `local:` has none of the known forms.
    #[error("`{spec}` names no model: {reason}")]
    InvalidSpec {
        /// What was asked for.
        spec: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// A catalog file cannot be used.
    #[error("model catalog {origin}: {reason}")]
    InvalidCatalog {
        /// Which catalog: `built in` or a path.
        origin: String,
        /// What is wrong, with the place.
        reason: String,
    },
    /// A path was given and there is no file.
    #[error("model file `{}` not found; check the path, or name a model of `agentic model list`", path.display())]
    FileNotFound {
        /// The path as given, made absolute.
        path: PathBuf,
    },
    /// The model is known and not on this machine.
    #[error("model `{name}` is not on this machine; fetch it with `agentic model pull {name}`")]
    NotFetched {
        /// The model.
        name: String,
    },
    /// A file of the store has changed since it was verified.
    #[error(
        "model file `{}` is damaged: expected SHA-256 {expected}, found {found}; fetch the model again with `agentic model pull`",
        path.display()
    )]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// The sum the content must have.
        expected: Sha256Sum,
        /// The sum it has.
        found: Sha256Sum,
    },
    /// Another process is fetching the model right now.
    #[error("model `{name}` is being fetched by another process; try again when it is done")]
    Busy {
        /// The model.
        name: String,
    },
    /// The operating system refused.
    #[error("cannot {action} `{}`: {error}", path.display())]
    Io {
        /// What was tried: `read`, `create`, `remove`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The operating system's answer.
        error: io::Error,
    },
    /// The user has no home folder, so there is no default place for the store.
    #[error("no home folder found for the model store; set AGENTIC_HOME")]
    NoHome,
}

impl CatalogError {
    /// For `map_err`: what was tried, on what.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |error| Self::Io { action, path, error }
    }
}
