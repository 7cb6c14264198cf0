//! `write_file`: a new file, or a new content of an old one.

use std::sync::Arc;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::jail::Jail;
use super::support::{arguments, blocking, size, spec};

pub(super) const NAME: &str = "write_file";
pub(super) const DESCRIPTION: &str = "Write a text file. It replaces the whole file; missing folders are made. \
    To change a part of a file use edit_file. Example: {\"path\": \"notes/a.txt\", \"content\": \"Hello\\n\"}";

/// Bytes that a file may have, unless another limit is set.
const MAX_BYTES: usize = 4 << 20;

/// Writes text files of a [`Jail`], each as a whole or not at all.
///
/// Its effect is `idempotent`: writing the same content twice is like writing it once.
#[derive(Clone, Debug)]
pub struct WriteFile {
    jail: Jail,
    max_bytes: usize,
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The file, like "notes/a.txt".
    path: String,
    /// The whole new content.
    content: String,
}

impl WriteFile {
    /// A tool that writes files of `jail`, of at most 4 MiB.
    pub fn new(jail: Jail) -> Self {
        // One after the other: two calls of one turn may be about one file.
        let policy = ToolPolicy::default().sequential();
        Self { jail, max_bytes: MAX_BYTES, spec: spec::<Arguments>(NAME, DESCRIPTION, policy) }
    }

    /// The same tool with this limit on a file's bytes.
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }
}

#[async_trait]
impl Tool for WriteFile {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Idempotent
    }

    async fn call(&self, given: Value, _: EffectContext) -> Result<Value, ToolError> {
        let Arguments { path, content } = arguments(NAME, given)?;
        let bytes = content.len();
        if bytes > self.max_bytes {
            let (found, limit) = (size(bytes as u64), size(self.max_bytes as u64));
            let message = format!("the content for `{path}` has {found}, more than {limit}; write several files");
            return Err(ToolError::new(ToolErrorKind::LimitReached, message));
        }
        let relative = self.jail.relative(&path)?;
        if path.trim_end().ends_with(['/', '\\']) {
            return Err(ToolError::invalid(format!("`{path}` names a folder; add a file name")));
        }
        let jail = self.jail.clone();
        let target = relative.clone();
        let replaced = blocking(move || jail.write(&target, content.as_bytes())).await?;
        let (what, path) = (if replaced { "replaced" } else { "made" }, relative.display());
        Ok(Value::String(format!("{what} `{path}`, {}", size(bytes as u64))))
    }
}
