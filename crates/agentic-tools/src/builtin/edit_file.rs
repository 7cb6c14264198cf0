//! `edit_file`: replaces a text in a file by another.

use std::path::Path;
use std::sync::Arc;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec, async_trait};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::jail::Jail;
use super::support::{arguments, blocking, head, spec};

pub(super) const NAME: &str = "edit_file";
pub(super) const DESCRIPTION: &str = "Replace a text in a file. Copy the old text exactly, with enough of it to be \
    found only once. Example: {\"path\": \"a.txt\", \"old\": \"price: 10\", \"new\": \"price: 12\"}";

/// Bytes that the file may have.
const MAX_BYTES: u64 = 4 << 20;
/// Lines among which the nearest one is looked for, and bytes compared of each.
const NEAREST: (usize, usize) = (20_000, 200);

/// Edits text files of a [`Jail`], each as a whole or not at all. Line endings stay as they are.
///
/// Its effect is `checkable`. A second run of the same edit would fail or, where the new text contains the old,
/// do it twice; but the file tells whether the edit was made: an edit that would leave the old text behind, other
/// than inside the new one, is refused.
#[derive(Clone, Debug)]
pub struct EditFile {
    jail: Jail,
    spec: Arc<ToolSpec>,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The file, like "notes/a.txt".
    path: String,
    /// The text to replace, exactly as it stands in the file.
    #[schemars(length(min = 1))]
    old: String,
    /// The text to put there; "" takes the old text out.
    new: String,
    /// true: replace it everywhere. Default: false.
    all: Option<bool>,
}

impl EditFile {
    /// A tool that edits files of `jail`.
    pub fn new(jail: Jail) -> Self {
        let policy = ToolPolicy::default().sequential();
        Self { jail, spec: spec::<Arguments>(NAME, DESCRIPTION, policy) }
    }
}

#[async_trait]
impl Tool for EditFile {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Checkable
    }

    async fn call(&self, given: Value, _: EffectContext) -> Result<Value, ToolError> {
        let given: Arguments = arguments(NAME, given)?;
        let path = self.jail.relative(&given.path)?;
        let jail = self.jail.clone();
        blocking(move || {
            let text = jail.read_text(&path, MAX_BYTES)?;
            let (edited, count) = edit(&text, &given, &path)?;
            jail.write(&path, edited.as_bytes())?;
            Ok(Value::String(done(&path, count)))
        })
        .await
    }

    async fn check(&self, given: &Value, _: EffectContext) -> Result<Option<Value>, ToolError> {
        let given: Arguments = arguments(NAME, given.clone())?;
        let path = self.jail.relative(&given.path)?;
        let jail = self.jail.clone();
        blocking(move || {
            let text = jail.read_text(&path, MAX_BYTES)?;
            Ok(was_made(&text, &given, &path)?.then(|| Value::String(done(&path, 1))))
        })
        .await
    }
}

fn done(path: &Path, count: usize) -> String {
    match count {
        1 => format!("edited `{}`", path.display()),
        _ => format!("edited `{}` in {count} places", path.display()),
    }
}

/// The edited text, and in how many places.
fn edit(text: &str, given: &Arguments, path: &Path) -> Result<(String, usize), ToolError> {
    let path = path.display();
    if given.old.is_empty() {
        return Err(ToolError::invalid("`old` is empty; copy the text to replace out of the file"));
    }
    let (old, new) = with_endings_of(text, given);
    if old == new {
        return Err(ToolError::invalid("`old` and `new` are the same; nothing would change"));
    }
    let lines = occurrences(text, &old);
    let edited = match (&lines[..], given.all.unwrap_or_default()) {
        ([], _) => {
            let message = format!("`old` is not in `{path}`.{}", nearest(text, &old));
            return Err(ToolError::new(ToolErrorKind::NotFound, message));
        }
        ([_], _) | (_, true) => text.replace(&old, &new),
        (lines, false) => {
            let shown: Vec<_> = lines.iter().take(5).map(ToString::to_string).collect();
            let (count, shown) = (lines.len(), shown.join(", "));
            let message = format!(
                "`old` is {count} times in `{path}` (lines {shown}); copy more of the text around it, or set all to true"
            );
            return Err(ToolError::invalid(message));
        }
    };
    if !new.contains(&old) && edited.contains(&old) {
        let message = format!("the edit of `{path}` would put the old text together anew; copy more of the text around it");
        return Err(ToolError::invalid(message));
    }
    Ok((edited, text.matches(&old).count()))
}

/// Whether the edit was made in this text, told by what [`edit`] leaves behind.
fn was_made(text: &str, given: &Arguments, path: &Path) -> Result<bool, ToolError> {
    let (old, new) = with_endings_of(text, given);
    let has = (text.contains(&old), !new.is_empty() && text.contains(&new));
    match (has, new.contains(&old)) {
        // Neither is there: the edit finds nothing to do and says so.
        ((false, has_new), _) => Ok(has_new || new.is_empty()),
        ((true, _), false) | ((true, false), true) => Ok(false),
        // Once, the new text stood nowhere before: the old one in it would have been a second place.
        ((true, true), true) if !given.all.unwrap_or_default() => Ok(true),
        ((true, true), true) => {
            let message = format!("it can't be told whether `{}` was edited everywhere; read it", path.display());
            Err(ToolError::new(ToolErrorKind::Unavailable, message))
        }
    }
}

/// The old and new text with the line endings of the file, if that has only one kind.
fn with_endings_of(text: &str, given: &Arguments) -> (String, String) {
    let (all, windows) = (text.matches('\n').count(), text.matches("\r\n").count());
    let convert = |given: &str| match given.contains('\n') {
        true if windows > 0 && windows == all => given.replace("\r\n", "\n").replace('\n', "\r\n"),
        true if windows == 0 => given.replace("\r\n", "\n"),
        _ => given.to_owned(),
    };
    (convert(&given.old), convert(&given.new))
}

/// The line numbers where `old` begins, overlapping places included.
fn occurrences(text: &str, old: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let (mut from, mut line, mut counted) = (0, 1, 0);
    while let Some(found) = text[from..].find(old) {
        let at = from + found;
        line += text[counted..at].matches('\n').count();
        counted = at;
        lines.push(line);
        from = text.ceil_char_boundary(at + 1);
    }
    lines
}

/// Where the text most like `old` stands.
fn nearest(text: &str, old: &str) -> String {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some(first) = old.lines().find(|line| !line.trim().is_empty()) else { return String::new() };
    let first = squeeze(head(first, NEAREST.1));
    let score = |line: &str| strsim::sorensen_dice(&squeeze(head(line, NEAREST.1)), &first);
    let best = text
        .lines()
        .take(NEAREST.0)
        .enumerate()
        .map(|(number, line)| (number, line, score(line)))
        .filter(|(.., score)| *score >= 0.5)
        .reduce(|best, next| if next.2 > best.2 { next } else { best });
    match best {
        Some((number, line, score)) => {
            let spaces = if score >= 1.0 { " (only spaces may differ)" } else { "" };
            let (number, line) = (number + 1, head(line, NEAREST.1));
            format!(" The nearest is line {number}{spaces}: `{line}`. Copy it exactly")
        }
        None => " Nothing there is like it; use read_file to see the text".into(),
    }
}
