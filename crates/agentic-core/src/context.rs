//! The run context: the only way for an agent to touch the world.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::agent::{Agent, AgentError};
use crate::approval::{Approval, Decision};
use crate::budget::{Budget, BudgetError, BudgetState, OpenAccount, Reservation, Resource};
use crate::digest::Digest;
use crate::driver::Driver;
use crate::effect::{EffectClass, EffectContext};
use crate::embed::{Embedder, Embeddings};
use crate::event::EventKind;
use crate::exhausted::Policy;
use crate::goal::{Goal, Outcome};
use crate::guardrail::{AdmittedCall, Gate, Gates, Guards, Layer, guarded_answer, guarded_approval};
use crate::id::{RunId, StepId};
use crate::model::{ChatModel, ModelRequest, ModelResponse};
use crate::scope::Scope;
use crate::step::{Done, Step, StepError, StepKind, StepRequest, Withheld};
use crate::time::Timestamp;
use crate::tool::{Tool, ToolError};
use crate::usage::Spend;
use crate::work::{EffectFuture, Work};

/// The only way for an agent to touch the world: model calls, tool calls, time, ids, randomness, waiting,
/// asking a person and any other effect.
///
/// Each effect is a [`Step`] with an id derived from its scope. Because every effect goes through here, a driver
/// can record and replay it, charge it to a budget, refuse it, show it and cut it off, for every agent alike.
///
/// A step takes its id when the method is *called*. So make scopes before the futures that use them, and name
/// parallel scopes by a key ([`keyed`](Self::keyed)); [`all`](Self::all) does both.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct RunContext {
    driver: Arc<dyn Driver>,
    scope: Arc<Scope>,
    /// What to do when a step does not fit into the budget; `None` leaves it refused.
    exhausted: Option<Arc<Policy>>,
    /// What holds here, if anything does.
    guards: Option<Arc<Guards>>,
    /// Keeps the account open of the innermost scope that has one.
    account: Option<Arc<OpenAccount>>,
}

impl fmt::Debug for RunContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunContext").field("run", &self.run_id()).field("path", &self.path()).finish()
    }
}

/// Tokens that an embedding model adds around one text, at most.
const TEXT_OVERHEAD: usize = 8;

const GATES_OF_TOOLS: [Gate; 2] = [Gate::ToolCall, Gate::ToolResult];

impl RunContext {
    /// The root context of a run. Programs get theirs from a driver (`agentic-runtime`).
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        Self { driver, scope: Arc::new(Scope::root()), exhausted: None, guards: None, account: None }
    }

    /// The run.
    pub fn run_id(&self) -> RunId {
        self.driver.run_id()
    }

    /// The scope's path; empty at the root.
    pub fn path(&self) -> &str {
        self.scope.path()
    }

    /// A child scope. It takes its ordinal now.
    pub fn scope(&self, name: &str) -> Self {
        self.within(self.scope.child(name))
    }

    /// The scope of an agent's next turn, `turn@n`: one model call and its tools. Its first model call takes
    /// one of the turns that the budget allows.
    pub fn turn(&self) -> Self {
        self.within(self.scope.turn())
    }

    /// A child scope named by a key, `name:key`: for scopes that run in parallel, so that their ids tell which
    /// is which.
    pub fn keyed(&self, name: &str, key: impl fmt::Display) -> Self {
        self.scope(&format!("{name}:{key}"))
    }

    /// A child scope with an account of its own: what is taken in it, and in all scopes below, has to fit into these limits as
    /// well as into all others.
    ///
    /// What does not fit is refused with a [`BudgetError`] that names the scope, and ends nothing but what needed it: whoever
    /// made the scope goes on without. Where calls in flight in the scope hold what a call needs it waits, and so do model calls
    /// in the scope that come after it. These limits can't be raised. Time and depth are the run's and are not kept here.
    pub fn limited(&self, name: &str, limits: Budget) -> Self {
        let cx = self.scope(name);
        let account = OpenAccount::new(self.driver.clone(), cx.path(), limits, self.account.clone());
        Self { account: Some(Arc::new(account)), ..cx }
    }

    /// A child scope in which is counted what it takes, as [`spent`](Self::spent) tells.
    pub fn counted(&self, name: &str) -> Self {
        self.limited(name, Budget::unlimited())
    }

    fn within(&self, scope: Scope) -> Self {
        Self { scope: Arc::new(scope), ..self.clone() }
    }

    /// The same scope, with this for steps that do not fit into the budget, in all of the tree below.
    pub(crate) fn when_exhausted(&self, policy: Option<Arc<Policy>>) -> Self {
        Self { exhausted: policy, ..self.clone() }
    }

    /// The scope for what has to be done before a step can be taken. What is done there is taken as it comes.
    pub(crate) fn below(&self, step: &StepId) -> Self {
        Self { scope: Arc::new(self.scope.below(step)), exhausted: None, ..self.clone() }
    }

    // ------------------------------------------------------------------------------------------ effects

    /// Asks a chat model.
    ///
    /// Where tokens or money are limited, the call first reserves the prompt's upper bound, no less than the model's
    /// [`min_input_tokens`](crate::ModelInfo::min_input_tokens), and its output limit: the request's, else the model's, else 4,096 tokens. Where less is left, the output limit is lowered to it;
    /// where calls in flight hold what it needs, it waits for them.
    ///
    /// The step gives [`StepError::Model`] or [`StepError::Budget`] when it fails, and [`StepError::Blocked`] where a
    /// guardrail lets its answer not pass.
    pub fn model(&self, model: &Arc<dyn ChatModel>, request: ModelRequest) -> Step<ModelResponse> {
        let (id, turns) = (self.scope.step("model"), self.scope.begins_turn());
        let guards = self.guards_at(&[Gate::Output, Gate::ToolCall]);
        let step = self.request(StepRequest::model(id, model.clone(), request, turns, guards.clone()));
        match guards {
            Some(guards) => guarded_answer(self, guards, step),
            None => step,
        }
    }

    /// Asks an embedding model for the vectors of some texts.
    ///
    /// The step gives [`StepError::Model`] or [`StepError::Budget`] when it fails.
    pub fn embed(
        &self,
        embedder: &Arc<dyn Embedder>,
        texts: impl IntoIterator<Item = impl Into<String>>,
    ) -> Step<Embeddings> {
        let texts: Arc<[String]> = texts.into_iter().map(Into::into).collect();
        let info = embedder.info();
        let price = info.price;
        let bytes: usize = texts.iter().map(|text| text.len() + TEXT_OVERHEAD).sum();
        let reservation =
            Reservation::Model { input_tokens: bytes as u64, output_tokens: 0, price, turns: 0 };
        let (name, embedder) = (info.id.clone(), embedder.clone());
        let work = Work::Embed { embedder, texts };
        self.step("embed", StepKind::Embed, EffectClass::Idempotent, reservation, None, name, work)
    }

    /// Calls a tool with arguments that are valid by its schema, within the time of its policy.
    ///
    /// Most agents call tools through an executor, which also validates, asks for approval and keeps a history.
    ///
    /// The step gives [`StepError::Tool`] or [`StepError::Budget`] when it fails. What a guardrail blocks is an error of
    /// the tool, `denied`.
    pub fn tool(&self, tool: &Arc<dyn Tool>, arguments: Value) -> Step<Value> {
        let id = self.tool_id(tool);
        let guards = self.guards_at(&GATES_OF_TOOLS);
        if guards.is_none() {
            return self.call_tool(id, tool, arguments, None);
        }
        let gates = Gates::of(self, &tool.spec().name, guards);
        let (step, tool) = (id.clone(), tool.clone());
        self.composed(id, async move { gates.admit(arguments).await?.made(step, &tool).await })
    }

    /// The first half of [`tool`](Self::tool): whether a call of this name may be made, and with which arguments. Nothing
    /// is called before the verdict, and what is admitted passes no second time.
    ///
    /// # Errors
    /// [`StepError::Tool`] if a guardrail blocks it, `denied`; [`StepError::Budget`] and [`StepError::Cancelled`] of one
    /// that judges.
    ///
    /// # Cancel safety
    /// As a [`Step`].
    pub fn admit(
        &self,
        tool: &str,
        arguments: Value,
    ) -> impl Future<Output = Result<AdmittedCall, StepError>> + Send + use<> {
        Gates::of(self, tool, self.guards_at(&GATES_OF_TOOLS)).admit(arguments)
    }

    /// Runs an effect of the agent's own: anything that is neither a model nor a tool.
    ///
    /// No guardrail stands around it.
    ///
    /// There is no way to ask such an effect whether it happened, so after a crash `checkable` counts as `unsafe`.
    ///
    /// `request` is everything that shapes the outcome: it is digested, so that a changed request is noticed
    /// when the run is replayed. The value goes through JSON when the run is recorded.
    ///
    /// The step gives [`StepError::Failed`] with the error's text when the effect fails, or when `request` has no
    /// JSON form; then nothing is started.
    pub fn effect<T, R, F, Fut, E>(&self, name: &str, class: EffectClass, request: &R, effect: F) -> Step<T>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        R: Serialize + ?Sized,
        F: FnOnce(EffectContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        E: fmt::Display,
    {
        let id = self.scope.step(name);
        let digest = match Digest::of(&(name, request)) {
            Ok(digest) => digest,
            Err(error) => {
                let message = format!("its request can't be written as JSON: {error}");
                return Step::failed(
                    self.driver.clone(),
                    id.clone(),
                    StepError::Failed { step: id, message },
                );
            }
        };
        let step = id.clone();
        let start = move |ecx: EffectContext| -> EffectFuture {
            Box::pin(async move {
                let value = effect(ecx)
                    .await
                    .map_err(|error| StepError::Failed { step, message: error.to_string() })?;
                Ok(Done::new(value, Spend::default()))
            })
        };
        let (kind, reservation, name) = (StepKind::Effect, Reservation::Nothing, name.into());
        let work = Work::Effect { digest, start: Box::new(start) };
        let withheld = Withheld::Nothing;
        self.request(StepRequest { id, kind, class, reservation, timeout: None, name, withheld, work })
    }

    /// Asks a person, who may take as long as they like. A question about a tool's call passes the guardrails before it is
    /// asked, as the call does. Where a guardrail judges a question is no tool's, so that what is asked about a call is not
    /// answered by what allows the call.
    pub fn approve(&self, approval: Approval) -> Step<Decision> {
        let id = self.scope.step("approve");
        match (self.guards_at(&[Gate::ToolCall]), &approval.tool) {
            (Some(guards), Some(tool)) => guarded_approval(self, &guards, id, tool.clone(), approval),
            _ => self.ask(id, approval),
        }
    }

    /// Waits.
    pub fn sleep(&self, duration: Duration) -> Step<()> {
        let (name, work) = (Arc::default(), Work::Sleep(duration));
        self.step("sleep", StepKind::Sleep, EffectClass::Pure, Reservation::Nothing, None, name, work)
    }

    /// Waits for the next message in a mailbox of this run. Messages come from outside, through whoever runs the
    /// agent; one that nobody waits for is kept until somebody does.
    ///
    /// # Cancel safety
    /// A step that is dropped takes no message.
    pub fn receive<T: DeserializeOwned + Send + 'static>(&self, mailbox: &str) -> Step<T> {
        let (name, work) = (Arc::<str>::from(mailbox), Work::Receive(mailbox.into()));
        self.step("receive", StepKind::Receive, EffectClass::Pure, Reservation::Nothing, None, name, work)
    }

    // ---------------------------------------------------------------------------------- values drawn once

    /// The time now. In a recorded run it is the time of the last outcome, so it stands still between two steps.
    pub fn now(&self) -> Timestamp {
        self.driver.now()
    }

    /// A new unique id.
    pub fn next_id(&self) -> Uuid {
        self.driver.next_id(&self.scope.step("id"))
    }

    /// 64 random bits; not for secrets.
    pub fn random(&self) -> u64 {
        self.driver.random(&self.scope.step("random"))
    }

    /// Which version of a change in the agent's code this run follows: `newest` in a run that gets here live, 0
    /// in one that older code recorded past this point. Ask before you add, remove or reorder steps.
    pub fn version(&self, change: &str, newest: u32) -> u32 {
        self.driver.version(&StepId::new(format!("version:{change}")), newest)
    }

    // -------------------------------------------------------------------------------------- combinations

    /// Runs another agent in a scope of its own, one level deeper, with events at its start and end.
    ///
    /// # Errors
    /// The agent's, or [`AgentError::Budget`] if agents nest too deep.
    pub async fn call(&self, name: &str, agent: &dyn Agent, goal: Goal) -> Result<Outcome, AgentError> {
        let cx = self.within(self.scope.deeper(name));
        let (depth, limit) = (cx.scope.depth(), self.budget().limits.depth);
        if let Some(limit) = limit.filter(|limit| depth > *limit) {
            let (limit, spent) = (u64::from(limit), u64::from(depth) - 1);
            return Err(StepError::Budget(BudgetError::new(Resource::Depth, limit, spent, 1)).into());
        }
        cx.emit(|| EventKind::AgentStarted { agent: agent.name().into() });
        let outcome = agent.run(goal, &cx).await;
        cx.emit(|| EventKind::AgentFinished {
            agent: agent.name().into(),
            error: outcome.as_ref().err().map(ToString::to_string),
            error_class: outcome.as_ref().err().map(Into::into),
        });
        outcome
    }

    /// The future's output, or `None` if `duration` passes first. The loser is dropped.
    pub async fn timeout<T>(
        &self,
        duration: Duration,
        future: impl Future<Output = T>,
    ) -> Result<Option<T>, StepError> {
        match self.race(future, self.sleep(duration)).await {
            Either::Left(value) => Ok(Some(value)),
            Either::Right(woken) => woken.map(|()| None),
        }
    }

    /// The output of whichever of two futures is answered first, in the order of delivery, which a recorded run
    /// repeats. The loser is dropped.
    pub async fn race<A, B>(
        &self,
        left: impl Future<Output = A>,
        right: impl Future<Output = B>,
    ) -> Either<A, B> {
        match select(std::pin::pin!(left), std::pin::pin!(right)).await {
            Either::Left((value, _)) => Either::Left(value),
            Either::Right((value, _)) => Either::Right(value),
        }
    }

    /// Runs `work` for each item, at most `parallel` at a time (at least one), each in a scope `name:key` of its
    /// own. Gives the outputs in the order of the items.
    pub async fn all<K, T, Fut>(
        &self,
        name: &str,
        parallel: usize,
        items: impl IntoIterator<Item = K>,
        mut work: impl FnMut(Self, K) -> Fut,
    ) -> Vec<T>
    where
        K: fmt::Display,
        Fut: Future<Output = T>,
    {
        let scoped: Vec<_> = items.into_iter().map(|key| (self.keyed(name, &key), key)).collect();
        let mut outputs: Vec<Option<T>> = scoped.iter().map(|_| None).collect();
        let mut waiting = scoped.into_iter().enumerate();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < parallel.max(1) {
                let Some((place, (cx, key))) = waiting.next() else { break };
                let output = work(cx, key);
                running.push(async move { (place, output.await) });
            }
            match running.next().await {
                Some((place, output)) => outputs[place] = Some(output),
                None => return outputs.into_iter().flatten().collect(),
            }
        }
    }

    // ------------------------------------------------------------------------------- the run as a whole

    /// Publishes an event; it is made only if somebody watches. Where a guardrail judges nothing is published.
    pub fn emit(&self, event: impl FnOnce() -> EventKind) {
        if self.driver.is_watched() && !self.is_judging() {
            self.driver.emit(self.path(), event());
        }
    }

    /// The budget of the whole run, and what is spent of it.
    pub fn budget(&self) -> BudgetState {
        self.driver.ledger().state()
    }

    /// The limits that hold here: of each the lowest, of the run and of the [limited](Self::limited) scopes that this one is in.
    pub fn limits(&self) -> Budget {
        self.driver.ledger().limits(self.path())
    }

    /// What was taken in the innermost [limited](Self::limited) or [counted](Self::counted) scope that this one is in; else in the
    /// whole run.
    pub fn spent(&self) -> Spend {
        self.driver.ledger().spent(self.path())
    }

    // ------------------------------------------------------------------------------------------ plumbing

    #[expect(clippy::too_many_arguments, reason = "the fields of one private struct")]
    fn step<T: DeserializeOwned + Send + 'static>(
        &self,
        step: &str,
        kind: StepKind,
        class: EffectClass,
        reservation: Reservation,
        timeout: Option<Duration>,
        name: Arc<str>,
        work: Work,
    ) -> Step<T> {
        let (id, withheld) = (self.scope.step(step), Withheld::Nothing);
        self.request(StepRequest { id, kind, class, reservation, timeout, name, withheld, work })
    }

    fn request<T: DeserializeOwned + Send + 'static>(&self, mut request: StepRequest) -> Step<T> {
        if self.is_judging() {
            request.withheld = Withheld::All;
        }
        match &self.exhausted {
            Some(policy) if request.reservation != Reservation::Nothing => policy.step(self, request),
            _ => self.take(request),
        }
    }

    /// The step, refused if it does not fit into the budget.
    pub(crate) fn take<T>(&self, request: StepRequest) -> Step<T> {
        Step::new(self.driver.clone(), request)
    }

    pub(crate) fn step_id(&self, name: &str) -> StepId {
        self.scope.step(name)
    }

    pub(crate) fn tool_id(&self, tool: &Arc<dyn Tool>) -> StepId {
        self.scope.step(&format!("tool:{}", tool.spec().name))
    }

    pub(crate) fn driver(&self) -> &Arc<dyn Driver> {
        &self.driver
    }

    // -------------------------------------------------------------------------------------- guardrails

    /// Whether a guardrail stands at this gate here. Then what has not passed it is told to nobody who watches.
    pub fn is_guarded(&self, gate: Gate) -> bool {
        self.guards_at(&[gate]).is_some()
    }

    /// Whether a model is offered this tool here: no guardrail is known to let none of its calls pass.
    pub fn offers(&self, tool: &str) -> bool {
        self.guards.as_ref().is_none_or(|guards| guards.offers(tool))
    }

    /// What holds here, if any of it stands at one of these gates.
    fn guards_at(&self, gates: &[Gate]) -> Option<Arc<Guards>> {
        self.guards.as_ref().filter(|guards| gates.iter().any(|gate| guards.stands_at(*gate))).cloned()
    }

    fn is_judging(&self) -> bool {
        self.guards.as_ref().is_some_and(|guards| guards.judging)
    }

    /// This scope, with these guardrails within those that hold already.
    pub(crate) fn guarded(&self, layer: Arc<Layer>) -> Self {
        let guards = match &self.guards {
            Some(guards) => guards.with(layer),
            None => Guards::of(layer),
        };
        Self { guards: Some(Arc::new(guards)), ..self.clone() }
    }

    /// The scope in which guardrails judge this. It takes its ordinal now.
    pub(crate) fn judging(&self, what: &str) -> Self {
        let exhausted = self.exhausted.as_ref().and_then(|policy| policy.for_judges()).map(Arc::new);
        Self { guards: Some(Arc::new(Guards::judge())), exhausted, ..self.keyed("guard", what) }
    }

    pub(crate) fn composed<T>(
        &self,
        id: StepId,
        steps: impl Future<Output = Result<T, StepError>> + Send + 'static,
    ) -> Step<T> {
        Step::composed(self.driver.clone(), id, steps)
    }

    /// The call itself. `guards` screen and judge what it gives.
    pub(crate) fn call_tool(
        &self,
        id: StepId,
        tool: &Arc<dyn Tool>,
        arguments: Value,
        guards: Option<&Arc<Guards>>,
    ) -> Step<Value> {
        let spec = tool.spec();
        let class = tool.effect(&arguments);
        let (timeout, name) = (Some(spec.policy.timeout), spec.name.as_str().into());
        let judged = guards.is_some_and(|guards| guards.judges_at(Gate::ToolResult));
        let withheld = if judged { Withheld::Outcome } else { Withheld::Nothing };
        let guards = guards.filter(|guards| guards.screens_at(Gate::ToolResult)).cloned();
        let work = Work::Tool { tool: tool.clone(), class, arguments: Arc::new(arguments), guards };
        let (kind, reservation) = (StepKind::Tool, Reservation::ToolCall);
        self.request(StepRequest { id, kind, class, reservation, timeout, name, withheld, work })
    }

    /// The question itself.
    pub(crate) fn ask(&self, id: StepId, mut approval: Approval) -> Step<Decision> {
        if self.is_judging() {
            approval.tool = None;
        }
        let (name, work) = (approval.question.as_str().into(), Work::Approval(approval));
        let (kind, class, reservation) = (StepKind::Approval, EffectClass::Pure, Reservation::Nothing);
        let withheld = Withheld::Nothing;
        self.request(StepRequest { id, kind, class, reservation, timeout: None, name, withheld, work })
    }
}

impl From<ToolError> for AgentError {
    fn from(error: ToolError) -> Self {
        Self::from(StepError::Tool(error))
    }
}
