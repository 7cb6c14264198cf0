//! Runs the tool calls of a turn: finds the tool, mends and checks the arguments, asks for approval, calls it
//! through the run context, cuts what is too long, and keeps the history.

use std::sync::Arc;

use agentic_core::{
    AdmittedCall, EffectClass, EventKind, Gate, Goal, RunContext, Spend, StepError, Timestamp, ToolCall,
    ToolError, ToolErrorKind, ToolResult,
};
use agentic_schema::{lenient, repair};
use futures_util::stream::{self, StreamExt as _};
use serde_json::Value;

use crate::history::{Action, ActionHistory, ActionResult};
use crate::quotes::{Known, add_note, leave_out_misquoted, without_note};
use crate::registry::{Callable, Entry, ToolRegistry};
use crate::render::render;

/// How calls are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// Calls of one turn that run at the same time. Default: 8.
    pub max_parallel: usize,
    /// Calls of one turn that are run; the others are refused, and the model is told. Default: 64.
    pub max_calls: usize,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { max_parallel: 8, max_calls: 64 }
    }
}

/// Runs tool calls. Immutable and shared; the history of a run is passed in.
#[derive(Clone, Debug)]
pub struct ActionExecutor {
    registry: Arc<ToolRegistry>,
    options: ExecutorOptions,
}

/// One call that was run.
struct Ran {
    action: Action,
    spend: Spend,
    changes: bool,
}

/// What came of a call that was made.
struct Made {
    result: Result<Value, StepError>,
    spend: Spend,
    changes: bool,
}

/// What ends the agent's work in the middle of a turn, and what the call that failed had spent by then.
struct Ends {
    error: StepError,
    spend: Spend,
}

impl From<StepError> for Ends {
    fn from(error: StepError) -> Self {
        Self { error, spend: Spend::default() }
    }
}

/// What happened in a turn, for the loop guard.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) results: Vec<ToolResult>,
    /// For each call whether it may have changed the world.
    pub(crate) changes: Vec<bool>,
}

impl ActionExecutor {
    /// An executor for these tools.
    pub fn new(registry: impl Into<Arc<ToolRegistry>>) -> Self {
        Self { registry: registry.into(), options: ExecutorOptions::default() }
    }

    /// The same executor with these options.
    pub fn with_options(mut self, options: ExecutorOptions) -> Self {
        self.options = options;
        self
    }

    /// The tools.
    pub fn registry(&self) -> &ToolRegistry {
        &self.registry
    }

    /// Runs the calls of one turn and gives their results in the order of the calls.
    ///
    /// Calls whose tools allow it run at the same time; one that does not waits for those before it and holds up
    /// those after it. Whatever is wrong with a call, from an unknown tool to a denied approval, is a result that
    /// the model gets to read.
    ///
    /// # Errors
    /// A [`StepError`] only for what ends the agent's work: an exhausted budget, cancellation, a fault of the driver.
    ///
    /// # Cancel safety
    /// Dropping the future cuts off the calls that may be cut; the history then lacks this turn. After an error it
    /// has the calls that were done.
    pub async fn execute(
        &self,
        cx: &RunContext,
        history: &mut ActionHistory,
        calls: &[ToolCall],
    ) -> Result<Vec<ToolResult>, StepError> {
        Ok(self.execute_turn(cx, history, calls).await?.results)
    }

    /// Calls one tool and gives its whole result, for programs that know what they want: the call is checked, admitted by
    /// guardrails and approved as one that a model makes.
    ///
    /// # Errors
    /// [`StepError::Tool`] if the tool is unknown, the arguments are invalid, the call is denied or fails; else what ends the
    /// agent's work.
    ///
    /// # Cancel safety
    /// Dropping the future cuts off the call, if that may be cut.
    pub async fn call(&self, cx: &RunContext, tool: &str, arguments: Value) -> Result<Value, StepError> {
        let Some(entry) = self.registry.find(tool) else { return Err(self.unknown(tool).into()) };
        if let Err(invalid) = entry.schema.validate(&arguments) {
            let message = format!("the arguments of `{tool}` are invalid: {invalid}");
            return Err(ToolError::invalid(message).into());
        }
        let admitted = self.allowed(cx, entry, &arguments, false).await??;
        self.made(cx, entry, admitted).await.map_err(|ends| ends.error)?.result
    }

    pub(crate) async fn execute_turn(
        &self,
        cx: &RunContext,
        history: &mut ActionHistory,
        calls: &[ToolCall],
    ) -> Result<Turn, StepError> {
        // Scopes are made here, in the order of the calls, whatever order they run in.
        let scoped: Vec<_> =
            calls.iter().enumerate().map(|(n, call)| (n, cx.keyed("call", n), call)).collect();
        let mut ran: Vec<(usize, Ran)> = Vec::with_capacity(calls.len());
        let mut ended = None;
        let known = &*history;
        for group in scoped.chunk_by(|(_, _, one), (_, _, next)| self.parallel(one) && self.parallel(next)) {
            let done = match group {
                // Mostly there is one call.
                [(n, cx, call)] => self.one(cx, known, *n, call).await.map(|one| ran.push((*n, one))),
                group => self.side_by_side(known, group, &mut ran).await,
            };
            if let Err(ends) = done {
                ended = Some(ends);
                break;
            }
        }
        ran.sort_by_key(|(n, _)| *n);
        if let Some(Ends { error, spend }) = ended {
            // What was done before is part of the work, though no model gets to read it.
            ran.into_iter().for_each(|(_, one)| history.push(one.action, one.spend));
            history.add(spend);
            return Err(error);
        }
        let mut turn =
            Turn { results: Vec::with_capacity(ran.len()), changes: Vec::with_capacity(ran.len()) };
        for ((_, Ran { action, spend, changes }), call) in ran.into_iter().zip(calls) {
            turn.results.push(ToolResult {
                call_id: call.id.clone(),
                name: call.name.clone(),
                content: action.shown.clone(),
                is_error: matches!(action.result, ActionResult::Failed { .. }),
            });
            turn.changes.push(changes);
            history.push(action, spend);
        }
        Ok(turn)
    }

    /// Runs these calls at the same time, so that a slow one delays none that comes after it.
    async fn side_by_side(
        &self,
        known: &ActionHistory,
        group: &[(usize, RunContext, &ToolCall)],
        ran: &mut Vec<(usize, Ran)>,
    ) -> Result<(), Ends> {
        // Collected: held across an await, the closure itself is not provably `Send` for every lifetime.
        let running: Vec<_> = group
            .iter()
            .map(|(n, cx, call)| async move { (*n, self.one(cx, known, *n, call).await) })
            .collect();
        let mut running = stream::iter(running).buffer_unordered(self.options.max_parallel.max(1));
        while let Some((n, one)) = running.next().await {
            ran.push((n, one?));
        }
        Ok(())
    }

    /// The call number `n` of a turn.
    async fn one(
        &self,
        cx: &RunContext,
        known: &ActionHistory,
        n: usize,
        call: &ToolCall,
    ) -> Result<Ran, Ends> {
        if n < self.options.max_calls { self.run(cx, known, call).await } else { Ok(self.too_many(cx, call)) }
    }

    fn parallel(&self, call: &ToolCall) -> bool {
        self.registry.find(&call.name).is_none_or(|entry| entry.spec.policy.parallel)
    }

    fn unknown(&self, name: &str) -> ToolError {
        let names: Vec<_> = self.registry.names().collect();
        let message = format!("there is no tool `{name}`; the tools are: {}", names.join(", "));
        ToolError::new(ToolErrorKind::UnknownTool, message)
    }

    fn too_many(&self, cx: &RunContext, call: &ToolCall) -> Ran {
        let message =
            format!("not run: only {} calls a turn are; call again next turn", self.options.max_calls);
        let error = ToolError::new(ToolErrorKind::LimitReached, message);
        failed(call, Value::String(call.arguments.clone()), Vec::new(), cx.now(), &error)
    }

    async fn run(&self, cx: &RunContext, known: &ActionHistory, call: &ToolCall) -> Result<Ran, Ends> {
        let at = cx.now();
        let as_written = || Value::String(call.arguments.clone());
        let Some(entry) = self.registry.find(&call.name) else {
            let error = self.unknown(&call.name);
            cx.emit(|| EventKind::Note { text: error.to_string() });
            return Ok(failed(call, as_written(), Vec::new(), at, &error));
        };
        let (mut arguments, mended) = match usable(entry, &call.arguments) {
            Ok(usable) => usable,
            Err(error) => return Ok(failed(call, as_written(), Vec::new(), at, &error)),
        };
        let left_out = self.leave_out_misquoted(entry, &mut arguments, known);
        let tool = &entry.spec.name;
        let note = Notes { cx, quiet: cx.is_guarded(Gate::ToolCall) };
        if !mended.is_empty() {
            note.tell(&format!("mended the arguments of `{tool}`"), &mended.join("; "));
        }
        for wrong in &left_out {
            note.tell(&format!("left out of the arguments of `{tool}`"), wrong);
        }
        let mut ran = match self.allowed(cx, entry, &arguments, !left_out.is_empty()).await? {
            Ok(admitted) => self.act(cx, entry, call, admitted, mended, at).await?,
            Err(refused) => {
                note.tell(&format!("`{tool}` was not called ({})", refused.kind()), refused.message());
                failed(call, arguments, mended, at, &refused)
            }
        };
        add_note(&mut ran.action.shown, &left_out);
        Ok(ran)
    }

    /// Takes findings that were not read out of the arguments, if the tool wants that. Only what a tool has looked up
    /// can be checked: what changes the world, other agents and tools that take findings themselves are no sources.
    fn leave_out_misquoted(
        &self,
        entry: &Entry,
        arguments: &mut Value,
        known: &ActionHistory,
    ) -> Vec<String> {
        if !entry.spec.policy.quotes {
            return Vec::new();
        }
        let looked_up = |action: &Action| match self.registry.find(&action.tool) {
            Some(Entry { callable: Callable::Tool(tool), spec, .. }) => {
                !spec.policy.quotes && tool.effect(&action.arguments) == EffectClass::Pure
            }
            _ => false,
        };
        let done = known.actions().iter().map(|action| &**action);
        let done = done.filter(|action| matches!(action.result, ActionResult::Ok { .. }));
        let (sources, others): (Vec<_>, Vec<_>) = done.partition(|action| looked_up(action));
        let told = known.told().map(|told| {
            let others = others.iter().map(|action| without_note(&action.shown));
            others.chain(told.iter().map(String::as_str)).collect()
        });
        leave_out_misquoted(arguments, &Known { sources, told })
    }

    /// The call, if it may be made, with arguments that guardrails and persons may have changed.
    async fn allowed(
        &self,
        cx: &RunContext,
        entry: &Entry,
        arguments: &Value,
        changed: bool,
    ) -> Result<Result<AdmittedCall, ToolError>, StepError> {
        if changed && let Err(invalid) = entry.schema.validate(arguments) {
            let message = format!("what is left of the arguments is invalid: {invalid}");
            return Ok(Err(ToolError::invalid(message)));
        }
        let call = match admitted(cx, entry, arguments.clone()).await? {
            Ok(call) => call,
            refused => return Ok(refused),
        };
        match call.allowed(&entry.spec.policy).await {
            Ok(None) => Ok(Ok(call)),
            // Checked like what the model wrote.
            Ok(Some(edited)) => match entry.schema.validate(&edited) {
                Ok(()) => admitted(cx, entry, edited).await,
                Err(invalid) => {
                    Ok(Err(ToolError::invalid(format!("the edited arguments are invalid: {invalid}"))))
                }
            },
            Err(StepError::Tool(denied)) => Ok(Err(denied)),
            Err(error) => Err(error),
        }
    }

    async fn act(
        &self,
        cx: &RunContext,
        entry: &Entry,
        call: &ToolCall,
        admitted: AdmittedCall,
        mended: Vec<String>,
        at: Timestamp,
    ) -> Result<Ran, Ends> {
        let arguments = admitted.arguments().clone();
        let Made { result, spend, changes } = self.made(cx, entry, admitted).await?;
        match result {
            Ok(value) => {
                let (shown, cut_bytes) = render(value, entry.spec.policy.max_output_bytes);
                let result = ActionResult::Ok { cut_bytes };
                let action = Action { tool: entry.spec.name.clone(), arguments, mended, at, result, shown };
                Ok(Ran { action, spend, changes })
            }
            Err(StepError::Tool(error)) => Ok(Ran { spend, ..failed(call, arguments, mended, at, &error) }),
            Err(error) => Err(Ends { error, spend }),
        }
    }

    /// Makes a call that may be made.
    async fn made(&self, cx: &RunContext, entry: &Entry, admitted: AdmittedCall) -> Result<Made, Ends> {
        let arguments = admitted.arguments().clone();
        let (result, spend, changes) = match &entry.callable {
            Callable::Tool(tool) => {
                let changes = tool.effect(&arguments) > EffectClass::Pure;
                let spend = Spend { tool_calls: 1, ..Spend::default() };
                match admitted.make(tool).await {
                    Err(error) if !matches!(error, StepError::Tool(_)) => return Err(error.into()),
                    result => (result, spend, changes),
                }
            }
            Callable::Scoped(tool) => {
                let changes = tool.changes(&arguments);
                // No step of its own tells of it.
                let name = &entry.spec.name;
                let note = Notes { cx, quiet: cx.is_guarded(Gate::ToolCall) };
                note.tell(&format!("calling `{name}`"), &render(arguments.clone(), NOTED).0);
                let within = cx.counted("tool");
                let called = tool.call(arguments.clone(), &within).await;
                let spend = within.spent();
                let result = match called {
                    Ok(value) => Ok(value),
                    Err(StepError::Tool(error)) => Err(error),
                    // A part of the budget that the tool has set apart is the tool's to deal with, not its caller's end.
                    Err(StepError::Budget(limit)) if !limit.ends(cx) => {
                        Err(ToolError::new(ToolErrorKind::LimitReached, limit.to_string()))
                    }
                    Err(error) => return Err(Ends { error, spend }),
                };
                let result = admitted.give(result).await;
                match &result {
                    Ok(value) => note.tell(&format!("`{name}` gave"), &render(value.clone(), NOTED).0),
                    Err(error) => note.tell(&format!("`{name}` failed"), &error.to_string()),
                }
                (result, spend, changes)
            }
            Callable::Agent { agent, .. } => {
                let goal = Goal::new(arguments["goal"].as_str().unwrap_or_default());
                let (result, spend) = match cx.call(agent.name(), &**agent, goal).await {
                    Ok(outcome) => (Ok(outcome.output), outcome.spend),
                    Err(error) => {
                        let spend = error.spend();
                        match of_agent(error, cx) {
                            // The agent's failure is this agent's to deal with.
                            StepError::Tool(error) => (Err(error), spend),
                            error => return Err(Ends { error, spend }),
                        }
                    }
                };
                (admitted.give(result).await, spend, true)
            }
        };
        Ok(Made { result, spend, changes })
    }
}

/// So many bytes of what a tool got and gave are told.
const NOTED: usize = 1_024;

/// Tells those who watch what became of a call's arguments.
struct Notes<'a> {
    cx: &'a RunContext,
    /// Whether a guardrail has a say in what is told of them: what was mended, left out or refused is part of them.
    quiet: bool,
}

impl Notes<'_> {
    fn tell(&self, what: &str, of: &str) {
        self.cx.emit(|| {
            let text = if self.quiet { what.to_owned() } else { format!("{what}: {of}") };
            EventKind::Note { text }
        });
    }
}

/// The call, if the guardrails let it pass. What they put in the place of its arguments has to keep to the schema.
async fn admitted(
    cx: &RunContext,
    entry: &Entry,
    arguments: Value,
) -> Result<Result<AdmittedCall, ToolError>, StepError> {
    let call = match cx.admit(&entry.spec.name, arguments).await {
        Ok(call) => call,
        Err(StepError::Tool(blocked)) => return Ok(Err(blocked)),
        Err(error) => return Err(error),
    };
    if let Some(guardrail) = call.replaced_by()
        && let Err(invalid) = entry.schema.validate(call.arguments())
    {
        let message = format!(
            "not called: what guardrail `{guardrail}` put in the place of the arguments is invalid: {invalid}"
        );
        return Ok(Err(ToolError::invalid(message)));
    }
    Ok(Ok(call))
}

/// An agent's failure as its caller's step: what ends the caller too ends it, the rest is a result.
fn of_agent(error: agentic_core::AgentError, cx: &RunContext) -> StepError {
    use agentic_core::AgentError as E;
    let ends = error.ends(cx);
    match error {
        E::Budget { limit, .. } if ends => StepError::Budget(limit),
        E::Cancelled { reason, .. } => StepError::Cancelled(reason),
        E::Step { error, .. } if ends => error,
        // Agents nested too deep, or with nothing left of a share: this one still has its turns, and can do the work itself.
        E::Budget { limit, .. } => {
            StepError::Tool(ToolError::new(ToolErrorKind::LimitReached, limit.to_string()))
        }
        E::Task { error, .. } | E::Tries { error, .. } if ends => of_agent(*error, cx),
        other => StepError::Tool(ToolError::failed(format!("the agent failed: {other}"))),
    }
}

/// The arguments as valid JSON, mended where that is possible without guessing.
fn usable(entry: &Entry, text: &str) -> Result<(Value, Vec<String>), ToolError> {
    // Models that have nothing to say about a tool without parameters send nothing at all.
    let text = if text.trim().is_empty() { "{}" } else { text };
    let mut mended = Vec::new();
    let value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(strict) => {
            let parsed = lenient::parse_whole(text).map_err(|error| {
                let name = &entry.spec.name;
                ToolError::invalid(format!("the arguments of `{name}` are not JSON: {error}"))
            })?;
            mended.push(format!("not valid JSON ({strict})"));
            parsed
        }
    };
    if entry.schema.is_valid(&value) {
        return Ok((value, mended));
    }
    let repaired = repair(&value, &entry.schema).map_err(|invalid| {
        ToolError::invalid(format!("the arguments of `{}` are invalid: {invalid}", entry.spec.name))
    })?;
    mended.extend(repaired.changes.iter().map(ToString::to_string));
    Ok((repaired.value, mended))
}

fn failed(call: &ToolCall, arguments: Value, mended: Vec<String>, at: Timestamp, error: &ToolError) -> Ran {
    let action = Action {
        tool: call.name.clone(),
        arguments,
        mended,
        at,
        result: ActionResult::Failed { kind: error.kind() },
        shown: format!("error: {}", error.message()),
    };
    Ran { action, spend: Spend::default(), changes: false }
}
