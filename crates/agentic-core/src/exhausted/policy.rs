//! The steps of one run for which the budget may not suffice: refused, mended, taken again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_core::future::BoxFuture;
use futures_util::FutureExt as _;
use futures_util::future::{Shared, WeakShared};
use serde::de::DeserializeOwned;

use super::question::Question;
use super::{Asks, WhenExhausted};
use crate::budget::{BudgetError, Raised, Resource};
use crate::context::RunContext;
use crate::event::EventKind;
use crate::model::ChatModel;
use crate::step::{Step, StepError, StepRequest};

/// What an agent does when the budget is exhausted, and what of that it has done. Changed only between outcomes, by what
/// they say, so it is the same whenever the run is repeated.
#[derive(Debug)]
pub(crate) struct Policy {
    models: Vec<Arc<dyn ChatModel>>,
    asks: Option<Asks>,
    /// Models whose calls did not fit any more.
    given_up: Mutex<Vec<GivenUp>>,
    questions: Arc<Questions>,
}

/// A model that was given up, for the steps that this limit holds for.
#[derive(Clone, Debug)]
struct GivenUp {
    model: Arc<str>,
    limit: BudgetError,
}

/// Whether limits are raised: what is asked now, and what was denied.
#[derive(Debug, Default)]
struct Questions {
    /// All steps that a limit refuses wait for the same answer, and whichever is awaited moves it on.
    open: Mutex<Vec<(Resource, WeakShared<Answering>)>>,
    denied: Mutex<Vec<Resource>>,
}

/// A step that a limit refused.
#[derive(Debug)]
struct Refused {
    request: StepRequest,
    error: BudgetError,
}

impl Refused {
    /// Whether it is the one to ask about: it can be helped, or takes less.
    fn is_nearer_than(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.error, &other.error);
        match (mine.fits_if_raised(), theirs.fits_if_raised()) {
            (true, true) => mine.what != theirs.what || mine.asked < theirs.asked,
            (mine, _) => mine,
        }
    }
}

/// Gives whether the limit was raised.
type Answering = BoxFuture<'static, Result<bool, StepError>>;

impl Policy {
    pub(crate) fn new(when: &WhenExhausted) -> Self {
        let WhenExhausted { models, asks } = when.clone();
        Self { models, asks, given_up: Mutex::default(), questions: Arc::default() }
    }

    /// The same where a guardrail judges, if anything is left of it: a person may be asked, but a judge is who it is.
    pub(crate) fn for_judges(&self) -> Option<Self> {
        self.asks?;
        let (models, questions) = (Vec::new(), self.questions.clone());
        Some(Self { models, asks: self.asks, given_up: Mutex::default(), questions })
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
            let before = cx.driver().ledger().raised();
            let refused = match self.taken(cx, request).await? {
                Ok(value) => return Ok(value),
                Err(refused) => refused,
            };
            self.raise(cx, refused.error, &before).await?;
            request = again(cx, refused.request);
        }
    }

    /// Takes a step, by the first of its models whose call fits. If none does, gives the call that asks for least.
    async fn taken<T: DeserializeOwned + Send + 'static>(
        &self,
        cx: &RunContext,
        request: StepRequest,
    ) -> Result<Result<T, Refused>, StepError> {
        let mut request = self.degraded(request);
        let mut least: Option<Refused> = None;
        let mut unaffordable = Vec::new();
        loop {
            let Some(copy) = request.again() else { return cx.take(request).await.map(Ok) };
            let error = match cx.take(request).await {
                Err(StepError::Budget(error)) => error,
                Err(StepError::Cancelled(reason)) => return Err(StepError::Cancelled(reason)),
                taken => {
                    self.give_up(cx, unaffordable, &copy);
                    return taken.map(Ok);
                }
            };
            let other = self.other(&copy, &error);
            unaffordable.extend(copy.model_called().map(|model| {
                let (model, limit) = (model.info().id.clone(), error.clone());
                GivenUp { model, limit }
            }));
            let refused = Refused { request: copy, error };
            let refused = match least.take() {
                Some(before) if !refused.is_nearer_than(&before) => before,
                _ => refused,
            };
            match other {
                Some(other) => (least, request) = (Some(refused), again(cx, other)),
                None => return Ok(Err(refused)),
            }
        }
    }

    /// The same call of the model that its model was given up for.
    fn degraded(&self, request: StepRequest) -> StepRequest {
        let Some(asked) = request.model_called() else { return request };
        let given_up = self.given_up();
        let mut model = asked;
        let is_given_up = |model: &Arc<dyn ChatModel>| {
            let mut known = given_up.iter().filter(|given_up| given_up.model == model.info().id);
            known.any(|given_up| given_up.limit.holds_for(&request.id))
        };
        while let Some(next) = self.next(model).filter(|_| is_given_up(model)) {
            model = next;
        }
        let model = model.clone();
        request.of_model(model)
    }

    /// The same call of the model to ask in place of this one, if it was refused for what models take.
    fn other(&self, request: &StepRequest, error: &BudgetError) -> Option<StepRequest> {
        if !matches!(error.what, Resource::Tokens | Resource::NanoUsd) {
            return None;
        }
        let next = self.next(request.model_called()?)?;
        Some(request.again()?.of_model(next.clone()))
    }

    /// A call did fit, unlike those of models before it: from now on they are not tried.
    fn give_up(&self, cx: &RunContext, unaffordable: Vec<GivenUp>, fits: &StepRequest) {
        let Some(model) = fits.model_called() else { return };
        for GivenUp { model: id, limit } in unaffordable {
            let mut given_up = self.given_up();
            if given_up.iter().any(|known| known.model == id && limit.is_within(&known.limit)) {
                continue;
            }
            let of = if limit.scope.is_empty() { String::new() } else { format!(" in `{}`", limit.scope) };
            given_up.push(GivenUp { model: id.clone(), limit });
            drop(given_up);
            let text = format!(
                "no budget for a call of {id}{of}: {} was asked, and is from here on",
                model.info().id
            );
            cx.emit(|| EventKind::Note { text });
        }
    }

    /// The model to ask where calls of this one do not fit.
    fn next(&self, model: &Arc<dyn ChatModel>) -> Option<&Arc<dyn ChatModel>> {
        let models = &self.models;
        let place = models.iter().position(|known| known.info().id == model.info().id);
        models.get(place.map_or(0, |place| place + 1))
    }

    /// Waits until the limit is higher than it was before the step; an error if it stays as it is.
    async fn raise(&self, cx: &RunContext, refused: BudgetError, before: &Raised) -> Result<(), StepError> {
        let Some(asks) = self.asks.filter(|_| refused.fits_if_raised()) else {
            return Err(refused.into());
        };
        let what = refused.what;
        if cx.driver().ledger().raised().by(what) > before.by(what) {
            return Ok(());
        }
        let raised = !self.questions.is_denied(what) && self.questions.ask(cx, &refused, asks).await?;
        if raised { Ok(()) } else { Err(refused.into()) }
    }

    fn given_up(&self) -> MutexGuard<'_, Vec<GivenUp>> {
        lock(&self.given_up)
    }
}

impl Questions {
    fn is_denied(&self, what: Resource) -> bool {
        lock(&self.denied).contains(&what)
    }

    /// The answer to the question that is open, or to a new one.
    fn ask(self: &Arc<Self>, cx: &RunContext, refused: &BudgetError, asks: Asks) -> Shared<Answering> {
        let what = refused.what;
        let mut open = lock(&self.open);
        let asked = open.iter().find(|(asked, _)| *asked == what).and_then(|(_, answer)| answer.upgrade());
        if let Some(answer) = asked.filter(|answer| answer.peek().is_none()) {
            return answer;
        }
        // Of the refusal, which is recorded: a fork may have other limits.
        let given = refused.limit.saturating_sub(cx.driver().ledger().raised().by(what));
        let question = Question::new(refused.clone(), given).approval(asks.expires_after);
        let decision = cx.approve(question.clone());
        let (questions, driver) = (self.clone(), cx.driver().clone());
        let answer = async move {
            Ok(match question.raised_by(&decision.await?) {
                Some(by) => {
                    driver.ledger().raise(what, by);
                    true
                }
                None => {
                    lock(&questions.denied).push(what);
                    false
                }
            })
        };
        let answer = answer.boxed().shared();
        open.retain(|(asked, _)| *asked != what);
        open.extend(answer.downgrade().map(|answer| (what, answer)));
        answer
    }
}

/// The same step, taken once more.
fn again(cx: &RunContext, request: StepRequest) -> StepRequest {
    StepRequest { id: cx.step_id("again"), ..request }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
