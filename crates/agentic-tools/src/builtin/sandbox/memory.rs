//! How much memory the processes of a sandbox have together, seen from outside.
//!
//! The kernel bounds each process (`RLIMIT_DATA`); a bound for all of them would be a control group, which an ordinary
//! user can't make everywhere. So the keeper looks again and again. It allocates nothing.

use std::ffi::CStr;
use std::fmt::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::fs::{Mode, OFlags, RawDir, open};
use rustix::io::Errno;

/// More processes than any sandbox has; those that do not fit are not counted.
const MOST: usize = 1024;
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC);

/// Whether the processes below `first` have more than `limit` bytes together. Memory that they share is counted
/// once, if it comes to that.
pub(super) fn exceeds(first: i32, limit: u64) -> Result<bool, Errno> {
    let mut found = Found { pids: [0; MOST], count: 0 };
    found.children(first)?;
    let mut looked = 0;
    while looked < found.count {
        // One that has ended meanwhile has none.
        let _ = found.children(found.pids[looked]);
        looked += 1;
    }
    let all = &found.pids[..found.count];
    let sum = |bytes: fn(i32) -> Result<u64, Errno>| {
        all.iter().map(|pid| bytes(*pid).unwrap_or(0)).fold(0, u64::saturating_add)
    };
    Ok(sum(resident) > limit && sum(proportional) > limit)
}

struct Found {
    pids: [i32; MOST],
    count: usize,
}

impl Found {
    /// Adds the children of all threads of a process.
    fn children(&mut self, pid: i32) -> Result<(), Errno> {
        let mut path = Text::new();
        let _ = write!(path, "/proc/{pid}/task");
        let threads = open(path.as_c_str(), FLAGS | OFlags::DIRECTORY, Mode::empty())?;
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut entries = RawDir::new(&threads, &mut space);
        while let Some(entry) = entries.next() {
            if let Some(thread) = entry?.file_name().to_str().ok().and_then(|name| name.parse::<i32>().ok()) {
                let mut path = Text::new();
                let _ = write!(path, "/proc/{pid}/task/{thread}/children");
                self.add(&open(path.as_c_str(), FLAGS, Mode::empty())?)?;
            }
        }
        Ok(())
    }

    /// Adds the numbers that a file lists.
    fn add(&mut self, list: &OwnedFd) -> Result<(), Errno> {
        let (mut bytes, mut number) = ([0; 4096], 0_i32);
        loop {
            let read = rustix::io::read(list, &mut bytes)?;
            for byte in &bytes[..read] {
                match byte {
                    b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(i32::from(byte - b'0')),
                    _ => self.push(std::mem::take(&mut number)),
                }
            }
            if read == 0 {
                self.push(number);
                return Ok(());
            }
        }
    }

    fn push(&mut self, pid: i32) {
        if pid > 0 && self.count < MOST {
            self.pids[self.count] = pid;
            self.count += 1;
        }
    }
}

/// The bytes that a process has in memory, whoever else has them too.
fn resident(pid: i32) -> Result<u64, Errno> {
    let mut bytes = [0; 128];
    let text = read(pid, "statm", &mut bytes)?;
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0);
    Ok(pages.saturating_mul(rustix::param::page_size() as u64))
}

/// The bytes that a process has in memory, its share of those that others have too.
fn proportional(pid: i32) -> Result<u64, Errno> {
    let mut bytes = [0; 2048];
    match read(pid, "smaps_rollup", &mut bytes) {
        Ok(text) => {
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            Ok(number.unwrap_or(0).saturating_mul(1024))
        }
        Err(Errno::SRCH | Errno::NOENT) => Ok(0),
        Err(_) => resident(pid),
    }
}

fn read<'a>(pid: i32, file: &str, bytes: &'a mut [u8]) -> Result<&'a str, Errno> {
    let mut path = Text::new();
    let _ = write!(path, "/proc/{pid}/{file}");
    let file = open(path.as_c_str(), FLAGS, Mode::empty())?;
    let read = rustix::io::read(&file, &mut *bytes)?;
    Ok(std::str::from_utf8(&bytes[..read]).unwrap_or_default())
}

/// A short text that needs no allocation and ends with a zero byte.
pub(super) struct Text {
    bytes: [u8; 64],
    length: usize,
}

impl Text {
    pub(super) fn new() -> Self {
        Self { bytes: [0; 64], length: 0 }
    }

    pub(super) fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        // The last byte stays zero.
        let Some(place) = self.bytes[..63].get_mut(self.length..end) else { return Err(fmt::Error) };
        place.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
