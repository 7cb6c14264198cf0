//! What can go wrong with an ONNX model.

use std::path::PathBuf;

use agentic_core::{ModelError, ModelErrorKind};

/// Why an ONNX model can't be opened or run. One line: what failed, on what, what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The ONNX Runtime's library is not named.
    #[error("the ONNX Runtime is not named; set ORT_DYLIB_PATH to its library")]
    NoLibrary,
    /// The ONNX Runtime's library can't be loaded.
    #[error("can't load the ONNX Runtime `{}`: {reason}; ORT_DYLIB_PATH may name another", path.display())]
    Library {
        /// The library.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A file of the model can't be used.
    #[error("can't use `{}`: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// A text can't be made into tokens.
    #[error("text {index} can't be made into tokens: {reason}")]
    Tokens {
        /// Which of the texts, from 0.
        index: usize,
        /// What the tokenizer says.
        reason: String,
    },
    /// The network failed.
    #[error("the network failed: {0}")]
    Run(String),
    /// The network gives something else than vectors.
    #[error("the network gives {0}; give a sentence-embedding model")]
    Output(String),
    /// The run was cancelled before all texts were embedded.
    #[error("the run was cancelled before all texts were embedded")]
    Cancelled,
    /// The thread that runs the network is gone.
    #[error("the thread that runs the network is gone; open the model again")]
    Closed,
}

impl OnnxError {
    /// The same as an error of the model with this id.
    pub(super) fn on(self, id: &str) -> ModelError {
        let kind = match self {
            Self::Tokens { .. } => ModelErrorKind::InvalidRequest,
            Self::Run(_) | Self::Closed => ModelErrorKind::Unavailable,
            Self::Cancelled => ModelErrorKind::Interrupted,
            Self::Output(_) => ModelErrorKind::InvalidResponse,
            Self::NoLibrary | Self::Library { .. } | Self::File { .. } => ModelErrorKind::Unloadable,
        };
        ModelError::new(kind, id, self.to_string()).with_source(self)
    }
}

/// The text of a stranger's error on one line.
pub(super) fn one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
