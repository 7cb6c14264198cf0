//! Evidence that keywords find in long conversations (LoCoMo; Maharana et al., "Evaluating Very Long-Term Conversational
//! Memory of LLM Agents", 2024). Skipped where the fixture is absent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use agentic_core::{
    EmbedderInfo, Memory as _, MemoryEntry, MemoryKind, MemoryQuery, MemoryScope, Record, RunContext,
    Selection, Timestamp, VectorStore, WriteBatch,
};
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::{Language, LongTermMemory, LongTermOptions};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::{HashingEmbedder, fixture};
use serde_json::Value;

struct Conversation {
    name: String,
    turns: Vec<Turn>,
    questions: Vec<Question>,
}

struct Turn {
    id: String,
    session: String,
    speaker: String,
    text: String,
    caption: Option<String>,
    at: Timestamp,
}

struct Question {
    text: String,
    evidence: HashSet<String>,
}

fn conversations() -> Option<Vec<Conversation>> {
    let text = std::fs::read_to_string(fixture("locomo/locomo-half.json")?).unwrap();
    let whole: Vec<Value> = serde_json::from_str(&text).unwrap();
    Some(whole.iter().map(conversation).collect())
}

fn conversation(whole: &Value) -> Conversation {
    let said = whole["conversation"].as_object().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut turns = Vec::new();
    for session in
        (1..).map(|n| format!("session_{n}")).take_while(|it| said.contains_key(&format!("{it}_date_time")))
    {
        let begin = time(said[&format!("{session}_date_time")].as_str().unwrap());
        for (turn, second) in said.get(&session).and_then(Value::as_array).into_iter().flatten().zip(0..) {
            let (id, speaker, caption) =
                (text(&turn["dia_id"]), text(&turn["speaker"]), &turn["blip_caption"]);
            let (text, caption) = (text(&turn["text"]), caption.as_str().map(str::to_owned));
            let at = Timestamp::from_millis(begin + second * 1_000);
            turns.push(Turn { id, session: session.clone(), speaker, text, caption, at });
        }
    }
    let known: HashSet<&str> = turns.iter().map(|turn| turn.id.as_str()).collect();
    let questions = whole["qa"].as_array().unwrap().iter().filter_map(|question| {
        let evidence: HashSet<String> =
            question["evidence"].as_array()?.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect();
        let asked = question["category"].as_u64()? <= 4;
        let valid = !evidence.is_empty() && evidence.iter().all(|id| known.contains(id.as_str()));
        (asked && valid).then(|| Question { text: text(&question["question"]), evidence })
    });
    let questions = questions.collect();
    Conversation { name: text(&whole["sample_id"]), questions, turns }
}

/// `1:56 pm on 8 May, 2023` in milliseconds; the hour does not matter.
fn time(text: &str) -> u64 {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (_, day) = text.split_once(" on ").unwrap();
    let words: Vec<&str> = day.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let (day, year): (u64, u64) = (words[0].parse().unwrap(), words[2].parse().unwrap());
    let month = MONTHS.find(&words[1][..3]).unwrap() / 3;
    let leap = u64::from(year % 4 == 0);
    let before =
        [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month] + if month > 1 { leap } else { 0 };
    let days = (year - 1970) * 365 + (year - 1969) / 4 + before + day - 1;
    days * 86_400_000
}

/// The part of the evidence that is among what was found, over all questions.
struct Recall(f64, usize);

impl Recall {
    fn count(&mut self, question: &Question, found: impl Iterator<Item = String>) {
        let found = found.filter(|id| question.evidence.contains(id)).collect::<HashSet<_>>().len();
        self.0 += found as f64 / question.evidence.len() as f64;
        self.1 += 1;
    }

    fn mean(&self) -> f64 {
        self.0 / self.1 as f64
    }
}

/// The figure that others got for plain BM25 over who says what.
#[tokio::test]
async fn plain_keywords_find_what_they_should() {
    let Some(conversations) = conversations() else { return };
    let mut recall = Recall(0.0, 0);
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
            recall.count(question, hits.into_iter().map(|hit| hit.record.id));
        }
    }
    println!("plain BM25, {} questions: recall@10 {:.3}", recall.1, recall.mean());
    assert!((recall.mean() - 0.522).abs() < 0.005, "{}", recall.mean());
}

/// What a long-term memory makes of keywords alone, without any vector.
#[tokio::test]
async fn keywords_of_a_long_term_memory_find_more() {
    let Some(conversations) = conversations() else { return };
    let (cx, mut recall) = (RunContext::ephemeral(), Recall(0.0, 0));
    let embedder = HashingEmbedder::new(8);
    let store: Arc<dyn VectorStore> = Arc::new(MemoryStore::new(agentic_core::Embedder::info(&embedder)));
    let mut options = LongTermOptions::default();
    options.weights.keywords = 1.0;
    let memory = LongTermMemory::new(store, embedder).with_options(options);
    for Conversation { name, turns, questions } in &conversations {
        let scope = MemoryScope::of_tenant(name);
        let entry = |turn: &Turn| {
            let scope = scope.clone().session(&turn.session);
            let entry =
                MemoryEntry::new(scope, MemoryKind::Observation, &turn.text, turn.at).said_by(&turn.speaker);
            match &turn.caption {
                Some(caption) => entry.with("caption", caption.as_str()),
                None => entry,
            }
        };
        let added = memory.add_all(turns.iter().map(entry).collect(), &cx).await.unwrap();
        let ids =
            added.iter().zip(turns).map(|(added, turn)| (added.id().unwrap().to_owned(), turn.id.clone()));
        let ids: HashMap<String, String> = ids.collect();
        for question in questions {
            let query = MemoryQuery::new(scope.clone(), &question.text, 10);
            let found = memory.retrieve(&query, &cx).await.unwrap();
            recall.count(question, found.into_iter().map(|recalled| ids[&recalled.id].clone()));
        }
    }
    println!("keywords, {} questions: recall@10 {:.3}", recall.1, recall.mean());
    assert!(recall.mean() > 0.6, "{}", recall.mean());
}
