//! How much of the evidence for questions about long conversations is found (LoCoMo; Maharana et al., "Evaluating Very
//! Long-Term Conversational Memory of LLM Agents", 2024): every turn is an entry of a long-term memory with its default
//! settings, and a question asks for ten. Beside it: keywords alone, meaning alone, what is newest, and everything.
//!
//! ```text
//! cargo xtask accept locomo
//! ```
#![expect(clippy::print_stdout, reason = "it prints what it measured")]
#![expect(clippy::unwrap_used, reason = "the reader of the recorded conversations is shared with a test")]

use std::collections::HashMap;

use agentic_core::{
    EmbedderInfo, Memory as _, MemoryQuery, MemoryScope, Record, RunContext, Selection, VectorStore as _,
    WriteBatch,
};
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::{Language, LongTermMemory, LongTermOptions};
use agentic_retrieval::{Bars, Failed, Times, default_model, mean};
use agentic_runtime::RunContextExt as _;

#[path = "../../../../crates/agentic-memory/tests/it/locomo/conversations.rs"]
mod conversations;

use conversations::{Conversation, Turn, conversations};

/// So many are asked for.
const TEN: usize = 10;
/// What others measured for plain BM25, and how far ours may be from it.
const PLAIN: (f64, f64) = (0.522, 0.005);
/// What the memory has to find.
const HYBRID: f64 = 0.72;

/// A way to look for evidence, and what came of it.
struct Way {
    name: &'static str,
    recall: Vec<f64>,
    /// Bytes that an answering model would have to read.
    bytes: Vec<f64>,
    times: Times,
}

impl Way {
    fn new(name: &'static str) -> Self {
        Self { name, recall: Vec::new(), bytes: Vec::new(), times: Times::default() }
    }

    /// Prints it, with so many bytes for a token.
    fn print(&self, bytes_per_token: f64) {
        let tokens = mean(&self.bytes) / bytes_per_token;
        println!("{:<44} {:>7.3} {tokens:>9.0}   {}", self.name, mean(&self.recall), self.times.shown());
    }
}

fn line(turn: &Turn) -> String {
    format!("{}: {}", turn.speaker, turn.text)
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let Some(conversations) = conversations() else { return Err("the conversations are not there".into()) };
    let mut bars = Bars::default();
    let plain = plain(&conversations).await?;

    let (model, cached) = default_model().await?;
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("memory.db").display());
    let memory = LongTermMemory::open(&url, cached).await?;
    let cx = RunContext::ephemeral();

    let (mut ids, mut writing) = (Vec::new(), Times::default());
    for Conversation { name, turns, .. } in &conversations {
        let scope = MemoryScope::of_tenant(name);
        let entries = turns.iter().map(|turn| turn.entry(&scope)).collect();
        let added = writing.of(memory.add_all(entries, &cx)).await?;
        let kept: Vec<String> = added.iter().filter_map(|added| added.id().map(str::to_owned)).collect();
        if kept.len() != turns.len() {
            return Err(format!("{name}: {} of {} turns were let in", kept.len(), turns.len()).into());
        }
        ids.push(kept.into_iter().zip(turns).collect::<HashMap<String, &Turn>>());
    }
    let (tokens, embedding) = (model.tokens(), model.time());

    // The first way to look embeds the questions; so its times are those of whoever asks something new.
    let default = memory.options().clone();
    let with = |name, change: fn(&mut LongTermOptions)| {
        let mut options = default.clone();
        change(&mut options);
        (Way::new(name), memory.clone().with_options(options))
    };
    let mut ways = [
        with("long-term memory, default settings", |_| ()),
        with("the same by keywords alone", |options| options.weights.keywords = 1.0),
        with("the same by meaning alone", |options| options.weights.keywords = 0.0),
        with("meaning alone, nothing lent to neighbours", |options| {
            options.weights.keywords = 0.0;
            (options.weights.lent_to_next, options.weights.lent_to_previous) = (0.0, 0.0);
        }),
        with("both, nothing lent to neighbours", |options| {
            (options.weights.lent_to_next, options.weights.lent_to_previous) = (0.0, 0.0);
        }),
    ];
    for (way, memory) in &mut ways {
        for (Conversation { name, questions, .. }, ids) in conversations.iter().zip(&ids) {
            for question in questions {
                let query = MemoryQuery::new(MemoryScope::of_tenant(name), &question.text, TEN);
                let found = way.times.of(memory.retrieve(&query, &cx)).await?;
                let turns: Vec<&Turn> =
                    found.iter().filter_map(|found| ids.get(&found.id).copied()).collect();
                way.recall.push(question.recall(turns.iter().map(|turn| &*turn.id)));
                way.bytes.push(turns.iter().map(|turn| line(turn).len() as f64).sum());
            }
        }
    }
    let (mut newest, mut all) = (Way::new("the newest ten"), Way::new("everything that was said"));
    for (Conversation { name, questions, turns }, ids) in conversations.iter().zip(&ids) {
        for question in questions {
            let scope = MemoryScope::of_tenant(name);
            let found = newest.times.of(memory.recent(&scope, TEN, &cx)).await?;
            let recent: Vec<&Turn> = found.iter().filter_map(|found| ids.get(&found.id).copied()).collect();
            newest.recall.push(question.recall(recent.iter().map(|turn| &*turn.id)));
            newest.bytes.push(recent.iter().map(|turn| line(turn).len() as f64).sum());
            all.recall.push(question.recall(turns.iter().map(|turn| &*turn.id)));
            all.bytes.push(turns.iter().map(|turn| line(turn).len() as f64).sum());
        }
    }

    let turns: usize = conversations.iter().map(|one| one.turns.len()).sum();
    let bytes: usize = conversations.iter().flat_map(|one| &one.turns).map(|turn| line(turn).len()).sum();
    let (bytes_per_token, count) = (bytes as f64 / tokens as f64, plain.recall.len());
    let seconds = writing.total().as_secs_f64();
    println!(
        "locomo: {} conversations, {turns} turns, {count} questions; a token has {bytes_per_token:.2} bytes",
        conversations.len()
    );
    println!(
        "written in {seconds:.2} s: {:.2} ms a turn, of which {:.2} ms by the embedding model, {:.0} tokens a turn, no call \
         of a chat model; {:.0} bytes on disk a turn",
        seconds * 1e3 / turns as f64,
        embedding.as_secs_f64() * 1e3 / turns as f64,
        tokens as f64 / turns as f64,
        on_disk(folder.path())? as f64 / turns as f64,
    );
    println!("{:<44} {:>7} {:>9}   a query", "", "recall", "tokens");
    plain.print(bytes_per_token);
    ways.iter().for_each(|(way, _)| way.print(bytes_per_token));
    newest.print(bytes_per_token);
    all.print(bytes_per_token);

    let (found, (expected, off)) = (mean(&plain.recall), PLAIN);
    bars.hold(
        &format!("locomo plain BM25 recall@10 {found:.4}, bar {expected} ± {off}"),
        (found - expected).abs() <= off,
    );
    let found = mean(&ways[0].0.recall);
    bars.hold(&format!("locomo default settings recall@10 {found:.4}, bar {HYBRID}"), found >= HYBRID);
    bars.result()
}

/// BM25 over who says what, every word as it is: what others measured, too.
async fn plain(conversations: &[Conversation]) -> Result<Way, Failed> {
    let mut way = Way::new("plain BM25");
    for Conversation { name, turns, questions } in conversations {
        let scope = MemoryScope::of_tenant(name);
        let store = MemoryStore::new(&EmbedderInfo::new("none", 1));
        let record = |turn: &Turn| {
            Record::new(&turn.id, scope.clone(), turn.at).with_words(Language::Any.words(&line(turn)))
        };
        store.apply(WriteBatch::upsert(turns.iter().map(record))).await?;
        let lines: HashMap<&str, usize> = turns.iter().map(|turn| (&*turn.id, line(turn).len())).collect();
        for question in questions {
            let words = Language::Any.words(&question.text);
            let wanted = Selection::new(scope.clone(), TEN);
            let hits = way.times.of(store.matching(&words, &wanted)).await?;
            way.recall.push(question.recall(hits.iter().map(|hit| &*hit.record.id)));
            way.bytes.push(hits.iter().filter_map(|hit| lines.get(&*hit.record.id)).sum::<usize>() as f64);
        }
    }
    Ok(way)
}

fn on_disk(folder: &std::path::Path) -> Result<u64, Failed> {
    let mut bytes = 0;
    for file in std::fs::read_dir(folder)? {
        bytes += file?.metadata()?.len();
    }
    Ok(bytes)
}
