//! Events: one typed stream for the terminal, services, logs and tests.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::{Approval, Decision};
use crate::approval_rule::ApprovalRule;
use crate::cancel::CancelReason;
use crate::digest::Digest;
use crate::effect::EffectClass;
use crate::error_class::ErrorClass;
use crate::goal::GoalVerdict;
use crate::id::{RunId, StepId};
use crate::model::ModelDelta;
use crate::plan::{Plan, Task, TaskStatus};
use crate::reflect::{Critique, Reflection};
use crate::run::{Reason, RunStatus};
use crate::step::{StepDetail, StepKind};
use crate::time::Timestamp;
use crate::usage::Spend;

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The run.
    pub run: RunId,
    /// Its number in the run, from 1 and without gaps. A delta has none: it is numbered within its step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// When it happened, in milliseconds since 1970.
    pub at: Timestamp,
    /// The scope's path; empty for the run itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The format of events as JSON that this version writes. Readers take a higher number for a form that they don't
/// know. Fields and kinds may be added without raising it: readers pass over fields that they don't know, and read a
/// kind that they don't know as [`EventKind::Unknown`].
pub const EVENT_FORMAT: u32 = 1;

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The run began. The first event.
    RunStarted {
        /// The [format](EVENT_FORMAT) of this run's events.
        format: u32,
        /// The agent's name.
        agent: String,
        /// The goal's text as it was given: no guardrail has seen it yet.
        goal: String,
        /// The rules that it was given, which answer questions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        rules: Vec<ApprovalRule>,
    },
    /// A process took the run over, to begin it or to go on.
    RunResumed {
        /// How often that has been since it last stopped in an orderly way, this time included.
        attempt: u32,
    },
    /// The run goes on from another's journal. Everything before is that run's.
    RunForked {
        /// The other run.
        from: RunId,
    },
    /// The run ended. The last event.
    RunFinished {
        /// How.
        status: RunStatus,
        /// Why, if it is not completed.
        reason: Option<Reason>,
        /// The output; what there is of it if the run did not complete.
        output: Value,
        /// Whether the goal was met.
        goal: GoalVerdict,
        /// What that rests on, a line each.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<String>,
        /// What was spent.
        usage: Spend,
        /// The error in one line.
        error: Option<String>,
    },
    /// An agent began to work in this scope.
    AgentStarted {
        /// Its name.
        agent: String,
    },
    /// The agent of this scope ended.
    AgentFinished {
        /// Its name.
        agent: String,
        /// The error in one line, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Its class, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_class: Option<ErrorClass>,
    },
    /// A plan was made in this scope, or its next version.
    PlanMade {
        /// The plan.
        plan: Box<Plan>,
    },
    /// Tasks came to this scope's plan, which is being written while it is worked on.
    PlanExtended {
        /// The tasks.
        tasks: Vec<Task>,
    },
    /// A task of this scope's plan is somewhere else in its life.
    TaskChanged {
        /// Its path in the plan.
        task: String,
        /// Where it is.
        status: TaskStatus,
        /// Why it failed or is blocked, or why it is tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A try was reflected on in this scope.
    Reflected {
        /// Which try, from 1.
        attempt: u32,
        /// What is thought of it.
        reflection: Box<Reflection>,
    },
    /// A result was judged in this scope.
    Critiqued {
        /// Which one, from 1.
        iteration: u32,
        /// What is thought of it.
        critique: Box<Critique>,
    },
    /// A step's effect starts.
    StepStarted {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// What it does to the world.
        class: EffectClass,
        /// The digest of its request.
        digest: Digest,
        /// What it is about.
        #[serde(flatten)]
        detail: StepDetail,
    },
    /// A step whose outcome was not known after a crash starts again.
    StepRestarted {
        /// The step.
        step: StepId,
        /// Which attempt this is, from 2.
        attempt: u32,
        /// What is booked for the attempt before.
        lost: Spend,
    },
    /// A piece of a model's answer.
    StepDelta {
        /// The step.
        step: StepId,
        /// Which attempt at the step, from 1.
        attempt: u32,
        /// The piece's number within the attempt, from 0.
        index: u32,
        /// The piece.
        delta: ModelDelta,
    },
    /// A step's effect ended.
    StepFinished {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// The result, if it went well.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
        /// The error in one line, if it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Its class, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_class: Option<ErrorClass>,
        /// What it took.
        spend: Spend,
    },
    /// A step was refused, by the budget or because the run was cancelled: its effect never started.
    StepRefused {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// The error in one line.
        error: String,
        /// Its class.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_class: Option<ErrorClass>,
    },
    /// A step ended without its outcome being delivered: it was dropped, or the run was cancelled.
    StepDropped {
        /// The step.
        step: StepId,
        /// What is booked for it.
        spend: Spend,
    },
    /// An effect that must not be cut off ended, after its step had been dropped or answered with an error. Nobody
    /// was told but the readers of this.
    StepLate {
        /// The step.
        step: StepId,
        /// Its kind.
        kind: StepKind,
        /// The result, if it went well.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        result: Value,
        /// The error in one line, if it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Its class, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error_class: Option<ErrorClass>,
    },
    /// A person is asked. This is the start of the step, as its answer is the end.
    ApprovalRequested {
        /// The step.
        step: StepId,
        /// The digest of the question: an answer that comes later has to bring it.
        digest: Digest,
        /// The question.
        approval: Approval,
    },
    /// A person answered, or a rule did.
    ApprovalDecided {
        /// The step.
        step: StepId,
        /// The answer.
        decision: Decision,
        /// Who answered, if that is known: `rule: …` for a rule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A rule answers questions from now on, those that are open as well.
    RuleGiven {
        /// The rule.
        rule: ApprovalRule,
        /// Who gave it, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A rule answers no more questions.
    RuleRevoked {
        /// The rule.
        rule: ApprovalRule,
        /// Who revoked it, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// A message came from outside.
    MessageReceived {
        /// The mailbox that it is for.
        mailbox: String,
        /// What it says.
        content: Value,
    },
    /// The run is to end.
    CancelRequested {
        /// Why.
        reason: CancelReason,
    },
    /// Which version of a change in the agent's code the run follows.
    VersionChosen {
        /// The change.
        change: StepId,
        /// The version; 0 is the code from before the change.
        version: u32,
    },
    /// The library did something that a reader should know: repaired arguments, cut output, gave a hint.
    Note {
        /// What it did, in one line.
        text: String,
    },
    /// Something of the agent's own.
    Custom {
        /// Its name.
        name: String,
        /// Its data.
        data: Value,
    },
    /// Something that a newer version tells, and this one does not know.
    #[serde(other)]
    Unknown,
}

/// Takes the events of runs. Called in their order, on the thread where they happen: be quick. If it panics, that event
/// is lost and the run goes on.
pub trait EventSink: Debug + Send + Sync + 'static {
    /// Takes one event.
    fn on_event(&self, event: &Event);

    /// This process begins to work on a run, of this agent if that is known: until it [releases](Self::on_release) the
    /// run, the run's events come from here. Not an event: it happens to the process, and no journal has it. A sink that
    /// hands events on to others hands this on too.
    fn on_take(&self, run: RunId, agent: Option<&str>) {
        let _ = (run, agent);
    }

    /// This process works on the run no more: it has ended, it waits, or it was given back. `reason` says why, where it
    /// is not completed and that is known. What is kept for the run can go.
    fn on_release(&self, run: RunId, reason: Option<Reason>) {
        let _ = (run, reason);
    }
}
