//! What a fetch tells while it runs.

use std::{fmt, path::PathBuf};

use super::error::Size;

/// One piece of news about a fetch.
///
/// For each file that is missing: `Trying`, then `Downloading` with rising `done`, then `Verifying`
/// with rising `done`, then `Ready`; a source that fails gives `SourceFailed`, and the next one is
/// tried. There are at most a few thousand events per file, however large it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchEvent {
    /// Another process is fetching the same model; this fetch waits for it.
    Waiting {
        /// The model.
        model: String,
    },
    /// A source is asked.
    Trying {
        /// The file's name.
        file: String,
        /// The source, as in messages.
        source: String,
    },
    /// Bytes have arrived. The first event of a continued transfer has `done` above 0. With a new
    /// source, or if the server's content has changed, `done` starts again.
    Downloading {
        /// The file's name.
        file: String,
        /// Bytes of the file here so far.
        done: u64,
        /// Bytes in all, where known.
        total: Option<u64>,
    },
    /// The file is complete and is being hashed.
    Verifying {
        /// The file's name.
        file: String,
        /// Bytes hashed so far.
        done: u64,
        /// Bytes in all.
        total: u64,
    },
    /// A source failed.
    SourceFailed {
        /// The file's name.
        file: String,
        /// The source, as in messages.
        source: String,
        /// Why, on one line.
        error: String,
    },
    /// The file is verified and in its place.
    Ready {
        /// The file's name.
        file: String,
        /// Where it lies.
        path: PathBuf,
    },
}

impl fmt::Display for FetchEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waiting { model } => write!(f, "waiting for another process that fetches {model}"),
            Self::Trying { file, source } => write!(f, "fetching {file} from {source}"),
            Self::Downloading { file, done, total: Some(total) } => {
                write!(f, "fetching {file}: {} of {}", Size(*done), Size(*total))
            }
            Self::Downloading { file, done, total: None } => write!(f, "fetching {file}: {}", Size(*done)),
            Self::Verifying { file, done, total } => {
                write!(f, "verifying {file}: {} of {}", Size(*done), Size(*total))
            }
            Self::SourceFailed { source, error, .. } => write!(f, "{source}: {error}"),
            Self::Ready { file, path } => write!(f, "{file} is at {}", path.display()),
        }
    }
}

/// Hears the events of a fetch, one after the other. Called from the fetching task: it must not block.
///
/// Any `Fn(&FetchEvent) + Send + Sync` is one.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn event(&self, event: &FetchEvent);
}

impl<F: Fn(&FetchEvent) + Send + Sync> Progress for F {
    fn event(&self, event: &FetchEvent) {
        self(event);
    }
}

/// Lets through one in so many byte counts: by size, not by time.
#[derive(Debug)]
pub(super) struct Steps {
    step: u64,
    last: Option<u64>,
}

impl Steps {
    /// About a thousand steps for `total`, none below 256 KiB.
    pub(super) fn of(total: Option<u64>) -> Self {
        Self { step: (total.unwrap_or(0) / 1000).max(256 << 10), last: None }
    }

    /// Whether `done` is far enough from the last one let through.
    pub(super) fn lets(&mut self, done: u64, total: Option<u64>) -> bool {
        let far = self.last.is_none_or(|last| done < last || done - last >= self.step);
        let last = Some(done) == total && self.last != Some(done);
        if far || last {
            self.last = Some(done);
        }
        far || last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_by_size_and_the_end_is_always_told() {
        let total = Some(1_000_000_000);
        let mut steps = Steps::of(total);
        let told = (0..=1_000_000).filter(|kb| steps.lets(kb * 1000, total)).count();
        assert_eq!(told, 1001);
        assert!(!steps.lets(1_000_000_000, total), "once is enough");
        assert!(steps.lets(0, total), "a new start is told");
    }
}
