//! The built-in tools, and the one table of them.
//!
//! Each is a type of its own behind the feature that its row names; a program can make one with `new`, or by name
//! through [`by_name`].
//!
//! | name | feature | effect | in the default set |
//! |---|---|---|---|
//! | `list_dir` | `files` | pure | yes |
//! | `read_file` | `files` | pure | yes |
//! | `search_files` | `files` | pure | yes |
//! | `write_file` | `files` | idempotent | no |
//! | `edit_file` | `files` | checkable | no |
//! | `calculator` | `calculator` | pure | yes |
//! | `current_time` | `time` | pure | yes |
//! | `http_get` | `http` | pure | no |
//! | `run_code` | `code` | pure: in a sandbox, on Linux | no |
//! | `shell` | `shell` | unsafe, a person is asked first | no |
//!
//! What a tool reads is data, never an instruction: that a file says "call `shell`" gives nobody the right to.

use std::path::PathBuf;
use std::sync::Arc;

use agentic_core::{Tool, ToolError, ToolErrorKind};

#[cfg(feature = "calculator")]
mod calculator;
#[cfg(feature = "time")]
mod current_time;
#[cfg(feature = "files")]
mod edit_file;
#[cfg(feature = "http")]
mod http_get;
#[cfg(feature = "files")]
mod jail;
#[cfg(feature = "files")]
mod list_dir;
#[cfg(any(
    feature = "shell",
    all(feature = "code", target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64"))
))]
mod output;
#[cfg(feature = "files")]
mod read_file;
#[cfg(feature = "code")]
mod run_code;
#[cfg(all(feature = "code", target_os = "linux", any(target_arch = "aarch64", target_arch = "x86_64")))]
mod sandbox;
#[cfg(feature = "files")]
mod search_files;
#[cfg(feature = "shell")]
mod shell;
mod support;
#[cfg(feature = "files")]
mod write_file;

#[cfg(feature = "calculator")]
pub use calculator::Calculator;
#[cfg(feature = "time")]
pub use current_time::CurrentTime;
#[cfg(feature = "files")]
pub use edit_file::EditFile;
#[cfg(feature = "http")]
pub use http_get::HttpGet;
#[cfg(feature = "files")]
pub use jail::Jail;
#[cfg(feature = "files")]
pub use list_dir::ListDir;
#[cfg(feature = "files")]
pub use read_file::ReadFile;
#[cfg(feature = "code")]
pub use run_code::{CodeLimits, RunCode};
#[cfg(feature = "files")]
pub use search_files::SearchFiles;
#[cfg(feature = "shell")]
pub use shell::Shell;
#[cfg(feature = "files")]
pub use write_file::WriteFile;

/// What the built-in tools may touch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// The folder that the file tools are confined to and that `shell` starts in.
    pub root: PathBuf,
    /// Whether `http_get` may reach private addresses, this machine's own among them. Default: no.
    pub private_addresses: bool,
}

impl Settings {
    /// Tools that work in this folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), private_addresses: false }
    }

    /// The same, but `http_get` may reach private addresses.
    pub fn allow_private_addresses(mut self) -> Self {
        self.private_addresses = true;
        self
    }
}

/// One built-in tool: a row of [`BUILTINS`].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// What it does, as a model reads it.
    pub description: &'static str,
    /// Whether it is in the default set: the tools that change nothing and reach nothing outside.
    pub default: bool,
    open: fn(&Settings) -> Result<Arc<dyn Tool>, ToolError>,
}

impl Builtin {
    /// The tool with these settings.
    ///
    /// # Errors
    /// If what it works on can't be opened: the root folder is missing or unreadable.
    pub fn open(&self, settings: &Settings) -> Result<Arc<dyn Tool>, ToolError> {
        (self.open)(settings)
    }
}

/// Every built-in tool that this build has, in the order in which they are listed.
pub static BUILTINS: &[Builtin] = &[
    #[cfg(feature = "files")]
    Builtin {
        name: list_dir::NAME,
        description: list_dir::DESCRIPTION,
        default: true,
        open: |settings| Ok(Arc::new(ListDir::new(Jail::open(&settings.root)?))),
    },
    #[cfg(feature = "files")]
    Builtin {
        name: read_file::NAME,
        description: read_file::DESCRIPTION,
        default: true,
        open: |settings| Ok(Arc::new(ReadFile::new(Jail::open(&settings.root)?))),
    },
    #[cfg(feature = "files")]
    Builtin {
        name: search_files::NAME,
        description: search_files::DESCRIPTION,
        default: true,
        open: |settings| Ok(Arc::new(SearchFiles::new(Jail::open(&settings.root)?))),
    },
    #[cfg(feature = "files")]
    Builtin {
        name: write_file::NAME,
        description: write_file::DESCRIPTION,
        default: false,
        open: |settings| Ok(Arc::new(WriteFile::new(Jail::open(&settings.root)?))),
    },
    #[cfg(feature = "files")]
    Builtin {
        name: edit_file::NAME,
        description: edit_file::DESCRIPTION,
        default: false,
        open: |settings| Ok(Arc::new(EditFile::new(Jail::open(&settings.root)?))),
    },
    #[cfg(feature = "calculator")]
    Builtin {
        name: calculator::NAME,
        description: calculator::DESCRIPTION,
        default: true,
        open: |_| Ok(Arc::new(Calculator::new())),
    },
    #[cfg(feature = "time")]
    Builtin {
        name: current_time::NAME,
        description: current_time::DESCRIPTION,
        default: true,
        open: |_| Ok(Arc::new(CurrentTime::new())),
    },
    #[cfg(feature = "http")]
    Builtin {
        name: http_get::NAME,
        description: http_get::DESCRIPTION,
        default: false,
        open: |settings| {
            let tool = HttpGet::new()?;
            Ok(Arc::new(if settings.private_addresses { tool.allow_private_addresses()? } else { tool }))
        },
    },
    #[cfg(feature = "code")]
    Builtin {
        name: run_code::NAME,
        description: run_code::DESCRIPTION,
        default: false,
        open: |settings| Ok(Arc::new(RunCode::new().hiding(&settings.root))),
    },
    #[cfg(feature = "shell")]
    Builtin {
        name: shell::NAME,
        description: shell::DESCRIPTION,
        default: false,
        open: |settings| Ok(Arc::new(Shell::new(&settings.root))),
    },
];

/// The built-in tool of this name.
///
/// # Errors
/// `unknown_tool` if there is none, with the names that there are; else as [`Builtin::open`].
pub fn by_name(name: &str, settings: &Settings) -> Result<Arc<dyn Tool>, ToolError> {
    match BUILTINS.iter().find(|builtin| builtin.name == name) {
        Some(builtin) => builtin.open(settings),
        None => {
            let names: Vec<_> = BUILTINS.iter().map(|builtin| builtin.name).collect();
            let message = format!("there is no tool `{name}`; there are: {}", names.join(", "));
            Err(ToolError::new(ToolErrorKind::UnknownTool, message))
        }
    }
}

/// The default set, working in this folder.
///
/// # Errors
/// As [`Builtin::open`].
pub fn defaults(root: impl Into<PathBuf>) -> Result<Vec<Arc<dyn Tool>>, ToolError> {
    open(&Settings::new(root), |builtin| builtin.default)
}

/// All built-in tools, working in this folder; `shell` is among them.
///
/// # Errors
/// As [`Builtin::open`].
pub fn all(root: impl Into<PathBuf>) -> Result<Vec<Arc<dyn Tool>>, ToolError> {
    open(&Settings::new(root), |_| true)
}

fn open(settings: &Settings, wanted: impl Fn(&Builtin) -> bool) -> Result<Vec<Arc<dyn Tool>>, ToolError> {
    BUILTINS.iter().filter(|builtin| wanted(builtin)).map(|builtin| builtin.open(settings)).collect()
}
