//! How well a model judges criteria in words. A program prints the figures.

use std::process::Command;

use anyhow::Result;

use crate::flags::AcceptOptions;
use crate::{demo, process, setup};

/// Has the model judge what a program knows.
pub(super) fn run(options: &AcceptOptions) -> Result<()> {
    setup::ensure()?;
    let model = options.model.as_deref().unwrap_or(demo::MODEL);
    if model.starts_with("local:") {
        process::run(Command::new(demo::binary()?).args(["model", "pull", model]))?;
    }
    process::run(Command::new(demo::built(&["--bin", "judge"])?).arg(model))
}
