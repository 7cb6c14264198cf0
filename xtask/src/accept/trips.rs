//! The README's planning example with a real model: a plan that a person wrote is executed, and goals that the model plans itself.

use std::process::Command;

use anyhow::{Result, bail};

use super::run::Run;
use crate::flags::AcceptOptions;
use crate::{demo, process, setup, workspace};

/// The plan and what it reads, below the root.
const FOLDER: &str = "examples/data/trips";

/// Goals for the model to plan, and what the right answer has in it: all of it.
const PLANNED: [(&str, &[&str]); 3] = [
    ("What do the trips in bergen.txt and oslo.txt cost together?", &["1340"]),
    ("What does the trip in bergen.txt cost, and what does the one in oslo.txt cost?", &["890", "450"]),
    ("How does one travel on the trip in bergen.txt, and how on the one in oslo.txt?", &["train", "bus"]),
];

/// Executes the example's plan, whose criteria have to hold, and reports on the planned ones.
pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    setup::ensure()?;
    let model = options.model.as_deref().unwrap_or(demo::MODEL);
    let program = demo::binary()?;
    if model.starts_with("local:") {
        process::run(Command::new(&program).args(["model", "pull", model]))?;
    }
    let plan = |goal: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(workspace::root().join(FOLDER)).args(["plan", "--execute", "--ephemeral"]);
        command.args(["--output", "json", "--model", model]).args(goal).output()
    };
    let written = plan(&["--file", "costs.yaml"])?;
    let run = Run::read(&String::from_utf8_lossy(&written.stdout));
    println!("the example's plan: {}, {} turns: {}", run.status, run.turns, run.answer);
    let mut right = 0;
    for (goal, expected) in PLANNED {
        let run = Run::read(&String::from_utf8_lossy(&plan(&[goal])?.stdout));
        let answer = run.answer.replace(',', "").to_lowercase();
        let is_right = run.status == "completed" && expected.iter().all(|part| answer.contains(part));
        right += usize::from(is_right);
        println!("{}  {goal}\n  {}: {}", if is_right { "right" } else { "wrong" }, run.status, run.answer);
    }
    println!("trips: {model}: {right} of {} goals that it planned itself are right", PLANNED.len());
    if !written.status.success() {
        bail!("the example's plan ended with {}", written.status);
    }
    Ok(())
}
