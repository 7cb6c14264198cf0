//! Breaks each rule of durable runs on purpose, in a copy of the project, and looks whether its tests notice.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{process, workspace};

/// A rule, and how its keeping is broken.
struct Mutant {
    rule: &'static str,
    file: &'static str,
    /// A text that the file has once.
    kept: &'static str,
    broken: &'static str,
}

const ENGINE: &str = "crates/agentic-runtime/src/engine/";

const MUTANTS: &[Mutant] = &[
    Mutant {
        rule: "an intent is durable before an effect that must not happen twice",
        file: "start.rs",
        kept: "Some(seq) if !may_be_cut || restarts || state.is_choosing() =>",
        broken: "Some(seq) if restarts || state.is_choosing() =>",
    },
    Mutant {
        rule: "an outcome is durable before the agent is told",
        file: "deliver.rs",
        kept: "durable.is_none_or(|durable| arrival.seq <= durable)",
        broken: "durable.is_none_or(|durable| arrival.seq <= durable || true)",
    },
    Mutant {
        rule: "outcomes are delivered in the order of the journal",
        file: "deliver.rs",
        kept: "state.slots.arrivals.pop_front_if(is_due)",
        broken: "state.slots.arrivals.pop_back_if(is_due)",
    },
    Mutant {
        rule: "nothing happens before the journal is repeated to its end",
        file: "start.rs",
        kept: "Ok(known) => {\n",
        broken: "Ok(None) => self.begin(&mut state, ticket, tokio),\n                Ok(known) => {\n",
    },
    Mutant {
        rule: "an unsafe effect that may have happened is not started again",
        file: "start.rs",
        kept: "EffectClass::Unsafe => true,",
        broken: "EffectClass::Unsafe => false,",
    },
    Mutant {
        rule: "a checkable effect that may have happened is asked for first",
        file: "start.rs",
        kept: "            attempt: slot.attempt,",
        broken: "            attempt: 1,",
    },
    Mutant {
        rule: "what is drawn is the same again",
        file: "driver.rs",
        kept: "Some(record) => Uuid::new_v8(drawn(record.seed, step)),",
        broken: "Some(record) => Uuid::new_v8([drawn(record.seed, step)[0]; 16].map(|_| self.0.sources.random() as u8)),",
    },
    Mutant {
        rule: "a changed request is noticed",
        file: "replay.rs",
        kept: "Some(expected) if expected != digest =>",
        broken: "Some(expected) if expected != digest && false =>",
    },
    Mutant {
        rule: "a recorded step that is not asked for is noticed",
        file: "repeat.rs",
        kept: "_ => Err(Halt::Diverged(Divergence::Missing { step: step.clone(), found })),",
        broken: "_ if found == [step.clone()] => Err(Halt::Diverged(Divergence::Missing { step: step.clone(), found })),\n            _ => Ok(None),",
    },
    Mutant {
        rule: "an effect that must not be cut off is not",
        file: "slots.rs",
        kept: "if let Some(task) = self.task.take().filter(|_| self.may_be_cut) {",
        broken: "if let Some(task) = self.task.take() {",
    },
    Mutant {
        rule: "what a lost attempt may have taken is booked",
        file: "start.rs",
        kept: "StepKind::Model | StepKind::Embed => Spend { turns: 0, ..slot.held.all() },",
        broken: "StepKind::Model | StepKind::Embed => Spend::default(),",
    },
    Mutant {
        rule: "a process that stops writes nothing for what its agent drops",
        file: "ending.rs",
        kept: "        if state.halt.is_some() {\n            return;\n        }\n        let dropped",
        broken: "        let dropped",
    },
    Mutant {
        rule: "a message that nobody heard goes back to its mailbox",
        file: "ending.rs",
        kept: "record.mailboxes.entry(mailbox.clone()).or_default().push_front(message);",
        broken: "drop(message);",
    },
    Mutant {
        rule: "an answer belongs to its question",
        file: "outside.rs",
        kept: "slot.asks() && slot.id == step && slot.digest == Some(digest)",
        broken: "slot.asks()",
    },
    Mutant {
        rule: "a person's own answer counts before a rule",
        file: "rules.rs",
        kept: " || state.is_decided(ticket)",
        broken: "",
    },
    Mutant {
        rule: "rules that come together answer together",
        file: "rules.rs",
        kept: "while let Some(record) = &mut state.record {",
        broken: "while let Some(record) = state.record.as_mut().filter(|_| !taken) {",
    },
    Mutant {
        rule: "a rule is durable together with the answer that it comes with",
        file: "start.rs",
        kept: "record.append_together(at, told, None)",
        broken: "told.into_iter().map(|told| record.append(at, told, None)).last().unwrap_or_default()",
    },
    Mutant {
        rule: "a fork lacks no rule but the one that answered otherwise",
        file: "../fork.rs",
        kept: "if asked && answered_by == Some(rule) =>",
        broken: "if asked =>",
    },
    Mutant {
        rule: "an effect that was told to end and failed is in doubt",
        file: "effect.rs",
        kept: "if is_unknown && !self.may_be_cut && self.engine.is_interrupted() {",
        broken: "if is_unknown && false {",
    },
    Mutant {
        rule: "nothing begins after the end of the run's time",
        file: "start.rs",
        kept: "if !written || self.cancellation.is_cancelled() || !is_up() {",
        broken: "if true || !written || self.cancellation.is_cancelled() || !is_up() {",
    },
    Mutant {
        rule: "what is in doubt at the end of the run's time stays in doubt",
        file: "start.rs",
        kept: "EffectClass::Checkable => !can_be_asked || self.ends_if_out_of_time(state),",
        broken: "EffectClass::Checkable => !can_be_asked,",
    },
    Mutant {
        rule: "a run that was to end is never completed",
        file: "../runtime/work.rs",
        kept: "(Ok(outcome), Some(reason)) => {",
        broken: "(Ok(outcome), Some(reason)) if false => {",
    },
    Mutant {
        rule: "what an agent awaits beside its run is noticed",
        file: "../driven.rs",
        kept: "if busy != this_thread() {",
        broken: "if busy != this_thread() && false {",
    },
    Mutant {
        rule: "who has lost a lease writes nothing",
        file: "../store/record.rs",
        kept: "if epoch == lease.epoch && status == RunStatus::Running {",
        broken: "if status == RunStatus::Running {",
    },
    Mutant {
        rule: "a run does not end before it has seen what was posted to it",
        file: "rest.rs",
        kept: "let seen = (!whatever).then(|| record.seen());",
        broken: "let seen = (!whatever && false).then(|| record.seen());",
    },
    Mutant {
        rule: "a limit that was raised is raised again",
        file: "../../../agentic-core/src/exhausted/policy.rs",
        kept: "driver.ledger().raise(what, by);",
        broken: "if driver.now().as_millis() % 2 == 0 { driver.ledger().raise(what, by); }",
    },
    Mutant {
        rule: "nothing happens before a guardrail's verdict",
        file: "../../../agentic-core/src/guardrail/call.rs",
        kept: "if let Some((guards, judge)) = &self.hold {",
        broken: "if let Some((guards, judge)) = self.hold.as_ref().filter(|_| false) {",
    },
    Mutant {
        rule: "what comes from elsewhere than an effect passes the guardrails, too",
        file: "../../../agentic-core/src/guardrail/call.rs",
        kept: "let Some((guards, judge)) = &self.hold else { return Ok(result?) };",
        broken: "let Some((guards, judge)) = self.hold.as_ref().filter(|_| false) else { return Ok(result?) };",
    },
    Mutant {
        rule: "what a guardrail has yet to judge is told to nobody",
        file: "../journal/event.rs",
        kept: "return (if withheld { Value::Null } else { value.value() }, None);",
        broken: "return (value.value(), None);",
    },
    Mutant {
        rule: "a rule answers the questions that it is for",
        file: "../../../agentic-core/src/approval_rule.rs",
        kept: "approval.tool.as_ref() == Some(&self.tool) && self.arguments.fit(&approval.arguments)",
        broken: "approval.tool.as_ref() == Some(&self.tool)",
    },
];

/// How long the tests of one mutant may take. One that hangs is caught.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// What became of a mutant.
enum Fate {
    Caught { tests: usize },
    Hung,
    Survived,
}

pub(super) fn run() -> Result<()> {
    let copy = copied()?;
    if !matches!(tested(&copy)?, Fate::Survived) {
        bail!("the tests fail as they are; mend them first");
    }
    let mut survived = 0;
    for Mutant { rule, file, kept, broken } in MUTANTS {
        let path = copy.join(ENGINE).join(file);
        let source = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let places = source.matches(kept).count();
        if places != 1 {
            bail!("{file} has `{kept}` {places} times, not once: mend the mutant of \"{rule}\"");
        }
        fs::write(&path, source.replacen(kept, broken, 1))?;
        let fate = tested(&copy);
        fs::write(&path, source)?;
        match fate.with_context(|| format!("the mutant of \"{rule}\""))? {
            Fate::Caught { tests } => println!("caught by {tests:>2} tests  {rule}"),
            Fate::Hung => println!("caught: it hangs  {rule}"),
            Fate::Survived => {
                survived += 1;
                println!("SURVIVED          {rule}");
            }
        }
    }
    if survived > 0 {
        bail!("missed: {survived} of {} mutants survived", MUTANTS.len());
    }
    println!("all {} mutants were caught", MUTANTS.len());
    Ok(())
}

/// A copy of the project, so that what is being worked on is left alone.
fn copied() -> Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let copy = target.unwrap_or_else(|| workspace::root().join("target")).join("mutants");
    for file in workspace::files()? {
        let (from, to) = (workspace::root().join(&file), copy.join(&file));
        if fs::read(&to).ok() == Some(fs::read(&from)?) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
        fs::copy(from, to)?;
    }
    Ok(copy)
}

/// Runs the tests of durable runs and of stores.
fn tested(copy: &Path) -> Result<Fate> {
    let tests = compiled(copy)?;
    let log = copy.join("tests.log");
    let out = fs::File::create(&log)?;
    let mut tests = Command::new(tests);
    tests.current_dir(copy.join("crates/agentic-runtime")).args(["durable", "guardrails", "stores::memory"]);
    let mut child = tests.stdin(Stdio::null()).stderr(out.try_clone()?).stdout(out).spawn()?;
    let mut waited = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait()? {
            let failed = fs::read_to_string(&log)?.matches("... FAILED").count();
            return Ok(if status.success() { Fate::Survived } else { Fate::Caught { tests: failed } });
        }
        if waited > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Ok(Fate::Hung);
        }
        thread::sleep(PAUSE);
        waited += PAUSE;
    }
}

/// Compiles the tests, and gives their program.
fn compiled(copy: &Path) -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.current_dir(copy).args(["test", "--quiet", "-p", "agentic-runtime", "--test", "it", "--no-run"]);
    cargo.args(["--message-format", "json"]).env("RUSTFLAGS", "-A warnings");
    let messages = process::read(&mut cargo).context("it does not compile")?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_it = |message: &Value| message["target"]["name"] == "it" && message["executable"].is_string();
    let mut programs =
        messages.filter(is_it).filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next_back().context("cargo names no test program")
}
