//! Whether a goal is met: its criteria are looked at, one by one, and what is found is kept as evidence.

mod judge;
pub(crate) mod predicate;

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, ChatModel, Criterion, EffectClass, Goal, GoalVerdict, Outcome, Partial, RunContext,
    StepError, Tool, async_trait, code_in, passes,
};
use agentic_schema::check_arguments;
use serde_json::{Map, Value};

/// What stands for the output in the arguments of a criterion's tool.
pub const OUTPUT: &str = "{{output}}";

/// What evidence says of a criterion that could not be looked at.
const UNKNOWN: &str = "is not known to hold";

/// What evidence says of this criterion, from 1, if nobody could look at it.
pub(crate) fn unknown_criterion(number: usize, why: &str) -> String {
    format!("criterion {number} {UNKNOWN}: {why}")
}

/// Whether this evidence says of a criterion that it is not known whether it holds: there was one, and it could not be looked at.
pub fn is_unknown(evidence: &str) -> bool {
    // A task's, or that of a task of its own plan, or the goal's.
    let mut own = evidence;
    while let Some((_, rest)) = own.strip_prefix("task `").and_then(|rest| rest.split_once("`: ")) {
        own = rest;
    }
    let number = own.strip_prefix("criterion ").and_then(|rest| rest.split_once(' '));
    number.is_some_and(|(number, rest)| number.parse::<usize>().is_ok() && rest.starts_with(UNKNOWN))
}

/// What is found of one criterion, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Finding {
    Holds(String),
    Fails(String),
    Unknown(String),
}

/// Verifies outcomes by the criteria of their goals.
///
/// A goal is [met](GoalVerdict::Met) if all its criteria hold, [not met](GoalVerdict::NotMet) if one does not, and
/// [unverified](GoalVerdict::Unverified) if none fails and one can't be looked at, for want of a judge, a tool or time.
/// Without criteria the verdict stays what it was, and one of not met stays in any case. The evidence has a line for each.
/// Where a value, a number, an answer or what a tool gives is not what is wanted, the line does not say what was: it may be read by
/// who tries again. A pattern and a schema are told.
#[derive(Clone, Debug)]
pub struct Verifier {
    judge: Option<Arc<dyn ChatModel>>,
    tools: Vec<Arc<dyn Tool>>,
    timeout: Duration,
}

impl Default for Verifier {
    fn default() -> Self {
        Self::new()
    }
}

impl Verifier {
    /// A verifier without a judge and without tools.
    pub fn new() -> Self {
        Self { judge: None, tools: Vec::new(), timeout: Duration::from_secs(120) }
    }

    /// This model judges what is told in words.
    #[must_use]
    pub fn judge(mut self, model: impl ChatModel) -> Self {
        self.judge = Some(Arc::new(model));
        self
    }

    /// Criteria may call these tools. Where a tool's policy wants [approval](agentic_core::ToolPolicy), it is asked for as when an
    /// agent calls it.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoIterator<Item = Arc<dyn Tool>>) -> Self {
        self.tools.extend(tools);
        self
    }

    /// So long a tool or a judge may take for one criterion; then it is not known whether it holds. Time in which somebody is
    /// asked for approval does not count. Default: 120 s.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// The outcome with a verdict, what that rests on, and what judging took in its spend.
    ///
    /// # Errors
    /// Only what ends the whole run: its budget, its cancellation. A judge that fails, a tool that can't be asked, and either for
    /// which a [part of the budget](RunContext::limited) does not suffice leave their criterion unknown; of a tool that was asked
    /// and fails it does not hold.
    ///
    /// # Cancel safety
    /// Dropping the future drops the step that is under way.
    pub async fn verify(
        &self,
        goal: &Goal,
        mut outcome: Outcome,
        cx: &RunContext,
    ) -> Result<Outcome, AgentError> {
        if goal.criteria.is_empty() {
            return Ok(outcome);
        }
        let mut verdict = GoalVerdict::Met;
        for (n, criterion) in goal.criteria.iter().enumerate() {
            let cx = cx.counted(&format!("criterion:{}", n + 1));
            let looked = self.look(criterion, goal, &outcome, &cx).await;
            outcome.spend += cx.spent();
            let finding = match looked {
                Ok(finding) => finding,
                // What a part of the budget does not suffice for is open: the work itself is done.
                Err(StepError::Budget(limit)) if !limit.scope.is_empty() => {
                    Finding::Unknown(limit.to_string())
                }
                Err(error) if error.ends(&cx) => {
                    let so_far = Partial { text: outcome.text(), spend: outcome.spend };
                    return Err(AgentError::from_step(error, so_far));
                }
                Err(error) => Finding::Unknown(error.to_string()),
            };
            let (word, why) = match finding {
                Finding::Holds(why) => ("holds", why),
                Finding::Fails(why) => {
                    verdict = GoalVerdict::NotMet;
                    ("does not hold", why)
                }
                Finding::Unknown(why) => {
                    if verdict == GoalVerdict::Met {
                        verdict = GoalVerdict::Unverified;
                    }
                    (UNKNOWN, why)
                }
            };
            outcome.evidence.push(format!("criterion {} {word}: {why}", n + 1));
        }
        if outcome.verdict != GoalVerdict::NotMet {
            outcome.verdict = verdict;
        }
        Ok(outcome)
    }

    async fn look(
        &self,
        criterion: &Criterion,
        goal: &Goal,
        outcome: &Outcome,
        cx: &RunContext,
    ) -> Result<Finding, StepError> {
        match criterion {
            Criterion::Tool { tool, arguments, gives } => {
                self.call(tool, arguments, gives, outcome, cx).await
            }
            Criterion::Judged { rubric } => match &self.judge {
                Some(model) => self.within(cx, judge::judge(model, goal, rubric, outcome, cx)).await,
                None => Ok(Finding::Unknown(format!("nobody judges whether {rubric}"))),
            },
            criterion => Ok(predicate::look(criterion, outcome)),
        }
    }

    /// What is found in time.
    async fn within(
        &self,
        cx: &RunContext,
        looking: impl Future<Output = Result<Finding, StepError>>,
    ) -> Result<Finding, StepError> {
        match cx.timeout(self.timeout, looking).await? {
            Some(found) => found,
            None => Ok(self.no_answer()),
        }
    }

    fn no_answer(&self) -> Finding {
        Finding::Unknown(format!("there was no answer in {:?}", self.timeout))
    }

    async fn call(
        &self,
        name: &str,
        arguments: &Value,
        gives: &Value,
        outcome: &Outcome,
        cx: &RunContext,
    ) -> Result<Finding, StepError> {
        let Some(tool) = self.tools.iter().find(|tool| tool.spec().name == name) else {
            return Ok(Finding::Unknown(format!("the verifier has no tool `{name}`")));
        };
        let output = outcome.text();
        let (arguments, has_output) = match arguments {
            Value::Null => (Value::Object(Default::default()), false),
            arguments => filled(arguments, code_in(&output)),
        };
        if has_output && tool.effect(&arguments) != EffectClass::Pure {
            let why =
                format!("`{name}` is not called with an output in its arguments, as it may change something");
            return Ok(Finding::Unknown(why));
        }
        check_arguments(tool.spec(), &arguments)?;
        let admitted = async |arguments| cx.timeout(self.timeout, cx.admit(name, arguments)).await;
        let Some(call) = admitted(arguments.clone()).await? else { return Ok(self.no_answer()) };
        let mut call = call?;
        match call.allowed(&tool.spec().policy).await {
            Ok(None) => {}
            Ok(Some(edited)) => {
                let Some(other) = admitted(edited).await? else { return Ok(self.no_answer()) };
                call = other?;
            }
            Err(StepError::Tool(denied)) => {
                return Ok(Finding::Unknown(format!("`{name}` is {}", denied.message())));
            }
            Err(error) => return Err(error),
        }
        // A guardrail or a person may have given others.
        check_arguments(tool.spec(), call.arguments())?;
        let what = match call.arguments() {
            others if *others != arguments => format!("`{name}`, with other arguments {},", short(others)),
            _ => format!("`{name}`"),
        };
        let made = async {
            match call.make(tool).await {
                Ok(given) if passes(&given, gives) => {
                    Ok(Finding::Holds(format!("{what} gives {}", short(&given))))
                }
                Ok(given) => {
                    Ok(Finding::Fails(format!("{what} gives {}, not what is wanted", short(&given))))
                }
                Err(StepError::Tool(error)) if error.kind().is_finding() => {
                    Ok(Finding::Fails(format!("`{name}` failed: {error}")))
                }
                Err(error) => Err(error),
            }
        };
        self.within(cx, made).await
    }
}

/// Arguments with the output where they want it, and whether they do.
fn filled(arguments: &Value, output: &str) -> (Value, bool) {
    match arguments {
        Value::String(text) => (text.replace(OUTPUT, output).into(), text.contains(OUTPUT)),
        Value::Array(values) => {
            let (values, has): (Vec<_>, Vec<_>) = values.iter().map(|value| filled(value, output)).unzip();
            (values.into(), has.contains(&true))
        }
        Value::Object(fields) => {
            let mut any = false;
            let field = |(name, value): (&String, &Value)| {
                let (value, has) = filled(value, output);
                any |= has;
                (name.clone(), value)
            };
            let fields: Map<String, Value> = fields.iter().map(field).collect();
            (fields.into(), any)
        }
        other => (other.clone(), false),
    }
}

/// The beginning of a value, as JSON: a text is seen to be one.
fn short(value: &Value) -> String {
    const MOST: usize = 300;
    let text = value.to_string();
    match text.len() > MOST {
        true => format!("{}…", &text[..text.floor_char_boundary(MOST)]),
        false => text,
    }
}

/// An agent around another one, whose outcomes are verified.
#[derive(Clone, Debug)]
pub struct VerifyingAgent {
    agent: Arc<dyn Agent>,
    verifier: Verifier,
}

impl VerifyingAgent {
    /// This agent, verified by this.
    pub fn new(agent: impl Agent, verifier: Verifier) -> Self {
        Self { agent: Arc::new(agent), verifier }
    }
}

#[async_trait]
impl Agent for VerifyingAgent {
    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let outcome = self.agent.run(goal.clone(), cx).await?;
        self.verifier.verify(&goal, outcome, &cx.scope("verify")).await
    }
}
