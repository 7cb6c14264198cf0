//! What an agent is made of, as it is kept with a run: enough to make the same agent again, in another process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use agentic::Agent;
use agentic::core::{
    Budgeted, ModelContext, ModelError, ModelErrorKind, ModelInfo, ModelRequest, ModelStream, RunId,
};
use agentic::runtime::{AgentSource, Begin, Entry, EntryKind, NoAgent};
use agentic::{ChatModel, tools::builtin};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agents::{self, Worker};
use crate::args::AgentKind;
use crate::care::CareRecipe;
use crate::config::Settings;
use crate::exhausted::Kept;
use crate::exit::Failure;
use crate::memories::MemoryRecipe;
use crate::plans::PlanRecipe;

/// The configuration of a run. Fields are only ever added, with a default: older and newer versions read each other's.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Recipe {
    /// The model's address; a file in it has its whole path.
    pub(crate) model: String,
    /// What was known of the model, so that repeating the run needs none.
    pub(crate) model_info: ModelInfo,
    pub(crate) agent: AgentKind,
    /// The tools by name, in the order in which the model sees them.
    pub(crate) tools: Vec<String>,
    /// The folder of the file tools.
    pub(crate) workdir: PathBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_turns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<MemoryRecipe>,
    #[serde(default, skip_serializing_if = "Kept::is_stop")]
    pub(crate) when_exhausted: Kept,
    /// How its goal is planned, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<PlanRecipe>,
    /// What is done so that its outcome is good.
    #[serde(default, skip_serializing_if = "CareRecipe::is_none")]
    pub(crate) care: CareRecipe,
}

impl Recipe {
    /// What the settings make with this model and these tools.
    pub(crate) fn new(
        settings: &Settings,
        model: &str,
        info: &ModelInfo,
        tools: Vec<String>,
        memory: Option<MemoryRecipe>,
    ) -> Self {
        let Settings { agent, workdir, max_turns, temperature, seed, .. } = settings;
        Self {
            model: model.to_owned(),
            model_info: info.clone(),
            agent: *agent,
            tools,
            workdir: std::path::absolute(workdir).unwrap_or_else(|_| workdir.clone()),
            max_turns: *max_turns,
            temperature: *temperature,
            seed: *seed,
            memory,
            when_exhausted: Kept::Stop,
            plan: None,
            care: CareRecipe::default(),
        }
    }

    /// As a run keeps it.
    pub(crate) fn to_config(&self) -> Result<Value, Failure> {
        serde_json::to_value(self).map_err(|error| {
            Failure::usage(format!("the run's settings can't be kept: {error}; run with --ephemeral"))
        })
    }

    /// The recipe of a run that has this configuration.
    pub(crate) fn of_config(config: &Value) -> Result<Self, Failure> {
        Self::deserialize(config).map_err(|error| {
            Failure::failed(format!(
                "the run was not begun by `agentic run`: its settings can't be read: {error}"
            ))
        })
    }

    /// The recipe of a run with this journal.
    pub(crate) fn of_journal(run: RunId, journal: &[Entry]) -> Result<Self, Failure> {
        let Some(EntryKind::Started { begin, .. }) = journal.first().map(|entry| &entry.kind) else {
            return Err(Failure::failed(format!("the journal of run {run} does not begin with its start")));
        };
        let begin: Begin = begin
            .read()
            .map_err(|error| Failure::failed(format!("the start of run {run} can't be read: {error}")))?;
        Self::of_config(&begin.config)
    }

    /// The agent, with its model and its folder.
    pub(crate) async fn make(&self) -> Result<Budgeted<Worker>, Failure> {
        let settings = agents::tool_settings(&self.workdir).map_err(|_| {
            let folder = self.workdir.display();
            Failure::failed(format!("the run's folder {folder} is gone; bring it back"))
        })?;
        let tools = self.open_tools(&settings)?;
        let memories = match &self.memory {
            Some(memory) => Some(memory.clone().open().await?),
            None => None,
        };
        let model = crate::models::open(&self.model).await?;
        let agent = agents::assemble(self, model, tools, memories)?;
        Ok(Budgeted::new(agent, self.when_exhausted.make().await?))
    }

    /// The same agent for a repetition: its model can't be asked, and its tools are never called.
    pub(crate) fn repeat(&self) -> Result<Budgeted<Worker>, Failure> {
        let tools = self.open_tools(&builtin::Settings::new("."))?;
        let memories = self.memory.as_ref().map(MemoryRecipe::repeat);
        let agent = agents::assemble(self, Arc::new(Recorded(self.model_info.clone())), tools, memories)?;
        Ok(Budgeted::new(agent, self.when_exhausted.repeat()))
    }

    fn open_tools(&self, settings: &builtin::Settings) -> Result<Vec<Arc<dyn agentic::Tool>>, Failure> {
        self.tools.iter().map(|name| builtin::by_name(name, settings).map_err(Failure::failed)).collect()
    }
}

/// The address with the whole path of a file that it names: another process may stand in another folder.
pub(crate) fn whole(address: &str) -> String {
    let address = address.trim();
    let Some((scheme, rest)) = address.split_once(':') else { return address.to_owned() };
    let (path, options) = match rest.find('?').filter(|_| scheme == "local") {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let names_a_file = match scheme {
        "scripted" => true,
        "local" => path.starts_with('.'),
        _ => false,
    };
    match std::path::absolute(path) {
        Ok(whole) if names_a_file && Path::new(path).is_file() => {
            format!("{scheme}:{}{options}", whole.display())
        }
        _ => address.to_owned(),
    }
}

/// Makes the agents of runs again.
#[derive(Debug)]
pub(crate) struct Recipes;

#[async_trait]
impl AgentSource for Recipes {
    async fn agent(&self, _: &str, config: &Value) -> Result<Arc<dyn Agent>, NoAgent> {
        let no_agent = |failure: Failure| NoAgent(failure.message().to_owned());
        let agent = Recipe::of_config(config).map_err(no_agent)?.make().await.map_err(no_agent)?;
        Ok(Arc::new(agent))
    }
}

/// A model of which only the recorded facts are there.
#[derive(Debug)]
pub(crate) struct Recorded(pub(crate) ModelInfo);

#[async_trait]
impl ChatModel for Recorded {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    async fn stream(&self, _: ModelRequest, _: ModelContext) -> Result<ModelStream, ModelError> {
        let message = "a run that is repeated asks no model";
        Err(ModelError::new(ModelErrorKind::InvalidRequest, &*self.0.id, message))
    }
}
