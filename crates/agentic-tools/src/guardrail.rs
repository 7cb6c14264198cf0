//! Guardrails that are ready to use.

mod model_judge;
#[cfg(feature = "guardrails")]
mod no_secrets;
#[cfg(feature = "guardrails")]
mod redact;
#[cfg(feature = "guardrails")]
mod strings;

pub use agentic_core::AllowTools;
pub use model_judge::ModelJudge;
#[cfg(feature = "guardrails")]
pub use no_secrets::NoSecrets;
#[cfg(feature = "guardrails")]
pub use redact::{PatternError, Redact};
