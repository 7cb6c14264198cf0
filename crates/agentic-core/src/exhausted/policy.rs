//! The steps of one run for which the budget may not suffice: refused, mended, taken again.

use std::sync::{Arc, MutexGuard, PoisonError};

use futures_util::lock::Mutex;
use serde::de::DeserializeOwned;

use super::WhenExhausted;
use super::question::Question;
use crate::budget::{Budget, BudgetError, Resource};
use crate::context::RunContext;
use crate::event::EventKind;
use crate::model::ChatModel;
use crate::step::{Step, StepError, StepRequest};
use crate::work::Work;

/// What a run does when its budget is exhausted, and what of that it has done. Changed only between outcomes, by what
/// they say, so it is the same whenever the run is repeated.
#[derive(Debug)]
pub(crate) struct Policy {
    when: WhenExhausted,
    /// Models whose calls did not fit any more.
    given_up: std::sync::Mutex<Vec<Arc<str>>>,
    /// Limits that somebody said are not raised. Locked while somebody is asked, so that one question is open.
    denied: Mutex<Vec<Resource>>,
}

impl Policy {
    pub(crate) fn new(when: WhenExhausted) -> Self {
        Self { when, given_up: std::sync::Mutex::default(), denied: Mutex::default() }
    }

    /// A step that may be refused, and is then taken again if that can be helped.
    pub(crate) fn step<T: DeserializeOwned + Send + 'static>(
        self: &Arc<Self>,
        cx: &RunContext,
        request: StepRequest,
    ) -> Step<T> {
        let (id, driver) = (request.id.clone(), cx.driver().clone());
        let (policy, below) = (self.clone(), cx.below(&id));
        Step::composed(driver, id, async move { policy.take(&below, request).await })
    }

    async fn take<T: DeserializeOwned + Send + 'static>(
        &self,
        cx: &RunContext,
        mut request: StepRequest,
    ) -> Result<T, StepError> {
        loop {
            request = self.degraded(request);
            let Some(mut again) = request.again() else { return cx.take(request).await };
            let before = cx.budget().limits;
            let refused = match cx.take(request).await {
                Err(StepError::Budget(refused)) => refused,
                taken => return taken,
            };
            if !self.gives_up(cx, &again, &refused) {
                self.raise(cx, refused, &before).await?;
            }
            again.id = cx.step_id("again");
            request = again;
        }
    }

    /// The same call of the model that its model was given up for.
    fn degraded(&self, request: StepRequest) -> StepRequest {
        let StepRequest { id, withheld, work: Work::Model { model, request, turns, guards }, .. } = request
        else {
            return request;
        };
        let model = {
            let given_up = self.given_up();
            let mut model = &model;
            while let Some(next) = self.next(model).filter(|_| given_up.contains(&model.info().id)) {
                model = next;
            }
            model.clone()
        };
        StepRequest { withheld, ..StepRequest::model(id, model, request, turns, guards) }
    }

    /// Whether there is another model to ask. From now on it is asked.
    fn gives_up(&self, cx: &RunContext, request: &StepRequest, refused: &BudgetError) -> bool {
        let Work::Model { model, .. } = &request.work else { return false };
        if !matches!(refused.what, Resource::Tokens | Resource::NanoUsd) {
            return false;
        }
        let Some(next) = self.next(model) else { return false };
        let id = &model.info().id;
        let mut given_up = self.given_up();
        if !given_up.contains(id) {
            given_up.push(id.clone());
            drop(given_up);
            let text = format!("no budget for a call of {id}: from here on {} is asked", next.info().id);
            cx.emit(|| EventKind::Note { text });
        }
        true
    }

    /// The model to ask where calls of this one do not fit.
    fn next(&self, model: &Arc<dyn ChatModel>) -> Option<&Arc<dyn ChatModel>> {
        let models = &self.when.models;
        let place = models.iter().position(|known| known.info().id == model.info().id);
        models.get(place.map_or(0, |place| place + 1))
    }

    /// Waits until the limit is higher than it was before the step; an error if it stays as it is.
    async fn raise(&self, cx: &RunContext, refused: BudgetError, before: &Budget) -> Result<(), StepError> {
        let Some(asks) = self.when.asks.filter(|_| refused.fits_if_raised()) else {
            return Err(refused.into());
        };
        let mut denied = self.denied.lock().await;
        let (what, ledger) = (refused.what, cx.driver().ledger());
        let limit = ledger.state().limits.limit(what);
        if limit > before.limit(what) {
            return Ok(());
        }
        if denied.contains(&what) {
            return Err(refused.into());
        }
        // Of the refusal, which is recorded: a fork may have other limits.
        let raised =
            limit.unwrap_or_default().saturating_sub(ledger.budget().limit(what).unwrap_or_default());
        let question = Question::new(&refused, refused.limit.saturating_sub(raised));
        let decision = cx.approve(question.approval(asks.expires_after)).await?;
        match question.raise(&decision) {
            Some(by) => {
                ledger.raise(what, by);
                Ok(())
            }
            None => {
                denied.push(what);
                Err(refused.into())
            }
        }
    }

    fn given_up(&self) -> MutexGuard<'_, Vec<Arc<str>>> {
        self.given_up.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
