//! `search_files`: looks for a text in files, and for files by name.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentic_core::{EffectClass, EffectContext, Tool, ToolError, ToolPolicy, ToolSpec, async_trait};
use globset::{GlobBuilder, GlobMatcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkMatch};
use ignore::WalkBuilder;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::jail::{Jail, about};
use super::support::{arguments, blocking, head, spec};

pub(super) const NAME: &str = "search_files";
pub(super) const DESCRIPTION: &str = "Search for a text in all files, or for files by name. \
    Gives lines as path:line: text. Examples: {\"text\": \"total\"}, {\"text\": \"TODO\", \"files\": \"*.rs\"}, \
    {\"files\": \"*.csv\"}";

/// Lines or names given.
const MAX_RESULTS: usize = 200;
/// Lines given of one file.
const MAX_PER_FILE: usize = 50;
/// Bytes given of one line.
const MAX_LINE: usize = 300;
/// Files looked at.
const MAX_FILES: usize = 100_000;
/// Bytes of the whole answer.
const MAX_BYTES: usize = 28_000;
/// Bytes that the search's own buffer may grow to: a longer line is skipped with its file.
const MAX_HEAP: usize = 16 << 20;
/// Files that are named where they could not be searched.
const MAX_NAMED: usize = 3;

/// Searches the files of a [`Jail`], with ripgrep's own crates: it heeds `.gitignore` and `.ignore`, leaves out
/// hidden and binary files, and follows no links.
///
/// Names come from a walk by path; every file is opened through the jail, so that nothing outside of it is read.
#[derive(Clone, Debug)]
pub struct SearchFiles {
    jail: Jail,
    spec: Arc<ToolSpec>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The text to look for; upper and lower case are alike. Leave it out to look for file names.
    text: Option<String>,
    /// Only files with such a name, like "*.txt" or "src/**/*.rs".
    files: Option<String>,
    /// Only in this folder. Default: everywhere.
    path: Option<String>,
    /// true: `text` is a regular expression. Default: false.
    regex: Option<bool>,
    /// true: upper and lower case differ. Default: false.
    case_sensitive: Option<bool>,
}

impl SearchFiles {
    /// A tool that searches the files of `jail`.
    pub fn new(jail: Jail) -> Self {
        Self { jail, spec: spec::<Arguments>(NAME, DESCRIPTION, ToolPolicy::default()) }
    }
}

#[async_trait]
impl Tool for SearchFiles {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, given: Value, ecx: EffectContext) -> Result<Value, ToolError> {
        let given: Arguments = arguments(NAME, given)?;
        let text = given.text.as_deref().filter(|text| !text.is_empty());
        let files = given.files.as_deref().filter(|files| !files.trim().is_empty());
        if text.is_none() && files.is_none() {
            return Err(ToolError::invalid(
                "say what to look for: give text, or files with a pattern like \"*.txt\"",
            ));
        }
        let search = Search {
            matcher: text.map(|text| matcher(text, &given)).transpose()?,
            glob: files.map(glob).transpose()?,
            folder: self.jail.relative(given.path.as_deref().unwrap_or("."))?,
            jail: self.jail.clone(),
            ecx,
        };
        blocking(move || search.run()).await.map(Value::String)
    }
}

fn matcher(text: &str, given: &Arguments) -> Result<RegexMatcher, ToolError> {
    let is_regex = given.regex.unwrap_or_default();
    RegexMatcherBuilder::new()
        .case_insensitive(!given.case_sensitive.unwrap_or_default())
        .fixed_strings(!is_regex)
        .line_terminator(Some(b'\n'))
        .build(text)
        .map_err(|error| {
            // The engine draws a picture of where it is; its last line says what it is.
            let what = error.to_string();
            let what = what.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = if is_regex {
                format!(
                    "`{text}` is no regular expression: {what}; leave regex out to look for the plain text"
                )
            } else {
                format!("`{}` can't be searched: {what}; give a text of one line", text.escape_debug())
            };
            ToolError::invalid(message).with_source(error)
        })
}

/// A pattern without a slash is for names in any folder.
fn glob(pattern: &str) -> Result<GlobMatcher, ToolError> {
    let pattern = pattern.trim().trim_start_matches("./");
    let anywhere = if pattern.contains('/') { pattern.to_owned() } else { format!("**/{pattern}") };
    let glob = GlobBuilder::new(&anywhere).literal_separator(true).case_insensitive(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| {
        let message =
            format!("`{pattern}` is no pattern for names: {}; write one like \"*.txt\"", error.kind());
        ToolError::invalid(message).with_source(error)
    })
}

struct Search {
    matcher: Option<RegexMatcher>,
    glob: Option<GlobMatcher>,
    folder: PathBuf,
    jail: Jail,
    ecx: EffectContext,
}

/// What was found so far.
#[derive(Default)]
struct Found {
    text: String,
    results: usize,
    files: usize,
    /// Why the search stopped before its end.
    stopped: Option<String>,
    cut_files: usize,
    /// Files that were left out, and why; the first few are named.
    unread: usize,
    unread_names: Vec<String>,
}

impl Search {
    fn run(self) -> Result<String, ToolError> {
        // Also tells a missing folder from one without matches.
        let error = |error| about("can't search", self.folder.display(), error);
        let start = self.jail.dir().canonicalize(&self.folder).map_err(error)?;
        let mut found = Found::default();
        let mut searcher = SearcherBuilder::new()
            .line_number(true)
            .binary_detection(BinaryDetection::quit(0))
            .heap_limit(Some(MAX_HEAP))
            .build();
        let walk = WalkBuilder::new(self.jail.root().join(&start))
            .parents(false)
            .git_global(false)
            .require_git(false)
            .follow_links(false)
            .sort_by_file_path(Path::cmp)
            .build();
        for entry in walk {
            if self.ecx.is_cancelled() {
                found.stopped = Some("the run was cancelled".into());
            }
            if found.stopped.is_some() {
                break;
            }
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    // What lies outside of the root is nobody's business.
                    let root = format!("{}/", self.jail.root().display());
                    found.unread(&error.to_string().replace(&root, ""));
                    continue;
                }
            };
            if !entry.file_type().is_some_and(|ty| ty.is_file()) {
                continue;
            }
            let Ok(path) = entry.path().strip_prefix(self.jail.root()) else { continue };
            if self.glob.as_ref().is_some_and(|glob| !glob.is_match(path)) {
                continue;
            }
            found.files += 1;
            if found.files > MAX_FILES {
                found.stopped = Some(format!("only {MAX_FILES} files were searched"));
                break;
            }
            self.one(path, &mut searcher, &mut found);
        }
        Ok(found.finish(self.matcher.is_some()))
    }

    fn one(&self, path: &Path, searcher: &mut Searcher, found: &mut Found) {
        let file = self.jail.open_file(path);
        let path = path.display().to_string();
        let file = match file {
            Ok((file, _)) => file,
            Err(error) => return found.unread(&format!("{path}: {error}")),
        };
        match &self.matcher {
            None => found.add(&path),
            Some(matcher) => {
                let sink = Lines { path: &path, found, in_file: 0 };
                if let Err(error) = searcher.search_reader(matcher, file, sink) {
                    found.unread(&format!("{path}: {error}"));
                }
            }
        }
    }
}

impl Found {
    fn add(&mut self, line: &str) {
        if self.results == MAX_RESULTS || self.text.len() + line.len() > MAX_BYTES {
            self.stopped = Some(format!("there is more than these {} results", self.results));
            return;
        }
        self.results += 1;
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn unread(&mut self, what: &str) {
        self.unread += 1;
        if self.unread <= MAX_NAMED {
            self.unread_names.push(what.to_owned());
        }
    }

    fn finish(mut self, in_text: bool) -> String {
        if self.results == 0 {
            let what = if in_text { "the text is in none of the" } else { "no such file among the" };
            let _ = writeln!(self.text, "nothing found: {what} {} files searched", self.files);
        }
        let mut notes = Vec::new();
        if let Some(stopped) = self.stopped {
            notes.push(format!("{stopped}; narrow the search with files or path"));
        }
        if self.cut_files > 0 {
            notes.push(format!("of {} files only the first {MAX_PER_FILE} lines are shown", self.cut_files));
        }
        if self.unread > 0 {
            let more = if self.unread > MAX_NAMED { ", …" } else { "" };
            let (count, names) = (self.unread, self.unread_names.join(", "));
            notes.push(format!("{count} not searched: {names}{more}"));
        }
        if !notes.is_empty() {
            let _ = writeln!(self.text, "[cut: {}]", notes.join("; "));
        }
        self.text
    }
}

/// Takes the matching lines of one file.
struct Lines<'a> {
    path: &'a str,
    found: &'a mut Found,
    in_file: usize,
}

impl Sink for Lines<'_> {
    type Error = std::io::Error;

    fn matched(&mut self, _: &Searcher, matched: &SinkMatch<'_>) -> Result<bool, Self::Error> {
        if self.in_file == MAX_PER_FILE {
            self.found.cut_files += 1;
            return Ok(false);
        }
        self.in_file += 1;
        let line = String::from_utf8_lossy(matched.bytes());
        let line = line.trim_end();
        let shown = head(line, MAX_LINE);
        let cut = if shown.len() < line.len() { "…" } else { "" };
        let number = matched.line_number().unwrap_or_default();
        self.found.add(&format!("{}:{number}: {shown}{cut}", self.path));
        Ok(self.found.stopped.is_none())
    }
}
