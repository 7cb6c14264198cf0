//! `agentic model`: which models there are, and which are here.

use crate::args::ModelCommand;
use crate::config;
use crate::exit::{self, Failure};
use crate::models;
use crate::render::{self, bytes};

pub(crate) async fn model(command: ModelCommand) -> Result<u8, Failure> {
    match command {
        ModelCommand::List => list()?,
        ModelCommand::Pull { model } => {
            let model = models::fetch(&spec(model)?).await?;
            render::result(&model.path().display().to_string());
        }
        ModelCommand::Path { model } => {
            let path = models::library()?.path(&spec(model)?).map_err(models::failure)?;
            render::result(&path.display().to_string());
        }
        ModelCommand::Remove { model } => {
            let freed = models::library()?.remove(&spec(Some(model))?).map_err(models::failure)?;
            render::note(&format!("removed, {} are free again", bytes(freed)));
        }
    }
    Ok(exit::OK)
}

/// The spec with its scheme, which may be left out here.
fn spec(model: Option<String>) -> Result<String, Failure> {
    match model {
        None => models::default_address(config::path().as_deref()),
        Some(model) if model.starts_with("local:") => Ok(model),
        Some(model) => Ok(format!("local:{model}")),
    }
}

fn list() -> Result<(), Failure> {
    let models = models::library()?.list().map_err(models::failure)?;
    let width = models.iter().map(|model| model.id.len()).max().unwrap_or(0);
    for model in models {
        let size = model.size.map_or_else(|| "?".into(), bytes);
        let here = if model.path.is_some() { "here" } else { "-" };
        let default = if model.is_default { " (default)" } else { "" };
        render::result(&format!(
            "{:width$}  {:9}  {size:>8}  {here:4}  {}  {}{default}",
            model.id, model.purpose, model.licence, model.description
        ));
    }
    Ok(())
}
