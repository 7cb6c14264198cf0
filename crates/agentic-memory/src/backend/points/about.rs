//! What a store says of itself.

use agentic_core::{EmbedderInfo, StoreError, StoreErrorKind as Kind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the format that this code writes: the payload of the points, and where they are.
const FORMAT: u32 = 1;

/// What other programs don't write.
const KIND: &str = "agentic memories";

/// Whose the points are, in which format, and which model their vectors are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::backend) struct About {
    kind: String,
    format: u32,
    embedder: String,
    pub(in crate::backend) dimensions: usize,
}

/// What stands in each format.
#[derive(Deserialize)]
struct Any {
    kind: String,
    format: u32,
}

impl About {
    /// A new store.
    pub(in crate::backend) fn new(embedder: &EmbedderInfo) -> Self {
        let (id, dimensions) = (embedder.id.to_string(), embedder.dimensions);
        Self { kind: KIND.into(), format: FORMAT, embedder: id, dimensions }
    }

    /// Reads it, or says what else this is.
    pub(in crate::backend) fn read(json: Value, url: &str) -> Result<Self, StoreError> {
        let corrupt = |message: &str| Err(StoreError::new(Kind::Corrupt, url, message));
        match Any::deserialize(&json) {
            Ok(Any { kind, format }) if kind == KIND && format > FORMAT => {
                let message =
                    format!("it has format {format}, this version reads up to {FORMAT}; use a newer one");
                Err(StoreError::new(Kind::Newer, url, message))
            }
            Ok(Any { kind, .. }) if kind == KIND => match serde_json::from_value(json) {
                Ok(about) => Ok(about),
                Err(_) => corrupt("what it says of itself is damaged; bring it back from a backup"),
            },
            _ => corrupt("what it says of itself is damaged or of another program; name another place"),
        }
    }

    /// The model that the vectors are of.
    pub(in crate::backend) fn embedder(&self) -> EmbedderInfo {
        EmbedderInfo::new(self.embedder.as_str(), self.dimensions)
    }

    /// Refuses a model that is not that one.
    pub(in crate::backend) fn check(
        &self,
        url: &str,
        expected: Option<&EmbedderInfo>,
    ) -> Result<(), StoreError> {
        let Self { embedder, dimensions, .. } = self;
        match expected {
            Some(EmbedderInfo { id, .. }) if **id != **embedder => {
                let message = format!(
                    "its vectors are of `{embedder}`, not of `{id}`; open it with that model, or embed all again"
                );
                Err(StoreError::new(Kind::OtherEmbedder, url, message))
            }
            Some(other) if other.dimensions != *dimensions => {
                let message = format!(
                    "its vectors of `{embedder}` have {dimensions} numbers, not {}; open it with that model, or \
                     embed all again",
                    other.dimensions
                );
                Err(StoreError::new(Kind::WrongDimension, url, message))
            }
            _ => Ok(()),
        }
    }
}

/// There is no store.
pub(in crate::backend) fn absent(url: &str) -> StoreError {
    StoreError::new(Kind::NotFound, url, "there are no memories; name the embedding model to make some")
}
