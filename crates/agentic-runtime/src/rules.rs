//! The rules of a run, which answer its questions in place of a person.

use agentic_core::{Approval, ApprovalRule};

use crate::journal::{Begin, EntryKind};

/// The rules that hold in a run, in the order in which they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<ApprovalRule>);

impl Rules {
    /// A rule holds from now on. One that held before counts as given now.
    pub(crate) fn give(&mut self, rule: ApprovalRule) {
        self.revoke(&rule);
        self.0.push(rule);
    }

    /// A rule holds no more. Gives whether it did.
    pub(crate) fn revoke(&mut self, rule: &ApprovalRule) -> bool {
        let before = self.0.len();
        self.0.retain(|held| held != rule);
        self.0.len() < before
    }

    /// What an entry of the run's journal changes about them.
    pub(crate) fn learn(&mut self, entry: &EntryKind) {
        match entry {
            EntryKind::Started { begin, .. } => {
                let begin: Begin = begin.read().unwrap_or_default();
                begin.rules.into_iter().for_each(|rule| self.give(rule));
            }
            EntryKind::RuleGiven { rule, .. } => self.give(rule.clone()),
            EntryKind::RuleRevoked { rule, .. } => drop(self.revoke(rule)),
            _ => {}
        }
    }

    /// The rule that answers this question: one that denies before one that allows, of these the latest.
    pub(crate) fn of(&self, approval: &Approval) -> Option<&ApprovalRule> {
        let mut matching = self.0.iter().rev().filter(|rule| rule.matches(approval));
        matching.clone().find(|rule| rule.denies()).or_else(|| matching.next())
    }

    pub(crate) fn into_vec(self) -> Vec<ApprovalRule> {
        self.0
    }
}

impl FromIterator<ApprovalRule> for Rules {
    fn from_iter<I: IntoIterator<Item = ApprovalRule>>(rules: I) -> Self {
        let mut held = Self::default();
        rules.into_iter().for_each(|rule| held.give(rule));
        held
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_that_denies_wins_and_else_the_latest() {
        let asked = Approval::of_tool("shell", json!({"command": "ls"}));
        let (allow, no) = (ApprovalRule::allow("shell"), ApprovalRule::deny("shell", "no"));
        let never = ApprovalRule::deny("shell", "never");
        let mut rules: Rules = [no.clone(), never.clone(), allow.clone()].into_iter().collect();
        assert_eq!(rules.of(&asked), Some(&never));
        rules.give(no.clone());
        assert_eq!(rules.of(&asked), Some(&no), "given again");
        assert!(rules.revoke(&no) && rules.revoke(&never) && !rules.revoke(&no));
        assert_eq!(rules.of(&asked), Some(&allow));
        assert_eq!(rules.of(&Approval::new("May I call `shell`?")), None);
    }
}
