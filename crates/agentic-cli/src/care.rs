//! What is done so that an outcome is good, as it is kept with a run.

use std::sync::Arc;

use agentic::core::{Criterion, Tool};
use agentic::plan::read_criteria;
use agentic::{
    Agent, ChatModel, CriticAgent, IterativeRefinementAgent, LlmReflector, SelfCorrectionAgent, Verifier,
    VerifyingAgent,
};
use serde::{Deserialize, Serialize};

use crate::args::Care;
use crate::exit::Failure;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CareRecipe {
    /// Whether the goal's criteria are verified.
    #[serde(default)]
    verify: bool,
    /// How often it is tried, where a model reflects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tries: Option<u32>,
    /// How good it has to be, and how many versions there may be, where a critic judges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refine: Option<(f64, u32)>,
}

impl CareRecipe {
    /// What the flags ask for, and the criteria of their file.
    pub(crate) fn of(care: &Care) -> Result<(Self, Vec<Criterion>), Failure> {
        let size = |given: Option<u64>| u32::try_from(given.unwrap_or(3)).unwrap_or(u32::MAX);
        let criteria = match &care.criteria {
            Some(path) => {
                let text = crate::plans::text(path)?;
                let read = read_criteria(&text);
                read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?
            }
            None => Vec::new(),
        };
        let recipe = Self {
            verify: !criteria.is_empty(),
            tries: care.reflect.then(|| size(care.tries)),
            refine: care.refine.then(|| (care.threshold.unwrap_or(4.0), size(care.versions))),
        };
        Ok((recipe, criteria))
    }

    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What verifies outcomes, with the model as the judge.
    pub(crate) fn verifier(model: &Arc<dyn ChatModel>, tools: &[Arc<dyn Tool>]) -> Verifier {
        Verifier::new().judge(model.clone()).tools(tools.iter().cloned())
    }

    /// The agent with this around it.
    pub(crate) fn around(
        &self,
        agent: Arc<dyn Agent>,
        model: &Arc<dyn ChatModel>,
        tools: &[Arc<dyn Tool>],
    ) -> Arc<dyn Agent> {
        let mut agent = agent;
        if self.verify {
            agent = Arc::new(VerifyingAgent::new(agent, Self::verifier(model, tools)));
        }
        if let Some(tries) = self.tries {
            let reflector = LlmReflector::new(model.clone());
            agent = Arc::new(SelfCorrectionAgent::new(agent, reflector).tries(tries));
        }
        if let Some((threshold, versions)) = self.refine {
            let critic = CriticAgent::new(model.clone());
            let refining = IterativeRefinementAgent::new(agent, critic);
            agent = Arc::new(refining.threshold(threshold).iterations(versions));
        }
        agent
    }
}
