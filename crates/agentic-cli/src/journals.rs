//! Where runs are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use agentic::core::{Sources as _, Timestamp};
use agentic::runtime::{RuntimeBuilder, SystemSources};
use agentic::{Runtime, SqliteOptions, SqliteStore};

use crate::args::duration;
use crate::exit::Failure;
use crate::recipe::Recipes;

/// How long a run stays a process's without a sign of life. Long enough for a machine that is busy, short enough that
/// whoever resumes after a crash does not wait long.
const LEASE: Duration = Duration::from_secs(5);

/// A lease has to be renewed a few times before it runs out.
const SHORTEST: Duration = Duration::from_millis(500);

/// The file of this user's runs.
pub(crate) fn path() -> Result<PathBuf, Failure> {
    file("runs.db")
}

/// A file of this user's data. Not beside the models, which lie in a cache: those can be had again.
pub(crate) fn file(name: &str) -> Result<PathBuf, Failure> {
    let home = std::env::var_os("AGENTIC_HOME").filter(|home| !home.to_string_lossy().trim().is_empty());
    let home = home.map(PathBuf::from);
    let data = || directories::BaseDirs::new().map(|dirs| dirs.data_local_dir().join("agentic"));
    let root = home.or_else(data);
    let root =
        root.ok_or_else(|| Failure::failed("no home folder found for runs and memories; set AGENTIC_HOME"))?;
    Ok(root.join(name))
}

/// A runtime on the user's runs, to be set up. A missing file is made.
pub(crate) async fn open() -> Result<RuntimeBuilder, Failure> {
    on(&path()?).await
}

/// A runtime on the user's runs; `None` if there never were any.
pub(crate) async fn existing() -> Result<Option<Runtime>, Failure> {
    let path = path()?;
    let there = path.try_exists().map_err(|error| {
        Failure::store(format!("can't look for runs in {}: {error}; set AGENTIC_HOME", path.display()))
    })?;
    if !there {
        return Ok(None);
    }
    Ok(Some(on(&path).await?.build()))
}

async fn on(path: &Path) -> Result<RuntimeBuilder, Failure> {
    let lease = lease()?;
    let store = SqliteStore::open(path, SqliteOptions::new()).await.map_err(Failure::store)?;
    Ok(Runtime::builder(store).code(env!("CARGO_PKG_VERSION")).lease(lease).agents(Recipes))
}

/// `AGENTIC_LEASE`, for machines on which five seconds are too short or too long.
fn lease() -> Result<Duration, Failure> {
    let Ok(text) = std::env::var("AGENTIC_LEASE") else { return Ok(LEASE) };
    if text.trim().is_empty() {
        return Ok(LEASE);
    }
    match duration(&text) {
        Ok(lease) if lease >= SHORTEST => Ok(lease),
        Ok(_) => {
            Err(Failure::usage(format!("AGENTIC_LEASE: `{text}` is too short; it must be at least 500ms")))
        }
        Err(why) => Err(Failure::usage(format!("AGENTIC_LEASE: `{text}` is {why}"))),
    }
}

pub(crate) fn now() -> Timestamp {
    SystemSources.now()
}
