//! llama.cpp's process-wide state.

use std::sync::OnceLock;

use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::{LogOptions, send_logs_to_tracing};

use super::error::EngineError;

/// The one backend of the process. llama.cpp's chatter goes to `tracing` when debug messages are
/// wanted at first use, and nowhere otherwise.
pub(crate) fn backend() -> Result<&'static LlamaBackend, EngineError> {
    static BACKEND: OnceLock<Result<LlamaBackend, String>> = OnceLock::new();
    let backend = BACKEND.get_or_init(|| {
        let wanted = tracing::enabled!(tracing::Level::DEBUG);
        send_logs_to_tracing(LogOptions::default().with_logs_enabled(wanted));
        LlamaBackend::init().map_err(|error| error.to_string())
    });
    backend.as_ref().map_err(|reason| EngineError::Decode {
        reason: format!("another user of llama.cpp in this process owns its backend ({reason})"),
    })
}
