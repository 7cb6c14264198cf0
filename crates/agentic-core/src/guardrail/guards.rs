//! The guardrails that hold in a scope.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;

use super::{Gate, Guardrail, GuardrailVerdict, Passage};
use crate::context::RunContext;
use crate::digest::Digest;
use crate::event::EventKind;
use crate::step::StepError;
use crate::tool::{ToolError, ToolErrorKind};

/// The guardrails around one agent, while it is at work.
#[derive(Debug)]
pub(crate) struct Layer {
    rails: Vec<Arc<dyn Guardrail>>,
    /// What its judges have let pass, and what comes by once more: a question before the call that is asked about, a model's
    /// answer before the outcome that it is.
    passed: Mutex<HashSet<Digest>>,
}

impl Layer {
    pub(crate) fn new(rails: Vec<Arc<dyn Guardrail>>) -> Self {
        Self { rails, passed: Mutex::default() }
    }

    fn judges_at(&self, gate: Gate) -> bool {
        self.rails.iter().any(|rail| rail.stands_at(gate).judges())
    }

    fn passed(&self) -> MutexGuard<'_, HashSet<Digest>> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What holds in a scope.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guards {
    /// From the outermost agent inwards.
    layers: Vec<Arc<Layer>>,
    /// Whether a guardrail judges here: nothing of that is told.
    pub(crate) judging: bool,
}

/// A guardrail lets nothing pass.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blocked {
    pub(crate) guardrail: String,
    pub(crate) gate: Gate,
    pub(crate) reason: String,
}

/// Why there is nothing to go on with.
#[derive(Debug)]
pub(crate) enum Stop {
    Blocked(Blocked),
    /// It can't be judged.
    Step(StepError),
}

impl From<Blocked> for Stop {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked)
    }
}

impl From<Blocked> for StepError {
    fn from(Blocked { guardrail, gate, reason }: Blocked) -> Self {
        Self::Blocked { guardrail, gate, reason }
    }
}

impl Blocked {
    /// As the model gets to read it whose call it was.
    pub(crate) fn denied(&self) -> ToolError {
        let Self { guardrail, gate, reason } = self;
        let message = match gate {
            Gate::ToolResult => {
                format!("the call was made, but guardrail `{guardrail}` blocked what came of it: {reason}")
            }
            _ => format!("not called: guardrail `{guardrail}` blocked it: {reason}"),
        };
        ToolError::new(ToolErrorKind::Denied, message)
    }
}

impl Guards {
    /// The guardrails of one layer alone.
    pub(crate) fn of(layer: Arc<Layer>) -> Self {
        Self { layers: vec![layer], judging: false }
    }

    /// These, and a layer within.
    pub(crate) fn with(&self, layer: Arc<Layer>) -> Self {
        let mut guards = self.clone();
        guards.layers.push(layer);
        guards
    }

    /// What holds where a guardrail judges.
    pub(crate) fn judge() -> Self {
        Self { layers: Vec::new(), judging: true }
    }

    pub(crate) fn offers(&self, tool: &str) -> bool {
        self.layers.iter().all(|layer| layer.rails.iter().all(|rail| rail.offers(tool)))
    }

    pub(crate) fn screens_at(&self, gate: Gate) -> bool {
        self.layers.iter().any(|layer| layer.rails.iter().any(|rail| rail.stands_at(gate).screens()))
    }

    pub(crate) fn judges_at(&self, gate: Gate) -> bool {
        self.layers.iter().any(|layer| layer.judges_at(gate))
    }

    pub(crate) fn stands_at(&self, gate: Gate) -> bool {
        self.screens_at(gate) || self.judges_at(gate)
    }

    /// The layers in the order in which content passes them: from without to what comes in, from within to what goes out.
    fn layers(&self, gate: Gate) -> impl Iterator<Item = &Arc<Layer>> {
        let inwards = matches!(gate, Gate::Input | Gate::ToolResult);
        let last = self.layers.len();
        (0..last).map(move |n| &self.layers[if inwards { n } else { last - 1 - n }])
    }

    fn screening(&self, gate: Gate) -> impl Iterator<Item = &Arc<dyn Guardrail>> {
        self.layers(gate)
            .flat_map(|layer| layer.rails.iter())
            .filter(move |rail| rail.stands_at(gate).screens())
    }

    /// How many characters of a text that comes in pieces are held back. Each sees what the one before made of it, so it
    /// has to wait for that one too. `None` if one needs the whole.
    pub(crate) fn window(&self) -> Option<usize> {
        let mut windows = self.screening(Gate::Output).map(|rail| rail.window());
        windows.try_fold(0_usize, |sum, window| Some(sum.saturating_add(window?)))
    }

    /// Screens. Whether something was replaced.
    pub(crate) fn screen(&self, passage: &mut Passage) -> Result<bool, Blocked> {
        let mut replaced = false;
        for rail in self.screening(passage.gate) {
            let verdict = catch_unwind(AssertUnwindSafe(|| rail.screen(passage)));
            let verdict = verdict.unwrap_or_else(|_| GuardrailVerdict::block("it panicked"));
            replaced |= passage.take(&**rail, verdict)?;
        }
        Ok(replaced)
    }

    /// Judges, and screens again what a judge puts in the content's place. Whether something was replaced.
    ///
    /// `comes_again` says that what passes comes by once more: it is then not judged a second time.
    pub(crate) async fn judge_in(
        &self,
        passage: &mut Passage,
        cx: &RunContext,
        comes_again: bool,
    ) -> Result<bool, Stop> {
        let gate = passage.gate;
        let mut replaced = false;
        for layer in self.layers(gate).filter(|layer| layer.judges_at(gate)) {
            if !comes_again && layer.passed().remove(&passage.digest()) {
                continue;
            }
            for rail in layer.rails.iter().filter(|rail| rail.stands_at(gate).judges()) {
                let verdict = judged(&**rail, passage, cx).await.map_err(Stop::Step)?;
                if passage.take(&**rail, verdict)? {
                    replaced = true;
                    self.screen(passage)?;
                }
            }
            if comes_again {
                layer.passed().insert(passage.digest());
            }
        }
        Ok(replaced)
    }

    /// Screens and judges, and notes what became of it.
    pub(crate) async fn admit(
        &self,
        passage: &mut Passage,
        cx: &RunContext,
        judge: &RunContext,
        comes_again: bool,
    ) -> Result<bool, Stop> {
        let admitted = match self.screen(passage) {
            Ok(replaced) => self.judge_in(passage, judge, comes_again).await.map(|judged| judged || replaced),
            Err(blocked) => Err(blocked.into()),
        };
        note(cx, passage, &admitted);
        admitted
    }
}

/// Tells those who watch what a guardrail did.
pub(super) fn note(cx: &RunContext, passage: &Passage, admitted: &Result<bool, Stop>) {
    let of = passage.tool.as_ref().map(|tool| format!(" of `{tool}`")).unwrap_or_default();
    let gate = passage.gate;
    match admitted {
        Ok(true) => {
            let guardrail = passage.replaced_by.as_deref().unwrap_or_default();
            cx.emit(|| EventKind::Note { text: format!("guardrail `{guardrail}` replaced {gate}{of}") });
        }
        Err(Stop::Blocked(Blocked { guardrail, reason, .. })) => cx.emit(|| EventKind::Note {
            text: format!("guardrail `{guardrail}` blocked {gate}{of}: {reason}"),
        }),
        _ => {}
    }
}

async fn judged(
    rail: &dyn Guardrail,
    passage: &Passage,
    cx: &RunContext,
) -> Result<GuardrailVerdict, StepError> {
    let cx = cx.keyed(passage.gate.key(), rail.name());
    let judged = AssertUnwindSafe(async { rail.judge(passage, &cx).await }).catch_unwind().await;
    match judged {
        Ok(Err(error @ (StepError::Budget(_) | StepError::Cancelled(_)))) => Err(error),
        // What it says may quote what was asked.
        Ok(Err(StepError::Model(error))) => {
            Ok(GuardrailVerdict::block(format!("it could not judge: {}", error.outline())))
        }
        Ok(Err(_)) => Ok(GuardrailVerdict::block("it could not judge: a step of it failed")),
        Ok(verdict) => verdict,
        Err(_) => Ok(GuardrailVerdict::block("it panicked")),
    }
}

impl Passage {
    /// Takes a verdict in. Whether it replaced something.
    fn take(&mut self, rail: &dyn Guardrail, verdict: GuardrailVerdict) -> Result<bool, Blocked> {
        match verdict {
            GuardrailVerdict::Pass => Ok(false),
            GuardrailVerdict::Replace(content) => {
                let replaced = content != self.content;
                if replaced {
                    (self.content, self.replaced_by) = (content, Some(rail.name().to_owned()));
                }
                Ok(replaced)
            }
            GuardrailVerdict::Block { reason } => {
                Err(Blocked { guardrail: rail.name().to_owned(), gate: self.gate, reason })
            }
        }
    }

    fn digest(&self) -> Digest {
        Digest::of(&(self.gate, &self.tool, &self.content)).unwrap_or_default()
    }
}

impl Gate {
    fn key(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::ToolCall => "call",
            Self::ToolResult => "result",
            Self::Output => "output",
        }
    }
}
