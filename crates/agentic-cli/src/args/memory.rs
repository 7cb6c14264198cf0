//! The arguments of `agentic memory`, and of agents with a memory.

use std::path::PathBuf;

use agentic::core::{MemoryKind, MemoryScope};
use clap::{Args, Subcommand, ValueEnum};

use super::Printed;

/// The commands about memories.
#[derive(Debug, Args)]
pub(crate) struct Memory {
    #[command(subcommand)]
    pub(crate) command: MemoryCommand,
}

/// Which memory.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Which {
    /// The memory: sqlite://PATH, postgres://USER@HOST/DATABASE (its password may be in PGPASSWORD), or `default` for the file `memory.db` in AGENTIC_HOME or the user's data folder
    /// [default: default]
    #[arg(long, value_name = "URL", env = "AGENTIC_MEMORY", hide_env_values = true)]
    pub(crate) memory: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
}

/// How a memory is used.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct How {
    /// Whose memories: TENANT, TENANT/AGENT or TENANT/AGENT/SESSION [default: default]
    #[arg(long, value_name = "SCOPE", env = "AGENTIC_MEMORY_SCOPE")]
    pub(crate) scope: Option<MemoryScope>,
    /// The embedding model: local:NAME, local:PATH.onnx, openai:NAME; hashing:384 needs no model and knows words alone
    /// [default: local:all-minilm-l6-v2]
    #[arg(long, value_name = "URL", env = "AGENTIC_EMBEDDER")]
    pub(crate) embedder: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum MemoryCommand {
    /// Remember something, unless it is known or not worth it (then exit code 4)
    Add(Add),
    /// Find what fits a question, best first
    Search {
        /// What to look for
        query: String,
        #[command(flatten)]
        which: Which,
        /// The most entries to give
        #[arg(long, value_name = "N", default_value_t = 10, allow_negative_numbers = true)]
        limit: usize,
        /// Only entries of this kind; repeat for more
        #[arg(long, value_enum)]
        kind: Vec<Kind>,
        /// Only entries with this metadata; repeat for more
        #[arg(long = "with", value_name = "NAME=VALUE", value_parser = pair)]
        with: Vec<(String, String)>,
        #[command(flatten)]
        printed: Printed,
    },
    /// List entries, the newest first
    List {
        #[command(flatten)]
        which: Which,
        /// The most entries to give
        #[arg(long, value_name = "N", default_value_t = 20, allow_negative_numbers = true)]
        limit: usize,
        /// Also those that are forgotten, have expired, or do not hold any more
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        printed: Printed,
    },
    /// Show all that is known of an entry
    Show(Entry),
    /// Say what an entry was made of, and where that came from
    Why(Entry),
    /// Forget an entry, in a way that can be taken back
    Forget {
        #[command(flatten)]
        entry: Entry,
        /// Delete it for good, from every index
        #[arg(long)]
        for_good: bool,
    },
    /// Bring back an entry that was forgotten
    Restore(Entry),
    /// Pin an entry, so that it neither fades nor expires
    Pin {
        #[command(flatten)]
        entry: Entry,
        /// Let it go again
        #[arg(long)]
        off: bool,
    },
    /// Let a model find what says the same, and what holds no more because of something newer; nothing is deleted
    Consolidate {
        #[command(flatten)]
        which: Which,
        /// The model that compares entries [default: that of `agentic run`]
        #[arg(long, value_name = "URL", env = "AGENTIC_MODEL")]
        model: Option<String>,
    },
    /// Forget what has faded, and delete what has expired
    Sweep(Which),
    /// Say how much is remembered, and by which engine
    Stats {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        printed: Printed,
    },
    /// Write all entries of a scope, one JSON object a line
    Export {
        /// The file, which is there when all of it is written, for this user alone [default: standard output]
        file: Option<PathBuf>,
        #[command(flatten)]
        which: Which,
    },
    /// Read entries that were exported, with their ids, each into the scope that it had; twice is as good as once
    ///
    /// What is there already stays as it is, also if it was changed or forgotten since. With --scope only those that this scope
    /// sees.
    Import {
        /// The file; `-` is standard input
        file: PathBuf,
        #[command(flatten)]
        which: Which,
    },
    /// Copy all that a memory has, of all scopes, into another one; twice is as good as once
    Migrate {
        /// The memory that has it
        from: String,
        /// The memory that gets it
        to: String,
    },
    /// Make the vectors of a memory anew, with another embedding model
    Reembed {
        #[command(flatten)]
        which: Which,
        /// Write into this memory and leave the first one as it is; without it a SQLite file is replaced when all is done
        #[arg(long, value_name = "URL")]
        to: Option<String>,
    },
}

/// What to remember.
#[derive(Debug, Args)]
pub(crate) struct Add {
    /// What to remember; `-` reads it from standard input
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) which: Which,
    /// What kind of thing it is
    #[arg(long, value_enum, default_value_t = Kind::Fact)]
    pub(crate) kind: Kind,
    /// How much it matters, 0 to 1
    #[arg(long, value_name = "X", default_value_t = 0.5, allow_negative_numbers = true, value_parser = part)]
    pub(crate) importance: f32,
    /// Who or what said it
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Metadata beside it; repeat for more
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) with: Vec<(String, String)>,
    #[command(flatten)]
    pub(crate) printed: Printed,
}

/// One entry.
#[derive(Debug, Args)]
pub(crate) struct Entry {
    /// The entry's id, or a beginning of it that no other entry has
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) printed: Printed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Something seen or heard
    Observation,
    /// Something done
    Action,
    /// Something concluded
    Thought,
    /// Something that holds
    Fact,
}

impl From<Kind> for MemoryKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Observation => Self::Observation,
            Kind::Action => Self::Action,
            Kind::Thought => Self::Thought,
            Kind::Fact => Self::Fact,
        }
    }
}

fn part(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(part @ 0.0..=1.0) => Ok(part),
        _ => Err("not a number from 0 to 1".into()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("not NAME=VALUE, for example project=garden".into()),
    }
}
