//! Evidence that keywords find in long conversations (LoCoMo; Maharana et al., "Evaluating Very Long-Term Conversational
//! Memory of LLM Agents", 2024). Skipped where the fixture is absent. `cargo xtask accept locomo` measures the same with
//! an embedding model.

mod conversations;

use std::collections::HashMap;
use std::sync::Arc;

use agentic_core::{
    EmbedderInfo, Memory as _, MemoryQuery, MemoryScope, Record, RunContext, Selection, VectorStore,
    WriteBatch,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::{Language, LongTermMemory, LongTermOptions};
use agentic_runtime::RunContextExt as _;

use self::conversations::{Conversation, Turn, conversations};

fn mean(parts: &[f64]) -> f64 {
    parts.iter().sum::<f64>() / parts.len() as f64
}

/// The figure that others got for plain BM25 over who says what.
#[tokio::test]
async fn plain_keywords_find_what_they_should() {
    let Some(conversations) = conversations() else { return };
    let mut recall = Vec::new();
    for Conversation { name, turns, questions } in &conversations {
        let scope = MemoryScope::of_tenant(name);
        let store = MemoryStore::new(&EmbedderInfo::new("none", 1));
        let record = |turn: &Turn| {
            let words = Language::Any.words(&format!("{}: {}", turn.speaker, turn.text));
            Record::new(&turn.id, scope.clone(), turn.at).with_words(words)
        };
        store.apply(WriteBatch::upsert(turns.iter().map(record))).await.unwrap();
        for question in questions {
            let words = Language::Any.words(&question.text);
            let hits = store.matching(&words, &Selection::new(scope.clone(), 10)).await.unwrap();
            recall.push(question.recall(hits.iter().map(|hit| &*hit.record.id)));
        }
    }
    let found = mean(&recall);
    println!("plain BM25, {} questions: recall@10 {found:.3}", recall.len());
    assert!((found - 0.522).abs() < 0.002, "{found}");
}

/// What a long-term memory makes of keywords alone, without any vector.
#[tokio::test]
async fn keywords_of_a_long_term_memory_find_more() {
    let Some(conversations) = conversations() else { return };
    let (cx, mut recall) = (RunContext::ephemeral(), Vec::new());
    let embedder = HashingEmbedder::new(8);
    let store: Arc<dyn VectorStore> = Arc::new(MemoryStore::new(agentic_core::Embedder::info(&embedder)));
    let mut options = LongTermOptions::default();
    options.weights.keywords = 1.0;
    let memory = LongTermMemory::new(store, embedder).with_options(options);
    for Conversation { name, turns, questions } in &conversations {
        let scope = MemoryScope::of_tenant(name);
        let entries = turns.iter().map(|turn| turn.entry(&scope)).collect();
        let added = memory.add_all(entries, &cx).await.unwrap();
        let ids: HashMap<&str, &str> =
            added.iter().zip(turns).map(|(added, turn)| (added.id().unwrap(), &*turn.id)).collect();
        for question in questions {
            let query = MemoryQuery::new(scope.clone(), &question.text, 10);
            let found = memory.retrieve(&query, &cx).await.unwrap();
            recall.push(question.recall(found.iter().map(|recalled| ids[&*recalled.id])));
        }
    }
    let found = mean(&recall);
    println!("keywords, {} questions: recall@10 {found:.3}", recall.len());
    assert!(found > 0.65, "{found}");
}
