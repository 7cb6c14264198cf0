//! Evaluated prompt prefixes on disk: the system prompt and tools of yesterday's run need no
//! evaluation today.
//!
//! A file holds llama.cpp's state of one sequence. It is named after the model, the tokens and the layout
//! version, and stands beside a file with its SHA-256, which is checked before llama.cpp reads it.
//! Whatever fails here only costs time: the prefix is evaluated then.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::load::hex;
use super::prefix::Token;

/// Changes when files of older versions must not be read.
const LAYOUT: &str = "v1";
/// Shorter prefixes are evaluated faster than read.
const MIN_TOKENS: usize = 64;

/// The folder of saved prefixes of one model.
#[derive(Debug)]
pub(crate) struct PrefixFiles {
    dir: PathBuf,
    model: String,
    max_bytes: u64,
}

impl PrefixFiles {
    pub(crate) fn new(dir: PathBuf, model: String, max_bytes: u64) -> Self {
        let files = Self { dir, model, max_bytes };
        files.remove_stale();
        files
    }

    /// Removes what processes that ended in the middle of a save left behind. A save takes seconds, so what is an
    /// hour old belongs to nobody.
    fn remove_stale(&self) {
        const STALE: Duration = Duration::from_secs(3600);
        for file in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = file.path();
            let temporary = path
                .extension()
                .and_then(|extension| extension.to_str()?.strip_prefix("tmp"))
                .is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()));
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            if temporary && modified.is_ok_and(|at| now().duration_since(at).is_ok_and(|age| age > STALE)) {
                let _ = fs::remove_file(path);
            }
        }
    }

    /// Whether a prefix of `length` tokens is worth a file.
    pub(crate) fn worth(length: usize) -> bool {
        length >= MIN_TOKENS
    }

    /// Whether there is a file for `prefix`.
    pub(crate) fn has(&self, prefix: &[Token]) -> bool {
        self.path(prefix).is_file()
    }

    /// Gives the intact file of `prefix` to `read`, if there is one.
    pub(crate) fn load(&self, prefix: &[Token], read: impl FnOnce(&Path) -> bool) -> bool {
        let path = self.path(prefix);
        if !path.is_file() {
            return false;
        }
        let intact = fs::read_to_string(checksum_path(&path))
            .is_ok_and(|expected| digest(&path).is_ok_and(|found| found == expected.trim()));
        if intact && read(&path) {
            // The date says when it was used last; without a new one it is only removed earlier.
            let _ = fs::File::options().append(true).open(&path).and_then(|file| file.set_modified(now()));
            return true;
        }
        tracing::warn!(path = %path.display(), "removing a damaged prefix file");
        remove(&path);
        false
    }

    /// Lets `write` write the file of `prefix`; it appears whole or not at all.
    pub(crate) fn save(&self, prefix: &[Token], write: impl FnOnce(&Path) -> bool) {
        let path = self.path(prefix);
        if let Err(error) = self.try_save(&path, write) {
            tracing::warn!(path = %path.display(), %error, "cannot save an evaluated prefix");
        }
    }

    fn try_save(&self, path: &Path, write: impl FnOnce(&Path) -> bool) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let temporary = path.with_extension(format!("tmp{}", std::process::id()));
        let written = write(&temporary);
        let result = (|| {
            if !written {
                return Err(io::Error::other("llama.cpp could not write it"));
            }
            fs::write(checksum_path(path), digest(&temporary)?)?;
            fs::rename(&temporary, path)?;
            self.shrink(path)
        })();
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result
    }

    /// Removes the least recently used files until the folder is small enough; never `keep`.
    fn shrink(&self, keep: &Path) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.path().extension().is_some_and(|extension| extension == "kv") {
                let metadata = entry.metadata()?;
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, length, _)| length).sum();
        for (_, length, path) in files {
            if bytes <= self.max_bytes {
                break;
            }
            if path != keep {
                remove(&path);
                bytes -= length;
            }
        }
        Ok(())
    }

    fn path(&self, prefix: &[Token]) -> PathBuf {
        let mut hasher = Sha256::new();
        for token in prefix {
            hasher.update(token.to_le_bytes());
        }
        let key = hex(&hasher.finalize()[..12]);
        self.dir.join(format!("{}-{LAYOUT}-{key}.kv", self.model))
    }
}

fn checksum_path(path: &Path) -> PathBuf {
    path.with_extension("sha256")
}

fn remove(path: &Path) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_file(checksum_path(path));
}

fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = fs::File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = io::Read::read(&mut file, &mut buffer)?;
        if length == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..length]);
    }
}

/// The date files get when they are used: bookkeeping of the cache folder, seen by no run.
#[allow(clippy::disallowed_methods)]
fn now() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let dir = std::env::temp_dir().join(format!("agentic-prefix-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&dir);
            Self(dir)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn save(files: &PrefixFiles, prefix: &[Token], content: &[u8]) {
        files.save(prefix, |path| fs::write(path, content).is_ok());
    }

    fn load(files: &PrefixFiles, prefix: &[Token]) -> Option<Vec<u8>> {
        let mut content = None;
        files.load(prefix, |path| {
            content = fs::read(path).ok();
            content.is_some()
        });
        content
    }

    #[test]
    fn what_was_saved_is_loaded_for_the_same_model_and_tokens_only() {
        let folder = Folder::new("same");
        let files = PrefixFiles::new(folder.0.clone(), "m1".into(), 1000);
        assert!(!files.has(&[1, 2]));
        save(&files, &[1, 2], b"state");
        assert!(files.has(&[1, 2]));
        assert_eq!(load(&files, &[1, 2]).as_deref(), Some(&b"state"[..]));
        assert_eq!(load(&files, &[1, 2, 3]), None);
        assert_eq!(load(&PrefixFiles::new(folder.0.clone(), "m2".into(), 1000), &[1, 2]), None);
    }

    #[test]
    fn a_damaged_file_is_removed_and_never_read() {
        let folder = Folder::new("damaged");
        let files = PrefixFiles::new(folder.0.clone(), "m".into(), 1000);
        save(&files, &[1], b"state");
        fs::write(files.path(&[1]), b"stale").unwrap();
        assert_eq!(load(&files, &[1]), None);
        assert!(!files.has(&[1]));
    }

    #[test]
    fn the_folder_stays_within_its_bound() {
        let folder = Folder::new("bound");
        let files = PrefixFiles::new(folder.0.clone(), "m".into(), 25);
        let old = std::time::UNIX_EPOCH;
        for token in 0..3 {
            save(&files, &[token], &[0; 10]);
            let file = fs::File::options().append(true).open(files.path(&[token])).unwrap();
            file.set_modified(old + std::time::Duration::from_secs(u64::try_from(token).unwrap())).unwrap();
        }
        assert!(!files.has(&[0]), "the oldest one went");
        assert!(files.has(&[1]) && files.has(&[2]));
    }

    #[test]
    fn a_failed_write_leaves_nothing() {
        let folder = Folder::new("failed");
        let files = PrefixFiles::new(folder.0.clone(), "m".into(), 1000);
        files.save(&[1], |_| false);
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }
}
