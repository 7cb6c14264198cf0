//! Which crate may depend on which, and what every crate has.

use std::collections::BTreeSet;

use anyhow::Result;

use super::File;
use crate::metadata::{self, Metadata, Package};

/// Siblings: none depends on another.
const MIDDLE: &[&str] = &[
    "agentic-llm",
    "agentic-memory",
    "agentic-multi",
    "agentic-plan",
    "agentic-reflect",
    "agentic-runtime",
    "agentic-tools",
];

/// What a crate may depend on in the workspace, tests excepted; `None` is anything.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "agentic-macros" => Some(&[]),
        "agentic-core" => Some(&["agentic-macros"]),
        "agentic-schema" => Some(&["agentic-core"]),
        // It tests stores of journals, whose trait is the runtime's.
        "agentic-testkit" => Some(&["agentic-core", "agentic-runtime"]),
        middle if MIDDLE.contains(&middle) => Some(&["agentic-core", "agentic-macros", "agentic-schema"]),
        _ => None,
    }
}

/// The most crates in the core's tree.
const CORE_TREE: usize = 40;

/// What has no place below the core: HTTP, databases, engines, other runtimes, clocks.
const NOT_IN_CORE: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "hyper",
    "jiff",
    "llama-cpp-2",
    "mio",
    "qdrant-client",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "sqlx",
    "time",
    "tokio-postgres",
    "ureq",
];

/// Features that the build of the whole workspace leaves out, and with them their tests: crate and feature.
const UNTESTED: &[(&str, &str)] = crate::features::HEAVY;

/// The invariants over what cargo knows.
pub(super) fn check(metadata: &Metadata) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for package in metadata.members() {
        problems.extend(arrows(package));
        if package.published {
            problems.extend(described(package));
            problems.extend(tested(package, &metadata.enabled(package)));
        }
        if package.name == "agentic-core" {
            problems.extend(core(package, &metadata::tree(&package.manifest, &[])?));
        }
    }
    Ok(problems)
}

fn arrows(package: &Package) -> Vec<String> {
    let Some(allowed) = allowed(&package.name) else { return Vec::new() };
    let ours = package.dependencies.iter().filter(|one| !one.dev && one.name.starts_with("agentic"));
    ours.filter(|one| !allowed.contains(&one.name.as_str()))
        .map(|one| {
            format!("{} depends on {}; the crates are a star (docs/ARCHITECTURE.md)", package.name, one.name)
        })
        .collect()
}

fn core(package: &Package, tree: &BTreeSet<String>) -> Vec<String> {
    let mut problems = Vec::new();
    // Without the core itself.
    let crates = tree.len().saturating_sub(1);
    if crates > CORE_TREE {
        problems.push(format!("agentic-core has {crates} crates in its tree; at most {CORE_TREE}"));
    }
    for name in NOT_IN_CORE.iter().filter(|name| metadata::has(tree, name)) {
        problems.push(format!("agentic-core has {name} in its tree"));
    }
    for tokio in package.dependencies.iter().filter(|one| one.name == "tokio" && !one.dev) {
        if tokio.default_features || tokio.features.iter().any(|feature| feature != "sync") {
            problems
                .push(format!("agentic-core uses tokio with {:?}; `sync` alone is allowed", tokio.features));
        }
    }
    problems
}

fn described(package: &Package) -> Option<String> {
    let description = package.description.as_deref().unwrap_or_default();
    (description.len() < 20).then(|| format!("{} has no description in its Cargo.toml", package.name))
}

/// Tests behind a feature that nobody switches on pass by not being there.
fn tested(package: &Package, enabled: &BTreeSet<String>) -> Vec<String> {
    let known = |feature: &str| UNTESTED.contains(&(package.name.as_str(), feature));
    let mut problems = Vec::new();
    for feature in package.features.keys().filter(|feature| !enabled.contains(*feature) && !known(feature)) {
        problems.push(format!("{}: feature `{feature}` is off where the workspace is tested", package.name));
    }
    for target in &package.targets {
        let off = |feature: &&String| !enabled.contains(*feature) && !known(feature);
        if let Some(feature) = target.required_features.iter().find(off) {
            problems
                .push(format!("{}: target `{}` is left out without `{feature}`", package.name, target.name));
        }
    }
    problems
}

/// The most lines of a crate's table of contents.
const LIB_LINES: usize = 120;

/// What every folder in `crates` has.
pub(super) fn check_files(files: &[File]) -> Vec<String> {
    let mut problems = Vec::new();
    let find = |path: String| files.iter().find(|file| file.path == path);
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|file| file.path.strip_prefix("crates/")?.split('/').next()).collect();
    for folder in folders {
        let Some(manifest) = find(format!("crates/{folder}/Cargo.toml")) else { continue };
        if !manifest.text.contains("[lints]\nworkspace = true") {
            problems.push(format!("{}: it lacks `[lints] workspace = true`", manifest.path));
        }
        if !manifest.text.contains(&format!("name = \"{folder}\"")) {
            problems.push(format!("{}: a crate has the name of its folder", manifest.path));
        }
        if find(format!("crates/{folder}/README.md")).is_none_or(|readme| readme.text.lines().count() < 3) {
            problems.push(format!("crates/{folder} has no README.md"));
        }
        // Links to the root's: a package has to hold the texts of its licences.
        for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
            if find(format!("crates/{folder}/{license}")).is_none() {
                problems.push(format!(
                    "crates/{folder} has no {license}; run: ln -s ../../{license} crates/{folder}/"
                ));
            }
        }
        if let Some(lib) = find(format!("crates/{folder}/src/lib.rs")) {
            let lines = lib.text.lines().count();
            if lines > LIB_LINES {
                problems.push(format!("{}: {lines} lines; a table of contents has {LIB_LINES}", lib.path));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::{allowed, arrows, check_files, core, tested};
    use crate::metadata::{Dependency, Package, Target};
    use crate::tidy::File;

    fn package(name: &str, dependencies: &[(&str, bool, &[&str])]) -> Package {
        let dependencies = dependencies.iter().map(|(name, dev, features)| Dependency {
            name: (*name).into(),
            dev: *dev,
            features: features.iter().map(|feature| (*feature).into()).collect(),
            default_features: false,
        });
        Package {
            name: name.into(),
            description: None,
            license: None,
            repository: None,
            manifest: String::new(),
            version: "1.0.0".into(),
            published: true,
            features: [("one".into(), vec![])].into(),
            dependencies: dependencies.collect(),
            targets: vec![Target { name: "it".into(), required_features: vec!["one".into()] }],
        }
    }

    #[test]
    fn a_middle_crate_has_no_sibling_but_in_tests() {
        assert_eq!(allowed("agentic-cli"), None);
        let fine = [("agentic-core", false, &[][..]), ("agentic-runtime", true, &[]), ("serde", false, &[])];
        assert_eq!(arrows(&package("agentic-tools", &fine)), [] as [String; 0]);
        assert_eq!(arrows(&package("agentic-tools", &[("agentic-llm", false, &[])])).len(), 1);
        assert_eq!(arrows(&package("agentic-core", &[("agentic-schema", false, &[])])).len(), 1);
    }

    #[test]
    fn the_core_has_no_runtime_and_no_http() {
        let tree = |names: &[&str]| names.iter().map(|name| format!("{name} v1.0.0")).collect();
        let sync = package("agentic-core", &[("tokio", false, &["sync"])]);
        assert_eq!(core(&sync, &tree(&["agentic-core", "serde"])), [] as [String; 0]);
        assert_eq!(core(&sync, &tree(&["agentic-core", "reqwest"])).len(), 1);
        let rt = package("agentic-core", &[("tokio", false, &["rt", "sync"])]);
        assert_eq!(core(&rt, &tree(&["agentic-core"])).len(), 1);
        let many: Vec<String> = (0..42).map(|n| format!("c{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(core(&sync, &tree(&many)).len(), 1);
    }

    #[test]
    fn a_feature_that_nobody_tests_is_named() {
        let package = package("agentic-tools", &[]);
        assert_eq!(tested(&package, &["one".into()].into()), [] as [String; 0]);
        assert_eq!(tested(&package, &[].into()).len(), 2, "the feature and the target");
    }

    #[test]
    fn every_crate_has_lints_a_readme_licences_and_its_folders_name() {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let manifest = "name = \"a\"\n[lints]\nworkspace = true\n";
        let good = [
            file("crates/a/Cargo.toml", manifest),
            file("crates/a/LICENSE-APACHE", ""),
            file("crates/a/LICENSE-MIT", ""),
            file("crates/a/README.md", "# a\n\nIt.\n"),
        ];
        assert_eq!(check_files(&good), [] as [String; 0]);
        let long = "\n".repeat(200);
        let bad = [file("crates/b/Cargo.toml", "name = \"c\""), file("crates/b/src/lib.rs", &long)];
        assert_eq!(check_files(&bad).len(), 6);
    }
}
