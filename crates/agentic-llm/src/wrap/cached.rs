//! Keeps what was embedded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use agentic_core::{
    Embedder, EmbedderInfo, Embeddings, ModelContext, ModelError, ModelErrorKind, Usage, async_trait,
};

/// Bytes that are kept unless said otherwise.
const BYTES: usize = 64 * 1024 * 1024;
/// What one text costs beside its bytes and its vector's, about.
const OVERHEAD: usize = 128;

/// An embedding model that keeps its vectors by what the texts say, so that the same text is not embedded twice: not
/// later, and not twice in one call. Two calls at the same moment may both ask for it.
///
/// It keeps 64 MiB of texts and vectors, or as [`with_bytes`](Self::with_bytes) says; what was not asked for the longest
/// time goes first. Usage is that of what had to be asked for. Clones share what is kept.
#[derive(Clone, Debug)]
pub struct Cached<E> {
    embedder: Arc<E>,
    kept: Arc<Mutex<Kept>>,
}

/// Two halves: what is asked for comes into the young one; once that is full it becomes the old one, whose content goes.
#[derive(Debug)]
struct Kept {
    young: HashMap<Arc<str>, Arc<[f32]>>,
    old: HashMap<Arc<str>, Arc<[f32]>>,
    /// Bytes in the young half.
    bytes: usize,
    /// Bytes that a half may have.
    half: usize,
}

impl Kept {
    fn new(bytes: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), bytes: 0, half: bytes / 2 }
    }

    fn get(&mut self, text: &str) -> Option<Arc<[f32]>> {
        if let Some(vector) = self.young.get(text) {
            return Some(vector.clone());
        }
        let (text, vector) = self.old.remove_entry(text)?;
        self.put(text, vector.clone());
        Some(vector)
    }

    fn put(&mut self, text: Arc<str>, vector: Arc<[f32]>) {
        let bytes = text.len() + size_of_val(&*vector) + OVERHEAD;
        if bytes > self.half {
            return;
        }
        if self.bytes + bytes > self.half {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(text, vector).is_none() {
            self.bytes += bytes;
        }
    }
}

impl<E: Embedder> Cached<E> {
    /// Keeps what `embedder` gives.
    pub fn new(embedder: E) -> Self {
        Self { embedder: Arc::new(embedder), kept: Arc::new(Mutex::new(Kept::new(BYTES))) }
    }

    /// The same, empty, with at most about this many bytes of texts and vectors.
    pub fn with_bytes(mut self, bytes: usize) -> Self {
        self.kept = Arc::new(Mutex::new(Kept::new(bytes)));
        self
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Whatever is in it is true.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<E: Embedder> Embedder for Cached<E> {
    fn info(&self) -> &EmbedderInfo {
        self.embedder.info()
    }

    async fn embed(&self, texts: Arc<[String]>, mcx: ModelContext) -> Result<Embeddings, ModelError> {
        let mut found: HashMap<&str, Option<Arc<[f32]>>> = HashMap::new();
        let mut asked: Vec<String> = Vec::new();
        {
            let mut kept = self.kept();
            for text in texts.iter() {
                if let Entry::Vacant(place) = found.entry(text)
                    && place.insert(kept.get(text)).is_none()
                {
                    asked.push(text.clone());
                }
            }
        }
        let mut usage = Usage::default();
        if !asked.is_empty() {
            let asked: Arc<[String]> = asked.into();
            let answer = self.embedder.embed(asked.clone(), mcx).await?;
            if answer.vectors.len() != asked.len() {
                let message = format!("it gave {} vectors for {} texts", answer.vectors.len(), asked.len());
                return Err(ModelError::new(ModelErrorKind::InvalidResponse, &*self.info().id, message));
            }
            usage = answer.usage;
            let mut kept = self.kept();
            for (text, vector) in asked.iter().zip(answer.vectors) {
                let vector: Arc<[f32]> = vector.into();
                kept.put(text.as_str().into(), vector.clone());
                if let Some(place) = found.get_mut(text.as_str()) {
                    *place = Some(vector);
                }
            }
        }
        let vector =
            |text: &String| found.get(text.as_str()).and_then(Option::as_deref).unwrap_or_default().to_vec();
        Ok(Embeddings { vectors: texts.iter().map(vector).collect(), usage })
    }
}

#[cfg(test)]
mod tests;
