//! Rules that are given to a run, and taken back, from outside.

use agentic_core::{ApprovalRule, RunId};

use super::{Runtime, RuntimeError};
use crate::engine::Input;
use crate::journal::Seq;
use crate::rules::Rules;

impl Runtime {
    /// Gives a run a rule. It answers every open question of the run that it [matches](ApprovalRule::matches), and all
    /// that come, as soon as somebody works on the run. Durable when this returns.
    ///
    /// # Errors
    /// If there is no such run, it has ended, or that can't be written down.
    pub async fn give_rule(
        &self,
        run: RunId,
        rule: ApprovalRule,
        by: Option<String>,
    ) -> Result<(), RuntimeError> {
        self.post_rule(run, &Input::Rule { rule, by }).await
    }

    /// Takes a rule back, wherever it came from; what it has answered stays answered. Durable when this returns. A rule
    /// that the run does not have is nothing to take back, and no error.
    ///
    /// # Errors
    /// If there is no such run, it has ended, or that can't be written down.
    pub async fn revoke_rule(
        &self,
        run: RunId,
        rule: ApprovalRule,
        by: Option<String>,
    ) -> Result<(), RuntimeError> {
        self.post_rule(run, &Input::RevokeRule { rule, by }).await
    }

    async fn post_rule(&self, run: RunId, input: &Input) -> Result<(), RuntimeError> {
        // Each is one of its own, also if it was posted before.
        self.post(run, format!("rule {}", self.0.sources.id()), input).await
    }

    /// The rules of a run, in the order in which they were given, with those that were posted and not yet taken in.
    ///
    /// # Errors
    /// If there is no such run, or its journal can't be read.
    pub async fn rules(&self, run: RunId) -> Result<Vec<ApprovalRule>, RuntimeError> {
        let store = &self.0.store;
        let mut posts = store.posted(run).await?;
        let mut rules = loop {
            let mut rules = Rules::default();
            store.load(run, Seq(0)).await?.iter().for_each(|entry| rules.learn(&entry.kind));
            // What is taken in meanwhile would be in both, or in neither.
            let before = std::mem::replace(&mut posts, store.posted(run).await?);
            if before.iter().map(|post| post.id).eq(posts.iter().map(|post| post.id)) {
                break rules;
            }
        };
        for post in posts {
            match post.content.read() {
                Ok(Input::Rule { rule, .. }) => rules.give(rule),
                Ok(Input::RevokeRule { rule, .. }) => drop(rules.revoke(&rule)),
                _ => {}
            }
        }
        Ok(rules.into_vec())
    }
}
