//! What is told of an entry. Each entry is one event with the entry's number, so who follows a run's events can go on
//! where they stopped, from the journal.

use agentic_core::{
    Decision, EVENT_FORMAT, Event, EventKind, GoalVerdict, Json, RunId, StepDetail, StepError, StepKind,
};

use serde_json::Value;

use super::entry::{AgentResult, Begin, Entry, EntryKind};

impl Entry {
    /// The entry as an event of this run.
    pub fn event(&self, run: RunId) -> Event {
        let scope = self.kind.scope().to_owned();
        Event { run, seq: Some(self.seq.0), at: self.at, scope, kind: self.kind.event() }
    }
}

impl EntryKind {
    /// The path of the scope that it happened in; empty for the run itself.
    fn scope(&self) -> &str {
        match self {
            Self::Intent { step, .. }
            | Self::Restarted { step, .. }
            | Self::Outcome { step, .. }
            | Self::Refused { step, .. }
            | Self::Dropped { step, .. }
            | Self::Late { step, .. } => step.scope(),
            Self::Told { scope, .. } => scope,
            Self::Started { .. }
            | Self::Resumed { .. }
            | Self::Forked { .. }
            | Self::Version { .. }
            | Self::RuleGiven { .. }
            | Self::RuleRevoked { .. }
            | Self::Message { .. }
            | Self::Ignored { .. }
            | Self::Foreign { .. }
            | Self::CancelRequested { .. }
            | Self::Finished { .. } => "",
        }
    }

    /// What is told of it.
    pub(crate) fn event(&self) -> EventKind {
        match self.clone() {
            Self::Started { agent, begin, .. } => {
                let Begin { goal, rules, .. } = begin.read().unwrap_or_default();
                EventKind::RunStarted { format: EVENT_FORMAT, agent, goal: goal.text, rules }
            }
            Self::Resumed { attempt, .. } => EventKind::RunResumed { attempt },
            Self::Forked { from, .. } => EventKind::RunForked { from },
            Self::Intent { step, kind: StepKind::Approval, digest, asked, .. } => match asked.read() {
                Ok(approval) => {
                    let digest = digest.unwrap_or_default();
                    EventKind::ApprovalRequested { step, digest, approval }
                }
                Err(_) => EventKind::Unknown,
            },
            Self::Intent { step, kind, class, digest, name, withheld, asked, .. } => {
                let arguments = if withheld { Value::Null } else { asked.value() };
                let detail = StepDetail { name, arguments: arguments.into() };
                EventKind::StepStarted { step, kind, class, digest: digest.unwrap_or_default(), detail }
            }
            Self::Restarted { step, attempt, lost, .. } => EventKind::StepRestarted { step, attempt, lost },
            Self::Outcome { step, kind, error, spend, by, rule: _, withheld, value } => {
                match value.read::<Decision>() {
                    Ok(decision) if kind == StepKind::Approval && error.is_none() => {
                        return EventKind::ApprovalDecided { step, decision, by };
                    }
                    _ => {}
                }
                let error_class = error.as_ref().map(Into::into);
                let (result, error) = told(&value, error.as_ref(), withheld);
                EventKind::StepFinished { step, kind, result, error, error_class, spend }
            }
            Self::Refused { step, kind, error, .. } => EventKind::StepRefused {
                step,
                kind,
                error_class: Some((&error).into()),
                error: error.to_string(),
            },
            Self::Dropped { step, spend, .. } => EventKind::StepDropped { step, spend },
            Self::Late { step, kind, error, withheld, value } => {
                let error_class = error.as_ref().map(Into::into);
                let (result, error) = told(&value, error.as_ref(), withheld);
                EventKind::StepLate { step, kind, result, error, error_class }
            }
            Self::Version { change, version } => EventKind::VersionChosen { change, version },
            Self::RuleGiven { rule, by } => EventKind::RuleGiven { rule, by },
            Self::RuleRevoked { rule, by } => EventKind::RuleRevoked { rule, by },
            Self::Message { mailbox, content, .. } => {
                EventKind::MessageReceived { mailbox, content: content.value() }
            }
            Self::Ignored { what } => EventKind::Note { text: what },
            Self::Foreign { wakes } => EventKind::Note { text: foreign(wakes) },
            Self::CancelRequested { reason } => EventKind::CancelRequested { reason },
            Self::Told { event, .. } => event.read().unwrap_or(EventKind::Unknown),
            Self::Finished { status, reason, spend, error, result, .. } => {
                let result = result.read::<AgentResult>().ok();
                let (output, goal, evidence) = match result {
                    Some(Ok(outcome)) => (outcome.output, outcome.verdict, outcome.evidence),
                    Some(Err(error)) => {
                        let partial = error.partial().map(|partial| partial.text.clone().into());
                        (partial.unwrap_or_default(), GoalVerdict::Unverified, Vec::new())
                    }
                    None => Default::default(),
                };
                EventKind::RunFinished { status, reason, output, goal, evidence, usage: spend, error }
            }
        }
    }
}

fn foreign(wakes: u64) -> String {
    let times = if wakes == 1 { "once".into() } else { format!("{wakes} times") };
    format!(
        "the agent was woken {times} by something that is no step of its run; it must reach timers, channels and tasks \
         through its run context, or the run may not repeat as it went"
    )
}

/// What is told of an outcome. Of one that is withheld only that it is there: what models, tools and effects say of their
/// failure is content, too.
fn told(value: &Json, error: Option<&StepError>, withheld: bool) -> (Value, Option<String>) {
    let Some(error) = error else {
        return (if withheld { Value::Null } else { value.value() }, None);
    };
    let line = match error {
        StepError::Budget(_) | StepError::Cancelled(_) | StepError::Blocked { .. } => error.to_string(),
        _ if !withheld => error.to_string(),
        StepError::Model(error) => error.outline(),
        _ => "it failed, and what it said is withheld".into(),
    };
    (Value::Null, Some(line))
}
