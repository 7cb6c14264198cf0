//! Whether code that failed its tests is better repaired or written anew. A program prints the figures.

use std::process::Command;

use anyhow::Result;

use crate::flags::AcceptOptions;
use crate::{demo, process, setup};

/// Has the model write small functions, and mend or write again those that fail.
pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    setup::ensure()?;
    let model = options.model.as_deref().unwrap_or(demo::MODEL);
    if model.starts_with("local:") {
        process::run(Command::new(demo::binary()?).args(["model", "pull", model]))?;
    }
    let mut command = Command::new(demo::built(&["--bin", "repair"])?);
    process::run(command.arg(model).args(options.minutes.map(|minutes| minutes.to_string())))
}
