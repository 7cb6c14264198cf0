//! Tests that need a service: it is fetched, started, and stopped again.

mod postgres;
mod stamp;

use anyhow::{Result, bail};

use crate::{process, toolchain, workspace};

/// A kind of memory store whose tests need something that a checkout does not have.
struct Kind {
    /// The name of the test of `agentic-memory`.
    name: &'static str,
    /// The features that it needs.
    features: &'static str,
    /// Whether they have Qdrant's engine in them, which needs a newer Rust than the workspace.
    engine: bool,
    /// Runs a command with the service there.
    with: fn(Test<'_>) -> Result<()>,
}

/// Runs the tests, with these variables.
type Test<'a> = &'a mut dyn FnMut(&[(&str, &str)]) -> Result<()>;

/// The same for both tests of Qdrant's engine, so that it is built once.
const QDRANT: &str = "edge,qdrant,agentic-testkit/qdrant-server";

/// One kind is one line. One that needs no service has `with: |test| test(&[])`.
const MEMORY: &[Kind] = &[
    Kind { name: "postgres", features: "postgres", engine: false, with: postgres::with_servers },
    Kind { name: "edge", features: QDRANT, engine: true, with: |test| test(&[]) },
    Kind { name: "qdrant", features: QDRANT, engine: true, with: |test| test(&[]) },
];

/// Runs the tests of these kinds of memory store, or of all.
pub(crate) fn memory(names: &[String]) -> Result<()> {
    for name in names {
        if !MEMORY.iter().any(|kind| kind.name == name) {
            let known: Vec<_> = MEMORY.iter().map(|kind| kind.name).collect();
            bail!("there is no memory store `{name}` to test; there are: {}", known.join(", "));
        }
    }
    let wanted = |kind: &&Kind| names.is_empty() || names.iter().any(|name| name == kind.name);
    for kind in MEMORY.iter().filter(wanted) {
        (kind.with)(&mut |variables| test(kind, variables))?;
    }
    Ok(())
}

/// The same, unless nothing has changed since they passed: building Qdrant's engine takes longer than many of the others.
pub(crate) fn memory_if_changed() -> Result<()> {
    for (name, engine) in [("integration-memory", false), ("integration-memory-engine", true)] {
        let stamp = stamp::Stamp::of(name, DEPENDS)?;
        if stamp.has_passed() {
            println!("{name}: skipped: nothing it depends on has changed since it passed");
            continue;
        }
        if engine && let Err(none) = toolchain::cargo_for_engine() {
            println!("{name}: skipped: {none}");
            continue;
        }
        let kinds = MEMORY.iter().filter(|kind| kind.engine == engine).map(|kind| kind.name.to_owned());
        memory(&kinds.collect::<Vec<_>>())?;
        stamp.pass()?;
    }
    Ok(())
}

/// What the tests of memory stores depend on: files, and folders with what is in them.
const DEPENDS: &[&str] = &[
    ".cargo/",
    "Cargo.lock",
    "Cargo.toml",
    "crates/agentic-core/",
    "crates/agentic-llm/",
    "crates/agentic-macros/",
    "crates/agentic-memory/",
    "crates/agentic-runtime/",
    "crates/agentic-schema/",
    "crates/agentic-testkit/",
    "xtask/src/integration",
    "xtask/src/toolchain.rs",
];

/// One test file. Its tests run one after the other: some of them stop the service.
fn test(kind: &Kind, variables: &[(&str, &str)]) -> Result<()> {
    let mut cargo = if kind.engine { toolchain::cargo_for_engine()? } else { workspace::cargo() };
    cargo.args(["test", "-p", "agentic-memory"]);
    cargo.args(["--features", kind.features, "--test", kind.name]);
    cargo.args(["--", "--nocapture", "--test-threads=1"]).envs(variables.iter().copied());
    let watched = process::watch(&mut cargo, |line| line.contains("skipped: "))?;
    watched.result?;
    match watched.kept.first() {
        Some(skipped) => bail!("{}", skipped.trim()),
        None => Ok(()),
    }
}
