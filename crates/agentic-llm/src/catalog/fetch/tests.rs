//! Fetches from a server on the loopback interface and through a pip that is a shell script.

mod http;
mod net;
mod pip;
mod server;
mod store;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::*;
use crate::catalog::{Catalog, Sha256Sum};

/// A store in a temporary folder, options that do not wait, and the events heard.
struct World {
    dir: tempfile::TempDir,
    store: Store,
    options: FetchOptions,
    events: Arc<Mutex<Vec<FetchEvent>>>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(dir.path().join("store"));
        let options = FetchOptions {
            pip: Pip::with_commands([["/nonexistent/pip"]]),
            // A busy machine must not look like one that is offline.
            connect_timeout: Duration::from_secs(600),
            stall_timeout: Duration::from_secs(600),
            retry_pause: Duration::ZERO,
            lock_poll: Duration::from_millis(1),
            ..FetchOptions::default()
        };
        Self { dir, store, options, events: Arc::default() }
    }

    async fn fetch(&self, entry: &Entry) -> Result<PathBuf, FetchError> {
        self.fetch_until(entry, |_| false).await
    }

    /// Fetches, and cancels as soon as an event is the `last`.
    async fn fetch_until(&self, entry: &Entry, last: fn(&FetchEvent) -> bool) -> Result<PathBuf, FetchError> {
        let (events, cancel) = (Arc::clone(&self.events), CancellationToken::new());
        let stop = cancel.clone();
        let progress = move |event: &FetchEvent| {
            events.lock().unwrap().push(event.clone());
            if last(event) {
                stop.cancel();
            }
        };
        let fetcher = Fetcher::new(self.options.clone());
        fetcher.fetch(entry, &self.store, &progress, &cancel).await.map(|model| model.path().to_owned())
    }

    async fn error(&self, entry: &Entry) -> String {
        let error = self.fetch(entry).await.unwrap_err().to_string();
        assert!(!error.contains('\n'), "one line: {error}");
        error
    }

    /// The events so far in short: no byte counts but the first of each phase.
    fn story(&self) -> Vec<String> {
        let mut story: Vec<String> = Vec::new();
        for event in self.events.lock().unwrap().drain(..) {
            let line = match event {
                FetchEvent::Waiting { .. } => "waiting".to_owned(),
                FetchEvent::Trying { source, .. } => format!("trying {}", source.split(' ').next().unwrap()),
                FetchEvent::Downloading { .. } => "downloading".to_owned(),
                FetchEvent::Verifying { .. } => "verifying".to_owned(),
                FetchEvent::SourceFailed { .. } => "failed".to_owned(),
                FetchEvent::Ready { file, .. } => format!("ready {file}"),
            };
            if story.last() != Some(&line) {
                story.push(line);
            }
        }
        story
    }

    /// All files in the store, without locks and markers.
    fn files(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for child in fs::read_dir(folder).into_iter().flatten() {
                let path = child.unwrap().path();
                match path.is_dir() {
                    true => walk(&path, found),
                    false => found.push(path),
                }
            }
        }
        let mut found = Vec::new();
        walk(self.store.root(), &mut found);
        let known = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            !name.ends_with(".lock") && !name.ends_with(".verified.json")
        };
        found.retain(known);
        found
    }
}

/// Bytes in which every position differs from its neighbours.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// An entry `m` with one file of this content and these sources, in TOML.
fn entry(content: &[u8], sources: &[String]) -> Entry {
    entry_of_files(&[("m.gguf", content, sources)])
}

fn entry_of_files(files: &[(&str, &[u8], &[String])]) -> Entry {
    let mut text = "[[model]]\nid = \"m\"\npurpose = \"chat\"\n".to_owned();
    for (name, content, sources) in files {
        let (size, sum) = (content.len(), Sha256Sum::of(content));
        text += &format!("[[model.file]]\nname = \"{name}\"\nsize = {size}\nsha256 = \"{sum}\"\n");
        for source in *sources {
            text += &format!("[[model.file.source]]\n{source}\n");
        }
    }
    Catalog::parse(&text, "test").unwrap().get("m").unwrap().clone()
}

fn url_source(url: &str) -> String {
    format!("kind = \"url\"\nurl = \"{url}\"")
}
