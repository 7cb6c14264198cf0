//! The work of a step: what is asked of whom, as data until a driver starts it.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_core::future::BoxFuture;
use serde_json::Value;

use crate::approval::Approval;
use crate::digest::Digest;
use crate::effect::{EffectClass, EffectContext, inside};
use crate::embed::Embedder;
use crate::model::{ChatModel, ChatModelExt as _, ModelRequest};
use crate::model_context::ModelContext;
use crate::step::{Done, Launch, StepError};
use crate::tool::Tool;
use crate::usage::{NanoUsd, Price, Spend, Usage};

pub(crate) type EffectFuture = BoxFuture<'static, Result<Done, StepError>>;

/// What a step does once it is started.
#[expect(clippy::large_enum_variant, reason = "each stands in a request that is boxed")]
pub(crate) enum Work {
    Model { model: Arc<dyn ChatModel>, request: ModelRequest, turns: u64 },
    Embed { embedder: Arc<dyn Embedder>, texts: Arc<[String]> },
    Tool { tool: Arc<dyn Tool>, class: EffectClass, arguments: Arc<Value> },
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
            Self::Model { model, request, turns } => {
                Self::Model { model: model.clone(), request: request.clone(), turns: *turns }
            }
            Self::Embed { embedder, texts } => {
                Self::Embed { embedder: embedder.clone(), texts: texts.clone() }
            }
            Self::Tool { tool, class, arguments } => {
                Self::Tool { tool: tool.clone(), class: *class, arguments: arguments.clone() }
            }
            Self::Effect { .. } | Self::Approval(_) | Self::Sleep(_) | Self::Receive(_) => return None,
        })
    }

    pub(crate) fn launch(self, ecx: EffectContext) -> Launch {
        Launch::Effect(match self {
            Self::Model { model, request, turns } => effect(ask(model, request, turns, ecx)),
            Self::Embed { embedder, texts } => effect(embed(embedder, texts, ecx)),
            Self::Tool { tool, class, arguments } => effect(call(tool, class, arguments, ecx)),
            // Also the making of the future is inside the effect, not only its polling.
            Self::Effect { start, .. } => effect(async move { start(ecx).await }),
            Self::Approval(approval) => return Launch::Approval(approval),
            Self::Sleep(duration) => return Launch::Sleep(duration),
            Self::Receive(mailbox) => return Launch::Receive(mailbox),
        })
    }
}

/// Work that can start no step: whenever it is polled, the thread is marked.
fn effect(work: impl Future<Output = Result<Done, StepError>> + Send + 'static) -> EffectFuture {
    Box::pin(async move {
        let mut work = pin!(work);
        poll_fn(|cx| inside(|| work.as_mut().poll(cx))).await
    })
}

async fn ask(
    model: Arc<dyn ChatModel>,
    mut request: ModelRequest,
    turns: u64,
    ecx: EffectContext,
) -> Result<Done, StepError> {
    let mcx = ModelContext::new(ecx);
    if let Some(granted) = mcx.output_tokens() {
        request.max_output_tokens = Some(granted);
    }
    let mut response = model.complete(request, mcx).await?;
    let info = model.info();
    let spend = Spend { turns, ..spent(response.usage, info.price) };
    (response.asked, response.cost) = (info.id.clone(), info.price.map(|_| spend.cost));
    Ok(Done { value: Box::new(response), spend })
}

async fn embed(
    embedder: Arc<dyn Embedder>,
    texts: Arc<[String]>,
    ecx: EffectContext,
) -> Result<Done, StepError> {
    let embeddings = embedder.embed(texts, ModelContext::new(ecx)).await?;
    let spend = spent(embeddings.usage, embedder.info().price);
    Ok(Done { value: Box::new(embeddings), spend })
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
) -> Result<Done, StepError> {
    let earlier = match class {
        EffectClass::Checkable if ecx.attempt() > 1 => tool.check(&arguments, ecx.clone()).await?,
        _ => None,
    };
    let value = match earlier {
        Some(value) => value,
        // Mostly nobody else holds them any more.
        None => tool.call(Arc::unwrap_or_clone(arguments), ecx).await?,
    };
    Ok(Done { value: Box::new(value), spend: Spend { tool_calls: 1, ..Spend::default() } })
}
