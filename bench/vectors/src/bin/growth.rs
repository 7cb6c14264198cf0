//! How a store grows: writing in batches of 1,000, opening again, finding; entries of 384 dimensions with a dozen words.
//!
//! `growth memory|sqlite|URL ENTRIES`: an address has to be of a store that is empty.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::process::Command;
use std::sync::Arc;

use agentic_core::{
    EmbedderInfo, Filter, Json, MemoryScope, Record, Selection, Timestamp, VectorStore, WriteBatch,
};
use agentic_memory::open;
use agentic_vectors::{Failed, cpu, resident, size, timed};

const DIMENSIONS: usize = 384;
const BATCH: usize = 1_000;
const QUERIES: usize = 200;
/// The words that there are.
const VOCABULARY: f64 = 50_000.0;

/// The entries of the bars, how many of them are written a second, and in how many milliseconds they are there again.
const BARRED: usize = 100_000;
const INSERTS: f64 = 20_000.0;
const REOPENING: f64 = 300.0;

/// Odd: the median is one of them.
const OPENINGS: usize = 15;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [place, entries] = arguments.as_slice() else {
        return Err("growth memory|sqlite|URL ENTRIES".into());
    };
    if place == "open" {
        return reopened(entries).await;
    }
    let entries: usize = entries.parse()?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("growth.db");
    let url = match place.as_str() {
        "memory" => "memory:".to_owned(),
        "sqlite" => format!("sqlite://{}", file.display()),
        url => url.to_owned(),
    };
    let before = resident()?;
    let store = open(&url, Some(&embedder())).await?;
    println!("{place} {entries}");
    let rate = insert(&store, entries).await?;
    if place == "sqlite" && entries == BARRED && rate < INSERTS {
        println!("  MISSED: {INSERTS} entries/s");
    }
    query(&store).await?;
    println!("  resident: {:.0} MiB more", resident()? - before);
    drop(store);
    if place == "sqlite" {
        println!("  on disk: {:.0} MiB", size(folder.path())?);
        let mut times = Vec::new();
        for _ in 0..OPENINGS {
            let out = Command::new(std::env::current_exe()?).arg("open").arg(&url).output()?;
            let said = String::from_utf8(out.stdout)?;
            times.push(said.trim().parse::<f64>().map_err(|_| format!("it did not open: {said}"))?);
        }
        times.sort_by(f64::total_cmp);
        let took = times[OPENINGS / 2];
        println!("  opened and asked in {took:.0} ms, median of {OPENINGS} processes");
        if entries == BARRED && took > REOPENING {
            println!("  MISSED: {REOPENING} ms");
        }
    }
    Ok(())
}

/// Prints how many milliseconds it takes to open a store and to get its first answer.
async fn reopened(url: &str) -> Result<(), Failed> {
    let asked = Selection::new(scope(), 10);
    let (took, found) = timed(async {
        let store = open(url, Some(&embedder())).await?;
        Ok::<_, Failed>((store.nearest(&vector(7), &asked).await?, store))
    })
    .await;
    if found?.0.is_empty() {
        return Err("nothing is found".into());
    }
    println!("{}", took * 1e3);
    Ok(())
}

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("none:384", DIMENSIONS)
}

fn scope() -> MemoryScope {
    MemoryScope::of_tenant("tenant")
}

/// SplitMix64 (Steele, Lea, Flood 2014).
fn drawn(seed: u64) -> u64 {
    let z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Vectors of length 1 in 1,000 clusters, as those of texts are.
fn vector(n: u64) -> Vec<f32> {
    let part = |seed: u64| drawn(seed) as f32 / u64::MAX as f32 - 0.5;
    let (cluster, own) = (drawn(n) % 1_000 * 1_000, (n + 1) * 1_000_000);
    let numbers: Vec<f32> = (0..DIMENSIONS as u64).map(|at| part(cluster + at) + part(own + at)).collect();
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    numbers.iter().map(|number| number / length).collect()
}

fn record(n: u64) -> Record {
    // As often as their rank says (Zipf's law), as the words of texts are.
    let ranked = |k: u64| (VOCABULARY.powf(drawn(n * 16 + k) as f64 / u64::MAX as f64)) as u64;
    let word = |k: u64| format!("word{}", ranked(k));
    let session = scope().agent("agent").session(format!("session {}", n / 50));
    Record::new(
        format!("{:032x}", u128::from(drawn(n)) << 64 | u128::from(n)),
        session,
        Timestamp::from_millis(n),
    )
    .with_vector(vector(n))
    .with_words((0..12).map(word))
    .with_field("kind", "observation")
    .with_field("at", n)
    .with_field("gone_at", 1_u64 << 53)
    .with_body(Json::parse(format!("{{\"content\":\"{}\"}}", "x".repeat(200))).unwrap_or_default())
}

async fn insert(store: &Arc<dyn VectorStore>, entries: usize) -> Result<f64, Failed> {
    let (mut spent, mut making, began) = (0.0, 0.0, cpu());
    for batch in 0..entries / BATCH {
        let from = cpu();
        let records: Vec<Record> = (batch * BATCH..(batch + 1) * BATCH).map(|n| record(n as u64)).collect();
        making += cpu() - from;
        let (took, written) = timed(store.apply(WriteBatch::upsert(records))).await;
        written?;
        spent += took;
    }
    let (rate, cpu) = (entries as f64 / spent, (cpu() - began - making) / entries as f64);
    println!("  insert: {rate:.0} entries/s, {:.1} µs CPU an entry", cpu * 1e6);
    Ok(rate)
}

async fn query(store: &Arc<dyn VectorStore>) -> Result<(), Failed> {
    let all = Selection::new(scope(), 10);
    let some = all.clone().filtered(Filter::any().is("kind", "observation"));
    let none = all.clone().filtered(Filter::any().is("kind", "fact"));
    store.nearest(&vector(1), &all).await?;
    for (name, wanted) in [("nearest", &all), ("nearest, all fit", &some), ("nearest, none fits", &none)] {
        let from = cpu();
        let mut times = Vec::new();
        for n in 0..QUERIES {
            let asked = vector(10_000_000 + n as u64);
            let (took, found) = timed(store.nearest(&asked, wanted)).await;
            found?;
            times.push(took);
        }
        report(name, times, cpu() - from);
    }
    let from = cpu();
    let mut times = Vec::new();
    for n in 0..QUERIES {
        let asked = record(n as u64 * 7).words;
        let (took, found) = timed(store.matching(&asked[..6], &all)).await;
        found?;
        times.push(took);
    }
    report("matching 6 words", times, cpu() - from);
    Ok(())
}

fn report(name: &str, mut times: Vec<f64>, cpu: f64) {
    times.sort_by(f64::total_cmp);
    let at = |part: f64| times[(times.len() as f64 * part) as usize] * 1e3;
    println!(
        "  {name}: p50 {:.2} ms, p99 {:.2} ms, {:.2} ms CPU",
        at(0.5),
        at(0.99),
        cpu / times.len() as f64 * 1e3
    );
}
