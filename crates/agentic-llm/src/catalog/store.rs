//! The fetched files on this machine: `<root>/models/<sha256>/<file name>`.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{CatalogError, Entry, FileEntry, Sha256Sum, lock::StoreLock, marker::Marker};

/// The folder of fetched models. Cheap to clone; all state is on disk.
///
/// Several processes may use one store at once. Methods block on the file system, and the first
/// sight of a file without a marker reads it whole (seconds for a gigabyte): in async code call
/// them on a blocking thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    root: PathBuf,
}

/// A model whose files are all on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalModel {
    /// The id, the hub spec, or the path it was asked for by.
    pub id: String,
    /// The catalog entry; `None` for a plain path.
    pub entry: Option<Entry>,
    path: PathBuf,
    more: Vec<PathBuf>,
}

/// One file in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoredFile {
    /// Where it lies.
    pub path: PathBuf,
    /// The content its folder stands for.
    pub sha256: Sha256Sum,
    /// Length in bytes.
    pub size: u64,
    /// The model it was fetched for, where a marker says so.
    pub model: Option<String>,
    /// Whether it looks as it did when it was verified.
    pub verified: bool,
}

impl LocalModel {
    pub(crate) fn at_path(path: PathBuf) -> Self {
        Self { id: path.display().to_string(), entry: None, path, more: Vec::new() }
    }

    /// The file an engine opens: the first of the entry.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All files, in the order of the entry.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        [self.path.as_path()].into_iter().chain(self.more.iter().map(PathBuf::as_path))
    }

    /// The file with this name.
    pub fn file(&self, name: &str) -> Option<&Path> {
        self.files().find(|path| path.file_name() == Some(OsStr::new(name)))
    }
}

impl Store {
    /// The store under `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root for this user: `agentic_home` (the value of `AGENTIC_HOME`) if it is not empty,
    /// else `agentic` in the platform's cache folder (on Linux `~/.cache/agentic`).
    ///
    /// # Errors
    /// [`CatalogError::NoHome`] if the user has no home folder.
    pub fn default_root(agentic_home: Option<&OsStr>) -> Result<PathBuf, CatalogError> {
        match agentic_home {
            Some(home) if !home.is_empty() => Ok(PathBuf::from(home)),
            _ => directories::BaseDirs::new()
                .map(|dirs| dirs.cache_dir().join("agentic"))
                .ok_or(CatalogError::NoHome),
        }
    }

    /// The root given to [`Store::new`].
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the file with this content and name belongs.
    pub fn file_path(&self, sha256: &Sha256Sum, name: &str) -> PathBuf {
        self.models().join(sha256.to_string()).join(name)
    }

    /// The model, if all its files are here and as they were verified. A file without a marker, or
    /// changed since, is hashed again.
    ///
    /// # Errors
    /// [`CatalogError::Corrupt`] if a file has other content than it must have,
    /// [`CatalogError::Io`] if it cannot be read.
    pub fn find(&self, entry: &Entry) -> Result<Option<LocalModel>, CatalogError> {
        self.check(entry, false)
    }

    /// Like [`Store::find`], but reads and hashes every file, whatever its marker says.
    ///
    /// # Errors
    /// As [`Store::find`], and [`CatalogError::NotFetched`] if a file is missing.
    pub fn verify(&self, entry: &Entry) -> Result<LocalModel, CatalogError> {
        self.check(entry, true)?.ok_or_else(|| CatalogError::NotFetched { name: entry.id.clone() })
    }

    fn check(&self, entry: &Entry, rehash: bool) -> Result<Option<LocalModel>, CatalogError> {
        let mut paths = Vec::new();
        for file in &entry.files {
            match self.find_file(&entry.id, file, rehash)? {
                Some(path) => paths.push(path),
                None => return Ok(None),
            }
        }
        let mut paths = paths.into_iter();
        Ok(paths.next().map(|path| LocalModel {
            id: entry.id.clone(),
            entry: Some(entry.clone()),
            path,
            more: paths.collect(),
        }))
    }

    /// One file of the entry `id`, if it is here and sound.
    pub(crate) fn find_file(
        &self,
        id: &str,
        file: &FileEntry,
        rehash: bool,
    ) -> Result<Option<PathBuf>, CatalogError> {
        let Some((path, sum)) = self.locate(id, file)? else { return Ok(None) };
        let metadata = match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => metadata,
            Ok(_) => return Ok(None),
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(CatalogError::io("read", path)(error)),
        };
        let marker = Marker::read(&path);
        let known = marker.is_some_and(|marker| marker.sha256 == sum && marker.still_holds(&metadata));
        if known && !rehash {
            return Ok(Some(path));
        }
        let hashed = Sha256Sum::of_file(&path, |_| true).map_err(CatalogError::io("read", &path))?;
        match hashed {
            Some((found, _)) if found != sum => Err(CatalogError::Corrupt { path, expected: sum, found }),
            _ => {
                // Without a marker (a read-only store) the file is hashed again next time.
                Marker::of(&path, id, sum).and_then(|marker| marker.write(&path)).ok();
                Ok(Some(path))
            }
        }
    }

    /// Where the file is or would be, and its content: from the entry, or for a hub file, whose
    /// content is learned when it is fetched, from the marker that names the spec.
    fn locate(&self, id: &str, file: &FileEntry) -> Result<Option<(PathBuf, Sha256Sum)>, CatalogError> {
        if let Some(sum) = file.sha256 {
            return Ok(Some((self.file_path(&sum, &file.name), sum)));
        }
        let fetched = self.list()?.into_iter().find(|stored| {
            stored.model.as_deref() == Some(id) && stored.path.file_name() == Some(OsStr::new(&file.name))
        });
        Ok(fetched.map(|stored| (stored.path, stored.sha256)))
    }

    /// What lies in the store, sorted by path. Nothing is hashed.
    ///
    /// # Errors
    /// [`CatalogError::Io`] if a folder cannot be read. A store that does not exist is empty.
    pub fn list(&self) -> Result<Vec<StoredFile>, CatalogError> {
        let mut found = Vec::new();
        for (name, folder) in children(&self.models())? {
            let Ok(sha256) = name.parse() else { continue };
            for (name, path) in children(&folder)? {
                let Ok(metadata) = fs::metadata(&path) else { continue };
                if !metadata.is_file() || Marker::is_name(&name) {
                    continue;
                }
                let marker = Marker::read(&path).filter(|marker| marker.sha256 == sha256);
                let verified = marker.as_ref().is_some_and(|marker| marker.still_holds(&metadata));
                let model = marker.map(|marker| marker.model);
                found.push(StoredFile { path, sha256, size: metadata.len(), model, verified });
            }
        }
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Removes the model's files, their markers and what an unfinished fetch has left. Returns how
    /// many bytes of model files were freed; 0 if there was nothing.
    ///
    /// # Errors
    /// [`CatalogError::Busy`] while another process fetches it, [`CatalogError::Io`] if a file
    /// cannot be removed.
    pub fn remove(&self, entry: &Entry) -> Result<u64, CatalogError> {
        let (partial, lock) = (self.partial(entry), self.lock_path(entry));
        // Asking for the lock must not create a store where there is none.
        let _lock = match lock.parent().is_some_and(Path::exists) {
            true => match StoreLock::try_acquire(&lock).map_err(CatalogError::io("lock", &lock))? {
                Some(lock) => Some(lock),
                None => return Err(CatalogError::Busy { name: entry.id.clone() }),
            },
            false => None,
        };
        let mut freed = remove_tree(&partial)?;
        for file in &entry.files {
            let Some((path, _)) = self.locate(&entry.id, file)? else { continue };
            freed += remove_file(&path)?;
            remove_file(&Marker::path(&path))?;
            // The folder stays if it holds another file.
            path.parent().map(fs::remove_dir);
        }
        Ok(freed)
    }

    fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    /// The folder for what is not finished; on the same file system as the place it will have.
    pub(crate) fn partial(&self, entry: &Entry) -> PathBuf {
        self.models().join(".partial").join(entry.content_key().to_string())
    }

    pub(crate) fn lock_path(&self, entry: &Entry) -> PathBuf {
        self.models().join(".partial").join(format!("{}.lock", entry.content_key()))
    }

    /// Moves a verified file into its place: synced, then renamed, then marked.
    pub(crate) fn place(
        &self,
        model: &str,
        file: &FileEntry,
        sum: Sha256Sum,
        from: &Path,
    ) -> Result<PathBuf, CatalogError> {
        let target = self.file_path(&sum, &file.name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(CatalogError::io("create", folder))?;
        }
        let synced = fs::File::options().write(true).open(from).and_then(|file| file.sync_all());
        synced.map_err(CatalogError::io("write", from))?;
        fs::rename(from, &target).map_err(CatalogError::io("create", &target))?;
        let marker = Marker::of(&target, model, sum).and_then(|marker| marker.write(&target));
        marker.map_err(CatalogError::io("write", Marker::path(&target)))?;
        Ok(target)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Names and paths in a folder; none if there is no such folder.
fn children(folder: &Path) -> Result<Vec<(String, PathBuf)>, CatalogError> {
    let read = match fs::read_dir(folder) {
        Ok(read) => read,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(CatalogError::io("read", folder)(error)),
    };
    let child = |child: io::Result<fs::DirEntry>| {
        let child = child.map_err(CatalogError::io("read", folder))?;
        Ok((child.file_name().to_string_lossy().into_owned(), child.path()))
    };
    read.map(child).collect()
}

fn remove_file(path: &Path) -> Result<u64, CatalogError> {
    let size = fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0);
    match fs::remove_file(path) {
        Ok(()) => Ok(size),
        Err(error) if is_absent(&error) => Ok(0),
        Err(error) => Err(CatalogError::io("remove", path)(error)),
    }
}

/// Removes a folder with the files in it; returns their bytes.
fn remove_tree(folder: &Path) -> Result<u64, CatalogError> {
    let size =
        children(folder)?.iter().filter_map(|(_, path)| fs::metadata(path).ok()).map(|m| m.len()).sum();
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(size),
        Err(error) if is_absent(&error) => Ok(0),
        Err(error) => Err(CatalogError::io("remove", folder)(error)),
    }
}

#[cfg(test)]
mod tests;
