//! A program outside of the workspace that uses one part of `agentic-tools`, and gets nothing else.

use agentic_tools::{LoopGuard, LoopGuardOptions, LoopVerdict};

fn main() {
    let mut guard = LoopGuard::new(LoopGuardOptions::default());
    let verdict = guard.end_turn();
    assert!(matches!(verdict, LoopVerdict::Hint(_)), "a turn in which nothing new happened: {verdict:?}");
}
