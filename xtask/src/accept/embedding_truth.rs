//! Vectors of the embedded model against those of Python's `onnxruntime` and `tokenizers`.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{demo, process, workspace};

const COMPARE: &str = include_str!("embedding_truth/compare.py");
const REQUIREMENTS: &str = include_str!("embedding_truth/requirements.txt");

/// The same files, the same texts, the same batches: the same vectors.
pub(super) fn run() -> Result<()> {
    let mut build = workspace::cargo();
    build.args(["build", "-p", "agentic-llm", "--features", "onnx", "--example", "embedding_truth"]);
    let example = demo::executable(&mut build)?;
    let folder = example.parent().context("the example lies nowhere")?.join("embedding-truth");
    fs::create_dir_all(&folder)?;
    process::run(Command::new(&example).arg(&folder))?;

    let environment = folder.join("python");
    let python = environment.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    if !python.is_file() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let (requirements, compare) = (folder.join("requirements.txt"), folder.join("compare.py"));
    fs::write(&requirements, REQUIREMENTS)?;
    fs::write(&compare, COMPARE)?;
    // What the packages would bring along is for other uses of them.
    let pip =
        ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"];
    process::run(Command::new(&python).args(pip).arg("-r").arg(&requirements))?;
    process::run(Command::new(&python).arg(&compare).arg(&folder))
}
