//! How fast stores write, open again and find: entries of 384 dimensions with a dozen words, in batches of 1,000.
//!
//! `cargo run --release -p agentic-memory --features sqlite[,edge] --example memory_speed [ENTRIES [FOLDER | URL]]`
//!
//! With an address (feature `postgres`) it measures that store alone, which should be empty.
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use agentic_core::{
    EmbedderInfo, Filter, Json, MemoryScope, Record, Selection, Timestamp, VectorStore, WriteBatch,
};
#[cfg(feature = "edge")]
use agentic_memory::backend::edge::EdgeStore;
use agentic_memory::open;

type Failed = Box<dyn Error + Send + Sync>;

const DIMENSIONS: usize = 384;
const BATCH: usize = 1_000;
const QUERIES: usize = 200;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    if std::env::args().nth(1).as_deref() == Some("open") {
        return reopen(&std::env::args().nth(2).unwrap_or_default()).await;
    }
    let entries: usize = std::env::args().nth(1).map_or(Ok(100_000), |text| text.parse())?;
    if let Some(url) = std::env::args().nth(2).filter(|place| place.contains("://")) {
        let store = open(&url, Some(&embedder())).await?;
        println!("{}", store.info().url);
        insert(&store, entries).await?;
        return query(&store).await;
    }
    let temporary = tempfile::tempdir()?;
    let folder = std::env::args_os().nth(2);
    let folder = folder.as_ref().map_or(temporary.path(), Path::new);
    let path = folder.join("memory_speed.db");
    let before = resident()?;
    for url in ["memory:".to_owned(), format!("sqlite://{}", path.display())] {
        let store = open(&url, Some(&embedder())).await?;
        println!("{}", url.split(':').next().unwrap_or_default());
        insert(&store, entries).await?;
        query(&store).await?;
        println!("  resident: {:.0} MiB more", resident()? - before);
        #[cfg(feature = "edge")]
        if url == "memory:" {
            edge(&store, entries, &folder.join("memory_speed.edge")).await?;
        }
    }
    println!("  on disk: {:.0} MiB", size(&path)?);
    for _ in 0..3 {
        let (took, store) = timed(open(&format!("sqlite://{}", path.display()), Some(&embedder()))).await;
        let store = store?;
        let (first, found) = timed(store.nearest(&vector(7), &Selection::new(scope(), 10))).await;
        println!(
            "  opened in {:.0} ms, first query {:.1} ms, {} found",
            took * 1e3,
            first * 1e3,
            found?.len()
        );
    }
    std::fs::remove_file(&path)?;
    Ok(())
}

/// Measures `edge://`, whose nearest are compared with the exact ones of another store.
#[cfg(feature = "edge")]
async fn edge(exact: &Arc<dyn VectorStore>, entries: usize, path: &Path) -> Result<(), Failed> {
    println!("edge");
    let before = resident()?;
    let edge = Arc::new(EdgeStore::open(path, Some(&embedder())).await?);
    let store: Arc<dyn VectorStore> = edge.clone();
    let from = cpu()?;
    insert(&store, entries).await?;
    let (took, settled) = timed(edge.settle()).await;
    settled?;
    let all = (cpu()? - from) / entries as f64 * 1e6;
    println!("  settled after {took:.1} s; with that and making the entries {all:.1} µs CPU an entry");
    query(&store).await?;
    let (wanted, mut found) = (Selection::new(scope(), 10), 0);
    for n in 0..QUERIES {
        let asked = vector(10_000_000 + n as u64);
        let ids =
            |hits: Vec<agentic_core::Hit>| hits.into_iter().map(|hit| hit.record.id).collect::<Vec<_>>();
        let expected = ids(exact.nearest(&asked, &wanted).await?);
        found += ids(store.nearest(&asked, &wanted).await?).iter().filter(|id| expected.contains(id)).count();
    }
    println!("  recall@10: {:.4}", found as f64 / (QUERIES * 10) as f64);
    println!("  resident: {:.0} MiB more, on disk: {:.0} MiB", resident()? - before, size(path)?);
    drop((store, edge));
    let (took, store) = timed(EdgeStore::open(path, Some(&embedder()))).await;
    store?;
    println!("  opened in {:.0} ms", took * 1e3);
    std::fs::remove_dir_all(path)?;
    Ok(())
}

/// MiB of a file, or of all in a folder, as far as there is something in them.
fn size(path: &Path) -> Result<f64, Failed> {
    use std::os::unix::fs::MetadataExt as _;
    let about = std::fs::metadata(path)?;
    if !about.is_dir() {
        return Ok(about.blocks() as f64 * 512.0 / MIB);
    }
    std::fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}

async fn reopen(path: &str) -> Result<(), Failed> {
    let before = resident()?;
    let (took, store) = timed(open(&format!("sqlite://{path}"), Some(&embedder()))).await;
    let store = store?;
    let (first, found) = timed(store.nearest(&vector(7), &Selection::new(scope(), 10))).await;
    let (found, resident) = (found?.len(), resident()? - before);
    let (took, first) = (took * 1e3, first * 1e3);
    println!(
        "  opened in {took:.0} ms, first query {first:.1} ms, {found} found, resident: {resident:.0} MiB more"
    );
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
    let rare = |k: u64| format!("word{}", (drawn(n * 16 + k) % 100_000).isqrt().pow(2) % 20_000);
    let session = scope().agent("agent").session(format!("session {}", n / 50));
    Record::new(
        format!("{:032x}", u128::from(drawn(n)) << 64 | u128::from(n)),
        session,
        Timestamp::from_millis(n),
    )
    .with_vector(vector(n))
    .with_words((0..12).map(rare))
    .with_field("kind", "observation")
    .with_field("at", n)
    .with_field("gone_at", 1_u64 << 53)
    .with_body(Json::parse(format!("{{\"content\":\"{}\"}}", "x".repeat(200))).unwrap_or_default())
}

async fn insert(store: &Arc<dyn VectorStore>, entries: usize) -> Result<(), Failed> {
    let (mut spent, mut making, began) = (0.0, 0.0, cpu()?);
    for batch in 0..entries / BATCH {
        let from = cpu()?;
        let records: Vec<Record> = (batch * BATCH..(batch + 1) * BATCH).map(|n| record(n as u64)).collect();
        making += cpu()? - from;
        let (took, written) = timed(store.apply(WriteBatch::upsert(records))).await;
        written?;
        spent += took;
    }
    let cpu = cpu()? - began - making;
    println!(
        "  insert: {:.0} entries/s, {:.1} µs CPU an entry",
        entries as f64 / spent,
        cpu / entries as f64 * 1e6
    );
    Ok(())
}

async fn query(store: &Arc<dyn VectorStore>) -> Result<(), Failed> {
    let all = Selection::new(scope(), 10);
    let some = all.clone().filtered(Filter::any().is("kind", "observation"));
    let none = all.clone().filtered(Filter::any().is("kind", "fact"));
    store.nearest(&vector(1), &all).await?;
    for (name, wanted) in [("nearest", &all), ("nearest, all fit", &some), ("nearest, none fits", &none)] {
        let from = cpu()?;
        let mut times = Vec::new();
        for n in 0..QUERIES {
            let asked = vector(10_000_000 + n as u64);
            let (took, found) = timed(store.nearest(&asked, wanted)).await;
            found?;
            times.push(took);
        }
        report(name, times, cpu()? - from);
    }
    let from = cpu()?;
    let mut times = Vec::new();
    for n in 0..QUERIES {
        let asked = record(n as u64 * 7).words;
        let (took, found) = timed(store.matching(&asked[..6], &all)).await;
        found?;
        times.push(took);
    }
    report("matching 6 words", times, cpu()? - from);
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

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
async fn timed<T>(work: impl Future<Output = T>) -> (f64, T) {
    let started = Instant::now();
    let made = work.await;
    (started.elapsed().as_secs_f64(), made)
}

const MIB: f64 = 1024.0 * 1024.0;

/// MiB of this process that are in memory.
fn resident() -> Result<f64, Failed> {
    let pages: f64 = std::fs::read_to_string("/proc/self/statm")?.split(' ').nth(1).unwrap_or("0").parse()?;
    Ok(pages * 4096.0 / MIB)
}

/// Seconds of CPU that this process has used.
fn cpu() -> Result<f64, Failed> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(ticks / 100.0)
}
