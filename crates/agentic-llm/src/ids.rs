//! Ids of tool calls: each joins one call to its result, so each is unique within its conversation.

use std::collections::HashSet;

use agentic_core::{Message, Messages, ToolCall};

/// Gives an id to every call that has none, or one that another call of the conversation has already (some
/// servers count anew in each turn).
///
/// The ids follow from the history alone: `call_<n>`, n counting the calls of the conversation.
pub(crate) fn complete<'c>(calls: impl Iterator<Item = &'c mut ToolCall>, history: &Messages) {
    let mut calls = calls.peekable();
    if calls.peek().is_none() {
        return;
    }
    let earlier = || history.iter().flat_map(Message::tool_calls);
    let mut used: HashSet<String> = HashSet::new();
    let mut count = 0;
    let calls: Vec<&mut ToolCall> = calls.collect();
    // Mostly one call with an id of its own.
    if let [call] = &calls[..]
        && !call.id.is_empty()
        && earlier().all(|known| known.id != call.id)
    {
        return;
    }
    for call in earlier() {
        count += 1;
        // Only ids that might be given again matter.
        if is_ours(&call.id) || calls.iter().any(|new| new.id == call.id) {
            used.insert(call.id.clone());
        }
    }
    // What the server named keeps its name, so that a made-up one can't take it first.
    let mut nameless = Vec::new();
    for (at, call) in calls.into_iter().enumerate() {
        if call.id.is_empty() || !used.insert(call.id.clone()) {
            nameless.push((at, call));
        }
    }
    for (at, call) in nameless {
        let mut number = count + at;
        call.id = loop {
            let id = format!("call_{number}");
            if used.insert(id.clone()) {
                break id;
            }
            number += 1;
        };
    }
}

fn is_ours(id: &str) -> bool {
    id.strip_prefix("call_").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::{Part, Role};

    fn call(id: &str) -> ToolCall {
        ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into() }
    }

    #[track_caller]
    fn check(history: &[&str], answer: &[&str], expected: &[&str]) {
        let parts = history.iter().map(|id| Part::ToolCall(call(id))).collect();
        let history: Messages = [Message { role: Role::Assistant, parts }].into_iter().collect();
        let mut calls: Vec<ToolCall> = answer.iter().map(|id| call(id)).collect();
        complete(calls.iter_mut(), &history);
        let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
        assert_eq!(ids, expected);
    }

    #[test]
    fn given_ids_are_kept() {
        check(&[], &["a", "b"], &["a", "b"]);
        check(&["a"], &["b"], &["b"]);
    }

    #[test]
    fn missing_ids_count_on_through_the_conversation() {
        check(&[], &["", ""], &["call_0", "call_1"]);
        check(&["call_0", "call_1"], &["", ""], &["call_2", "call_3"]);
        check(&["x"], &["", "y", ""], &["call_1", "y", "call_3"]);
    }

    #[test]
    fn ids_are_never_given_twice() {
        check(&["call_0"], &["call_0"], &["call_1"]);
        check(&[], &["same", "same"], &["same", "call_1"]);
        check(&[], &["", "call_0"], &["call_1", "call_0"]);
        // A history that was shortened: counting alone would collide.
        check(&["call_1"], &[""], &["call_2"]);
    }
}
