//! The jail of the file tools: a folder that no path leads out of.

use std::fmt::Display;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use agentic_core::{ToolError, ToolErrorKind};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions};
use cap_tempfile::TempFile;

use super::support::size;

/// A folder that no path leads out of.
///
/// It is held by a directory handle, and every path is looked up below that handle by `cap-std` (on Linux by the
/// kernel itself, `openat2` with `RESOLVE_BENEATH`). So `..`, absolute paths and symbolic links that lead out are
/// refused, also if somebody swaps a folder for a link between two calls or in the middle of one: there is no
/// moment between a check and a use. Links that stay inside work. Only regular files are opened: pipes, sockets
/// and devices are refused and never waited for.
///
/// Cheap to clone; clones share the handle.
#[derive(Clone, Debug)]
pub struct Jail(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: Dir,
    /// The root as it was named, made absolute, and without its links: both are taken off absolute paths.
    names: [PathBuf; 2],
}

impl Jail {
    /// Opens the folder `root`.
    ///
    /// # Errors
    /// `not_found`, `forbidden` or `failed` if it is no folder that can be opened.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, ToolError> {
        let root = root.as_ref();
        let error = |error| about("can't open the root folder", root.display(), error);
        let dir = Dir::open_ambient_dir(root, ambient_authority()).map_err(error)?;
        let names = [std::path::absolute(root).map_err(error)?, root.canonicalize().map_err(error)?];
        Ok(Self(Arc::new(Inner { dir, names })))
    }

    /// The root's path when it was opened; for messages, and for walks whose every file is opened through the jail.
    pub(super) fn root(&self) -> &Path {
        &self.0.names[1]
    }

    /// The handle of the root.
    pub(super) fn dir(&self) -> &Dir {
        &self.0.dir
    }

    /// A path of a model as one below the root; the root itself is `.`.
    ///
    /// What is refused here is refused early for the sake of a clear message; the handle refuses it too.
    pub(super) fn relative(&self, path: &str) -> Result<PathBuf, ToolError> {
        let given = Path::new(path.trim());
        let below = if given.is_absolute() {
            let below = self.0.names.iter().find_map(|name| given.strip_prefix(name).ok());
            below.ok_or_else(|| outside(path))?
        } else {
            given
        };
        let mut relative = PathBuf::new();
        let mut depth = 0_usize;
        for component in below.components() {
            match component {
                Component::Normal(name) => depth += usize::from(!name.is_empty()),
                Component::CurDir => continue,
                // Kept for the handle, which follows links first: `link/..` is where the link leads.
                Component::ParentDir => depth = depth.checked_sub(1).ok_or_else(|| outside(path))?,
                Component::RootDir | Component::Prefix(_) => return Err(outside(path)),
            }
            relative.push(component);
        }
        if path.contains('\0') {
            return Err(ToolError::invalid("the path has a zero byte in it; leave it out"));
        }
        if relative.as_os_str().is_empty() {
            relative.push(".");
        }
        Ok(relative)
    }

    /// Opens a regular file for reading.
    pub(super) fn open_file(&self, path: &Path) -> Result<(File, Metadata), ToolError> {
        let error = |error| self.about("can't read", path, error);
        // Asked before opening, since opening a device can have an effect; asked again on the handle, since
        // somebody may have swapped the file in between.
        regular(&self.0.dir.metadata(path).map_err(error)?, path)?;
        let mut options = OpenOptions::new();
        options.read(true);
        never_wait(&mut options);
        let file = self.0.dir.open_with(path, &options).map_err(error)?;
        let metadata = file.metadata().map_err(error)?;
        regular(&metadata, path)?;
        Ok((file, metadata))
    }

    /// The text of a file of at most `limit` bytes.
    pub(super) fn read_text(&self, path: &Path, limit: u64) -> Result<String, ToolError> {
        let (file, metadata) = self.open_file(path)?;
        let mut bytes = Vec::new();
        // One byte more than allowed, to see a file that grows.
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| about("can't read", path.display(), error))?;
        if bytes.len() as u64 > limit {
            let (path, found, limit) = (path.display(), size(metadata.len().max(limit + 1)), size(limit));
            let message = format!("`{path}` has {found}, more than the {limit} that this tool takes");
            return Err(ToolError::new(ToolErrorKind::LimitReached, message));
        }
        String::from_utf8(bytes).map_err(|error| {
            let message = format!("`{}` is not UTF-8 text; this tool only works on text", path.display());
            ToolError::new(ToolErrorKind::Unsupported, message).with_source(error)
        })
    }

    /// Writes a file as a whole or not at all: into a new file beside it, which then takes its place. Missing
    /// folders are made; an old file's permissions are kept. Says whether there was an old file.
    pub(super) fn write(&self, path: &Path, content: &[u8]) -> Result<bool, ToolError> {
        let error = |error| about("can't write", path.display(), error);
        // The file that a link leads to is written, not the link.
        let (path, old) = match self.0.dir.canonicalize(path) {
            Ok(target) => {
                let old = self.0.dir.metadata(&target).map_err(error)?;
                (target, Some(old))
            }
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => (path.to_owned(), None),
            Err(other) => return Err(error(other)),
        };
        if let Some(old) = &old {
            regular(old, &path)?;
        }
        let Some(name) = path.file_name() else {
            let message = format!("`{}` names a folder; add a file name", path.display());
            return Err(ToolError::invalid(message));
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                self.0.dir.create_dir_all(parent).map_err(error)?;
                self.0.dir.open_dir(parent).map_err(error)?
            }
            _ => self.0.dir.try_clone().map_err(error)?,
        };
        let mut file = TempFile::new(&parent).map_err(error)?;
        file.write_all(content).map_err(error)?;
        if let Some(old) = &old {
            file.as_file().set_permissions(old.permissions()).map_err(error)?;
        }
        file.as_file().sync_all().map_err(error)?;
        file.replace(name).map_err(error)?;
        Ok(old.is_some())
    }
}

/// Only regular files are read and written.
fn regular(metadata: &Metadata, path: &Path) -> Result<(), ToolError> {
    if metadata.is_file() {
        return Ok(());
    }
    let path = path.display();
    if metadata.is_dir() {
        return Err(ToolError::invalid(format!("`{path}` is a folder; use list_dir to see what is in it")));
    }
    let message = format!("`{path}` is a pipe, a socket or a device; only regular files can be used");
    Err(ToolError::new(ToolErrorKind::Forbidden, message))
}

/// Opening a pipe that nobody writes to must not wait.
#[cfg(unix)]
fn never_wait(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt as _;
    options.custom_flags(nonblock());
}

#[cfg(unix)]
fn nonblock() -> i32 {
    rustix::fs::OFlags::NONBLOCK.bits().cast_signed()
}

#[cfg(not(unix))]
fn never_wait(_: &mut OpenOptions) {}

/// Names that an error about a missing path shows.
const MAX_NAMES: usize = 20;

impl Jail {
    /// An error of the file system as [`about`] tells it; one about a missing path also says what there is.
    pub(super) fn about(&self, what: &str, path: &Path, error: io::Error) -> ToolError {
        let names = match error.kind() {
            io::ErrorKind::NotFound => self.names(),
            _ => Vec::new(),
        };
        if names.is_empty() {
            return about(what, path.display(), error);
        }
        let but = self.alike(path).map(|alike| format!(", `{}` does", alike.display())).unwrap_or_default();
        let (path, names) = (path.display(), names.join(", "));
        let message = format!("{what} `{path}`: it does not exist{but}; the folder `.` holds: {names}");
        ToolError::new(ToolErrorKind::NotFound, message).with_source(error)
    }

    /// What there is under this path but for upper and lower case, which models change.
    fn alike(&self, path: &Path) -> Option<PathBuf> {
        let mut found = PathBuf::new();
        for component in path.components() {
            let Component::Normal(name) = component else { return None };
            let folder = if found.as_os_str().is_empty() { Path::new(".") } else { &found };
            let wanted = name.to_string_lossy().to_lowercase();
            let mut alike = self.dir().read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
            let name = alike.find(|name| name.to_string_lossy().to_lowercase() == wanted)?;
            found.push(name);
        }
        Some(found)
    }

    /// Some names in the root, folders with a slash, in order.
    fn names(&self) -> Vec<String> {
        let entries = self.dir().entries().into_iter().flatten().flatten().take(1000);
        let mut names: Vec<_> = entries
            .map(|entry| {
                let folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                format!("{}{}", entry.file_name().to_string_lossy(), if folder { "/" } else { "" })
            })
            .collect();
        names.sort_unstable();
        if names.len() > MAX_NAMES {
            names.truncate(MAX_NAMES);
            names.push("…".to_owned());
        }
        names
    }
}

fn outside(path: impl Display) -> ToolError {
    let message = format!(
        "`{path}` lies outside of the folder that you may use; give a path inside it, like `notes/a.txt`"
    );
    ToolError::new(ToolErrorKind::Forbidden, message)
}

/// An error of the file system: what failed, on what, what to do.
pub(super) fn about(what: &str, path: impl Display, error: io::Error) -> ToolError {
    use io::ErrorKind as Kind;
    // A refusal of the jail comes from no system call, or from one that only the jail makes.
    let refused_by_jail = match error.kind() {
        Kind::PermissionDenied => error.raw_os_error().is_none(),
        Kind::CrossesDevices => true,
        _ => false,
    };
    if refused_by_jail {
        return outside(path).with_source(error);
    }
    let (kind, advice) = match error.kind() {
        Kind::NotFound => (ToolErrorKind::NotFound, "it does not exist; use list_dir to see what there is"),
        Kind::PermissionDenied => (ToolErrorKind::Forbidden, "the system does not permit it"),
        Kind::NotADirectory => {
            (ToolErrorKind::InvalidArguments, "a part of the path is a file and no folder")
        }
        Kind::IsADirectory => (ToolErrorKind::InvalidArguments, "it is a folder; use list_dir"),
        Kind::StorageFull | Kind::QuotaExceeded => (ToolErrorKind::LimitReached, "the disk is full"),
        Kind::InvalidFilename => (ToolErrorKind::InvalidArguments, "the name is too long or not allowed"),
        _ => {
            let message = format!("{what} `{path}`: {error}");
            return ToolError::failed(message).with_source(error);
        }
    };
    ToolError::new(kind, format!("{what} `{path}`: {advice}")).with_source(error)
}
