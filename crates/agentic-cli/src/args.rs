//! The arguments.

mod memory;
mod runs;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use agentic::LlmPlanner;
use agentic::core::ApprovalRule;
use clap::error::{ContextKind, ContextValue};
use clap::{Args as ClapArgs, CommandFactory as _, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

pub(crate) use self::memory::{Add, Entry, How, Kind, Memory, MemoryCommand, Which};
pub(crate) use self::runs::{Became, Fork, List, One, Printed, Question, Runs, RunsCommand, State};
use crate::exhausted::Exhausted;
use crate::exit::{self, Failure};
use crate::{render, rules};

const SETTINGS: &str = "\
What is not given as a flag is taken from the environment (the help of a command names
the variables), else from the configuration: `agentic doctor` tells where that file is,
AGENTIC_CONFIG names another.";

const EXIT_CODES: &str = "\
Exit codes:
  0    completed
  1    failed
  2    wrong command line or configuration
  3    a limit or budget was reached
  4    completed without meeting the goal
  5    waiting: `agentic runs show` says for what
  130  cancelled or interrupted";

/// Run LLM agents that can be trusted with real work.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, after_help = format!("{SETTINGS}\n\n{EXIT_CODES}"))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an agent on a goal and print its answer
    Run(Run),
    /// Split a goal into tasks, and execute them in parallel where they do not need each other
    Plan(Plan),
    /// List runs, go on with them, answer them, look into them
    ///
    /// A run is named by its id, by a beginning of it that no other run has, or by `last`, which is the youngest. Runs are
    /// kept in `runs.db`, in AGENTIC_HOME or the user's data folder.
    Runs(Runs),
    /// Talk with an agent, one line at a time; limits of tokens, money and time are for the whole conversation
    Chat(Chat),
    /// Remember, find and forget; copy memories from engine to engine
    ///
    /// A memory is named by its address; without one it is `memory.db`, in AGENTIC_HOME or the user's data folder. An entry is
    /// named by its id or by a beginning of it that no other entry has.
    Memory(Memory),
    /// List, pull and remove models
    Model(Model),
    /// List tools and call one
    Tool(Tool),
    /// Say what is missing on this machine, and the command that mends it
    Doctor,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Run {
    /// What is to be achieved; `-` reads it from standard input
    pub(crate) goal: String,
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    #[command(flatten)]
    pub(crate) exhaustion: Exhaustion,
    #[command(flatten)]
    pub(crate) care: Care,
    /// Keep nothing of the run, what is remembered excepted: it is gone when the program ends, Ctrl-C cancels it, and what nobody can approve is denied
    #[arg(long)]
    pub(crate) ephemeral: bool,
    /// What to print: text for people, or one JSON event a line
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Exhaustion {
    /// What to do when a budget is exhausted: `stop`; `ask` somebody to raise it, as a call is approved; or the address of a
    /// cheaper model that is asked from there on [default: stop]
    #[arg(long, value_name = "stop|ask|URL", env = "AGENTIC_WHEN_EXHAUSTED")]
    pub(crate) when_exhausted: Option<Exhausted>,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Plan {
    /// What is to be achieved; with --file the goal of the file, if it is left out
    pub(crate) goal: Option<String>,
    /// Take the plan from this file, YAML or JSON, instead of having the model make one; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Execute the plan; without this it is only shown
    #[arg(long)]
    pub(crate) execute: bool,
    /// Show the plan as a Mermaid flowchart
    #[arg(long, conflicts_with = "execute")]
    pub(crate) mermaid: bool,
    /// Have the model split tasks further where it finds that they need it, three levels deep
    #[arg(long, conflicts_with = "file")]
    pub(crate) hierarchical: bool,
    /// The most tasks of a plan, not counting those of tasks that are split [default: 10; with --hierarchical 5]
    #[arg(long, value_name = "N", value_parser = tasks, allow_negative_numbers = true)]
    pub(crate) max_tasks: Option<u64>,
    /// The most tasks that are worked on at a time [default: 4]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, requires = "execute")]
    pub(crate) max_parallel: Option<u64>,
    /// What becomes of the plan when a task has failed and is not tried again [default: replan]
    #[arg(long, value_enum, value_name = "WHAT", requires = "execute")]
    pub(crate) on_failure: Option<OnFailure>,
    #[command(flatten)]
    pub(crate) care: Care,
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
    #[command(flatten)]
    pub(crate) exhaustion: Exhaustion,
    /// Keep nothing of the run, what is remembered excepted: it is gone when the program ends
    #[arg(long, requires = "execute")]
    pub(crate) ephemeral: bool,
    /// What to print: text for people, or JSON: the plan, or an event a line while it is executed
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

impl Plan {
    /// Whether the model may plan the rest of the plan again.
    pub(crate) fn plans_again(&self) -> bool {
        self.execute && matches!(self.on_failure, None | Some(OnFailure::Replan))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OnFailure {
    /// The model plans the rest again; what is done stays
    Replan,
    /// The task is left out, and what needs it; the goal is not met
    Skip,
    /// A person is asked whether it is tried again; if not, it is left out
    Ask,
    /// The run fails at once
    Abort,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Chat {
    #[command(flatten)]
    pub(crate) agent: AgentArgs,
}

const CARE: &str = "Care";

/// What is done so that the outcome is good.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct Care {
    /// Verify the outcome by the criteria in this YAML file, a list, for example `- {type: matches, pattern: "^[0-9]+$"}`; an
    /// outcome that misses one ends with exit code 4
    #[arg(long, help_heading = CARE, value_name = "FILE")]
    pub(crate) criteria: Option<PathBuf>,
    /// Reflect on an outcome that is no good, and try again with what was learned
    #[arg(long, help_heading = CARE)]
    pub(crate) reflect: bool,
    /// The most tries [default: 3]
    #[arg(long, help_heading = CARE, value_name = "N", value_parser = count, allow_negative_numbers = true, requires = "reflect")]
    pub(crate) tries: Option<u64>,
    /// Have a critic judge the outcome, and improve it until it is good enough
    #[arg(long, help_heading = CARE)]
    pub(crate) refine: bool,
    /// The mean score from 1 to 5 that is good enough [default: 4]
    #[arg(long, help_heading = CARE, value_name = "X", value_parser = score, allow_negative_numbers = true, requires = "refine")]
    pub(crate) threshold: Option<f64>,
    /// The most versions [default: 3]
    #[arg(long, help_heading = CARE, value_name = "N", value_parser = count, allow_negative_numbers = true, requires = "refine")]
    pub(crate) versions: Option<u64>,
}

/// What every agent takes. A flag that is not given leaves the setting to the configuration.
#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct AgentArgs {
    /// The model: local:NAME, local:PATH.gguf, openai:NAME, scripted:FILE [default: local:qwen2.5-coder-1.5b]
    #[arg(long, value_name = "URL", env = "AGENTIC_MODEL")]
    pub(crate) model: Option<String>,
    /// The kind of agent [default: function-calling]
    #[arg(long, value_enum, env = "AGENTIC_AGENT")]
    pub(crate) agent: Option<AgentKind>,
    /// A tool it may use; repeat for more [default: list_dir, read_file, search_files, calculator, current_time]
    #[arg(long = "tool", value_name = "NAME", env = "AGENTIC_TOOLS", value_delimiter = ',')]
    pub(crate) tools: Vec<String>,
    /// What it remembers: a memory as in `agentic memory`, sqlite://PATH, postgres://… or `default`. It reads what fits the goal, gets the
    /// tools remember and recall, and the goal and the answer are remembered [default: nothing]
    #[arg(long, value_name = "URL", env = "AGENTIC_MEMORY", hide_env_values = true)]
    pub(crate) memory: Option<String>,
    #[command(flatten)]
    pub(crate) memories: How,
    /// The folder that file tools are confined to [default: the current folder]
    #[arg(long, value_name = "DIR", env = "AGENTIC_WORKDIR")]
    pub(crate) workdir: Option<PathBuf>,
    /// The most turns: one model call and its tools [default: 50]
    #[arg(long, value_name = "N", env = "AGENTIC_MAX_TURNS", value_parser = count, allow_negative_numbers = true)]
    pub(crate) max_turns: Option<u64>,
    /// The most input and output tokens together, for example 50000 or 50k
    #[arg(long, value_name = "N", env = "AGENTIC_BUDGET_TOKENS", value_parser = count, allow_negative_numbers = true)]
    pub(crate) budget_tokens: Option<u64>,
    /// The most money, in US dollars
    #[arg(long, value_name = "X", env = "AGENTIC_BUDGET_USD", value_parser = dollars, allow_negative_numbers = true)]
    pub(crate) budget_usd: Option<f64>,
    /// The most time, for example 90s, 5m, 1h
    #[arg(long, value_name = "D", env = "AGENTIC_TIMEOUT", value_parser = duration)]
    pub(crate) timeout: Option<Duration>,
    /// How varied the model's words are; 0 always takes the likeliest [default: the model's own]
    #[arg(long, value_name = "T", env = "AGENTIC_TEMPERATURE", value_parser = temperature, allow_negative_numbers = true)]
    pub(crate) temperature: Option<f32>,
    /// Makes drawing repeatable, where the model supports it
    #[arg(long, value_name = "N", env = "AGENTIC_SEED", value_parser = seed, allow_negative_numbers = true)]
    pub(crate) seed: Option<u64>,
    /// Approve calls of this tool, all of them or those that have these arguments, for example shell={"command":"ls"};
    /// repeat for more
    #[arg(long, value_name = "TOOL[=JSON]", value_parser = rules::allow)]
    pub(crate) allow: Vec<ApprovalRule>,
    /// Deny calls of this tool, all of them or those that have these arguments; wins over --allow and --yes; repeat for more
    #[arg(long, value_name = "TOOL[=JSON]", value_parser = rules::deny)]
    pub(crate) deny: Vec<ApprovalRule>,
    /// Approve every call that asks for it and that no rule denies; adds no tools and raises no budget
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A mean score.
fn score(text: &str) -> Result<f64, String> {
    let score: Option<f64> = text.trim().parse().ok();
    score
        .filter(|score| (1.0..=5.0).contains(score))
        .ok_or_else(|| "a number from 1 to 5, for example 4".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AgentKind {
    /// For models that call tools natively
    FunctionCalling,
    /// For models that only write text
    React,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// One event a line
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Model {
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// List the models that can be had, and which are here
    List,
    /// Fetch a model and verify it
    Pull {
        /// A name of the list, or OWNER/REPO/FILE.gguf of the hub [default: the default model]
        model: Option<String>,
    },
    /// Print where a model's file is
    Path {
        /// A name of the list [default: the default model]
        model: Option<String>,
    },
    /// Remove a model's files
    Remove {
        /// A name of the list
        model: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tool {
    #[command(subcommand)]
    pub(crate) command: ToolCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ToolCommand {
    /// List the built-in tools
    List,
    /// Call a tool and print its result
    Call {
        /// The tool
        name: String,
        /// Its arguments as a JSON object
        #[arg(default_value = "{}")]
        arguments: String,
        /// The folder that file tools are confined to [default: the current folder]
        #[arg(long, value_name = "DIR")]
        workdir: Option<PathBuf>,
        /// Approve the call if it asks for it
        #[arg(long)]
        yes: bool,
    },
}

fn dollars(text: &str) -> Result<f64, String> {
    dollars_in_range(text.parse().map_err(|_| "not a number of dollars, for example 0.50".to_owned())?)
}

pub(crate) fn dollars_in_range(dollars: f64) -> Result<f64, String> {
    if dollars > 0.0 && dollars < 1e9 {
        Ok(dollars)
    } else {
        Err("must be above 0 and below a billion".into())
    }
}

fn temperature(text: &str) -> Result<f32, String> {
    temperature_in_range(text.parse().map_err(|_| "not a number, for example 0.7".to_owned())?)
}

pub(crate) fn temperature_in_range(temperature: f32) -> Result<f32, String> {
    if (0.0..=2.0).contains(&temperature) { Ok(temperature) } else { Err("must be from 0 to 2".into()) }
}

fn seed(text: &str) -> Result<u64, String> {
    text.trim().parse().map_err(|_| format!("not a whole number from 0 to {}, for example 7", u64::MAX))
}

/// The variable that the value of a flag is from: it is set, and the flag, which wins over it, is not typed.
pub(crate) fn variable(flag: &str) -> Option<String> {
    fn named(command: &clap::Command, long: &str) -> Option<OsString> {
        let own = command.get_arguments().find(|arg| arg.get_long() == Some(long));
        let variable = own.and_then(|arg| arg.get_env()).map(OsString::from);
        variable.or_else(|| command.get_subcommands().find_map(|command| named(command, long)))
    }
    let is_typed = std::env::args_os().skip(1).any(|word| {
        let word = word.to_string_lossy();
        word.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    let variable = named(&Args::command(), flag.strip_prefix("--")?).filter(|_| !is_typed)?;
    std::env::var_os(&variable).map(|_| variable.to_string_lossy().into_owned())
}

/// Says which variable a value is from that no flag can have, if it is from one.
fn with_variable(mut error: clap::Error) -> clap::Error {
    let variable = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(flag)) if error.get(ContextKind::InvalidValue).is_some() => {
            variable(flag.split([' ', '=']).next().unwrap_or_default())
        }
        _ => None,
    };
    if let Some(variable) = variable {
        error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
    }
    error
}

/// Prints the help that was asked for, or says what is wrong with the command line, also to a program that reads events.
pub(crate) fn refused(error: clap::Error) -> ExitCode {
    let error = with_variable(error);
    if !error.use_stderr() {
        // Help and version are results.
        render::raw(error.to_string().as_bytes());
        return match render::lost() {
            Some(why) => Failure::failed(why).report(),
            None => ExitCode::from(exit::OK),
        };
    }
    // Where the arguments are wrong, what they ask for has to be guessed from their words.
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let tells_events = words.first().is_some_and(|word| word == "run" || word == "plan");
    let json = words.iter().any(|word| word == "--output=json")
        || words.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
    if tells_events && json {
        let message = error.to_string();
        let lines: Vec<_> = message.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
        let message = lines.join(" ");
        render::failed_before_the_run(&Failure::usage(message.strip_prefix("error: ").unwrap_or(&message)));
    }
    let _ = error.print();
    ExitCode::from(exit::USAGE)
}

/// Reads `50000`, `50k` or `1M`.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (&text[..at], 1_000),
        Some((at, 'm' | 'M')) => (&text[..at], 1_000_000),
        _ => (text, 1),
    };
    let number: Option<u64> = digits.parse().ok().and_then(|number: u64| number.checked_mul(unit));
    at_least_one(number.ok_or_else(|| "not a whole number, or too large; for example 20 or 50k".to_owned())?)
}

fn tasks(text: &str) -> Result<u64, String> {
    match count(text)? {
        tasks if tasks <= LlmPlanner::MOST_TASKS as u64 => Ok(tasks),
        _ => Err(format!("a plan of a model has at most {} tasks", LlmPlanner::MOST_TASKS)),
    }
}

pub(crate) fn at_least_one(count: u64) -> Result<u64, String> {
    if count == 0 { Err("must be at least 1".into()) } else { Ok(count) }
}

/// Reads `90`, `90s`, `5m`, `1h`, `250ms`, and sums such as `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "not a duration, for example 90s, 5m or 1h30m".to_owned();
    let mut sum = Duration::ZERO;
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, next) = after.split_at(letters);
        let seconds = match unit {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        sum = sum.checked_add(part).ok_or_else(wrong)?;
        rest = next;
    }
    if sum.is_zero() { Err("must be above 0".into()) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn counts_may_be_in_thousands() {
        for (text, expected) in [("7", 7), ("50k", 50_000), ("2M", 2_000_000)] {
            assert_eq!(count(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "k", "-1", "1.5k", "99999999999999999999", "99999999999999999M", "9€"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_numbers_with_units() {
        for (text, millis) in
            [("90", 90_000), ("90s", 90_000), ("1h30m", 5_400_000), ("250ms", 250), ("1.5m", 90_000)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "m", "5x", "-1s", "0s", "1e99h", "..s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
