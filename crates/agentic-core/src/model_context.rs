//! What a model gets to work with: an effect's context, and somebody who may watch the answer come.

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::effect::EffectContext;
use crate::model::ModelDelta;

/// What a model gets to work with: all of an [`EffectContext`], and where the pieces of its answer go.
///
/// Only [`RunContext::model`](crate::RunContext::model) and [`RunContext::embed`](crate::RunContext::embed) lead to
/// one. An effect or a tool has an [`EffectContext`], which is none, so it can't ask a model around the budget.
#[derive(Clone, Debug)]
pub struct ModelContext {
    effect: EffectContext,
    deltas: Arc<AtomicU32>,
}

/// Takes the pieces of one step's answer as they come.
pub trait DeltaSink: Debug + Send + Sync + 'static {
    /// The piece `index` (from 0, without gaps) of attempt `attempt`.
    fn delta(&self, attempt: u32, index: u32, delta: ModelDelta);
}

impl ModelContext {
    pub(crate) fn new(effect: EffectContext) -> Self {
        Self { effect, deltas: Arc::default() }
    }

    /// Whether somebody watches the answer as it comes; if not, it need not be streamed.
    pub fn wants_deltas(&self) -> bool {
        self.grant().deltas.is_some()
    }

    /// Shows a piece of the answer to whoever watches.
    pub fn delta(&self, delta: ModelDelta) {
        if let Some(sink) = &self.grant().deltas {
            let index = self.deltas.fetch_add(1, Ordering::Relaxed);
            sink.delta(self.attempt(), index, delta);
        }
    }
}

impl Deref for ModelContext {
    type Target = EffectContext;

    fn deref(&self) -> &EffectContext {
        &self.effect
    }
}
