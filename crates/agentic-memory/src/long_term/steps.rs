//! Work on the store as steps of the run.

use agentic_core::{EffectClass, MemoryError, RunContext, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Stored;

/// A step that works on the store. What the store says is a part of its outcome, so that a recorded run hears it again.
pub(crate) async fn step<T, R>(
    cx: &RunContext,
    name: &str,
    class: EffectClass,
    request: &R,
    work: impl Future<Output = Stored<T>> + Send + 'static,
) -> Result<T, MemoryError>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + Sync,
{
    keyed_step(cx, name, class, request, |_| work).await
}

/// The same, of work that is told the step's key, which is the same when the step is done again.
pub(super) async fn keyed_step<T, R, F>(
    cx: &RunContext,
    name: &str,
    class: EffectClass,
    request: &R,
    work: impl FnOnce(String) -> F + Send + 'static,
) -> Result<T, MemoryError>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    R: Serialize + Sync,
    F: Future<Output = Stored<T>> + Send + 'static,
{
    let done = cx.effect(name, class, request, move |ecx| {
        let work = work(ecx.key());
        async move { Ok::<_, StoreError>(work.await) }
    });
    Ok(done.await??)
}
