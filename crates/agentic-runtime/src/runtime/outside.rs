//! What comes to a run from outside: cancellation, answers, messages.

use std::collections::HashMap;

use agentic_core::{CancelReason, Decision, Digest, Json, RunId, RunStatus, Spend, StepId, StepKind};
use serde::Serialize;

use super::{Runtime, RuntimeError, RuntimeErrorKind};
use crate::engine::Input;
use crate::journal::{Entry, EntryKind, Seq};
use crate::report::RunReport;
use crate::resolution::Resolution;
use crate::store::{Append, Claim, Commit, JournalError, JournalErrorKind, Post, Wait, Which};
use crate::watch::Watch;

impl Runtime {
    /// Asks a run to end. Durable when this returns: it will end as `cancelled`, wherever it is at work and whatever
    /// happens to that process, unless it has ended by then. A run that nobody works on ends at once.
    ///
    /// # Errors
    /// If there is no such run, or that can't be written down.
    pub async fn cancel(&self, run: RunId) -> Result<(), RuntimeError> {
        let input = Input::Cancel { reason: CancelReason::Requested };
        match self.post(run, "cancel".into(), &input).await {
            Ok(()) => {}
            Err(error) if error.journal() == Some(JournalErrorKind::Ended) => return Ok(()),
            // Somebody else has asked for it.
            Err(error) if error.journal() == Some(JournalErrorKind::Exists) => {}
            Err(error) => return Err(error),
        }
        self.end_if_idle(run).await
    }

    /// A run that nobody works on needs no agent to be cancelled.
    async fn end_if_idle(&self, run: RunId) -> Result<(), RuntimeError> {
        let inner = &self.0;
        if inner.active().contains_key(&run) {
            return Ok(());
        }
        let now = inner.now();
        let (owner, until) = (inner.owner.clone(), now.after(inner.lease));
        let claim = Claim { owner, which: Which::Run(run), now, until };
        let lease = match inner.store.claim(&claim).await {
            Ok(Some(lease)) => lease,
            Ok(None) => return Ok(()),
            // Whoever works on it is told.
            Err(error) if matches!(error.kind(), JournalErrorKind::Busy | JournalErrorKind::Ended) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let journal = inner.store.load(run, Seq(0)).await?;
        let consumed = inner.store.posted(run).await?.into_iter().map(|post| post.id).collect();
        let reason = CancelReason::Requested;
        let end = RunReport::cancelled(run, reason, spent(&journal)).entry(true);
        let kinds = [EntryKind::CancelRequested { reason }].into_iter().chain(end);
        let places = journal.len() as u64 + 1..;
        let entries = kinds.zip(places).map(|(kind, seq)| Entry { seq: Seq(seq), at: now, kind });
        let entries: Vec<_> = entries.collect();
        let watch = Watch::new(run, inner.sources.clone(), inner.events.clone());
        let told = entries.clone();
        let (answer, done) = tokio::sync::oneshot::channel();
        let done_with = Commit::new(move |result| drop(answer.send(result)));
        inner.store.append(Append { lease, entries, consumed, seen: None, done: done_with });
        match done.await {
            Ok(result) => {
                result?;
                told.iter().for_each(|entry| watch.publish(entry));
                Ok(())
            }
            Err(_) => {
                let message = format!("it is unknown whether run {run} was cancelled; ask again");
                Err(JournalError::new(JournalErrorKind::Unavailable, message).into())
            }
        }
    }

    /// Answers a question of a run. `digest` is that of the question, as it was shown: an answer to another question is
    /// refused. Durable when this returns.
    ///
    /// # Errors
    /// [`RuntimeErrorKind::NotAsked`] if the step does not ask this, or was answered.
    pub async fn decide(
        &self,
        run: RunId,
        step: &StepId,
        digest: Digest,
        decision: Decision,
        by: Option<String>,
    ) -> Result<(), RuntimeError> {
        let open = self.questions(run).await?;
        let asked = open.iter().any(|wait| match wait {
            Wait::Approval { step: asks, digest: asked, .. } => asks == step && *asked == digest,
            _ => false,
        });
        if !asked {
            return Err(not_asked(run, step, &open));
        }
        let key = format!("decide {step}");
        let input = Input::Decide { step: step.clone(), digest, decision, by };
        self.answer(run, key, &input, step).await
    }

    /// Says what became of an effect of which a crash left open whether it happened. Durable when this returns.
    ///
    /// # Errors
    /// [`RuntimeErrorKind::NotAsked`] if the step's effect is not in doubt.
    pub async fn resolve(
        &self,
        run: RunId,
        step: &StepId,
        resolution: Resolution,
        by: Option<String>,
    ) -> Result<(), RuntimeError> {
        let record = self.0.store.run(run).await?;
        let doubted = |wait: &&Wait| matches!(wait, Wait::UnknownEffect { .. }) && wait.step() == Some(step);
        // While somebody works on it, its record does not say what it waits for; what is not in doubt is passed over.
        let at_work = record.status == RunStatus::Running;
        if !at_work && !record.waits.iter().any(|wait| doubted(&wait)) {
            return Err(not_asked(run, step, &record.waits));
        }
        // It may be in doubt again after the next crash.
        let key = format!("resolve {step} {}", record.entries);
        self.answer(run, key, &Input::Resolve { step: step.clone(), resolution, by }, step).await
    }

    /// Puts a message into a mailbox of a run. A second one with the same key is the same message, and is not delivered
    /// again. Durable when this returns.
    ///
    /// # Errors
    /// If there is no such run, it has ended, or the message has no JSON form.
    pub async fn send<T: Serialize + ?Sized>(
        &self,
        run: RunId,
        mailbox: &str,
        key: &str,
        message: &T,
    ) -> Result<(), RuntimeError> {
        let content = Json::of(message).map_err(RuntimeError::no_json)?;
        let input = Input::Message { mailbox: mailbox.into(), key: key.into(), content };
        match self
            .post(
                run,
                format!("message {}", Json::of(&(mailbox, key)).map_err(RuntimeError::no_json)?.as_str()),
                &input,
            )
            .await
        {
            Err(error) if error.journal() == Some(JournalErrorKind::Exists) => Ok(()),
            posted => posted,
        }
    }

    /// What a run asks people: the questions that are open.
    ///
    /// # Errors
    /// If there is no such run.
    pub async fn questions(&self, run: RunId) -> Result<Vec<Wait>, RuntimeError> {
        let record = self.0.store.run(run).await?;
        if record.status.has_ended() {
            return Ok(Vec::new());
        }
        let mut open: Vec<Wait> = Vec::new();
        for entry in self.0.store.load(run, Seq(0)).await? {
            match entry.kind {
                EntryKind::Intent { step, kind: StepKind::Approval, digest, asked, .. } => {
                    if let Ok(approval) = asked.read() {
                        open.push(Wait::Approval { step, digest: digest.unwrap_or_default(), approval });
                    }
                }
                EntryKind::Outcome { step, .. } | EntryKind::Dropped { step, .. } => {
                    open.retain(|wait| wait.step() != Some(&step));
                }
                EntryKind::CancelRequested { .. } => open.clear(),
                _ => {}
            }
        }
        open.extend(record.waits.into_iter().filter(|wait| matches!(wait, Wait::UnknownEffect { .. })));
        Ok(open)
    }

    /// Answers to questions of a run that were given and are not yet taken in: whoever works on the run next does that. In
    /// the order in which they were given.
    ///
    /// # Errors
    /// If there is no such run.
    pub async fn answers(&self, run: RunId) -> Result<Vec<(StepId, Decision)>, RuntimeError> {
        let posts = self.0.store.posted(run).await?;
        let answers = posts.into_iter().filter_map(|post| match post.content.read() {
            Ok(Input::Decide { step, decision, .. }) => Some((step, decision)),
            _ => None,
        });
        Ok(answers.collect())
    }

    async fn answer(
        &self,
        run: RunId,
        key: String,
        input: &Input,
        step: &StepId,
    ) -> Result<(), RuntimeError> {
        match self.post(run, key, input).await {
            Err(error) if error.journal() == Some(JournalErrorKind::Exists) => {
                let message = format!("step `{step}` of run {run} was answered before");
                Err(RuntimeError::new(RuntimeErrorKind::NotAsked, message))
            }
            posted => posted,
        }
    }

    pub(super) async fn post(&self, run: RunId, key: String, input: &Input) -> Result<(), RuntimeError> {
        let content = Json::of(input).map_err(RuntimeError::no_json)?;
        self.0.store.post(run, Post { key, content, at: self.0.now() }).await?;
        let active = self.0.active().get(&run).cloned();
        if let Some(active) = active {
            self.feed(&active).await?;
        }
        Ok(())
    }
}

/// What a run took, by its journal. An outcome that nobody heard is booked where its step was dropped.
fn spent(journal: &[Entry]) -> Spend {
    let (mut steps, mut lost_ones) = (HashMap::new(), Spend::default());
    for entry in journal {
        match &entry.kind {
            EntryKind::Outcome { step, spend, .. } | EntryKind::Dropped { step, spend, .. } => {
                steps.insert(step, *spend);
            }
            EntryKind::Restarted { lost, .. } => lost_ones += *lost,
            _ => {}
        }
    }
    steps.into_values().fold(lost_ones, |sum, spend| sum + spend)
}

fn not_asked(run: RunId, step: &StepId, open: &[Wait]) -> RuntimeError {
    let open: Vec<_> = open.iter().filter_map(Wait::step).collect();
    RuntimeError::not_asked(run, step, &open)
}
