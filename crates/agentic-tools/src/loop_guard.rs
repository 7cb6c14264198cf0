//! Notices an agent that goes round in circles.
//!
//! A turn makes no progress if every call in it was made before, with the same result, and nothing has changed the
//! world since. An agent that edits and tests again makes progress even while the test's output stays the same; one
//! that waits for something makes progress when the answer changes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

/// When the guard speaks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoopGuardOptions {
    /// Turns without progress, one after the other, until the model gets a hint. Default: 1.
    pub hint_after: u32,
    /// Turns without progress, one after the other, until the agent is stopped; 0 never stops it. Default: 5.
    pub stop_after: u32,
}

impl Default for LoopGuardOptions {
    fn default() -> Self {
        Self { hint_after: 1, stop_after: 5 }
    }
}

/// What the guard has to say about a turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoopVerdict {
    /// Go on.
    Progress,
    /// Tell the model this.
    Hint(String),
    /// Stop, for this reason.
    Stop(String),
}

/// Watches the turns of one agent run.
#[derive(Clone, Debug, Default)]
pub struct LoopGuard {
    options: LoopGuardOptions,
    /// Calls with their results, and how many changes had been made to the world by then.
    seen: HashMap<u64, u64>,
    changes: u64,
    stale: u32,
    turn_is_new: bool,
}

impl LoopGuard {
    /// A guard that has seen nothing yet.
    pub fn new(options: LoopGuardOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// Takes note of one call of the current turn; `changes` says whether it may have changed the world.
    pub fn saw(&mut self, tool: &str, arguments: &Value, shown: &str, changes: bool) {
        let key = fingerprint(tool, arguments, shown);
        let before = self.seen.get(&key).copied();
        self.turn_is_new |= before != Some(self.changes);
        // The same change over again with the same result is no change.
        self.changes += u64::from(changes && before.is_none());
        self.seen.insert(key, self.changes);
    }

    /// Ends the turn.
    pub fn end_turn(&mut self) -> LoopVerdict {
        if std::mem::take(&mut self.turn_is_new) {
            self.stale = 0;
            return LoopVerdict::Progress;
        }
        self.stale += 1;
        let LoopGuardOptions { hint_after, stop_after } = self.options;
        if stop_after > 0 && self.stale >= stop_after {
            return LoopVerdict::Stop(format!(
                "{} turns in a row only repeated calls that had given the same results before",
                self.stale
            ));
        }
        if self.stale >= hint_after {
            return LoopVerdict::Hint(
                "You made this call before and got the same result. Do not repeat it: use the results that you have, do something else, or give the final answer."
                    .into(),
            );
        }
        LoopVerdict::Progress
    }
}

/// A call with its result: equal for equal arguments, in whatever order they were written. Of two that are not equal,
/// one in 2^64 pairs has the same number and counts as a repetition.
fn fingerprint(tool: &str, arguments: &Value, shown: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (tool, arguments, shown).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{LoopGuard, LoopGuardOptions, LoopVerdict};
    use serde_json::json;

    fn verdicts(turns: &[&[(&str, &str, bool)]]) -> String {
        let mut guard = LoopGuard::new(LoopGuardOptions { hint_after: 1, stop_after: 3 });
        let mut all = String::new();
        for turn in turns {
            for (call, result, changes) in *turn {
                guard.saw(call, &json!({"a": 1, "b": 2}), result, *changes);
            }
            all.push(match guard.end_turn() {
                LoopVerdict::Progress => '.',
                LoopVerdict::Hint(_) => 'h',
                LoopVerdict::Stop(_) => 'S',
            });
        }
        all
    }

    #[test]
    fn a_repeated_call_with_the_same_result_is_hinted_at_and_then_stopped() {
        let read: &[_] = &[("read", "text", false)];
        assert_eq!(verdicts(&[read, read, read, read]), ".hhS");
    }

    #[test]
    fn going_round_over_several_calls_is_a_loop_too() {
        let (a, b): (&[_], &[_]) = (&[("read a", "x", false)], &[("read b", "y", false)]);
        assert_eq!(verdicts(&[a, b, a, b, a]), "..hhS");
    }

    #[test]
    fn the_order_of_arguments_does_not_matter() {
        let one = super::fingerprint("t", &json!({"a": 1, "b": {"c": [1], "d": 2}}), "x");
        let other = super::fingerprint("t", &json!({"b": {"d": 2, "c": [1]}, "a": 1}), "x");
        assert_eq!(one, other);
        assert_ne!(one, super::fingerprint("t", &json!({"a": 1, "b": {"c": [2], "d": 2}}), "x"));
    }

    #[test]
    fn one_new_call_in_a_turn_is_progress() {
        let read: &[_] = &[("read", "text", false)];
        let both: &[_] = &[("read", "text", false), ("list", "files", false)];
        assert_eq!(verdicts(&[read, read, both, read]), ".h.h");
    }

    #[test]
    fn waiting_for_a_result_that_changes_is_no_loop() {
        assert_eq!(
            verdicts(&[&[("poll", "10 %", false)], &[("poll", "20 %", false)], &[("poll", "30 %", false)]]),
            "..."
        );
    }

    #[test]
    fn testing_after_each_edit_is_no_loop_though_the_test_says_the_same() {
        let test: &[_] = &[("test", "1 failed", false)];
        let edits: [&[_]; 3] =
            [&[("edit 1", "ok", true)], &[("edit 2", "ok", true)], &[("edit 3", "ok", true)]];
        assert_eq!(verdicts(&[test, edits[0], test, edits[1], test, edits[2], test]), ".......");
    }

    #[test]
    fn the_same_edit_over_and_over_is_a_loop() {
        let (edit, test): (&[_], &[_]) = (&[("edit", "ok", true)], &[("test", "1 failed", false)]);
        assert_eq!(verdicts(&[edit, test, edit, test, edit]), "..hhS");
    }
}
