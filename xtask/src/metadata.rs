//! What cargo knows about the workspace.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{process, workspace};

/// The packages of the workspace and what they depend on.
#[derive(Debug)]
pub(crate) struct Metadata {
    packages: BTreeMap<String, Package>,
    members: BTreeSet<String>,
    /// Features that are on where the whole workspace is built.
    enabled: BTreeMap<String, BTreeSet<String>>,
}

/// One package.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) repository: Option<String>,
    pub(crate) manifest: String,
    pub(crate) published: bool,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// One line of a package's dependencies.
#[derive(Clone, Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) dev: bool,
    pub(crate) features: Vec<String>,
    pub(crate) default_features: bool,
}

/// A library, binary, test or example of a package.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) required_features: Vec<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        Self::load_with(&[])
    }

    /// The same with the crates of all features, which are then all enabled.
    pub(crate) fn load_whole() -> Result<Self> {
        Self::load_with(&["--all-features"])
    }

    fn load_with(options: &[&str]) -> Result<Self> {
        let mut cargo = workspace::cargo();
        let text = process::read(cargo.args(["metadata", "--format-version", "1"]).args(options))?;
        let value: Value = serde_json::from_str(&text).context("can't read what cargo metadata prints")?;
        Ok(Self {
            packages: array(&value["packages"])
                .map(|package| (text_of(&package["id"]), Package::read(package)))
                .collect(),
            members: array(&value["workspace_members"]).map(text_of).collect(),
            enabled: array(&value["resolve"]["nodes"])
                .map(|node| (text_of(&node["id"]), array(&node["features"]).map(text_of).collect()))
                .collect(),
        })
    }

    /// The workspace's own packages, by name.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|(id, _)| self.members.contains(*id)).map(|(_, package)| package)
    }

    /// The packages of others.
    pub(crate) fn others(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|(id, _)| !self.members.contains(*id)).map(|(_, package)| package)
    }

    /// The features of a member that are on where the whole workspace is built.
    pub(crate) fn enabled(&self, member: &Package) -> BTreeSet<String> {
        let id =
            self.packages.iter().find(|(_, package)| package.manifest == member.manifest).map(|(id, _)| id);
        id.and_then(|id| self.enabled.get(id)).cloned().unwrap_or_default()
    }
}

impl Package {
    fn read(value: &Value) -> Self {
        let optional_text = |name: &str| value[name].as_str().map(str::to_owned);
        Self {
            name: text_of(&value["name"]),
            version: text_of(&value["version"]),
            description: optional_text("description"),
            license: optional_text("license"),
            repository: optional_text("repository"),
            manifest: text_of(&value["manifest_path"]),
            published: value["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            features: value["features"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, of)| (name.clone(), array(of).map(text_of).collect()))
                .collect(),
            dependencies: array(&value["dependencies"])
                .map(|dependency| Dependency {
                    name: text_of(&dependency["name"]),
                    dev: dependency["kind"] == "dev",
                    features: array(&dependency["features"]).map(text_of).collect(),
                    default_features: dependency["uses_default_features"] == true,
                })
                .collect(),
            targets: array(&value["targets"])
                .map(|target| Target {
                    name: text_of(&target["name"]),
                    required_features: array(&target["required-features"]).map(text_of).collect(),
                })
                .collect(),
        }
    }
}

/// The crates that a package brings into a program, itself included, with these features and no others; each by
/// name and version.
pub(crate) fn tree(manifest: &str, features: &[&str]) -> Result<BTreeSet<String>> {
    let mut cargo = workspace::cargo();
    cargo.args([
        "tree",
        "--manifest-path",
        manifest,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--no-default-features",
    ]);
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    let lines = process::read(&mut cargo)?;
    // `name v1.2.3 (source) (*)`
    Ok(lines
        .lines()
        .map(|line| line.split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .filter(|name| !name.is_empty())
        .collect())
}

/// Whether a tree has a crate of this name.
pub(crate) fn has(tree: &BTreeSet<String>, name: &str) -> bool {
    tree.iter().any(|entry| entry.split(' ').next() == Some(name))
}

fn array(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
