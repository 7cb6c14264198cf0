//! Guardrails: what stands at the gates through which an agent gets and gives content.

mod allow_tools;
mod answer;
mod call;
mod guards;
mod hold_back;
mod result;
mod steps;
#[cfg(test)]
mod tests;

use std::fmt::{self, Debug};
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::answer::value_text;
use crate::context::RunContext;
use crate::step::StepError;

pub use allow_tools::AllowTools;
pub(crate) use answer::{Answer, Screened};
pub use call::AdmittedCall;
pub(crate) use call::Gates;
pub(crate) use guards::{Blocked, Guards, Layer, Stop};
pub(crate) use result::screen_result;
pub(crate) use steps::{guarded_answer, guarded_approval};

/// Where content passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gate {
    /// What an agent is asked: its goal as a model gets to read it.
    Input,
    /// The arguments of a call of a tool, or of an agent as a tool, before it is made. A call that an agent reads out of a
    /// model's text is not made if it is blocked here, but the text is told: before text stands [`Output`](Self::Output).
    ToolCall,
    /// What such a call gave, or why it failed, before the agent gets it.
    ToolResult,
    /// What a model says, its reasoning included, before it is shown to anybody, and what an agent gives in the end.
    Output,
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "the input",
            Self::ToolCall => "a tool call",
            Self::ToolResult => "a tool's result",
            Self::Output => "the output",
        })
    }
}

/// Content that passes a gate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Passage {
    /// The gate.
    pub gate: Gate,
    /// The tool, at the gates of tools.
    pub tool: Option<Arc<str>>,
    /// The content: text as a JSON string, arguments and results as they are.
    pub content: Value,
    /// The guardrail that put it in the place of other content, the last one if there were several.
    pub replaced_by: Option<String>,
}

impl Passage {
    /// Content at a gate.
    pub fn new(gate: Gate, content: impl Into<Value>) -> Self {
        Self { gate, tool: None, content: content.into(), replaced_by: None }
    }

    /// The same, of this tool.
    pub fn of_tool(mut self, tool: impl Into<Arc<str>>) -> Self {
        self.tool = Some(tool.into());
        self
    }

    /// The content as text: a string as it is, anything else as JSON.
    pub fn text(&self) -> String {
        value_text(&self.content).into_owned()
    }
}

/// What a guardrail says of content.
#[derive(Clone, Debug, PartialEq)]
pub enum GuardrailVerdict {
    /// It may pass.
    Pass,
    /// This passes in its place.
    Replace(Value),
    /// Nothing passes.
    Block {
        /// Why, for those who read errors and events, and for the model whose tool call it was. It is shown to all of
        /// them, so it must not repeat what is blocked.
        reason: String,
    },
}

impl GuardrailVerdict {
    /// Nothing passes, for this reason.
    pub fn block(reason: impl Into<String>) -> Self {
        Self::Block { reason: reason.into() }
    }
}

/// How a guardrail stands at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Not at all.
    Away,
    /// It [screens](Guardrail::screen).
    Screens,
    /// It [judges](Guardrail::judge).
    Judges,
    /// It screens, then judges.
    Both,
}

impl Stand {
    fn screens(self) -> bool {
        matches!(self, Self::Screens | Self::Both)
    }

    fn judges(self) -> bool {
        matches!(self, Self::Judges | Self::Both)
    }
}

/// Stands at [gates](Gate) and says what may pass: nothing is released and no effect starts before its verdict.
///
/// It has two ways to say so. [`screen`](Self::screen) is for what code can see by itself: it works inside the step, so
/// what it replaces or blocks is never recorded. [`judge`](Self::judge) may ask models, tools and people through
/// the run context: what a step gave is recorded, withheld from those who watch, and judged before the agent gets it.
///
/// Guardrails are put around an agent by [`Guarded`](crate::Guarded). They fail closed: one that panics or can't judge
/// has blocked.
#[async_trait]
pub trait Guardrail: Debug + Send + Sync + 'static {
    /// A short name, for errors, events and step ids; constant.
    fn name(&self) -> &str;

    /// How it stands at this gate; constant.
    fn stands_at(&self, gate: Gate) -> Stand;

    /// Says at once what becomes of the content.
    ///
    /// Pure: the same content, the same verdict. It may see content more than once, also what it put in its place, so
    /// that must pass as it is. What it puts in the place of arguments has to keep to the tool's schema; else the call is
    /// not made, where somebody [checks](crate::AdmittedCall::replaced_by). Only called where it
    /// [stands](Self::stands_at) to screen.
    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        let _ = passage;
        GuardrailVerdict::block("it is to screen, and has no way to")
    }

    /// Says what becomes of the content, after asking whom it wants through `cx`: a scope of its own, whose steps are
    /// recorded, budgeted and repeated as all others. No guardrail holds there, and what is asked and answered there is
    /// told to nobody who watches, but for questions to a person. Only called where it [stands](Self::stands_at) to judge.
    ///
    /// # Errors
    /// A [`StepError`]. An exhausted budget and a cancelled run end the step that is judged, or the agent; whatever else
    /// it is counts as blocked.
    async fn judge(&self, passage: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        let _ = (passage, cx);
        Ok(GuardrailVerdict::block("it is to judge, and has no way to"))
    }

    /// For a model's answer that comes in pieces: how many characters beyond a place [`screen`](Self::screen) has to see
    /// so that what it makes of the text before that place stays as it is, whatever comes. So many are held back.
    ///
    /// `None`, the default: it needs the whole answer, and nothing is shown before that.
    fn window(&self) -> Option<usize> {
        None
    }

    /// Whether this tool is offered to a model. One of which no call would [pass](Self::screen) need not be; what is offered is
    /// screened all the same. Constant.
    fn offers(&self, tool: &str) -> bool {
        let _ = tool;
        true
    }
}

#[async_trait]
impl<G: Guardrail + ?Sized> Guardrail for Arc<G> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        (**self).stands_at(gate)
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        (**self).screen(passage)
    }

    async fn judge(&self, passage: &Passage, cx: &RunContext) -> Result<GuardrailVerdict, StepError> {
        (**self).judge(passage, cx).await
    }

    fn window(&self) -> Option<usize> {
        (**self).window()
    }

    fn offers(&self, tool: &str) -> bool {
        (**self).offers(tool)
    }
}
