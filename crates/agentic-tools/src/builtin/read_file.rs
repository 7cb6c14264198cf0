//! `read_file`: a text file, whole or by lines.

use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;

use agentic_core::{
    EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::jail::{Jail, about};
use super::support::{arguments, blocking, head, spec};

pub(super) const NAME: &str = "read_file";
pub(super) const DESCRIPTION: &str = "Read a text file. Example: {\"path\": \"notes/todo.txt\"}. \
    For a part of a long file add lines: {\"path\": \"log.txt\", \"first_line\": 200, \"lines\": 100}";

/// Bytes of text given by one call.
pub(super) const MAX_BYTES: usize = 30_000;
/// Bytes given of one line.
const MAX_LINE: usize = 4_000;
/// Bytes looked through before the first wanted line.
const MAX_SKIPPED: u64 = 256 << 20;

/// Reads text files of a [`Jail`].
#[derive(Clone, Debug)]
pub struct ReadFile {
    jail: Jail,
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The file, like "notes/todo.txt".
    path: String,
    /// The first line to read, from 1. Default: 1.
    #[schemars(range(min = 1))]
    first_line: Option<u64>,
    /// How many lines to read. Default: as many as fit.
    #[schemars(range(min = 1))]
    lines: Option<u64>,
}

impl ReadFile {
    /// A tool that reads files of `jail`.
    pub fn new(jail: Jail) -> Self {
        Self { jail, spec: spec::<Arguments>(NAME, DESCRIPTION, ToolPolicy::default()) }
    }
}

#[async_trait]
impl Tool for ReadFile {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, given: Value, _: EffectContext) -> Result<Value, ToolError> {
        let Arguments { path, first_line, lines } = arguments(NAME, given)?;
        let path = self.jail.relative(&path)?;
        let jail = self.jail.clone();
        let (first, lines) = (first_line.unwrap_or(1).max(1), lines.unwrap_or(u64::MAX).max(1));
        blocking(move || read(&jail, &path, first, lines)).await.map(Value::String)
    }
}

fn read(jail: &Jail, path: &Path, first: u64, wanted: u64) -> Result<String, ToolError> {
    let error = |error| about("can't read", path.display(), error);
    let (file, metadata) = jail.open_file(path)?;
    let mut file = BufReader::with_capacity(64 * 1024, file.into_std());
    if file.fill_buf().map_err(error)?.iter().take(8 * 1024).any(|byte| *byte == 0) {
        let message = format!(
            "`{}` is a binary file ({}), not text; this tool reads text only",
            path.display(),
            super::support::size(metadata.len())
        );
        return Err(ToolError::new(ToolErrorKind::Unsupported, message));
    }
    let mut skipped = 0_u64;
    for line in 1..first {
        let bytes = skip_line(&mut file).map_err(error)?;
        skipped += bytes;
        if bytes == 0 {
            let (path, last) = (path.display(), line - 1);
            let message = format!("`{path}` has only {last} lines; ask for a first_line up to {last}");
            return Err(ToolError::invalid(message));
        }
        if skipped > MAX_SKIPPED {
            let message =
                format!("line {first} of `{}` is too far into the file; use search_files", path.display());
            return Err(ToolError::new(ToolErrorKind::LimitReached, message));
        }
    }
    let mut text = String::new();
    let (mut next, mut cut_lines) = (first, 0_u64);
    let mut at_end = false;
    while next - first < wanted {
        let mut line = Vec::new();
        let read = (&mut file).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line).map_err(error)?;
        if read == 0 {
            at_end = true;
            break;
        }
        let is_cut = line.len() > MAX_LINE && line.last() != Some(&b'\n');
        let line_text = utf8(&line, is_cut).ok_or_else(|| {
            let message =
                format!("line {next} of `{}` is not UTF-8 text; this tool reads UTF-8 only", path.display());
            ToolError::new(ToolErrorKind::Unsupported, message)
        })?;
        let shown = if is_cut { head(line_text, MAX_LINE) } else { line_text };
        if !text.is_empty() && text.len() + shown.len() > MAX_BYTES {
            break;
        }
        text.push_str(shown);
        if is_cut {
            cut_lines += 1;
            skip_line(&mut file).map_err(error)?;
            text.push_str("…\n");
        }
        next += 1;
    }
    at_end = at_end
        || file.fill_buf().map_err(error)?.is_empty() && text.len() <= MAX_BYTES && next - first == wanted;
    finish(path, text, first, next, at_end, cut_lines)
}

/// The text with what was cut said at its end.
fn finish(
    path: &Path,
    mut text: String,
    first: u64,
    next: u64,
    at_end: bool,
    cut_lines: u64,
) -> Result<String, ToolError> {
    if text.is_empty() && first == 1 {
        return Ok(format!("`{}` is empty", path.display()));
    }
    if text.is_empty() {
        let (path, last) = (path.display(), first - 1);
        return Err(ToolError::invalid(format!(
            "`{path}` has only {last} lines; ask for a first_line up to {last}"
        )));
    }
    let mut notes = Vec::new();
    if cut_lines > 0 {
        notes.push(format!("{cut_lines} long lines are cut at {MAX_LINE} bytes"));
    }
    if !at_end {
        let last = next - 1;
        notes.push(format!(
            "these are lines {first} to {last}, there is more; read on with {{\"first_line\": {next}}}"
        ));
    }
    if !notes.is_empty() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("[cut: {}]\n", notes.join("; ")));
    }
    Ok(text)
}

/// Reads to the end of the line; says how many bytes that were.
fn skip_line(file: &mut impl io::BufRead) -> io::Result<u64> {
    let mut bytes = 0;
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok(bytes);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        file.consume(used);
        bytes += used as u64;
        if end.is_some() {
            return Ok(bytes);
        }
    }
}

/// A line as text; one that was cut off may end within a character.
fn utf8(line: &[u8], is_cut: bool) -> Option<&str> {
    match std::str::from_utf8(line) {
        Ok(text) => Some(text),
        Err(error) if is_cut && error.error_len().is_none() => {
            std::str::from_utf8(&line[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}
