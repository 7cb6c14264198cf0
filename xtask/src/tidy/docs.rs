//! What documents have, and that their links lead somewhere.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::File;
use crate::{notices, workspace};

/// Documents with the most lines that they may have.
const LIMITS: &[(&str, usize)] = &[("docs/ARCHITECTURE.md", 200), ("docs/decisions/", 60)];

/// What every project has.
const REQUIRED: &[&str] = &[
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "docs/ARCHITECTURE.md",
    "docs/GLOSSARY.md",
    "docs/TESTING.md",
    notices::FILE,
];

pub(super) fn check(files: &[File]) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let find = |path: &str| files.iter().find(|file| file.path == path);
    for path in REQUIRED.iter().filter(|path| find(path).is_none()) {
        problems.push(format!("{path} is missing"));
    }
    if find("CHANGELOG.md").is_some_and(|file| !file.text.contains("\n## [Unreleased]")) {
        problems.push("CHANGELOG.md has no section `## [Unreleased]`".into());
    }
    for File { path, text } in files {
        let lines = text.lines().count();
        for (place, most) in LIMITS.iter().filter(|(place, _)| path.starts_with(place)) {
            if lines > *most {
                problems.push(format!("{path}: {lines} lines; in {place} at most {most}"));
            }
        }
        if path.ends_with(".md") {
            problems.extend(dead_links(path, text));
        }
    }
    problems.extend(readme_code(files));
    problems.extend(decisions(files));
    problems.extend(not_executable(".ci/run"));
    // Another system's programs are made of other crates.
    if cfg!(target_os = "linux")
        && find(notices::FILE).is_some_and(|file| notices::text().is_ok_and(|text| text != file.text))
    {
        problems.push(format!("{} is out of date; run: cargo xtask notices", notices::FILE));
    }
    Ok(problems)
}

/// Rust code in the README is part of an example, which is compiled.
fn readme_code(files: &[File]) -> Vec<String> {
    let example = |file: &&File| file.path.starts_with("examples/") && file.path.ends_with(".rs");
    let mut problems = Vec::new();
    for readme in files.iter().filter(|file| file.path == "README.md") {
        for code in readme.text.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            if !files.iter().filter(example).any(|file| file.text.contains(code)) {
                let first = code.lines().next().unwrap_or_default();
                problems.push(format!(
                    "README.md: the code that begins with `{first}` stands in no file of examples/"
                ));
            }
        }
    }
    problems
}

/// Decisions are numbered without gaps and have the same parts.
fn decisions(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut numbers = BTreeSet::new();
    for file in files {
        let Some(name) = file.path.strip_prefix("docs/decisions/") else { continue };
        let number = name.split('-').next().unwrap_or_default();
        if !numbers.insert(number.to_owned()) {
            problems.push(format!("{}: the number is taken", file.path));
        }
        for part in ["## Context", "## Decision", "## Consequences", "## Alternatives"] {
            if !file.text.contains(&format!("\n{part}\n")) {
                problems.push(format!("{}: it lacks `{part}`", file.path));
            }
        }
    }
    for (wanted, number) in (1..).zip(&numbers) {
        if *number != format!("{wanted:04}") {
            problems.push(format!("docs/decisions: {number} stands where {wanted:04} is due"));
            break;
        }
    }
    problems
}

/// Links to files that are not there.
fn dead_links(path: &str, text: &str) -> Vec<String> {
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    links(text)
        .filter(|link| !link.contains("://") && !link.starts_with('#') && !link.starts_with("mailto:"))
        .filter(|link| {
            let file = link.split('#').next().unwrap_or(link);
            !workspace::root().join(folder).join(file).exists()
        })
        .map(|link| format!("{path}: the link to `{link}` leads nowhere"))
        .collect()
}

/// The targets of links, code left out.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    let prose = text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    prose.flat_map(|line| {
        // Every second piece is between backticks.
        line.split('`')
            .step_by(2)
            .flat_map(|piece| piece.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()))
    })
}

#[cfg(unix)]
fn not_executable(path: &str) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(workspace::root().join(path)).map(|meta| meta.permissions().mode());
    (!mode.is_ok_and(|mode| mode & 0o111 != 0))
        .then(|| format!("{path} has no run bit; run: chmod +x {path}"))
}

#[cfg(not(unix))]
fn not_executable(_: &str) -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::{dead_links, decisions, links, readme_code};
    use crate::tidy::File;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "See [a](a.md#top) and [b](https://b.example/ \"b\").\n```\n[c](c.md)\n```\nnot `[d](d.md)` but [e](e.md)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["a.md#top", "https://b.example/", "e.md"]);
    }

    #[test]
    fn a_link_is_read_from_its_own_folder() {
        assert_eq!(
            dead_links("docs/x.md", "[root](../Cargo.toml) [web](https://a.example) [here](#x)"),
            [] as [String; 0]
        );
        assert_eq!(dead_links("docs/x.md", "[gone](Cargo.toml)").len(), 1);
    }

    #[test]
    fn code_of_the_readme_stands_in_an_example() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let readme = file("README.md", "# x\n```rust\nfn a() {}\n```\n");
        let example = file("examples/01_a.rs", "//! It.\n\nfn a() {}\n");
        assert_eq!(readme_code(&[readme, example]), [] as [String; 0]);
        assert_eq!(readme_code(&[file("README.md", "```rust\nfn b() {}\n```")]).len(), 1);
    }

    #[test]
    fn decisions_are_numbered_and_whole() {
        let text = "# x\n\n## Context\n\n## Decision\n\n## Consequences\n\n## Alternatives\n";
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let good = [file("docs/decisions/0001-a.md", text), file("docs/decisions/0002-b.md", text)];
        assert_eq!(decisions(&good), [] as [String; 0]);
        let bad = [file("docs/decisions/0001-a.md", "# x"), file("docs/decisions/0003-b.md", text)];
        assert_eq!(decisions(&bad).len(), 5);
    }
}
