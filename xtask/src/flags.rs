//! The command line of `cargo xtask`, typed.

use std::ffi::OsString;

use anyhow::{Context as _, Result, bail};
use lexopt::{Arg, Parser, ValueExt as _};

pub(crate) const HELP: &str = "\
cargo xtask COMMAND

  setup                     installs the system packages that the build needs
  demo                      the main job: an agent on a folder of sample invoices, with the embedded model
  run -- ARGS               builds `agentic` and runs it with any arguments
  test [--skip-model]       runs all tests; --skip-model leaves out the one run of a real model
  features                  checks each feature of each crate alone
  integration memory [KIND]...
                            tests memory stores that need a service, which it fetches and starts: postgres; all by default
  ci [--skip-model]         format, tidy, clippy, docs, `test`, `features`, `integration memory`, packages
  tidy                      checks the invariants of docs/ARCHITECTURE.md
  notices                   writes THIRD-PARTY-NOTICES.md
  accept [ROW] [OPTIONS]    runs one row of the acceptance table in docs/TESTING.md; without a row lists them

Options of `accept main-job` and, but for the third, of `accept kill-main-job`:
  --seeds A..B              these seeds, both ends included (default 1..10)
  --fresh N                 and N seeds that nobody saw before (default 10)
  --distractor-amounts      the note has an amount too
  --agent NAME              another agent than the default one
  --model URL               another model than the default one
Options of `accept fuzz`:
  --minutes N               how long each target runs (default 20)
  --target NAME             this target, may be repeated (default: all)

Options of `accept code`:
  --minutes N               after so long no task is begun any more (default: all are)
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Setup,
    Demo,
    Run { args: Vec<OsString> },
    Test(TestOptions),
    Ci(TestOptions),
    Features,
    Tidy,
    Notices,
    IntegrationMemory { kinds: Vec<String> },
    Accept(AcceptOptions),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestOptions {
    /// Leaves out the run of a real model.
    pub(crate) skip_model: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AcceptOptions {
    /// The row; `None` lists them.
    pub(crate) row: Option<String>,
    /// First and last seed.
    pub(crate) seeds: (u64, u64),
    /// How many seeds to draw besides.
    pub(crate) fresh: usize,
    pub(crate) distractor_amounts: bool,
    pub(crate) agent: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) minutes: Option<u64>,
    /// What is fuzzed; empty means all.
    pub(crate) targets: Vec<String>,
}

impl Default for AcceptOptions {
    fn default() -> Self {
        Self {
            row: None,
            seeds: (1, 10),
            fresh: 10,
            distractor_amounts: false,
            agent: None,
            model: None,
            minutes: None,
            targets: Vec::new(),
        }
    }
}

/// Reads the arguments; the first is the program.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command> {
    let args: Vec<OsString> = args.into_iter().collect();
    // What stands behind `run` is for the program.
    let mut own = args.iter().skip(1).take_while(|arg| *arg != "run");
    if own.any(|arg| arg == "--help" || arg == "-h") {
        return Ok(Command::Help);
    }
    let mut parser = Parser::from_iter(args);
    let name = match parser.next()? {
        None => return Ok(Command::Help),
        Some(Arg::Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected().into()),
    };
    match name.as_str() {
        "help" => none(parser, Command::Help),
        "setup" => none(parser, Command::Setup),
        "demo" => none(parser, Command::Demo),
        "run" => {
            let mut args: Vec<OsString> = parser.raw_args()?.collect();
            if args.first().is_some_and(|first| first == "--") {
                args.remove(0);
            }
            Ok(Command::Run { args })
        }
        "test" => Ok(Command::Test(test_options(parser)?)),
        "ci" => Ok(Command::Ci(test_options(parser)?)),
        "features" => none(parser, Command::Features),
        "tidy" => none(parser, Command::Tidy),
        "notices" => none(parser, Command::Notices),
        "integration" => integration(parser),
        "accept" => Ok(Command::Accept(accept_options(parser)?)),
        other => bail!("there is no command `{other}`; `cargo xtask help` lists them"),
    }
}

fn none(mut parser: Parser, command: Command) -> Result<Command> {
    match parser.next()? {
        None => Ok(command),
        Some(arg) => Err(arg.unexpected().into()),
    }
}

fn integration(mut parser: Parser) -> Result<Command> {
    let mut names = Vec::new();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Value(name) => names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    match names.first().map(String::as_str) {
        Some("memory") => Ok(Command::IntegrationMemory { kinds: names.split_off(1) }),
        Some(other) => bail!("there are no integration tests of `{other}`; there are those of: memory"),
        None => bail!("say of what; there are integration tests of: memory"),
    }
}

fn test_options(mut parser: Parser) -> Result<TestOptions> {
    let mut options = TestOptions::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("skip-model") => options.skip_model = true,
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn accept_options(mut parser: Parser) -> Result<AcceptOptions> {
    let mut options = AcceptOptions::default();
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Value(row) if options.row.is_none() => options.row = Some(row.string()?),
            Arg::Long("seeds") => options.seeds = seeds(&parser.value()?.string()?)?,
            Arg::Long("fresh") => options.fresh = parser.value()?.parse()?,
            Arg::Long("distractor-amounts") => options.distractor_amounts = true,
            Arg::Long("agent") => options.agent = Some(parser.value()?.string()?),
            Arg::Long("model") => options.model = Some(parser.value()?.string()?),
            Arg::Long("minutes") => options.minutes = Some(parser.value()?.parse()?),
            Arg::Long("target") => options.targets.push(parser.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    Ok(options)
}

fn seeds(text: &str) -> Result<(u64, u64)> {
    let usage = || format!("`{text}` is no range of seeds; write it like 1..10");
    let (first, last) = text.split_once("..").with_context(usage)?;
    let (first, last) = (first.parse().with_context(usage)?, last.parse().with_context(usage)?);
    if first > last {
        bail!(usage());
    }
    Ok((first, last))
}

#[cfg(test)]
mod tests {
    use super::{AcceptOptions, Command, TestOptions, parse};

    fn parsed(line: &str) -> Result<Command, String> {
        let args = ["xtask"].into_iter().chain(line.split_whitespace()).map(Into::into);
        parse(args.collect::<Vec<_>>()).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_and_their_options() {
        for asks in ["", "help", "--help", "-h", "accept --help", "accept main-job -h"] {
            assert_eq!(parsed(asks), Ok(Command::Help), "{asks}");
        }
        let args = vec!["--help".into()];
        assert_eq!(parsed("run --help"), Ok(Command::Run { args }));
        assert_eq!(parsed("test --skip-model"), Ok(Command::Test(TestOptions { skip_model: true })));
        let args = vec!["run".into(), "a goal".replace(' ', "-").into(), "--yes".into()];
        assert_eq!(parsed("run -- run a-goal --yes"), Ok(Command::Run { args }));
        let kinds = vec!["postgres".into()];
        assert_eq!(parsed("integration memory postgres"), Ok(Command::IntegrationMemory { kinds }));
        let wanted = AcceptOptions {
            row: Some("main-job".into()),
            seeds: (3, 4),
            fresh: 0,
            distractor_amounts: true,
            ..AcceptOptions::default()
        };
        assert_eq!(
            parsed("accept main-job --seeds 3..4 --fresh 0 --distractor-amounts"),
            Ok(Command::Accept(wanted))
        );
        let targets = vec!["sse".into(), "react".into()];
        let wanted =
            AcceptOptions { row: Some("fuzz".into()), minutes: Some(1), targets, ..AcceptOptions::default() };
        assert_eq!(
            parsed("accept fuzz --target sse --target react --minutes 1"),
            Ok(Command::Accept(wanted))
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert!(parsed("dance").is_err_and(|error| error.contains("`dance`")));
        assert!(parsed("integration dance").is_err_and(|error| error.contains("`dance`")));
        assert!(parsed("integration").is_err_and(|error| error.contains("memory")));
        assert!(parsed("test --fast").is_err_and(|error| error.contains("--fast")));
        assert!(parsed("accept main-job --seeds 9..2").is_err_and(|error| error.contains("9..2")));
    }
}
