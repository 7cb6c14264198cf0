//! The arguments of `agentic runs`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{EXIT_CODES, Output, count, duration};

/// The commands about runs.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) command: RunsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List runs, the youngest first
    List(List),
    /// Show what happened in a run, step by step, and what it asks
    Show(One),
    /// Follow a run that is at work, in whichever process, until it ends or waits
    Watch(One),
    /// Go on with a run where it stopped; what is finished is not done again
    #[command(after_help = EXIT_CODES)]
    Resume {
        #[command(flatten)]
        run: One,
        /// Approve every call that asks for it and that no rule denies
        #[arg(long)]
        yes: bool,
    },
    /// End a run; it ends even if the process that works on it dies
    Cancel(One),
    /// Say yes to what a run asks; it goes on when it is resumed
    Approve {
        #[command(flatten)]
        question: Question,
        /// Call it with these arguments instead, a JSON object
        #[arg(long, value_name = "JSON", conflicts_with_all = ["always", "always_same"])]
        edit: Option<String>,
        /// Give the run a rule: approve each call of this tool, whatever its arguments
        #[arg(long, conflicts_with = "always_same")]
        always: bool,
        /// Give the run a rule: approve each call of this tool with exactly these arguments
        #[arg(long)]
        always_same: bool,
    },
    /// Say no to what a run asks; it goes on when it is resumed
    Deny {
        #[command(flatten)]
        question: Question,
        /// Why, for the model to read
        #[arg(long, value_name = "WHY", default_value = "the user said no")]
        reason: String,
        /// Give the run a rule: deny each call of this tool, whatever its arguments
        #[arg(long)]
        always: bool,
    },
    /// Take back the rules that a run has for a tool: its calls are asked about again
    Revoke {
        #[command(flatten)]
        run: One,
        /// The tool; `agentic runs show` lists the rules
        tool: String,
    },
    /// Say what became of an effect of which it is unknown whether it happened
    Resolve {
        #[command(flatten)]
        question: Question,
        #[command(flatten)]
        became: Became,
    },
    /// Make another run that goes on from a step of this one
    Fork(Fork),
    /// Repeat a run from its journal alone: no model, no tool, no network
    Replay {
        /// The run, or the file of an exported one
        #[arg(value_name = "ID|FILE")]
        run: String,
        #[command(flatten)]
        printed: Printed,
    },
    /// Show the first step in which two runs differ; ends with 0 if there is none, with 1 if there is
    Diff {
        /// A run, or the file of an exported one
        #[arg(value_name = "ID|FILE")]
        left: String,
        /// Another
        #[arg(value_name = "ID|FILE")]
        right: String,
        #[command(flatten)]
        printed: Printed,
    },
    /// Write a run into a file, one JSON object a line
    Export {
        /// The run: its id, a beginning of it, or `last`
        #[arg(value_name = "ID")]
        run: String,
        /// The file; `-` is standard output
        #[arg(default_value = "-")]
        file: String,
        #[command(flatten)]
        printed: Printed,
    },
    /// Take in a run that was exported, under its own id
    Import {
        /// The file; `-` is standard input
        file: String,
        #[command(flatten)]
        printed: Printed,
    },
    /// Take runs away, with all that is known of them; those at work are left
    Rm {
        /// The runs
        #[arg(value_name = "ID", required_unless_present = "ended_before")]
        runs: Vec<String>,
        /// All that ended longer ago than this, for example 30d or 12h
        #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "runs")]
        ended_before: Option<Duration>,
        #[command(flatten)]
        printed: Printed,
    },
}

/// What is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Printed {
    /// What to print: text for people, or JSON, one object a line
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct One {
    /// The run: its id, a beginning of it, or `last`
    #[arg(value_name = "ID")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) printed: Printed,
}

#[derive(Debug, Args)]
pub(crate) struct Question {
    #[command(flatten)]
    pub(crate) run: One,
    /// The step that asks; needed only if several do
    pub(crate) step: Option<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Became {
    /// It happened, and gave this
    #[arg(long, value_name = "JSON")]
    pub(crate) done: Option<String>,
    /// It failed; the agent gets this message
    #[arg(long, value_name = "TEXT")]
    pub(crate) failed: Option<String>,
    /// It did not happen: it is started again
    #[arg(long)]
    pub(crate) not_done: bool,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those in this state
    #[arg(long, value_enum)]
    pub(crate) status: Option<State>,
    /// The most to list [default: 20; all with --output json]
    #[arg(long, value_name = "N", value_parser = count)]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) printed: Printed,
}

/// Where a run is, as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// Nobody has begun it, or it was handed back
    Pending,
    /// At work
    Running,
    /// Its process is gone: resume it
    Interrupted,
    /// Waits for somebody
    Waiting,
    /// Ended with an answer
    Completed,
    /// Ended without
    Failed,
    /// Ended by somebody
    Cancelled,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Fork {
    #[command(flatten)]
    pub(crate) run: One,
    /// The step to ask for anew; `agentic runs show` lists the steps
    #[arg(long, value_name = "STEP")]
    pub(crate) at: String,
    /// Another goal
    #[arg(long)]
    pub(crate) goal: Option<String>,
    /// Another model
    #[arg(long, value_name = "URL")]
    pub(crate) model: Option<String>,
    /// What the step gives, in place of asking for it anew
    #[arg(long, value_name = "JSON")]
    pub(crate) result: Option<String>,
    /// Let effects happen; without this, calls that change something are refused, since the first run may have made them
    #[arg(long)]
    pub(crate) allow_effects: bool,
    /// Go on with it at once
    #[arg(long)]
    pub(crate) resume: bool,
    /// Approve every call that asks for it and that no rule denies
    #[arg(long, requires = "resume")]
    pub(crate) yes: bool,
}
