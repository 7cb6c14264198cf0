//! The file that says what a folder is: `about.json`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use agentic_core::{StoreError, StoreErrorKind as Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::files::of_io;
use crate::backend::points;

const NAME: &str = "about.json";
const NEW: &str = "about.json.new";

/// What a folder is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    #[serde(flatten)]
    pub(super) points: points::About,
    /// How often it was opened; 0 if it was never made to its end.
    pub(super) openings: u32,
    /// How many records it had when it was closed; not there while it is open, and after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<usize>,
}

impl About {
    /// Writes it, as a whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(folder.join(NEW))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(folder.join(NEW), folder.join(NAME))?;
        // The renaming too; folders can't be opened everywhere.
        #[cfg(unix)]
        File::open(folder)?.sync_all()?;
        Ok(())
    }

    /// The last revision that may have been given before this opening: each has some 10¹² of them.
    pub(super) fn revision(&self) -> u64 {
        u64::from(self.openings) << 40
    }
}

/// Looks what this folder is, and changes nothing; `None` if it is empty, or there is none.
pub(super) fn find(folder: &Path, url: &str) -> Result<Option<About>, StoreError> {
    let corrupt = |message: &str| StoreError::new(Kind::Corrupt, url, message);
    let text = match fs::read(folder.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return empty(folder, url),
        text => text.map_err(|error| of_io("read it", url, &error))?,
    };
    let json: Value = serde_json::from_slice(&text).unwrap_or_default();
    points::About::read(json.clone(), url)?;
    let about = serde_json::from_value(json);
    about.map(Some).map_err(|_| corrupt("its `about.json` is damaged; bring it back from a backup"))
}

fn empty(folder: &Path, url: &str) -> Result<Option<About>, StoreError> {
    let mut entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        entries => entries.map_err(|error| of_io("read it", url, &error))?,
    };
    // What is left where a folder was not made to its end.
    let ours = |name: &std::ffi::OsStr| name == super::open::LOCK || name == NEW;
    match entries.any(|entry| !entry.is_ok_and(|entry| ours(&entry.file_name()))) {
        true => {
            let message = "it has files of another program; name another folder";
            Err(StoreError::new(Kind::Corrupt, url, message))
        }
        false => Ok(None),
    }
}
