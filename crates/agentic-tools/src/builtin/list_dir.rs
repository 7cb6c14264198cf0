//! `list_dir`: what is in a folder.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolPolicy, ToolSpec, async_trait};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::jail::Jail;
use super::support::{arguments, blocking, size, spec};

pub(super) const NAME: &str = "list_dir";
pub(super) const DESCRIPTION: &str = "List the files and folders in a folder. \
    Use it first to see what there is. Example: {\"path\": \".\"}";

/// Names that are shown of one folder.
const MAX_ENTRIES: usize = 500;
/// Names that are read of one folder, for the count of what is not shown.
const MAX_READ: usize = 100_000;

/// Lists a folder of a [`Jail`].
#[derive(Clone, Debug)]
pub struct ListDir {
    jail: Jail,
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The folder. Default: ".", which holds everything.
    path: Option<String>,
}

impl ListDir {
    /// A tool that lists folders of `jail`.
    pub fn new(jail: Jail) -> Self {
        Self { jail, spec: spec::<Arguments>(NAME, DESCRIPTION, ToolPolicy::default()) }
    }
}

#[async_trait]
impl Tool for ListDir {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, given: Value, _: EffectContext) -> Result<Value, ToolError> {
        let Arguments { path } = arguments(NAME, given)?;
        let path = self.jail.relative(path.as_deref().unwrap_or("."))?;
        let jail = self.jail.clone();
        blocking(move || list(&jail, &path)).await.map(Value::String)
    }
}

fn list(jail: &Jail, path: &Path) -> Result<String, ToolError> {
    let error = |error| jail.about("can't list", path, error);
    let mut lines = Vec::new();
    let mut total = 0_usize;
    for entry in jail.dir().read_dir(path).map_err(error)? {
        let entry = entry.map_err(error)?;
        total += 1;
        if total > MAX_READ {
            break;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let Ok(metadata) = entry.metadata() else {
            // Gone in the meantime.
            total -= 1;
            continue;
        };
        // Folders first, then by name.
        lines.push(if metadata.is_dir() {
            (0, format!("{name}/"))
        } else if metadata.is_symlink() {
            (1, format!("{name}  (link)"))
        } else if metadata.len() > super::read_file::MAX_BYTES as u64 && metadata.is_file() {
            // A size matters where a file can't be read in one go. Small models take other sizes for contents.
            (1, format!("{name}  ({})", size(metadata.len())))
        } else if metadata.is_file() {
            (1, name.into_owned())
        } else {
            (1, format!("{name}  (no regular file)"))
        });
    }
    if lines.is_empty() {
        return Ok(format!("`{}` is empty", path.display()));
    }
    lines.sort_unstable();
    let mut text = String::new();
    for (_, line) in lines.iter().take(MAX_ENTRIES) {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{line}");
    }
    if total > MAX_ENTRIES {
        let many = if total > MAX_READ { "more than " } else { "" };
        let left = total.min(MAX_READ) - MAX_ENTRIES;
        let _ = writeln!(
            text,
            "[cut: {many}{left} more names are not shown; use search_files with a pattern for names]"
        );
    }
    Ok(text)
}
