//! The files of a program, checked before anything runs.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use agentic_core::{ToolError, ToolErrorKind};

/// The program's own file.
pub(super) const MAIN: &str = "main.py";
const MOST: usize = 1000;
/// What the smallest file takes.
const PAGE: u64 = 4096;

/// A text file in the program's folder.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "where there is no sandbox nothing reads it"))]
#[derive(Clone, Debug)]
pub(in super::super) struct TextFile {
    /// Below the folder: plain names with `/` between.
    pub(in super::super) name: String,
    pub(in super::super) text: String,
}

/// The program and its files, if they can lie in one folder of so many bytes.
pub(super) fn check(
    code: String,
    files: BTreeMap<String, String>,
    room: u64,
) -> Result<Vec<TextFile>, ToolError> {
    if code.trim().is_empty() {
        return Err(ToolError::invalid("the code is empty; give a Python program"));
    }
    if files.len() > MOST {
        return Err(ToolError::invalid(format!("there are {} files; give {MOST} at most", files.len())));
    }
    for name in files.keys() {
        let wrong = |what: &str| Err(ToolError::invalid(format!("the file name {name:?} {what}")));
        if !is_plain(name) {
            return wrong("is not plain; give one like \"solution.py\" or \"data/a.csv\"");
        }
        if name == MAIN || name.starts_with("main.py/") {
            return wrong("is that of the code itself; give another");
        }
        if Path::new(name)
            .ancestors()
            .skip(1)
            .any(|above| above.to_str().is_some_and(|above| files.contains_key(above)))
        {
            return wrong("lies in another file; give another");
        }
    }
    let main = TextFile { name: MAIN.to_owned(), text: code };
    let all: Vec<_> =
        std::iter::once(main).chain(files.into_iter().map(|(name, text)| TextFile { name, text })).collect();
    let takes: u64 = all.iter().map(|file| (file.text.len() as u64).next_multiple_of(PAGE)).sum();
    if takes > room {
        let message = format!("the code and the files take {takes} bytes; there is room for {room}");
        return Err(ToolError::new(ToolErrorKind::LimitReached, message));
    }
    Ok(all)
}

/// Whether a name stays below the folder it is put in, spelled in the one plain way.
fn is_plain(name: &str) -> bool {
    let plain: PathBuf =
        Path::new(name).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    let fits = name.split('/').all(|part| part.len() <= 255) && name.len() <= 1024;
    !name.is_empty() && fits && !name.contains('\0') && plain.as_os_str() == name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(names: &[&str]) -> Option<ToolErrorKind> {
        let files = names.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        check("pass".into(), files, 1 << 20).err().map(|error| error.kind())
    }

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(error(&["a.py", "b/c.txt", ".hidden", "b/d e.txt", "..c"]), None);
        let long = "x".repeat(256);
        for name in [
            "",
            "/a",
            "../a",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            ".",
            "..",
            "a\0b",
            "main.py",
            "main.py/a",
            &long,
        ] {
            assert_eq!(error(&[name]), Some(ToolErrorKind::InvalidArguments), "{name:?}");
        }
        assert_eq!(error(&["a", "a/b"]), Some(ToolErrorKind::InvalidArguments), "a file is no folder");
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        let files = BTreeMap::from([("a".to_owned(), "x".repeat(10_000))]);
        let error = check("pass".into(), files, 12 << 10).expect_err("too large");
        assert_eq!(error.kind(), ToolErrorKind::LimitReached);
        assert!(check("  ".into(), BTreeMap::new(), 1 << 20).is_err(), "no code");
    }
}
