//! Embedding models as ONNX files, run in this process by the ONNX Runtime.
//!
//! A model is two files side by side: `model.onnx` and `tokenizer.json`. The runtime is a library that is loaded when
//! the first model is opened: nothing is fetched or linked while building. Texts are cut to the model's most tokens,
//! run through the network, pooled, and scaled to length 1.
//!
//! # What else is embedded does not matter
//!
//! A text has the same vector whatever comes with it. Some files quantise what goes through the network by the range
//! of numbers that is in a batch: there the same text would get another vector in other company. Opening a model looks
//! whether its file does so, with a short text, alone and beside a long one. If it does, every text is run alone; else
//! texts of like length are run together, which is faster. The default model has weights of 8 bit and numbers in full:
//! its vectors do not move at all.

mod address;
mod embedder;
mod error;
mod library;
mod network;
mod plan;
mod text;
mod worker;

pub use address::needs;
pub(crate) use address::open_address;
pub use embedder::{OnnxEmbedder, OnnxOptions, Pooling, open};
pub use error::OnnxError;
