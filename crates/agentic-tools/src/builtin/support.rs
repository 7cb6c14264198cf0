//! What all built-in tools need.

use std::sync::Arc;

use agentic_core::{ToolError, ToolPolicy, ToolSpec};
use agentic_schema::schema_for;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::schema;

/// The spec of a built-in tool whose arguments are `A`.
pub(super) fn spec<A: JsonSchema>(name: &str, description: &str, policy: ToolPolicy) -> Arc<ToolSpec> {
    let mut parameters = schema_for::<A>();
    if let Some(Value::Object(properties)) = parameters.get_mut("properties") {
        for property in properties.values_mut() {
            schema::drop_null(property);
        }
    }
    if let Value::Object(root) = &mut parameters {
        // A comment on the struct is for us; the tool's description says what it is.
        root.remove("description");
    }
    Arc::new(ToolSpec::new(name, description, parameters).with_policy(policy))
}

/// The arguments of a call.
pub(super) fn arguments<A: DeserializeOwned>(name: &str, arguments: Value) -> Result<A, ToolError> {
    serde_json::from_value(arguments).map_err(|error| {
        ToolError::invalid(format!("the arguments of {name} do not fit: {error}")).with_source(error)
    })
}

/// Runs blocking work off the async threads. Dropping the future lets the work end unheard.
#[cfg(any(
    feature = "files",
    all(feature = "code", target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64"))
))]
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(ToolError::failed(format!("the work was broken off: {error}")).with_source(error)),
    }
}

/// Bytes as people read them: `812 bytes`, `3.4 KB`, `12.0 MB`.
#[cfg(any(
    feature = "files",
    feature = "http",
    feature = "shell",
    all(feature = "code", target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64"))
))]
pub(super) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "rounded to one digit anyway")]
    let scaled = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        1 => "1 byte".into(),
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} KB", scaled(1_000)),
        1_000_000..1_000_000_000 => format!("{:.1} MB", scaled(1_000_000)),
        _ => format!("{:.1} GB", scaled(1_000_000_000)),
    }
}

/// The longest start of `text` of at most `bytes` bytes that does not split a character.
#[cfg(any(feature = "files", feature = "http"))]
pub(super) fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}
