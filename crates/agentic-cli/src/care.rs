//! What is done so that an outcome is good, as it is kept with a run.

use std::sync::Arc;

use agentic::core::{Approval, ApprovalRule, Criterion, EffectClass, Task, Tool};
use agentic::plan::{OUTPUT, read_criteria};
use agentic::tools::builtin::{self, BUILTINS};
use agentic::{
    Agent, ChatModel, CriticAgent, IterativeRefinementAgent, LlmReflector, SelfCorrectionAgent, Verifier,
    VerifyingAgent,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::Care;
use crate::arguments;
use crate::exit::Failure;

/// What a run has that tasks and criteria may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Has<'a> {
    pub(crate) tools: &'a [Arc<dyn Tool>],
    pub(crate) rules: &'a [ApprovalRule],
    /// Whether it has a memory, and with it the tools of one.
    pub(crate) remembers: bool,
}

/// The tools that come with a memory.
const OF_MEMORY: [&str; 2] = ["remember", "recall"];

/// Refuses what a task asks for and there is not: tools and agents; with a run also what that one does not have. `of` says which
/// task.
pub(crate) fn check_task(of: &str, task: &Task, has: Option<Has<'_>>) -> Result<(), Failure> {
    if let Some(agent) = &task.agent {
        let why = "and the command line has one agent, without a name; leave `agent` out";
        return Err(Failure::usage(format!("{of}it is for agent `{agent}`, {why}")));
    }
    for tool in task.tools.iter().flatten() {
        if !OF_MEMORY.contains(&tool.as_str()) {
            check_tool(of, "it names the tool", tool, None, has)?;
        } else if has.is_some_and(|has| !has.remembers) {
            let why = "which the run does not have; give it a memory with --memory";
            return Err(Failure::usage(format!("{of}it names the tool `{tool}`, {why}")));
        }
    }
    check(of, &task.criteria, has)
}

/// Refuses criteria that call a tool which there is not, or which the run does not have or its rules deny. `of` says whose they
/// are.
pub(crate) fn check(of: &str, criteria: &[Criterion], has: Option<Has<'_>>) -> Result<(), Failure> {
    for (criterion, number) in criteria.iter().zip(1..) {
        if let Criterion::Tool { tool, arguments, .. } = criterion {
            check_tool(of, &format!("criterion {number} calls"), tool, Some(arguments), has)?;
        }
    }
    Ok(())
}

/// `called_with` are the arguments of a criterion; a task only names its tools.
fn check_tool(
    of: &str,
    asks: &str,
    tool: &str,
    called_with: Option<&Value>,
    has: Option<Has<'_>>,
) -> Result<(), Failure> {
    if !BUILTINS.iter().any(|known| known.name == tool) {
        let unknown = builtin::by_name(tool, &builtin::Settings::new("."));
        let asks = if called_with.is_some() { format!("{asks} `{tool}`: ") } else { String::new() };
        return unknown.map(|_| ()).map_err(|error| Failure::usage(format!("{of}{asks}{error}")));
    }
    let refused = |why: String| Err(Failure::usage(format!("{of}{asks} `{tool}`{why}")));
    if has.is_some_and(|has| !has.tools.iter().any(|known| known.spec().name == *tool)) {
        return refused(format!(", which the run does not have; add --tool {tool}"));
    }
    let arguments = match called_with {
        Some(Value::Null) => Value::Object(Default::default()),
        arguments => arguments.cloned().unwrap_or_default(),
    };
    if called_with.is_some()
        && let Err(why) = arguments::check(tool, &arguments)
    {
        return refused(format!(": {why}"));
    }
    if arguments.to_string().contains(OUTPUT)
        && builtin::by_name(tool, &builtin::Settings::new("."))
            .is_ok_and(|tool| tool.effect(&arguments) != EffectClass::Pure)
    {
        return refused(format!(
            " with `{OUTPUT}`, which only tools get that change nothing; have the agent write a file, or take `run_code`"
        ));
    }
    let call = Approval::of_tool(tool, arguments);
    match has.is_some_and(|has| has.rules.iter().any(|rule| rule.denies() && rule.matches(&call))) {
        true => refused(", which a rule of the run denies; leave one of the two out".into()),
        false => Ok(()),
    }
}

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
                let named = |what: String| Failure::usage(format!("{}: {what}", path.display()));
                let read = read_criteria(&text).map_err(|error| named(error.to_string()))?;
                if read.is_empty() {
                    return Err(named(
                        "there is no criterion in it; write one, or leave --criteria out".into(),
                    ));
                }
                read
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

    /// The agent, verified if there are criteria. What executes plans verifies by itself.
    pub(crate) fn verified(
        &self,
        agent: impl Agent,
        model: &Arc<dyn ChatModel>,
        tools: &[Arc<dyn Tool>],
    ) -> Arc<dyn Agent> {
        match self.verify {
            true => Arc::new(VerifyingAgent::new(agent, Self::verifier(model, tools))),
            false => Arc::new(agent),
        }
    }

    /// The agent with what reflects on it and refines it around it.
    pub(crate) fn around(&self, agent: Arc<dyn Agent>, model: &Arc<dyn ChatModel>) -> Arc<dyn Agent> {
        let mut agent = agent;
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
