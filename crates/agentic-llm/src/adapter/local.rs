//! The embedded model: any GGUF file, run in this process by llama.cpp.
//!
//! [`Engine`] is the lower half: tokens in, tokens out, several requests at once on one KV cache.

mod abort;
mod address;
mod backend;
mod calls;
mod disk;
mod engine;
mod error;
mod grammar;
mod job;
mod load;
mod model;
mod options;
mod policy;
mod prefix;
mod render;
mod request;
mod sampler;
mod stop;
mod template;
mod utf8;
mod vocab;
mod worker;

pub use address::check_address;
pub(crate) use address::open_address;
pub use engine::{Engine, Totals};
pub use error::EngineError;
pub use grammar::Grammar;
pub use model::{LocalModel, LocalOptions, open};
pub use options::{EngineOptions, Sampling};
pub use policy::TurnPolicy;
pub use request::{Counters, Finish, GenerateEvent, GenerateRequest, Generation};
pub use vocab::Vocab;
