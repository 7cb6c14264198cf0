//! What continuous integration runs, and steps with their times.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::flags::TestOptions;
use crate::stopwatch::Stopwatch;
use crate::{process, test, tidy, workspace};

/// Steps that all run, whichever of them fail, and a summary at the end.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

#[derive(Debug)]
struct Step {
    name: &'static str,
    time: Duration,
    /// Why it failed.
    error: Option<String>,
    /// Lines to repeat at the end.
    summaries: Vec<String>,
}

impl Steps {
    /// Runs one step.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        self.add(name, || (work(), Vec::new()));
    }

    /// Runs cargo as one step; what the test runners say at their end is repeated in the summary.
    pub(crate) fn cargo(&mut self, name: &'static str, args: &[&str]) {
        self.command(name, workspace::cargo().args(args));
    }

    /// Runs a command as one step.
    pub(crate) fn command(&mut self, name: &'static str, command: &mut Command) {
        self.add(name, || match process::watch(command, is_summary) {
            Ok(watched) => (watched.result, watched.kept),
            Err(error) => (Err(error), Vec::new()),
        });
    }

    fn add(&mut self, name: &'static str, work: impl FnOnce() -> (Result<()>, Vec<String>)) {
        eprintln!("\n=== {name}");
        let watch = Stopwatch::start();
        let (result, summaries) = work();
        let error = result.err().map(|error| format!("{error:#}"));
        if let Some(error) = &error {
            eprintln!("FAILED: {name}: {error}");
        }
        self.0.push(Step { name, time: watch.elapsed(), error, summaries });
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// If a step failed.
    pub(crate) fn finish(self) -> Result<()> {
        println!("\n{}", self.summary());
        let failed: Vec<_> =
            self.0.iter().filter(|step| step.error.is_some()).map(|step| step.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        println!("all {} steps passed", self.0.len());
        Ok(())
    }

    fn summary(&self) -> String {
        let mut text = String::from("=== summary\n");
        for Step { name, time, error, .. } in &self.0 {
            let verdict = if error.is_some() { "FAILED" } else { "ok" };
            let _ = writeln!(text, "{:>8.1} s  {verdict:<6}  {name}", time.as_secs_f64());
        }
        for step in &self.0 {
            for line in step.error.iter().chain(&step.summaries) {
                let _ = writeln!(text, "{}: {}", step.name, line.trim());
            }
        }
        text
    }
}

/// Whether a line is what nextest or libtest says at the end.
fn is_summary(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("Summary [") || line.starts_with("test result:") || line.contains("skipped: ")
}

/// Runs everything.
pub(crate) fn run(options: &TestOptions) -> Result<()> {
    let mut steps = Steps::default();
    steps.step("format", format);
    steps.step("tidy", tidy::run);
    steps.step("system packages", crate::setup::ensure);
    steps.cargo("clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    // Libraries only: the binary `agentic` and the library `agentic` would write the same page.
    let mut docs = workspace::cargo();
    docs.args(["doc", "--workspace", "--no-deps", "--lib"]).env("RUSTDOCFLAGS", "-D warnings");
    steps.command("docs", &mut docs);
    test::add(&mut steps, options);
    steps.step("features, each alone", crate::features::check);
    steps.step("integration memory", crate::integration::memory_if_changed);
    // What a release would hold; compiling it once more would compile llama.cpp once more.
    let package = ["package", "--workspace", "--quiet", "--no-verify", "--allow-dirty"];
    steps.cargo("packages", &package);
    steps.finish()
}

/// All files that git knows: `cargo fmt` does not see modules that a macro declares.
fn format() -> Result<()> {
    let root = workspace::root();
    let rustfmt = || {
        let mut command = Command::new("rustfmt");
        command.current_dir(root).args(["--check", "--edition", "2024", "-l"]);
        command
    };
    let mut ours = Vec::new();
    let mut unformatted = Vec::new();
    for file in workspace::files()?.into_iter().filter(|name| name.ends_with(".rs")) {
        let text = fs::read_to_string(root.join(&file)).with_context(|| format!("can't read {file}"))?;
        if !text.lines().any(|line| line.starts_with("#[path")) {
            ours.push(file);
        } else if !rustfmt().stdin(fs::File::open(root.join(&file))?).output()?.status.success() {
            // From standard input: rustfmt then leaves the module alone that lies outside of the project.
            unformatted.push(file);
        }
    }
    let out = rustfmt().args(&ours).output().context("can't start rustfmt; rustup component add rustfmt")?;
    if !out.status.success() {
        eprint!("{}", String::from_utf8_lossy(&out.stderr));
        let listed = String::from_utf8_lossy(&out.stdout);
        unformatted.extend(listed.lines().map(|path| {
            path.trim_start_matches(&*root.to_string_lossy()).trim_start_matches('/').to_owned()
        }));
        unformatted.push("(run: rustfmt --edition 2024 $(git ls-files '*.rs'))".into());
    }
    unformatted.sort();
    unformatted.dedup();
    match unformatted.is_empty() {
        true => Ok(()),
        false => bail!("not formatted: {}", unformatted.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Steps, is_summary};

    #[test]
    fn all_steps_run_and_the_failed_ones_are_named() {
        let mut steps = Steps::default();
        steps.step("one", || anyhow::bail!("broken"));
        steps.step("two", || Ok(()));
        assert!(steps.summary().contains("FAILED  one") && steps.summary().contains("ok      two"));
        assert_eq!(steps.finish().map_err(|error| error.to_string()), Err("failed: one".into()));
    }

    #[test]
    fn the_ends_of_test_runs_are_known() {
        assert!(is_summary("     Summary [   3.2s] 120 tests run: 120 passed, 0 skipped\n"));
        assert!(is_summary("test result: ok. 5 passed; 0 failed\n"));
        assert!(!is_summary("test lenient::tests::result ... ok"));
    }
}
