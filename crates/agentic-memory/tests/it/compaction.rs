//! Long histories made short.

use agentic_core::{
    Added, Memory as _, MemoryKind, MemoryScope, Message, Messages, ModelErrorKind, Part, Role, RunContext,
    ToolCall, ToolResult, ToolSet, Usage,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::{Compaction, CompactionOptions, LongTermMemory};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::ScriptedModel;
use serde_json::{Value, json};

const MODEL: &str = "test:m";

fn turn(history: &mut Messages, n: usize, calls: usize) {
    let id = |call: usize| format!("call_{n}_{call}");
    let call = |at| Part::ToolCall(ToolCall::new(id(at), "read", &json!({ "page": n })));
    history.push(Message { role: Role::Assistant, parts: (0..calls).map(call).collect() });
    let result = |at| ToolResult {
        call_id: id(at),
        name: "read".into(),
        content: format!("page {n}: {}", "words ".repeat(20)),
        is_error: false,
    };
    // Some agents answer in one message, some in one for each call.
    let results: Vec<_> = (0..calls).map(result).collect();
    if n.is_multiple_of(2) {
        history.push(Message::tool_results(results));
    } else {
        history.extend(results.into_iter().map(|result| Message::tool_results([result])));
    }
}

fn history(turns: usize) -> Messages {
    let mut history: Messages =
        [Message::system("You read books."), Message::user("Read all of it.")].into_iter().collect();
    (0..turns).for_each(|n| turn(&mut history, n, 1 + n % 3));
    history
}

fn options(tokens: u64) -> CompactionOptions {
    let mut options = CompactionOptions::default();
    options.tokens = tokens;
    options
}

fn said(summary: &str, facts: Value) -> String {
    json!({ "summary": summary, "facts": facts }).to_string()
}

/// Each result has its call before it, and each call all of its results.
fn is_whole(history: &Messages) -> bool {
    let mut open: Vec<String> = Vec::new();
    for message in history.iter() {
        if message.role != Role::Tool && !open.is_empty() {
            return false;
        }
        open.extend(message.tool_calls().map(|call| call.id.clone()));
        for part in &message.parts {
            if let Part::ToolResult(result) = part {
                let Some(at) = open.iter().position(|id| *id == result.call_id) else { return false };
                open.remove(at);
            }
        }
    }
    open.is_empty()
}

#[tokio::test]
async fn a_long_history_is_made_short_and_stays_whole() {
    let (cx, tools) = (RunContext::ephemeral(), ToolSet::default());
    // Whatever the length, the cut never separates a call from its results.
    for turns in 8..40 {
        let history = history(turns);
        assert!(is_whole(&history));
        let model = ScriptedModel::new().says(said("Read some pages.", json!([])));
        let compaction = Compaction::new(model).with_options(options(4_000));
        let compacted = compaction.compact(&history, MODEL, &tools, &cx).await.unwrap();
        let Some(compacted) = compacted else {
            assert!(history.token_bound(MODEL, &tools) <= 4_000);
            continue;
        };
        let messages = compacted.messages;
        assert!(is_whole(&messages), "{turns}: {messages:?}");
        let (before, after): (Vec<_>, Vec<_>) = (history.iter().collect(), messages.iter().collect());
        assert_eq!(before[..2], after[..2], "the beginning is the same");
        assert!(after[2].text().ends_with("Read some pages."));
        assert_eq!(before[before.len() - 2..], after[after.len() - 2..], "and so is the end");
        assert_eq!(before.len() - compacted.replaced + 1, after.len());
        assert!(messages.token_bound(MODEL, &tools) <= 3_000, "{turns}: half is free again");
    }
}

#[tokio::test]
async fn what_nobody_has_read_yet_stays() {
    let (cx, tools) = (RunContext::ephemeral(), ToolSet::default());
    for calls in 1..9 {
        let mut history = history(30);
        // A message for each result: more than the newest that stay in any case.
        turn(&mut history, 31, calls);
        let model = ScriptedModel::new().says(said("Read some pages.", json!([])));
        let mut options = options(4_000);
        options.target = 0.0;
        let compaction = Compaction::new(model).with_options(options);
        let messages = compaction.compact(&history, MODEL, &tools, &cx).await.unwrap().unwrap().messages;
        assert!(is_whole(&messages), "{messages:?}");
        let (before, after): (Vec<_>, Vec<_>) = (history.iter().collect(), messages.iter().collect());
        let newest = (calls + 1).max(4);
        assert_eq!(before[before.len() - newest..], after[after.len() - newest..], "{calls} results");
    }
}

#[tokio::test]
async fn it_happens_in_big_steps() {
    let (cx, tools) = (RunContext::ephemeral(), ToolSet::default());
    let model = (0..100).fold(ScriptedModel::new(), |model, _| model.says(said("Pages.", json!([]))));
    let compaction = Compaction::new(model.clone()).with_options(options(6_000));
    let mut history = history(0);
    let mut prefixes = 0;
    for n in 0..200 {
        if let Some(compacted) = compaction.compact(&history, MODEL, &tools, &cx).await.unwrap() {
            history = compacted.messages;
            prefixes += 1;
        }
        assert!(compaction.compact(&history, MODEL, &tools, &cx).await.unwrap().is_none(), "not twice");
        turn(&mut history, n, 1);
    }
    assert!((5..20).contains(&prefixes), "{prefixes} of 200 turns changed what was cached");
    let asked: String = model.requests().last().unwrap().messages.iter().map(|it| it.text()).collect();
    assert!(
        asked.contains("Summary of the conversation up to here:\nPages."),
        "what was said before is read again"
    );
}

#[tokio::test]
async fn where_there_is_little_to_gain_no_model_is_asked() {
    let (cx, tools) = (RunContext::ephemeral(), ToolSet::default());
    let model = (0..9).fold(ScriptedModel::new(), |model, _| model.says(said("Pages.", json!([]))));
    let compaction = Compaction::new(model.clone()).with_options(options(4_000));
    let mut history = history(2);
    // The newest messages alone are too long.
    for n in 0..9 {
        if let Some(compacted) = compaction.compact(&history, MODEL, &tools, &cx).await.unwrap() {
            history = compacted.messages;
        }
        history.push(Message::assistant(format!("{n}")));
        history.push(Message::user("x".repeat(if n < 2 { 4_000 } else { 10 })));
    }
    assert!(model.requests().len() <= 3, "{} of 9 turns", model.requests().len());
}

#[tokio::test]
async fn the_models_own_count_decides() {
    let (cx, tools) = (RunContext::ephemeral(), ToolSet::default());
    let compaction =
        Compaction::new(ScriptedModel::new().says(said("Pages.", json!([])))).with_options(options(4_000));
    let mut history = history(30);
    assert!(history.token_bound(MODEL, &tools) > 4_000);
    let count = |input_tokens| Usage { input_tokens, output_tokens: 10, ..Usage::default() };
    history.push_response(Message::assistant("Next."), &MODEL.into(), &tools, &count(2_000));
    assert!(compaction.compact(&history, MODEL, &tools, &cx).await.unwrap().is_none());
    history.push_response(Message::assistant("Next."), &MODEL.into(), &tools, &count(4_000));
    let compacted = compaction.compact(&history, MODEL, &tools, &cx).await.unwrap().unwrap();
    let bytes = compacted.messages.token_bound("other", &tools);
    assert!((2_000..=4_000).contains(&bytes), "as much stays as has room: {bytes}");
}

#[tokio::test]
async fn what_lasts_is_remembered_before_it_is_given_up() {
    let (cx, tools) = (RunContext::ephemeral(), ToolSet::default());
    let memory = LongTermMemory::open("memory:", HashingEmbedder::new(64)).await.unwrap();
    let anna = MemoryScope::of_tenant("anna");
    let facts = json!([
        { "fact": "Anna's book has 300 pages", "importance": 0.8 },
        { "fact": "Page 7 was read", "importance": 0.1 },
        { "fact": "Anna owns a boat", "importance": 7 },
    ]);
    let model = ScriptedModel::new().says(said("Pages.", facts));
    let compaction =
        Compaction::new(model).with_options(options(4_000)).with_memory(memory.clone(), anna.clone());
    let compacted = compaction.compact(&history(30), MODEL, &tools, &cx).await.unwrap().unwrap();
    assert!(matches!(
        &compacted.remembered[..],
        [Added::Kept { .. }, Added::Rejected { .. }, Added::Kept { .. }]
    ));
    let kept = memory.recent(&anna, 9, &cx).await.unwrap();
    assert!(kept.iter().all(|it| it.entry.kind == MemoryKind::Fact) && kept.len() == 2);
}

#[tokio::test]
async fn what_can_not_be_made_short_stays_as_it_is() {
    let (cx, tools) = (RunContext::ephemeral(), ToolSet::default());
    let failing = ScriptedModel::new().fails(ModelErrorKind::Unavailable, "busy");
    let compaction = Compaction::new(failing.clone()).with_options(options(4_000));
    assert!(compaction.compact(&history(30), MODEL, &tools, &cx).await.is_err());
    assert!(compaction.compact(&Messages::new(), MODEL, &tools, &cx).await.unwrap().is_none());
    // All of it is beginning, or newest.
    let huge: Messages =
        [Message::system("s"), Message::user("x".repeat(9_000)), Message::assistant("y".repeat(9_000))]
            .into_iter()
            .collect();
    assert!(compaction.compact(&huge, MODEL, &tools, &cx).await.unwrap().is_none());
    assert_eq!(failing.requests().len(), 1);
}
