//! Web sources: a hub or any server, continued by range requests (RFC 9110, section 14).

use std::{error::Error as _, fs, io::Write, sync::Arc};

use reqwest::{
    Client, Response, StatusCode, Url,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE,
        LAST_MODIFIED, RANGE,
    },
    redirect::Policy,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{
    FetchError, FetchOptions, SourceError, blocking,
    error::Stop,
    job::{Job, Partial},
};
use crate::catalog::{FileEntry, Sha256Sum, lock::StoreLock};
use crate::secret::Secret;

/// However often a server breaks off while sending something each time, this is enough.
const MAX_CONTINUATIONS: u32 = 20;

/// One file on one server.
#[derive(Debug)]
pub(super) struct HttpSource<'a> {
    options: &'a FetchOptions,
    url: Url,
    token: Option<&'a Secret>,
    client: Client,
    /// The length it must have, where known.
    size: Option<u64>,
}

/// What the bytes in the unfinished file are: a part of the content with this validator.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    validator: Option<String>,
}

/// How one request ended that did not bring the whole rest.
enum Broken {
    /// Continuing may help.
    Off(SourceError),
    /// What is here does not fit what the server has: begin again.
    Stale,
    For(Stop),
}

impl<E: Into<Stop>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::For(error.into())
    }
}

/// The address of a file on a hub.
pub(super) fn hub_url(endpoint: &str, repo: &str, revision: &str, file: &str) -> Result<Url, SourceError> {
    let mut address = url(endpoint)?;
    if let Ok(mut segments) = address.path_segments_mut() {
        segments.pop_if_empty().extend(repo.split('/')).extend(["resolve", revision]).extend(file.split('/'));
    }
    Ok(address)
}

/// A web address.
pub(super) fn url(text: &str) -> Result<Url, SourceError> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(url),
        _ => Err(SourceError::Setup("the address is not of the form https://host".to_owned())),
    }
}

impl<'a> HttpSource<'a> {
    pub(super) fn new(
        options: &'a FetchOptions,
        url: Url,
        token: Option<&'a Secret>,
        size: Option<u64>,
    ) -> Result<Self, SourceError> {
        let client = client(options, Policy::default())?;
        Ok(Self { options, url, token, client, size })
    }

    /// Asks the hub for the length and content of a file of which neither is known. A hub that
    /// states nothing is no failure.
    pub(super) async fn learn_content(&mut self) -> Result<Option<Sha256Sum>, SourceError> {
        // The statement is in the hub's own answer, not in that of the storage it redirects to. A
        // renamed repository is a redirect on the same host.
        let same_host = Policy::custom(|attempt| {
            match attempt.previous().last().is_some_and(|last| last.origin() == attempt.url().origin()) {
                true if attempt.previous().len() < 5 => attempt.follow(),
                _ => attempt.stop(),
            }
        });
        let request = client(self.options, same_host)?.head(self.url.clone()).headers(self.headers());
        let response = request.send().await.map_err(|error| self.unconnected(&error))?;
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(self.refused(status));
        }
        let text =
            |name: &'static str| response.headers().get(name)?.to_str().ok().map(|t| t.trim_matches('"'));
        let (size, sum) = (text("x-linked-size"), text("x-linked-etag"));
        let sum = sum.and_then(|sum| sum.parse().ok());
        self.size = size.and_then(|size| size.parse().ok());
        Ok(sum)
    }

    /// Brings the whole file into the unfinished file, continuing what is there.
    pub(super) async fn download(
        &self,
        job: &Job<'_>,
        file: &FileEntry,
        partial: &Partial,
        lock: &Arc<StoreLock>,
    ) -> Result<(), Stop> {
        let (mut idle, mut continuations) = (0, 0);
        loop {
            let before = partial.len();
            let error = match self.rest(job, file, partial, lock).await {
                Ok(()) => return Ok(()),
                Err(Broken::For(stop)) => return Err(stop),
                Err(Broken::Stale) => {
                    partial.discard();
                    None
                }
                Err(Broken::Off(error)) => Some(error),
            };
            idle = if partial.len() > before { 0 } else { idle + u32::from(error.is_some()) };
            continuations += 1;
            if idle > self.options.retries || continuations > MAX_CONTINUATIONS {
                let changed = || SourceError::Interrupted {
                    done: 0,
                    reason: "the content on the server keeps changing".to_owned(),
                };
                return Err(error.unwrap_or_else(changed).into());
            }
            if error.is_some() {
                tokio::time::sleep(self.options.retry_pause).await;
            }
        }
    }

    /// One request for what is missing.
    async fn rest(
        &self,
        job: &Job<'_>,
        file: &FileEntry,
        partial: &Partial,
        lock: &Arc<StoreLock>,
    ) -> Result<(), Broken> {
        // Without a validator nothing says that the rest belongs to the same content.
        let validator = partial.read_state::<State>().and_then(|state| state.validator);
        let here = partial.len();
        if here > 0 && (validator.is_none() || self.size.is_some_and(|size| here > size)) {
            return Err(Broken::Stale);
        }
        if here > 0 && Some(here) == self.size {
            return Ok(());
        }
        let mut headers = self.headers();
        if let (Some(validator), true) = (&validator, here > 0) {
            let validator = HeaderValue::from_str(validator).map_err(|_| Broken::Stale)?;
            let range = HeaderValue::from_str(&format!("bytes={here}-")).map_err(|_| Broken::Stale)?;
            headers.extend([(IF_RANGE, validator), (RANGE, range)]);
        }
        let sent = self.client.get(self.url.clone()).headers(headers).send().await;
        let mut response = sent.map_err(|error| match here {
            0 => Broken::For(self.unconnected(&error).into()),
            _ => Broken::Off(self.unconnected(&error)),
        })?;
        let offset = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(here) => here,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => return Err(Broken::Stale),
            status => return Err(self.refused(status).into()),
        };
        let total = response.content_length().map(|rest| offset + rest);
        if let (Some(expected), Some(found)) = (self.size, total)
            && expected != found
        {
            return Err(SourceError::WrongSize { expected, found }.into());
        }
        if offset == 0 {
            partial.discard();
            if let Some(total) = total {
                job.ensure_space(partial, total)?;
            }
        }
        partial.write_state(&State { validator: strong_validator(&response) })?;
        self.receive(&mut response, offset, total, job, file, partial, lock).await
    }

    /// Writes the body behind the first `offset` bytes. A thread of its own writes, so that a slow
    /// disk does not hold up the runtime.
    #[expect(clippy::too_many_arguments, reason = "one step of `rest`, which reads better apart")]
    async fn receive(
        &self,
        response: &mut Response,
        offset: u64,
        total: Option<u64>,
        job: &Job<'_>,
        file: &FileEntry,
        partial: &Partial,
        lock: &Arc<StoreLock>,
    ) -> Result<(), Broken> {
        let part = partial.part.clone();
        let (sender, mut chunks) = mpsc::channel(64);
        let writer = blocking::run(
            lock,
            &job.stop,
            |_| (),
            move |_| {
                let mut output = fs::File::options().create(true).append(true).open(&part)?;
                while let Some(chunk) = chunks.blocking_recv() {
                    output.write_all(AsRef::<[u8]>::as_ref(&chunk))?;
                }
                Ok(())
            },
        );
        let total = self.size.or(total);
        let reader = async move {
            let mut told = job.downloading(file, total);
            let mut done = offset;
            told(done);
            loop {
                match response.chunk().await {
                    Ok(None) => return Ok(done),
                    Ok(Some(chunk)) => {
                        done += chunk.len() as u64;
                        if let Some(expected) = total.filter(|total| done > *total) {
                            return Err(SourceError::WrongSize { expected, found: done }.into());
                        }
                        if sender.send(chunk).await.is_err() {
                            // The writer has failed; it says why.
                            return Ok(done);
                        }
                        told(done);
                    }
                    Err(error) => {
                        return Err(Broken::Off(SourceError::Interrupted { done, reason: cause(&error) }));
                    }
                }
            }
        };
        let (read, written) = tokio::join!(reader, writer);
        written.map_err(FetchError::io("write", &partial.part))?;
        let done = read?;
        match total {
            Some(total) if done < total => Err(Broken::Off(SourceError::Interrupted {
                done,
                reason: "the server closed early".to_owned(),
            })),
            _ => Ok(()),
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
        let bearer = self.token.map(|token| HeaderValue::from_str(&format!("Bearer {}", token.expose())));
        if let Some(Ok(mut bearer)) = bearer {
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        headers
    }

    fn unconnected(&self, error: &reqwest::Error) -> SourceError {
        SourceError::NoConnection { host: self.host(), reason: cause(error) }
    }

    fn refused(&self, status: StatusCode) -> SourceError {
        let hint = match (status.as_u16(), self.token) {
            (401 | 403, None) => ": it does not exist, or it needs an access token (HF_TOKEN)",
            (401 | 403, Some(_)) => ": the access token gives no right to it",
            (404, _) => ": there is no such file",
            (429, _) => ": too many requests, try again later",
            _ => "",
        };
        SourceError::Status { host: self.host(), status: status.as_u16(), hint }
    }

    /// The host, with the port where it is not the usual one.
    pub(super) fn host(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

fn client(options: &FetchOptions, redirects: Policy) -> Result<Client, SourceError> {
    let builder = Client::builder()
        .user_agent(concat!("agentic/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        .read_timeout(options.stall_timeout)
        .redirect(redirects);
    builder.build().map_err(|error| {
        SourceError::Setup(format!("no secure connection can be prepared: {}", cause(&error)))
    })
}

/// The innermost cause, on one line; never the address, which may hold a secret.
fn cause(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    match error.source() {
        None if error.is_timeout() => "no answer in time".to_owned(),
        None => "the request failed".to_owned(),
        Some(_) => inner.to_string().lines().collect::<Vec<_>>().join(" "),
    }
}

/// Where the body of a 206 answer begins.
fn range_start(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

/// What `If-Range` may name: a strong entity tag, else a date.
fn strong_validator(response: &Response) -> Option<String> {
    let text = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}
