//! A model that draws other words each time it is asked, and the same ones whenever the program runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use agentic_core::{ChatModel, ModelContext, ModelError, ModelInfo, ModelRequest, ModelStream, async_trait};

/// So much is left to chance.
const TEMPERATURE: f32 = 0.7;
/// An answer ends with its first block of code: what a model adds to explain it takes time and is not read.
const END: &str = "\n```\n";

/// Asks a model at a temperature, with the next seed each time. A local model that is given none takes the same one always, so
/// that all its answers to a question would be one.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    model: Arc<dyn ChatModel>,
    next: Arc<AtomicU64>,
}

impl Drawn {
    /// This model; its first answer is drawn with this seed.
    pub(crate) fn new(model: impl ChatModel, seed: u64) -> Self {
        Self { model: Arc::new(model), next: Arc::new(AtomicU64::new(seed)) }
    }
}

#[async_trait]
impl ChatModel for Drawn {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    async fn stream(&self, mut request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        request.sampling = request.sampling.with_temperature(TEMPERATURE).with_seed(seed);
        request.stop = vec![END.to_owned()];
        self.model.stream(request, mcx).await
    }
}
