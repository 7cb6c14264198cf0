//! Opening memories, and what an agent does with one.

use std::path::Path;
use std::sync::Arc;

use agentic::core::{
    Agent, Embedder, EmbedderInfo, Embeddings, MemoryScope, ModelContext, ModelError, ModelErrorKind,
    ScopedTool, StoreError, StoreErrorKind, VectorStore,
};
use agentic::memory::{LongTermMemory, RememberingAgent, RememberingOptions, backend, memory_tools};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::args::{How, Which};
use crate::exit::Failure;
use crate::{journals, models, recipe};

/// The address of the user's own memory.
const OWN: &str = "default";

/// Which memory, and how it is used: with whole paths, as it is kept with a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MemoryRecipe {
    /// The store's address.
    pub(crate) url: String,
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
        let embedder = embedder.filter(|address| !address.trim().is_empty());
        Ok(Self {
            url: address(url)?,
            embedder: embedder.map(|it| recipe::whole(&it)),
            scope,
            embedder_info: None,
        })
    }

    pub(crate) fn of(which: Which) -> Result<Self, Failure> {
        let Which { memory, how } = which;
        Self::new(memory.as_deref().unwrap_or(OWN), how)
    }

    /// The memory, with its embedding model. What is not there yet is made.
    pub(crate) async fn open(&mut self) -> Result<Memories, Failure> {
        let embedder = self.embedder().await?;
        let store = backend::open(&self.url, Some(embedder.info())).await.map_err(failure)?;
        self.embedder_info = Some(embedder.info().clone());
        Ok(self.memories(store, embedder))
    }

    /// The memory as it is, for what needs no embedding model; `None` if there is none.
    pub(crate) async fn existing(&self) -> Result<Option<Memories>, Failure> {
        match backend::open(&self.url, None).await {
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
        Memories { memory: LongTermMemory::new(store, embedder), scope: self.scope.clone() }
    }

    /// The embedding model that is named, else that of the store, else the default.
    async fn embedder(&self) -> Result<Arc<dyn Embedder>, Failure> {
        let address = match &self.embedder {
            Some(address) => address.clone(),
            None => {
                let known = self.existing().await?.map(|it| it.memory.store().info().embedder.to_string());
                known.unwrap_or_else(|| models::DEFAULT_EMBEDDER.to_owned())
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
    let Some(path) = url.strip_prefix("sqlite://").filter(|path| !path.is_empty()) else {
        return Ok(url.to_owned());
    };
    let whole = std::path::absolute(Path::new(path))
        .map_err(|error| Failure::usage(format!("{url} names no file: {error}")))?;
    Ok(format!("sqlite://{}", whole.display()))
}

/// What the user named, or can mend, is the user's; the rest is the machine's fault.
pub(crate) fn failure(error: StoreError) -> Failure {
    match error.kind {
        StoreErrorKind::Invalid
        | StoreErrorKind::OtherEmbedder
        | StoreErrorKind::WrongDimension
        | StoreErrorKind::NotFound => Failure::usage(error),
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
    pub(crate) fn around(&self, agent: impl Agent, conversation: Option<String>) -> RememberingAgent {
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
