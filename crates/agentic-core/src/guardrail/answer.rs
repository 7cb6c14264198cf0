//! A model's answer on its way through the guardrails, inside of its step.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use serde_json::Value;

use super::hold_back::HoldBack;
use super::{Blocked, Gate, Guards, Passage};
use crate::effect::{EffectContext, EffectGrant};
use crate::message::{Part, ToolCall};
use crate::model::{ChatModel, ModelDelta, ModelEvent, ModelRequest, ModelResponse, broke_off};
use crate::model_context::{DeltaSink, ModelContext};
use crate::model_error::ModelError;
use crate::step::StepError;
use crate::usage::Usage;

/// A model's answer, to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) usage: Usage,
    pub(crate) screened: Result<Screened, Blocked>,
}

/// What has passed of an answer.
#[derive(Debug)]
pub(crate) struct Screened {
    pub(crate) response: ModelResponse,
    /// Whether it must not be told before it, or a call in it, was judged.
    pub(crate) withheld: bool,
}

impl Answer {
    /// Asks a model, shows of its answer what the guardrails let pass, and ends it as soon as they block it.
    pub(crate) async fn of(
        model: &dyn ChatModel,
        request: ModelRequest,
        guards: Arc<Guards>,
        ecx: EffectContext,
    ) -> Result<Self, StepError> {
        let asked = Self::ask(model, request, guards.clone(), ecx).await;
        asked.map_err(|error| match error {
            StepError::Model(error) => screen_error(&guards, error).into(),
            error => error,
        })
    }

    async fn ask(
        model: &dyn ChatModel,
        request: ModelRequest,
        guards: Arc<Guards>,
        ecx: EffectContext,
    ) -> Result<Self, StepError> {
        let grant = ecx.grant().clone();
        let stream = Arc::new(Screening {
            text: Mutex::new(Text { held: HoldBack::new(&guards), index: 0, blocked: None }),
            sink: grant.deltas.clone(),
            attempt: grant.attempt,
            guards,
        });
        // A model that shows its answer by itself shows it to the guardrails.
        let deltas = grant.deltas.is_some().then(|| stream.clone() as Arc<dyn DeltaSink>);
        let mcx = ModelContext::new(EffectContext::new(EffectGrant { deltas, ..grant }));
        let mut events = model.stream(request, mcx).await?;
        while let Some(event) = events.next().await {
            match event? {
                ModelEvent::Delta(delta) => stream.push(&delta)?,
                ModelEvent::Finished(response) => {
                    return Ok(Self { usage: response.usage, screened: stream.end(*response) });
                }
            }
        }
        Err(broke_off(model).into())
    }
}

/// An answer that is being screened.
#[derive(Debug)]
struct Screening {
    guards: Arc<Guards>,
    text: Mutex<Text>,
    sink: Option<Arc<dyn DeltaSink>>,
    attempt: u32,
}

#[derive(Debug)]
struct Text {
    held: HoldBack,
    /// The number of the next piece that is shown.
    index: u32,
    blocked: Option<Blocked>,
}

/// What the model shows by itself. If that is blocked, the next event of its stream ends it.
impl DeltaSink for Screening {
    fn delta(&self, _: u32, _: u32, delta: ModelDelta) {
        let _ = self.push(&delta);
    }
}

impl Screening {
    fn push(&self, delta: &ModelDelta) -> Result<(), Blocked> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(blocked) = &text.blocked {
            return Err(blocked.clone());
        }
        // What is no text is shown when the whole has passed.
        let ModelDelta::Text { text: piece } = delta else { return Ok(()) };
        match text.held.push(&self.guards, piece) {
            Ok(shown) => {
                shown.into_iter().for_each(|shown| self.show(&mut text, ModelDelta::Text { text: shown }));
                Ok(())
            }
            Err(blocked) => {
                text.blocked = Some(blocked.clone());
                Err(blocked)
            }
        }
    }

    fn show(&self, text: &mut Text, delta: ModelDelta) {
        if let Some(sink) = &self.sink {
            sink.delta(self.attempt, text.index, delta);
            text.index += 1;
        }
    }

    /// The whole answer: what passes of it, and the rest of it for those who watch.
    fn end(&self, mut response: ModelResponse) -> Result<Screened, Blocked> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(blocked) = &text.blocked {
            return Err(blocked.clone());
        }
        let guards = &self.guards;
        let calls_are_made = screen_answer(guards, &mut response)?;
        let reasoning = response.reasoning();
        let judged = guards.judges_at(Gate::Output);
        let calls = response.tool_calls().next().is_some();
        let calls_withheld = calls && (guards.judges_at(Gate::ToolCall) || !calls_are_made);
        if !judged {
            if !reasoning.is_empty() {
                self.show(&mut text, ModelDelta::Reasoning { text: reasoning.clone() });
            }
            if let Some(rest) = text.held.end(&response.text()) {
                self.show(&mut text, ModelDelta::Text { text: rest });
            }
            for (call, index) in response.tool_calls().zip(0..).filter(|_| !calls_withheld) {
                let (name, arguments) = (Some(call.name.clone()), call.arguments.clone());
                self.show(&mut text, ModelDelta::ToolCall { index, name, arguments });
            }
        }
        let says = !response.text().is_empty() || !reasoning.is_empty();
        Ok(Screened { withheld: calls_withheld || judged && says, response })
    }
}

/// What a model says when it fails may quote what it was asked or has answered. A judge is not asked about that, so where one
/// stands none of it is given.
fn screen_error(guards: &Guards, error: ModelError) -> ModelError {
    if guards.judges_at(Gate::Output) {
        let kind = error.kind();
        return error
            .with_message(format!("{kind}; what it said is withheld, since a guardrail judges here"));
    }
    let mut passage = Passage::new(Gate::Output, error.message());
    match guards.screen(&mut passage) {
        Ok(false) => error,
        Ok(true) => error.with_message(passage.text()),
        Err(Blocked { guardrail, reason, .. }) => {
            let kind = error.kind();
            error.with_message(format!("{kind}; guardrail `{guardrail}` blocked what it said: {reason}"))
        }
    }
}

/// Screens all that a model says. Gives whether the calls that it asks for will be made.
pub(super) fn screen_answer(guards: &Guards, response: &mut ModelResponse) -> Result<bool, Blocked> {
    let said = response.text();
    if !said.is_empty() {
        let mut passage = Passage::new(Gate::Output, said);
        if guards.screen(&mut passage)? {
            say(response, passage.text());
        }
    }
    let mut calls_are_made = true;
    for part in &mut response.message.parts {
        match part {
            Part::Reasoning { text, signature } if !text.is_empty() => {
                let mut passage = Passage::new(Gate::Output, text.as_str());
                if guards.screen(&mut passage)? {
                    // What it signed is gone.
                    (*text, *signature) = (passage.text(), None);
                }
            }
            Part::ToolCall(call) => calls_are_made &= screen_call(guards, call),
            _ => {}
        }
    }
    Ok(calls_are_made)
}

/// Screens a call that a model asks for, as it will be when it is made. Gives whether it will be made: one that is blocked
/// stays as it is, so that the model is told why.
fn screen_call(guards: &Guards, call: &mut ToolCall) -> bool {
    // Arguments that are not JSON are mended before the call, and screened then.
    let content = serde_json::from_str(&call.arguments);
    let content = content.unwrap_or_else(|_| Value::String(call.arguments.clone()));
    let is_text = content.is_string();
    let mut passage = Passage::new(Gate::ToolCall, content).of_tool(call.name.as_str());
    match guards.screen(&mut passage) {
        Ok(true) if is_text => call.arguments = passage.text(),
        Ok(true) => call.arguments = passage.content.to_string(),
        Ok(false) => {}
        Err(_) => return false,
    }
    true
}

/// Puts a text in the place of what the model said.
pub(super) fn say(response: &mut ModelResponse, text: String) {
    let parts = &mut response.message.parts;
    let place = parts.iter().position(|part| matches!(part, Part::Text { .. })).unwrap_or_default();
    parts.retain(|part| !matches!(part, Part::Text { .. }));
    if !text.is_empty() {
        parts.insert(place.min(parts.len()), Part::Text { text });
    }
}
