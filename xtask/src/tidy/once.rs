//! llama.cpp is compiled once: whatever is built, its build script has the same dependencies with the same features.

use anyhow::Result;

use crate::{process, workspace};

/// The crate whose build script compiles llama.cpp.
const LLAMA: &str = "llama-cpp-sys-2";

/// What people build that links llama.cpp, as arguments of `cargo tree`; all must agree with the first.
const BUILDS: &[(&str, &[&str])] = &[
    ("the workspace", &["--workspace", "--edges", "normal,build"]),
    ("the workspace with its tests", &["--workspace", "--edges", "normal,build,dev"]),
    ("agentic-cli alone", &["-p", "agentic-cli", "--edges", "normal,build"]),
    (
        "agentic-llm alone with `local`",
        &["-p", "agentic-llm", "--no-default-features", "--features", "local", "--edges", "normal,build"],
    ),
];

pub(super) fn check() -> Result<Vec<String>> {
    let mut first: Option<(&str, Vec<String>)> = None;
    let mut problems = Vec::new();
    for (name, args) in BUILDS {
        let mut cargo = workspace::cargo();
        cargo.args(["tree", "--prefix", "depth", "--no-dedupe", "--format", "|{p} {f}"]).args(*args);
        let parts = below(&process::read(&mut cargo)?);
        match &first {
            None => first = Some((name, parts)),
            Some((base, wanted)) => {
                let mut other: Vec<_> = parts.iter().filter(|part| !wanted.contains(part)).collect();
                other.sort();
                other.dedup();
                if parts != *wanted {
                    problems.push(format!(
                        "llama.cpp is compiled twice: for {name} its build script has other features than for {base}: \
                         {other:?}. A dev-dependency of a proc-macro crate is often the cause"
                    ));
                }
            }
        }
    }
    Ok(problems)
}

/// The lines below llama's in a tree whose lines are `DEPTH|PACKAGE FEATURES`.
fn below(tree: &str) -> Vec<String> {
    let entries = tree.lines().filter_map(|line| {
        let (depth, package) = line.split_once('|')?;
        Some((depth.parse::<usize>().ok()?, package))
    });
    let mut rest = entries.skip_while(|(_, package)| !package.starts_with(LLAMA));
    let Some((top, _)) = rest.next() else { return Vec::new() };
    rest.take_while(|(depth, _)| *depth > top).map(|(_, package)| package.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn the_subtree_ends_where_its_siblings_begin() {
        let tree = "0|agentic v1\n1|serde v1\n1|llama-cpp-sys-2 v1\n2|bindgen v1 runtime\n3|regex v1 std\n1|zip v1\n2|zlib v1";
        assert_eq!(below(tree), ["bindgen v1 runtime", "regex v1 std"]);
    }
}
