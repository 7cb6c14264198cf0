//! Opening memories, and what an agent does with one.

use std::path::Path;
use std::sync::Arc;

use agentic::core::{
    Agent, Embedder, EmbedderInfo, Embeddings, MemoryError, MemoryScope, ModelContext, ModelError,
    ModelErrorKind, Recalled, RunContext, ScopedTool, StoreError, StoreErrorKind, VectorStore,
};
use agentic::memory::{
    Comparer, Conversation, LongTermMemory, Relation, RememberingAgent, RememberingOptions, backend,
    memory_tools,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::args::{How, Which};
use crate::exit::Failure;
use crate::{config, journals, models, recipe};

/// The address of the user's own memory.
const OWN: &str = "default";

/// Which memory, and how it is used: with whole paths, as it is kept with a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MemoryRecipe {
    /// The store's address, without a password.
    pub(crate) url: String,
    /// The password that was in it. It is not kept: another process takes that of `PGPASSWORD`.
    #[serde(skip)]
    password: Option<Password>,
    /// The embedding model's address; `None` for the store's own, or else the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) embedder: Option<String>,
    pub(crate) scope: MemoryScope,
    /// What was known of the embedding model, so that repeating a run needs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) embedder_info: Option<EmbedderInfo>,
}

impl MemoryRecipe {
    /// The memory at this address.
    pub(crate) fn new(url: &str, how: How) -> Result<Self, Failure> {
        let How { scope, embedder } = how;
        let scope = scope.unwrap_or_else(|| MemoryScope::of_tenant("default"));
        let embedder = embedder.filter(|address| !address.trim().is_empty()).map(|it| recipe::whole(&it));
        let (url, password) = without_password(&address(url)?);
        Ok(Self { url, password, embedder, scope, embedder_info: None })
    }

    /// The memory that is named, by the command line, the environment or the configuration.
    pub(crate) fn of(which: Which) -> Result<Self, Failure> {
        let Which { memory, how } = which;
        let (configured, how) = config::memory(how)?;
        let memory = memory.filter(|url| !url.trim().is_empty()).or(configured);
        Self::new(memory.as_deref().unwrap_or(OWN), how)
    }

    /// The address with its password, to be opened.
    pub(crate) fn address(&self) -> String {
        let password = self.password.clone().or_else(|| std::env::var("PGPASSWORD").ok().map(Password));
        match (self.url.strip_prefix("postgres"), self.url.split_once('@'), password) {
            (Some(_), Some((user, place)), Some(Password(password))) => format!("{user}:{password}@{place}"),
            _ => self.url.clone(),
        }
    }

    /// The memory, with its embedding model. What is not there yet is made.
    pub(crate) async fn open(&mut self) -> Result<Memories, Failure> {
        let embedder = self.embedder().await?;
        let store = backend::open(&self.address(), Some(embedder.info())).await.map_err(failure)?;
        self.embedder_info = Some(embedder.info().clone());
        Ok(self.memories(store, embedder))
    }

    /// The memory as it is, for what needs no embedding model; `None` if there is none.
    pub(crate) async fn existing(&self) -> Result<Option<Memories>, Failure> {
        match backend::open(&self.address(), None).await {
            Ok(store) => {
                let absent =
                    Absent(EmbedderInfo::new(store.info().embedder.clone(), store.info().dimensions));
                Ok(Some(self.memories(store, Arc::new(absent))))
            }
            Err(error) if error.kind == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(failure(error)),
        }
    }

    /// For the repetition of a run: nothing is asked of it.
    pub(crate) fn repeat(&self) -> Memories {
        let info = self.embedder_info.clone().unwrap_or_else(|| EmbedderInfo::new("none", 1));
        let store = Arc::new(backend::memory::MemoryStore::new(&info));
        self.memories(store, Arc::new(Absent(info)))
    }

    fn memories(&self, store: Arc<dyn VectorStore>, embedder: Arc<dyn Embedder>) -> Memories {
        let memory = LongTermMemory::new(store, embedder).with_comparer(Later);
        Memories { memory, scope: self.scope.clone() }
    }

    /// The embedding model that is named, else that of the store, else the default.
    async fn embedder(&self) -> Result<Arc<dyn Embedder>, Failure> {
        let address = match &self.embedder {
            Some(address) => address.clone(),
            None => {
                let known = self.existing().await?.map(|it| it.memory.store().info().embedder.to_string());
                match known {
                    // The name of another says not where it is asked.
                    Some(known) if !known.starts_with("local:") && !known.starts_with("hashing:") => {
                        let message = format!(
                            "the vectors of {} are of {known}; name its address by --embedder",
                            self.url
                        );
                        return Err(Failure::usage(message));
                    }
                    known => known.unwrap_or_else(|| models::DEFAULT_EMBEDDER.to_owned()),
                }
            }
        };
        models::open_embedder(&address).await
    }
}

/// The whole address of a memory.
pub(crate) fn address(url: &str) -> Result<String, Failure> {
    let url = url.trim();
    if url == OWN {
        return Ok(format!("sqlite://{}", journals::file("memory.db")?.display()));
    }
    let Some(path) = url.strip_prefix("sqlite:") else { return Ok(url.to_owned()) };
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Ok(url.to_owned());
    }
    let whole = std::path::absolute(Path::new(path))
        .map_err(|error| Failure::usage(format!("{url} names no file: {error}")))?;
    Ok(format!("sqlite://{}", whole.display()))
}

/// A password: nothing shows it.
#[derive(Clone)]
pub(crate) struct Password(String);

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// An address without the password in it, and that.
pub(crate) fn without_password(url: &str) -> (String, Option<Password>) {
    let found = || {
        let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("postgres"))?;
        let (user, place) = rest.split_once('@')?;
        let (user, password) = user.split_once(':')?;
        Some((format!("{scheme}://{user}@{place}"), Password(password.to_owned())))
    };
    match found() {
        Some((url, password)) => (url, Some(password)),
        None => (url.to_owned(), None),
    }
}

/// What the user named, or can mend, is the user's; the rest is the machine's fault.
pub(crate) fn failure(error: StoreError) -> Failure {
    match error.kind {
        StoreErrorKind::OtherEmbedder | StoreErrorKind::WrongDimension => Failure::usage(error)
            .and("--embedder names that model, `agentic memory reembed` embeds all again"),
        StoreErrorKind::Invalid | StoreErrorKind::NotFound => Failure::usage(error),
        _ => Failure::failed(error),
    }
}

/// A memory that is open, and whose memories are used.
#[derive(Clone, Debug)]
pub(crate) struct Memories {
    pub(crate) memory: LongTermMemory,
    pub(crate) scope: MemoryScope,
}

impl Memories {
    /// For the agent to use when it wants to.
    pub(crate) fn tools(&self) -> [Arc<dyn ScopedTool>; 2] {
        memory_tools(self.memory.clone(), self.scope.clone())
    }

    /// The agent that reads what is remembered, and whose work is.
    pub(crate) fn around(&self, agent: impl Agent, conversation: Option<Conversation>) -> RememberingAgent {
        let mut options = RememberingOptions::default();
        options.conversation = conversation;
        RememberingAgent::new(agent, self.memory.clone(), self.scope.clone()).with_options(options)
    }
}

/// An embedding model of which only the facts are there.
#[derive(Debug)]
struct Absent(EmbedderInfo);

#[async_trait]
impl Embedder for Absent {
    fn info(&self) -> &EmbedderInfo {
        &self.0
    }

    async fn embed(&self, _: Arc<[String]>, _: ModelContext) -> Result<Embeddings, ModelError> {
        let message = "it is not opened for this";
        Err(ModelError::new(ModelErrorKind::InvalidRequest, &*self.0.id, message))
    }
}

/// What is kept waits for `agentic memory consolidate`, which has a model that compares.
#[derive(Debug)]
struct Later;

#[async_trait]
impl Comparer for Later {
    async fn compare(
        &self,
        _: &Recalled,
        _: &[Recalled],
        _: &RunContext,
    ) -> Result<Vec<Relation>, MemoryError> {
        Err(MemoryError::invalid("nothing is compared here; that is what `agentic memory consolidate` does"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_opened_with_and_neither_kept_nor_shown() {
        let recipe = MemoryRecipe::new("postgres://me:s%40cret@db/notes?schema=x", How::default()).unwrap();
        assert_eq!(recipe.address(), "postgres://me:s%40cret@db/notes?schema=x");
        let kept = serde_json::to_string(&recipe).unwrap();
        assert!(kept.contains("postgres://me@db/notes?schema=x"), "{kept}");
        assert!(!kept.contains("cret") && !format!("{recipe:?}").contains("cret"));
        let plain = MemoryRecipe::new("memory:", How::default()).unwrap();
        assert_eq!((plain.address(), plain.url), ("memory:".to_owned(), "memory:".to_owned()));
    }

    #[test]
    fn files_have_whole_paths() {
        let whole = address("sqlite:notes.db").unwrap();
        assert!(whole.starts_with("sqlite:///") && whole.ends_with("/notes.db"), "{whole}");
        assert_eq!(whole, address("sqlite://notes.db").unwrap());
    }
}
