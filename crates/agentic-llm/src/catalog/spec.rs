//! What a user writes after `local:`.

use std::{fmt, path::PathBuf, str::FromStr};

use super::CatalogError;

/// A model as a user names it.
///
/// The prefix `local:` may be left out. A path begins with `/`, `./`, `../`, `~/` (or a drive
/// letter); three or more segments are a hub file; a name without `/` is an id of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelSpec {
    /// An id or alias of the catalog.
    Id(String),
    /// A file on this machine. `~/` is not yet replaced.
    Path(PathBuf),
    /// A file on the hub.
    Hub(HubFile),
}

/// A file on the hub: `owner/repo/file.gguf`, `owner/repo@revision/folder/file.gguf`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubFile {
    /// `owner/name`.
    pub repo: String,
    /// Branch, tag or commit; `main` unless given.
    pub revision: String,
    /// Path inside the repository.
    pub file: String,
}

impl HubFile {
    /// Checks the three parts; they become part of a web address and of a file name.
    ///
    /// # Errors
    /// A sentence saying which part is not as it must be.
    pub fn new(repo: &str, revision: &str, file: &str) -> Result<Self, String> {
        let plain = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        let segment = |text: &str| {
            let odd = |c: char| c.is_control() || matches!(c, '?' | '#' | '%' | '\\' | ':');
            !text.is_empty() && !text.starts_with('.') && !text.contains(odd)
        };
        if !repo.split_once('/').is_some_and(|(owner, name)| plain(owner) && plain(name)) {
            return Err(format!("`{}` is not of the form owner/repo", repo.escape_debug()));
        }
        if !plain(revision) {
            return Err(format!("`{}` is not a branch, tag or commit", revision.escape_debug()));
        }
        if !file.split('/').all(segment) {
            return Err(format!("`{}` is not a file in a repository", file.escape_debug()));
        }
        Ok(Self { repo: repo.to_owned(), revision: revision.to_owned(), file: file.to_owned() })
    }

    /// The last segment of the path.
    pub fn file_name(&self) -> &str {
        self.file.rsplit('/').next().unwrap_or(&self.file)
    }
}

impl fmt::Display for HubFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision.as_str() {
            "main" => write!(f, "{}/{}", self.repo, self.file),
            revision => write!(f, "{}@{revision}/{}", self.repo, self.file),
        }
    }
}

impl FromStr for ModelSpec {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: String| CatalogError::InvalidSpec { spec: text.to_owned(), reason };
        let spec = text.strip_prefix("local:").unwrap_or(text);
        if spec.is_empty() {
            return Err(invalid("give an id of the catalog, a path, or owner/repo/file.gguf".to_owned()));
        }
        if is_path(spec) {
            return Ok(Self::Path(PathBuf::from(spec)));
        }
        match spec.splitn(3, '/').collect::<Vec<_>>().as_slice() {
            [name] if name.to_ascii_lowercase().ends_with(".gguf") => {
                Err(invalid(format!("a path begins with `/` or `./`: `local:./{name}`")))
            }
            [name] => Ok(Self::Id((*name).to_owned())),
            [owner, name, file] => {
                let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
                let hub = HubFile::new(&format!("{owner}/{name}"), revision, file).map_err(invalid)?;
                match is_split(hub.file_name()) {
                    true => Err(invalid(
                        "a GGUF in several files is not fetched: put all of them into one folder and give the path of the first".to_owned(),
                    )),
                    false => Ok(Self::Hub(hub)),
                }
            }
            _ => Err(invalid(format!(
                "a hub file is `owner/repo/file.gguf`, and a path begins with `/` or `./`: `local:./{spec}`"
            ))),
        }
    }
}

fn is_path(spec: &str) -> bool {
    let drive = spec.as_bytes().get(1) == Some(&b':') && matches!(spec.as_bytes().get(2), Some(b'\\' | b'/'));
    let starts = ["/", "./", "../", "~/", "\\", ".\\", "..\\"];
    drive || starts.iter().any(|start| spec.starts_with(start))
}

/// `name-00001-of-00003.gguf`: one of several files that an engine wants side by side.
fn is_split(name: &str) -> bool {
    let Some((front, count)) = name.strip_suffix(".gguf").and_then(|stem| stem.rsplit_once("-of-")) else {
        return false;
    };
    let digits = |text: &str| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(count) && front.rsplit_once('-').is_some_and(|(_, index)| digits(index)) && count != "00001"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(spec: &str, expected: &str) {
        let found = match spec.parse::<ModelSpec>() {
            Ok(ModelSpec::Id(id)) => format!("id {id}"),
            Ok(ModelSpec::Path(path)) => format!("path {}", path.display()),
            Ok(ModelSpec::Hub(hub)) => format!("hub {} {} {}", hub.repo, hub.revision, hub.file),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected, "{spec}");
    }

    #[test]
    fn every_documented_form() {
        check("local:qwen2.5-coder-1.5b", "id qwen2.5-coder-1.5b");
        check("qwen2.5-coder:1.5b", "id qwen2.5-coder:1.5b");
        check("local:/m/a.gguf", "path /m/a.gguf");
        check("local:./a.gguf", "path ./a.gguf");
        check("local:../a", "path ../a");
        check("local:~/m/a.gguf", "path ~/m/a.gguf");
        check(r"local:C:\m\a.gguf", r"path C:\m\a.gguf");
        check("local:owner/repo/a.gguf", "hub owner/repo main a.gguf");
        check("local:owner/repo@v1.0/q4/a.gguf", "hub owner/repo v1.0 q4/a.gguf");
        check("local:owner/repo/a-00001-of-00001.gguf", "hub owner/repo main a-00001-of-00001.gguf");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        check(
            "local:",
            "`local:` names no model: give an id of the catalog, a path, or owner/repo/file.gguf",
        );
        check("a.gguf", "`a.gguf` names no model: a path begins with `/` or `./`: `local:./a.gguf`");
        check(
            "local:m/a.gguf",
            "`local:m/a.gguf` names no model: a hub file is `owner/repo/file.gguf`, and a path begins with `/` or `./`: `local:./m/a.gguf`",
        );
        check("o/r/../../x", "`o/r/../../x` names no model: `../../x` is not a file in a repository");
        check("o/r/a?b", "`o/r/a?b` names no model: `a?b` is not a file in a repository");
        check("o/r@/a", "`o/r@/a` names no model: `` is not a branch, tag or commit");
        check(
            "o/r/a-00001-of-00002.gguf",
            "`o/r/a-00001-of-00002.gguf` names no model: a GGUF in several files is not fetched: put all of them into one folder and give the path of the first",
        );
    }

    #[test]
    fn a_hub_file_prints_as_its_spec() {
        for spec in ["owner/repo/a.gguf", "owner/repo@v1/q4/a.gguf"] {
            let Ok(ModelSpec::Hub(hub)) = spec.parse() else { panic!("{spec}") };
            assert_eq!(hub.to_string(), spec);
        }
    }
}
