//! From a path to a store.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, RwLock};
use std::thread;
use std::time::Duration;

use agentic_core::{EmbedderInfo, StoreCapabilities, StoreError, StoreErrorKind as Kind, StoreInfo};
use qdrant_edge::EdgeShard;

use super::about::{self, About};
use super::failure::{Failure, Trouble, of_opening};
use super::keeper::Keeper;
use super::log::Log;
use super::{Inner, State, convert, rows};
use crate::backend::files::of_io;
use crate::backend::points;

/// The file that whoever has the folder open keeps locked. In it stands the number of the process.
pub(super) const LOCK: &str = "lock";

/// Where in the folder the engine's files are.
const ENGINE: &str = "engine";

/// How often the lock is tried, and how long between two times: a store of this process that was just dropped may still be
/// finishing its work.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// An open folder. The lock goes last.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) engine: EdgeShard,
    pub(super) log: Log,
    _lock: File,
}

pub(super) fn open(url: &str, path: &Path, embedder: Option<&EmbedderInfo>) -> Result<Inner, StoreError> {
    if path.as_os_str().is_empty() || path.is_file() {
        let message = "memories of this kind need the path of a folder; name another";
        return Err(StoreError::new(Kind::Invalid, url, message));
    }
    // The program may change its folder later.
    let path = std::path::absolute(path).map_err(|error| of_io("find it", url, &error))?;
    match (about::find(&path, url)?, embedder) {
        (Some(about), _) => about.points.check(url, embedder)?,
        (None, Some(_)) => make_folder(&path).map_err(|error| of_io("make it", url, &error))?,
        (None, None) => return Err(points::absent(url)),
    }
    let lock = lock(&path, url)?;
    // Again: another process may have been faster.
    let mut about = match (about::find(&path, url)?, embedder) {
        (Some(about), _) => about,
        (None, Some(embedder)) => About { points: points::About::new(embedder), openings: 0, records: None },
        (None, None) => return Err(points::absent(url)),
    };
    about.points.check(url, embedder)?;
    let expected = about.records.take();
    let engine = engine(&path, url, &mut about)?;
    let log = Log::of(engine.path());
    let folder = Arc::new(Folder { engine, log, _lock: lock });
    let read = opened(url, || rows::read(&folder.engine, about.points.dimensions))?;
    if expected.is_some_and(|expected| expected != read.index.size()) {
        // It tells of its damages by itself, but not of all: it goes on with less.
        about.records = expected;
        about.write(&path).map_err(|error| of_io("write it", url, &error))?;
        let message = "it is damaged, for records are missing; bring it back from a backup";
        return Err(StoreError::new(Kind::Corrupt, url, message));
    }
    let mut capabilities = StoreCapabilities::default();
    (capabilities.durable, capabilities.atomic) = (true, true);
    let (EmbedderInfo { id, dimensions, .. }, last) = (about.points.embedder(), about.revision());
    let info = StoreInfo::new(url, id, dimensions, capabilities);
    let state = RwLock::new(State { index: read.index, last, broken: false });
    let keeper = Keeper::start(folder.clone(), dimensions, read.unindexed)
        .map_err(|error| of_io("start its thread", url, &error))?;
    let place = (path, about);
    Ok(Inner { info, place, folder, state, ranges: Mutex::new(read.ranges), keeper })
}

/// The engine's files, which are made if the folder is new; and that it was opened once more.
fn engine(folder: &Path, url: &str, about: &mut About) -> Result<EdgeShard, StoreError> {
    let unwritable = |error: io::Error| of_io("write it", url, &error);
    let (path, config) = (folder.join(ENGINE), convert::config(about.points.dimensions));
    let engine = if about.openings == 0 {
        about.write(folder).map_err(unwritable)?;
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(error)),
            _ => {}
        }
        opened(url, || {
            let engine = EdgeShard::new(&path, config)?;
            convert::indexes()?.into_iter().try_for_each(|index| engine.update(index))?;
            engine.flush()?;
            Ok(engine)
        })?
    } else {
        if !path.join("edge_config.json").is_file() {
            let message = "its records are not there; bring them back from a backup";
            return Err(StoreError::new(Kind::Corrupt, url, message));
        }
        opened(url, || Ok(EdgeShard::load(&path, Some(config))?))?
    };
    about.openings += 1;
    about.write(folder).map_err(unwritable)?;
    Ok(engine)
}

/// What opening gives. What the engine finds damaged may also make it panic.
fn opened<T>(url: &str, open: impl FnOnce() -> Result<T, Failure>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(Failure::Engine(Trouble::Engine(error)))) => Err(of_opening(url, &error)),
        Ok(Err(failure)) => Err(failure.told("open", url)),
        Err(_) => Err(StoreError::new(Kind::Corrupt, url, "it is damaged; bring it back from a backup")),
    }
}

/// Takes the folder for this process.
fn lock(folder: &Path, url: &str) -> Result<File, StoreError> {
    let failed = |error: io::Error| of_io("lock it", url, &error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(folder.join(LOCK)).map_err(failed)?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => {
                file.set_len(0).map_err(failed)?;
                file.write_all(std::process::id().to_string().as_bytes()).map_err(failed)?;
                return Ok(file);
            }
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    let mut text = String::new();
    let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
    let who = match text.parse::<u32>() {
        Ok(id) if id == std::process::id() => "this process has it open already; use that store".to_owned(),
        Ok(id) => format!("process {id} has it open; end that one, or ask it"),
        Err(_) => "another process has it open; end that one, or ask it".to_owned(),
    };
    let message = format!("{who}. Several processes can share `sqlite://` and `qdrant://`");
    Err(StoreError::new(Kind::Unreachable, url, message))
}

/// Makes the folder for the user alone.
fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
