//! Steps: the one thing that a run context hands out, and what a driver gets to run.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::approval::Approval;
use crate::budget::{BudgetError, Reservation};
use crate::cancel::CancelReason;
use crate::context::RunContext;
use crate::digest::Digest;
use crate::driver::{Driver, Ticket};
use crate::effect::{EffectClass, EffectContext, EffectGrant, inside_effect};
use crate::guardrail::{Gate, Guards};
use crate::id::StepId;
use crate::json::Json;
use crate::model::{ChatModel, ModelRequest};
use crate::model_error::ModelError;
use crate::tool::ToolError;
use crate::usage::Spend;
use crate::work::Work;

/// What kind of effect a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// A call of a chat model.
    Model,
    /// A call of an embedding model.
    Embed,
    /// A call of a tool.
    Tool,
    /// An effect of the agent's own.
    Effect,
    /// A question to a person.
    Approval,
    /// Waiting for a time.
    Sleep,
    /// Waiting for a message from outside.
    Receive,
}

/// How a step fails. It can be recorded, so a replayed failure is the same failure.
#[derive(Clone, Debug, PartialEq, Error, Serialize, Deserialize)]
#[serde(tag = "error", content = "detail", rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepError {
    /// The model failed.
    #[error(transparent)]
    Model(ModelError),
    /// The tool failed.
    #[error(transparent)]
    Tool(ToolError),
    /// A limit of the run, or of one of its scopes, would be passed.
    #[error(transparent)]
    Budget(#[from] BudgetError),
    /// The run was cancelled.
    #[error("the run was cancelled ({})", match .0 { CancelReason::Requested => "requested", CancelReason::TimedOut => "its time was up" })]
    Cancelled(CancelReason),
    /// A guardrail lets nothing pass.
    #[error("guardrail `{guardrail}` blocked {gate}: {reason}")]
    Blocked {
        /// The guardrail's name.
        guardrail: String,
        /// Where it stands.
        gate: Gate,
        /// Why, as it says.
        reason: String,
    },
    /// An effect of the agent's own failed.
    #[error("step `{step}` failed: {message}")]
    Failed {
        /// The step.
        step: StepId,
        /// What the effect said.
        message: String,
    },
    /// The step was started where no step may start.
    #[error(
        "step `{step}` was started inside an effect; models and tools get an EffectContext and start no steps"
    )]
    InsideEffect {
        /// The step.
        step: StepId,
    },
    /// A recorded outcome has another form than the code expects.
    #[error(
        "the outcome of step `{step}` can't be read: {message}; the code may have changed since it was recorded"
    )]
    Decode {
        /// The step.
        step: StepId,
        /// What the decoder said.
        message: String,
    },
    /// The driver can't run the step.
    #[error("step `{step}` can't run: {message}")]
    Driver {
        /// The step.
        step: StepId,
        /// Why.
        message: String,
    },
}

impl StepError {
    /// Whether no other step can go on here either.
    pub fn ends(&self, cx: &RunContext) -> bool {
        match self {
            Self::Budget(limit) => limit.ends(cx),
            Self::Cancelled(_) | Self::InsideEffect { .. } | Self::Decode { .. } | Self::Driver { .. } => {
                true
            }
            Self::Model(_) | Self::Tool(_) | Self::Blocked { .. } | Self::Failed { .. } => false,
        }
    }
}

impl From<ModelError> for StepError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

impl From<ToolError> for StepError {
    fn from(error: ToolError) -> Self {
        Self::Tool(error)
    }
}

/// A value that a step can give: it goes through a journal as JSON.
pub trait StepValue: Send + 'static {
    /// The value as JSON.
    ///
    /// # Errors
    /// If it has no JSON form.
    fn to_json(&self) -> serde_json::Result<Json>;

    /// The value for downcasting.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

impl<T: Serialize + Send + 'static> StepValue for T {
    fn to_json(&self) -> serde_json::Result<Json> {
        Json::of(self)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl fmt::Debug for dyn StepValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StepValue")
    }
}

/// What an effect gave, and what it took.
#[derive(Debug)]
pub struct Done {
    /// The value.
    pub value: Box<dyn StepValue>,
    /// What it took of the budget.
    pub spend: Spend,
    /// Whether the value must not be told to those who watch: a guardrail has yet to judge it.
    pub withheld: bool,
}

impl Done {
    /// A value, told to those who watch.
    pub fn new(value: impl StepValue, spend: Spend) -> Self {
        Self { value: Box::new(value), spend, withheld: false }
    }
}

/// How an effect failed.
#[derive(Debug)]
pub struct Failed {
    /// The error.
    pub error: StepError,
    /// What it took of the budget, if that is known.
    pub spend: Option<Box<Spend>>,
}

impl<E: Into<StepError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: error.into(), spend: None }
    }
}

/// The outcome that a driver delivers to a step.
#[derive(Debug)]
pub enum Delivered {
    /// The value itself.
    Value(Box<dyn StepValue>),
    /// The value in its recorded form.
    Recorded(Json),
}

/// A step as a driver gets it. Only a run context makes one.
pub struct StepRequest {
    /// Its derived id.
    pub id: StepId,
    /// Its kind.
    pub kind: StepKind,
    /// What it does to the world.
    pub class: EffectClass,
    /// What it wants of the budget.
    pub reservation: Reservation,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// The model, tool or effect, for people.
    pub name: Arc<str>,
    /// What of it must not be told to those who watch.
    pub withheld: Withheld,
    pub(crate) work: Work,
}

/// A model call that names no output limit, of a model that names none either, reserves this much where tokens or
/// money are limited, and is granted no more.
const DEFAULT_OUTPUT_TOKENS: u64 = 4096;

/// What of a step must not be told to those who watch. A journal has all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// Nothing.
    #[default]
    Nothing,
    /// What it gives: a guardrail has yet to judge it.
    Outcome,
    /// What it asks and what it gives: a guardrail judges there.
    All,
}

/// What a step is about, for events and journals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepDetail {
    /// The model, tool or effect.
    pub name: Arc<str>,
    /// A tool's arguments.
    #[serde(default, skip_serializing_if = "is_null")]
    pub arguments: Arc<Value>,
}

fn is_null(arguments: &Value) -> bool {
    arguments.is_null()
}

/// The work of a step, taken out of its request.
pub enum Launch {
    /// Run this future to its end.
    Effect(BoxFuture<'static, Result<Done, Failed>>),
    /// Ask a person; the outcome is a [`Decision`](crate::Decision).
    Approval(Approval),
    /// Wait this long; the outcome is `()`.
    Sleep(Duration),
    /// Wait for a message in this mailbox; the outcome is what it says.
    Receive(Arc<str>),
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Effect(_) => f.write_str("Effect"),
            Self::Approval(approval) => f.debug_tuple("Approval").field(approval).finish(),
            Self::Sleep(duration) => f.debug_tuple("Sleep").field(duration).finish(),
            Self::Receive(mailbox) => f.debug_tuple("Receive").field(mailbox).finish(),
        }
    }
}

impl StepRequest {
    /// The digest of everything that shapes its outcome. It is made here, from the request, so ask once, and only if
    /// somebody wants to know.
    pub fn digest(&self) -> Digest {
        self.work.digest()
    }

    /// What it is about, for people: the model or tool and its arguments.
    pub fn detail(&self) -> StepDetail {
        StepDetail { name: self.name.clone(), arguments: self.work.arguments() }
    }

    /// The question, if it asks a person.
    pub fn approval(&self) -> Option<&Approval> {
        match &self.work {
            Work::Approval(approval) => Some(approval),
            _ => None,
        }
    }

    /// How long it waits, if it does only that.
    pub fn sleep(&self) -> Option<Duration> {
        match &self.work {
            Work::Sleep(duration) => Some(*duration),
            _ => None,
        }
    }

    /// A model call, with what it has to reserve.
    pub(crate) fn model(
        id: StepId,
        model: Arc<dyn ChatModel>,
        request: ModelRequest,
        turns: u64,
        guards: Option<Arc<Guards>>,
    ) -> Self {
        let info = model.info();
        let output_tokens = request.max_output_tokens.or(info.max_output_tokens);
        let reservation = Reservation::Model {
            input_tokens: request.token_bound(&info.id).max(info.min_input_tokens),
            output_tokens: output_tokens.unwrap_or(DEFAULT_OUTPUT_TOKENS),
            price: info.price,
            turns,
        };
        let (kind, class, name) = (StepKind::Model, EffectClass::Idempotent, info.id.clone());
        let work = Work::Model { model, request, turns, guards };
        let (timeout, withheld) = (None, Withheld::Nothing);
        Self { id, kind, class, reservation, timeout, name, withheld, work }
    }

    /// The model that it calls, if it is a model call.
    pub(crate) fn model_called(&self) -> Option<&Arc<dyn ChatModel>> {
        match &self.work {
            Work::Model { model, .. } => Some(model),
            _ => None,
        }
    }

    /// The same call of another model; as it is, if it is no model call.
    pub(crate) fn of_model(self, model: Arc<dyn ChatModel>) -> Self {
        let Work::Model { request, turns, guards, .. } = self.work else { return self };
        Self { withheld: self.withheld, ..Self::model(self.id, model, request, turns, guards) }
    }

    /// The same step, to be taken under another id; `None` for what can only be done once.
    pub(crate) fn again(&self) -> Option<Self> {
        let Self { id, kind, class, reservation, timeout, name, withheld, work } = self;
        let (id, name, work) = (id.clone(), name.clone(), work.again()?);
        Some(Self {
            id,
            kind: *kind,
            class: *class,
            reservation: *reservation,
            timeout: *timeout,
            name,
            withheld: *withheld,
            work,
        })
    }

    /// Takes the work out, to be started with what the driver grants it. The effect's context is made here and
    /// nowhere else.
    pub fn launch(self, grant: EffectGrant) -> Launch {
        self.work.launch(EffectContext::new(grant))
    }
}

impl fmt::Debug for StepRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepRequest")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("class", &self.class)
            .finish_non_exhaustive()
    }
}

/// One step of a run: a future of its outcome.
///
/// The step took its id when it was made; it is registered with the driver when it is first polled, and the
/// driver, not this future, does the work. A step is not ready at its first poll, unless it can't be registered at
/// all, so steps that are polled together are all started before one of them is answered.
///
/// # Cancel safety
/// Dropping a step that was started cuts its effect off, unless the effect is `checkable` or `unsafe`: then it
/// runs to its end, and a `step_late` event tells what came of it. Dropping a step that was never polled does nothing.
#[must_use = "a step does nothing unless awaited"]
pub struct Step<T> {
    driver: Arc<dyn Driver>,
    id: StepId,
    state: State<T>,
}

enum State<T> {
    New(Box<StepRequest>),
    Waiting(Ticket),
    /// Steps one after the other, for which this one stands.
    Composed(BoxFuture<'static, Result<T, StepError>>),
    Failed(Box<StepError>),
    Done,
}

impl<T> Step<T> {
    pub(crate) fn new(driver: Arc<dyn Driver>, request: StepRequest) -> Self {
        Self { driver, id: request.id.clone(), state: State::New(Box::new(request)) }
    }

    /// Stands for steps that are taken one after the other; `id` is that of the first that does what was asked for.
    pub(crate) fn composed(
        driver: Arc<dyn Driver>,
        id: StepId,
        steps: impl Future<Output = Result<T, StepError>> + Send + 'static,
    ) -> Self {
        Self { driver, id, state: State::Composed(Box::pin(steps)) }
    }

    /// A step that can't even be registered.
    pub(crate) fn failed(driver: Arc<dyn Driver>, id: StepId, error: StepError) -> Self {
        Self { driver, id, state: State::Failed(Box::new(error)) }
    }

    /// The step's derived id.
    pub fn id(&self) -> &StepId {
        &self.id
    }
}

impl<T: DeserializeOwned + 'static> Future for Step<T> {
    type Output = Result<T, StepError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let ticket = match std::mem::replace(&mut this.state, State::Done) {
            State::New(_) if inside_effect() => {
                return Poll::Ready(Err(StepError::InsideEffect { step: this.id.clone() }));
            }
            State::New(request) => this.driver.register(request),
            State::Waiting(ticket) => ticket,
            State::Composed(mut steps) => {
                let polled = steps.as_mut().poll(cx);
                if polled.is_pending() {
                    this.state = State::Composed(steps);
                }
                return polled;
            }
            State::Failed(error) => return Poll::Ready(Err(*error)),
            // As futures do that are polled after their end: never ready again.
            State::Done => return Poll::Pending,
        };
        this.state = State::Waiting(ticket);
        let outcome = std::task::ready!(this.driver.poll(ticket, cx));
        this.state = State::Done;
        Poll::Ready(outcome.and_then(|delivered| decode(&this.id, delivered)))
    }
}

fn decode<T: DeserializeOwned + 'static>(step: &StepId, delivered: Delivered) -> Result<T, StepError> {
    let wrong = |message: String| StepError::Decode { step: step.clone(), message };
    match delivered {
        Delivered::Recorded(value) => value.read().map_err(|error| wrong(error.to_string())),
        Delivered::Value(value) => match value.into_any().downcast::<T>() {
            Ok(value) => Ok(*value),
            Err(_) => Err(wrong(format!("the driver delivered no {}", std::any::type_name::<T>()))),
        },
    }
}

impl<T> Drop for Step<T> {
    fn drop(&mut self) {
        if let State::Waiting(ticket) = self.state {
            self.driver.abandon(ticket);
        }
    }
}

impl<T> fmt::Debug for Step<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::New(_) => "new",
            State::Waiting(_) | State::Composed(_) => "waiting",
            State::Failed(_) => "failed",
            State::Done => "done",
        };
        f.debug_struct("Step").field("id", &self.id).field("state", &state).finish()
    }
}
