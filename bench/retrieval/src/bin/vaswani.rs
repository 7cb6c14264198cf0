//! How well abstracts are found by questions about them (the Vaswani collection of the NPL: 11,429 abstracts): every
//! abstract is an entry of a long-term memory in a session of its own, since none of them follows another.
//!
//! ```text
//! cargo xtask accept vaswani
//! ```
#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use agentic_core::{
    EmbedderInfo, Memory as _, MemoryEntry, MemoryKind, MemoryQuery, MemoryScope, Record, RunContext,
    Selection, Timestamp, VectorStore as _, WriteBatch,
};
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::{Language, LongTermMemory, LongTermOptions};
use agentic_retrieval::{Bars, Failed, Times, default_model, mean, ndcg};
use agentic_runtime::RunContextExt as _;

const TEN: usize = 10;
/// So many are written at a time.
const BATCH: usize = 500;
/// What keywords alone have to reach.
const KEYWORDS: f64 = 0.36;
/// What others measured for plain BM25, and how far ours may be from it.
const PLAIN: (f64, f64) = (0.356, 0.01);

struct Text {
    id: String,
    text: String,
}

struct Query {
    text: String,
    relevant: HashSet<String>,
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let folder = agentic_testkit::fixture("retrieval/vaswani-npl").ok_or("the abstracts are not there")?;
    let texts = read(&folder.join("corpus/doc-text.trec"), "<DOC>", "<DOCNO>", "</DOCNO>", "</DOC>")?;
    let queries = queries(&folder)?;
    println!("vaswani: {} abstracts, {} queries", texts.len(), queries.len());
    let mut bars = Bars::default();
    let found = plain(&texts, &queries).await?;
    let (expected, off) = PLAIN;
    bars.hold(
        &format!("vaswani plain BM25 nDCG@10 {found:.4}, bar {expected} ± {off}"),
        (found - expected).abs() <= off,
    );

    let (model, cached) = default_model().await?;
    let files = tempfile::tempdir()?;
    let url = format!("sqlite://{}", files.path().join("memory.db").display());
    let memory = LongTermMemory::open(&url, cached).await?;
    let (cx, scope) = (RunContext::ephemeral(), MemoryScope::of_tenant("vaswani"));
    let (mut ids, mut writing) = (HashMap::new(), Times::default());
    for some in texts.chunks(BATCH) {
        let entry = |Text { id, text }: &Text| {
            MemoryEntry::new(scope.clone().session(id), MemoryKind::Observation, text, Timestamp::default())
        };
        let added = writing.of(memory.add_all(some.iter().map(entry).collect(), &cx)).await?;
        for (added, Text { id, .. }) in added.iter().zip(some) {
            let kept = added.id().ok_or_else(|| format!("abstract {id} was not let in: {added:?}"))?;
            ids.insert(kept.to_owned(), id.as_str());
        }
    }
    let (seconds, count) = (writing.total().as_secs_f64(), texts.len() as f64);
    println!(
        "written in {seconds:.1} s: {:.2} ms an abstract, of which {:.2} ms by the embedding model, {:.0} tokens",
        seconds * 1e3 / count,
        model.time().as_secs_f64() * 1e3 / count,
        model.tokens() as f64 / count,
    );

    // The part of the relevance that is by keywords.
    let default = LongTermOptions::default().weights.keywords;
    let ways = [("default settings", default), ("keywords alone", 1.0), ("meaning alone", 0.0)];
    let mut found = Vec::new();
    for (name, keywords) in ways {
        let mut options = memory.options().clone();
        options.weights.keywords = keywords;
        let memory = memory.clone().with_options(options);
        let (mut gains, mut times) = (Vec::new(), Times::default());
        for Query { text, relevant } in &queries {
            let query = MemoryQuery::new(scope.clone(), text, TEN);
            let hits = times.of(memory.retrieve(&query, &cx)).await?;
            gains.push(ndcg(hits.iter().filter_map(|hit| ids.get(&hit.id).copied()), relevant, TEN));
        }
        println!("{name:<18} nDCG@10 {:.4}   {}", mean(&gains), times.shown());
        found.push(mean(&gains));
    }
    let [both, keywords, meaning] = found[..] else { return Err("there are three ways".into()) };
    bars.hold(&format!("vaswani keywords alone nDCG@10 {keywords:.4}, bar {KEYWORDS}"), keywords >= KEYWORDS);
    let better = keywords.max(meaning);
    bars.hold(&format!("vaswani both nDCG@10 {both:.4}, bar: above {better:.4}"), both > better);
    bars.result()
}

/// BM25, every word as it is.
async fn plain(texts: &[Text], queries: &[Query]) -> Result<f64, Failed> {
    let scope = MemoryScope::of_tenant("vaswani");
    let store = MemoryStore::new(&EmbedderInfo::new("none", 1));
    let record = |Text { id, text }: &Text| {
        Record::new(id, scope.clone(), Timestamp::default()).with_words(Language::Any.words(text))
    };
    store.apply(WriteBatch::upsert(texts.iter().map(record))).await?;
    let mut gains = Vec::new();
    for Query { text, relevant } in queries {
        let wanted = Selection::new(scope.clone(), TEN);
        let hits = store.matching(&Language::Any.words(text), &wanted).await?;
        gains.push(ndcg(hits.iter().map(|hit| &*hit.record.id), relevant, TEN));
    }
    Ok(mean(&gains))
}

/// The texts of a file in TREC's form: each begins with `begin`, has an id between two marks, then its text to `end`.
fn read(path: &Path, begin: &str, id: &str, text: &str, end: &str) -> Result<Vec<Text>, Failed> {
    let whole = fs::read_to_string(path)?;
    let parts = whole.split(begin).skip(1).map(|part| {
        let (number, rest) = part.split_once(id)?.1.split_once(text)?;
        let words: Vec<&str> = rest.split(end).next()?.split_whitespace().collect();
        Some(Text { id: number.trim().to_owned(), text: words.join(" ") })
    });
    let texts: Option<Vec<Text>> = parts.collect();
    Ok(texts.ok_or_else(|| format!("{} is not in the form of TREC", path.display()))?)
}

/// The queries with the abstracts that are relevant to them, in lower case: they are kept in capitals.
fn queries(folder: &Path) -> Result<Vec<Query>, Failed> {
    let judged = fs::read_to_string(folder.join("qrels"))?;
    let mut relevant: HashMap<&str, HashSet<String>> = HashMap::new();
    for line in judged.lines() {
        if let [query, _, text, grade] = line.split_whitespace().collect::<Vec<_>>()[..]
            && grade != "0"
        {
            relevant.entry(query).or_default().insert(text.to_owned());
        }
    }
    let texts = read(&folder.join("query-text.trec"), "<top>", "<num>", "</num><title>", "</title>")?;
    let query = |Text { id, text }: Text| {
        Some(Query { text: text.to_lowercase(), relevant: relevant.remove(id.as_str())? })
    };
    Ok(texts.into_iter().filter_map(query).collect())
}
