//! What a process takes, and what a store takes on the disk.

pub mod npy;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

/// Why something could not be measured.
pub type Failed = Box<dyn Error + Send + Sync>;

const MIB: f64 = 1024.0 * 1024.0;

/// How long some work takes, in seconds, and what comes of it.
#[expect(clippy::disallowed_methods, reason = "it measures real time")]
pub async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let started = Instant::now();
    let made = work.await;
    (started.elapsed().as_secs_f64(), made)
}

/// Seconds of CPU that this process has used, threads that have ended included.
pub fn cpu() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// MiB of this process that are in memory now.
///
/// # Errors
/// If the system does not say (it is no Linux).
pub fn resident() -> Result<f64, Failed> {
    status("VmRSS:")
}

/// The most MiB that this process ever had in memory.
///
/// # Errors
/// As [`resident`].
pub fn peak_resident() -> Result<f64, Failed> {
    status("VmHWM:")
}

fn status(key: &str) -> Result<f64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(key)).ok_or("the system does not say")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

/// MiB of a file, or of all in a folder.
///
/// # Errors
/// If they can't be looked at.
pub fn size(path: &Path) -> Result<f64, Failed> {
    let about = std::fs::metadata(path)?;
    if !about.is_dir() {
        return Ok(about.len() as f64 / MIB);
    }
    std::fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}
