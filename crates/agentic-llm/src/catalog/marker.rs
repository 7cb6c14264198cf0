//! A small file beside each model file that says when it was verified.
//!
//! Hashing a gigabyte at every start would cost seconds; a file whose length and modification
//! time are those of the verified one is taken as verified.

use std::{fs, io, path::Path, path::PathBuf, time::UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::Sha256Sum;

const FORMAT: u32 = 1;
const SUFFIX: &str = ".verified.json";

/// What was verified, and what the file looked like then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    format: u32,
    /// The id of the model it was fetched for; for people and for hub files.
    pub(crate) model: String,
    pub(crate) sha256: Sha256Sum,
    pub(crate) size: u64,
    /// Seconds and nanoseconds since 1970; `None` where the file system keeps no time.
    modified: Option<(u64, u32)>,
}

impl Marker {
    /// The marker of a file as it is now.
    pub(crate) fn of(path: &Path, model: &str, sha256: Sha256Sum) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            format: FORMAT,
            model: model.to_owned(),
            sha256,
            size: metadata.len(),
            modified: modified(&metadata),
        })
    }

    /// The marker beside `path`; `None` if there is none that can be used.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        let marker: Self = serde_json::from_slice(&fs::read(Self::path(path)).ok()?).ok()?;
        (marker.format == FORMAT).then_some(marker)
    }

    /// Writes the marker beside `path`, whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let target = Self::path(path);
        let mut temporary = target.clone().into_os_string();
        temporary.push(format!(".{}", std::process::id()));
        fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
        fs::rename(&temporary, &target)
    }

    /// Whether the file still looks as it did when it was verified.
    pub(crate) fn still_holds(&self, metadata: &fs::Metadata) -> bool {
        self.size == metadata.len() && self.modified.is_some() && self.modified == modified(metadata)
    }

    /// Where the marker of `path` lies.
    pub(crate) fn path(path: &Path) -> PathBuf {
        let mut name = path.as_os_str().to_owned();
        name.push(SUFFIX);
        PathBuf::from(name)
    }

    /// Whether `name` is a marker's file name (finished or being written).
    pub(crate) fn is_name(name: &str) -> bool {
        name.contains(SUFFIX)
    }
}

fn modified(metadata: &fs::Metadata) -> Option<(u64, u32)> {
    let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some((since.as_secs(), since.subsec_nanos()))
}
