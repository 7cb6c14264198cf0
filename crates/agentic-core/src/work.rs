//! The work of a step: what is asked of whom, as data until a driver starts it.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_util::FutureExt as _;
use serde_json::Value;

use crate::approval::Approval;
use crate::digest::Digest;
use crate::effect::{EffectClass, EffectContext, inside};
use crate::embed::Embedder;
use crate::guardrail::{Answer, Guards, Screened, screen_result};
use crate::model::{ChatModel, ChatModelExt as _, ModelRequest};
use crate::model_context::ModelContext;
use crate::step::{Done, Failed, Launch};
use crate::tool::{Tool, ToolError};
use crate::usage::{NanoUsd, Price, Spend, Usage};

pub(crate) type EffectFuture = BoxFuture<'static, Result<Done, Failed>>;

/// What a step does once it is started.
#[expect(clippy::large_enum_variant, reason = "each stands in a request that is boxed")]
pub(crate) enum Work {
    Model { model: Arc<dyn ChatModel>, request: ModelRequest, turns: u64, guards: Option<Arc<Guards>> },
    Embed { embedder: Arc<dyn Embedder>, texts: Arc<[String]> },
    Tool { tool: Arc<dyn Tool>, class: EffectClass, arguments: Arc<Value>, guards: Option<Arc<Guards>> },
    Effect { digest: Digest, start: Box<dyn FnOnce(EffectContext) -> EffectFuture + Send> },
    Approval(Approval),
    Sleep(Duration),
    Receive(Arc<str>),
}

impl Work {
    /// The digest of everything that shapes the outcome.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Model { model, request, .. } => request.digest(&model.info().id),
            Self::Embed { embedder, texts } => {
                Digest::of(&(&*embedder.info().id, &**texts)).unwrap_or_default()
            }
            Self::Tool { tool, arguments, .. } => {
                Digest::of(&(&tool.spec().name, arguments)).unwrap_or_default()
            }
            Self::Effect { digest, .. } => *digest,
            Self::Approval(approval) => Digest::of(approval).unwrap_or_default(),
            Self::Sleep(duration) => Digest::of(duration).unwrap_or_default(),
            Self::Receive(mailbox) => Digest::of(&**mailbox).unwrap_or_default(),
        }
    }

    /// A tool's arguments; null for everything else.
    pub(crate) fn arguments(&self) -> Arc<Value> {
        match self {
            Self::Tool { arguments, .. } => arguments.clone(),
            _ => Arc::default(),
        }
    }

    /// The same work once more; `None` for what can only be done once.
    pub(crate) fn again(&self) -> Option<Self> {
        Some(match self {
            Self::Model { model, request, turns, guards } => {
                let (model, request, guards) = (model.clone(), request.clone(), guards.clone());
                Self::Model { model, request, turns: *turns, guards }
            }
            Self::Embed { embedder, texts } => {
                Self::Embed { embedder: embedder.clone(), texts: texts.clone() }
            }
            Self::Tool { tool, class, arguments, guards } => {
                let (tool, arguments, guards) = (tool.clone(), arguments.clone(), guards.clone());
                Self::Tool { tool, class: *class, arguments, guards }
            }
            Self::Effect { .. } | Self::Approval(_) | Self::Sleep(_) | Self::Receive(_) => return None,
        })
    }

    pub(crate) fn launch(self, ecx: EffectContext) -> Launch {
        Launch::Effect(match self {
            Self::Model { model, request, turns, guards } => effect(ask(model, request, turns, guards, ecx)),
            Self::Embed { embedder, texts } => effect(embed(embedder, texts, ecx)),
            Self::Tool { tool, class, arguments, guards: None } => effect(call(tool, class, arguments, ecx)),
            Self::Tool { tool, class, arguments, guards: Some(guards) } => {
                effect(call_screened(tool, class, arguments, guards, ecx))
            }
            // Also the making of the future is inside the effect, not only its polling.
            Self::Effect { start, .. } => effect(async move { start(ecx).await }),
            Self::Approval(approval) => return Launch::Approval(approval),
            Self::Sleep(duration) => return Launch::Sleep(duration),
            Self::Receive(mailbox) => return Launch::Receive(mailbox),
        })
    }
}

/// Work that can start no step: whenever it is polled, the thread is marked.
fn effect(work: impl Future<Output = Result<Done, Failed>> + Send + 'static) -> EffectFuture {
    Box::pin(async move {
        let mut work = pin!(work);
        poll_fn(|cx| inside(|| work.as_mut().poll(cx))).await
    })
}

async fn ask(
    model: Arc<dyn ChatModel>,
    mut request: ModelRequest,
    turns: u64,
    guards: Option<Arc<Guards>>,
    ecx: EffectContext,
) -> Result<Done, Failed> {
    if let Some(granted) = ecx.grant().output_tokens {
        request.max_output_tokens = Some(granted);
    }
    let info = model.info().clone();
    let taken = |usage| Spend { turns, ..spent(usage, info.price) };
    let (mut response, withheld) = match guards {
        None => (model.complete(request, ModelContext::new(ecx)).await?, false),
        Some(guards) => {
            let Answer { usage, screened } = Answer::of(&*model, request, guards, ecx).await?;
            let Screened { response, withheld } = screened
                .map_err(|blocked| Failed { error: blocked.into(), spend: Some(Box::new(taken(usage))) })?;
            (response, withheld)
        }
    };
    let spend = taken(response.usage);
    (response.asked, response.cost) = (info.id.clone(), info.price.map(|_| spend.cost));
    Ok(Done { withheld, ..Done::new(response, spend) })
}

async fn embed(
    embedder: Arc<dyn Embedder>,
    texts: Arc<[String]>,
    ecx: EffectContext,
) -> Result<Done, Failed> {
    let embeddings = embedder.embed(texts, ModelContext::new(ecx)).await?;
    let spend = spent(embeddings.usage, embedder.info().price);
    Ok(Done::new(embeddings, spend))
}

/// What one call of a model took.
fn spent(usage: Usage, price: Option<Price>) -> Spend {
    let cost = price.map_or(NanoUsd(0), |price| price.of(&usage));
    Spend { usage, cost, model_calls: 1, ..Spend::default() }
}

async fn call(
    tool: Arc<dyn Tool>,
    class: EffectClass,
    arguments: Arc<Value>,
    ecx: EffectContext,
) -> Result<Done, Failed> {
    Ok(called(value_of(tool, class, arguments, ecx).await?))
}

/// The same behind guardrails that screen what it gives.
async fn call_screened(
    tool: Arc<dyn Tool>,
    class: EffectClass,
    arguments: Arc<Value>,
    guards: Arc<Guards>,
    ecx: EffectContext,
) -> Result<Done, Failed> {
    let spec = tool.spec().clone();
    let result = AssertUnwindSafe(value_of(tool, class, arguments, ecx)).catch_unwind().await;
    // What it said as it panicked, nobody has screened.
    let result = result.unwrap_or_else(|_| Err(ToolError::failed(format!("`{}` panicked", spec.name))));
    let is_done = result.is_ok();
    screen_result(&guards, &spec.name, result).map(called).map_err(|error| {
        // It was called, and came to its end: only what it gave does not pass.
        Failed { error: error.into(), spend: is_done.then(|| Box::new(one_call())) }
    })
}

async fn value_of(
    tool: Arc<dyn Tool>,
    class: EffectClass,
    arguments: Arc<Value>,
    ecx: EffectContext,
) -> Result<Value, ToolError> {
    let earlier = match class {
        EffectClass::Checkable if ecx.attempt() > 1 => tool.check(&arguments, ecx.clone()).await?,
        _ => None,
    };
    match earlier {
        Some(value) => Ok(value),
        // Mostly nobody else holds them any more.
        None => tool.call(Arc::unwrap_or_clone(arguments), ecx).await,
    }
}

fn called(value: Value) -> Done {
    Done::new(value, one_call())
}

fn one_call() -> Spend {
    Spend { tool_calls: 1, ..Spend::default() }
}
