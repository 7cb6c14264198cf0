//! One of our stores as an engine of a benchmark of vector stores: inserts the vectors of `x.npy`, asks for the ten
//! nearest of each of `qs.npy`, and compares them with `truth.npy`. Prints one line of JSON.
//!
//! `VEC_DATA=FOLDER engine memory|sqlite|edge`
#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::path::Path;
use std::sync::Arc;

use agentic_core::{EmbedderInfo, Json, MemoryScope, Record, Selection, Timestamp, VectorStore, WriteBatch};
#[cfg(feature = "edge")]
use agentic_memory::backend::edge::EdgeStore;
use agentic_memory::open;
use agentic_vectors::{Failed, cpu, npy, peak_resident, resident, size, timed};
use serde_json::json;

const NEAREST: usize = 10;
const BATCH: usize = 1_000;
/// Before anything is counted.
const WARM_UP: usize = 5;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let name = std::env::args().nth(1).ok_or("which store? memory, sqlite or edge")?;
    let data = std::env::var("VEC_DATA")?;
    let file = |name: &str| Path::new(&data).join(name);
    let vectors = npy::rows(&file("x.npy"), "<f4", f32::from_le_bytes)?;
    let asked = npy::rows(&file("qs.npy"), "<f4", f32::from_le_bytes)?;
    let truth = npy::rows(&file("truth.npy"), "<i8", i64::from_le_bytes)?;
    let dimensions = vectors.first().ok_or("there are no vectors")?.len();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("store");
    let url = if name == "memory" { "memory:".to_owned() } else { format!("{name}://{}", path.display()) };
    let embedder = EmbedderInfo::new("none", dimensions);
    // What makes it peak later is the store's.
    let before = resident()?;

    let (began, opened) = (cpu(), Opened::open(&url, &embedder).await?);
    let (inserted, done) = timed(async {
        insert(&*opened.store, &vectors).await?;
        opened.settle().await
    })
    .await;
    done?;
    let (store, insert_cpu) = (&opened.store, cpu() - began);

    let wanted = Selection::new(scope(), NEAREST);
    for vector in asked.iter().take(WARM_UP) {
        store.nearest(vector, &wanted).await?;
    }
    let (mut times, mut found, began) = (Vec::with_capacity(asked.len()), 0, cpu());
    for (vector, truth) in asked.iter().zip(&truth) {
        let (took, hits) = timed(store.nearest(vector, &wanted)).await;
        times.push(took * 1e3);
        for hit in hits? {
            found += usize::from(truth.contains(&hit.record.id.parse()?));
        }
    }
    let cpu = (cpu() - began) * 1e3 / times.len() as f64;
    times.sort_by(f64::total_cmp);
    let at = |part: f64| rounded(times[((times.len() - 1) as f64 * part) as usize], 3);
    let peak = peak_resident()?;
    drop(opened);
    let on_disk = if name == "memory" { None } else { Some(rounded(size(folder.path())?, 1)) };
    let reopened = match name.as_str() {
        "memory" => None,
        _ => {
            let (took, store) = timed(open(&url, Some(&embedder))).await;
            store?;
            Some(rounded(took * 1e3, 0))
        }
    };
    let index = if name == "edge" { "hnsw" } else { "bytes, then exact" };
    println!(
        "{}",
        json!({
            "engine": name, "version": env!("CARGO_PKG_VERSION"), "index": index,
            "n": vectors.len(), "queries": times.len(),
            "insert_s": rounded(inserted, 2), "insert_cpu_s": rounded(insert_cpu, 2),
            "p50_ms": at(0.5), "p99_ms": at(0.99), "min_ms": at(0.0), "cpu_ms_per_query": rounded(cpu, 3),
            "recall_at_10": rounded(found as f64 / (times.len() * NEAREST) as f64, 4),
            "peak_rss_over_data_mib": rounded(peak - before, 0), "peak_rss_mib": rounded(peak, 0),
            "disk_mib": on_disk, "reopen_ms": reopened,
        })
    );
    Ok(())
}

async fn insert(store: &dyn VectorStore, vectors: &[Vec<f32>]) -> Result<(), Failed> {
    for (batch, vectors) in vectors.chunks(BATCH).enumerate() {
        let records = vectors.iter().enumerate().map(|(place, vector)| record(batch * BATCH + place, vector));
        store.apply(WriteBatch::upsert(records.collect::<Result<Vec<_>, _>>()?)).await?;
    }
    Ok(())
}

/// With the payload that the other engines get.
fn record(n: usize, vector: &[f32]) -> Result<Record, Failed> {
    let body = json!({"text": format!("This is the text of the memory number {n}, some words long.")});
    Ok(Record::new(n.to_string(), scope(), Timestamp::from_millis(n as u64))
        .with_vector(vector.to_vec())
        .with_field("doc", n as u64 / 10)
        .with_field("kind", format!("k{}", n % 16))
        .with_body(Json::parse(body.to_string())?))
}

fn scope() -> MemoryScope {
    MemoryScope::of_tenant("bench")
}

/// A store, and what is done once it was written to.
struct Opened {
    store: Arc<dyn VectorStore>,
    #[cfg(feature = "edge")]
    edge: Option<Arc<EdgeStore>>,
}

impl Opened {
    #[cfg(feature = "edge")]
    async fn open(url: &str, embedder: &EmbedderInfo) -> Result<Self, Failed> {
        let Some(path) = url.strip_prefix("edge://") else {
            return Ok(Self { store: open(url, Some(embedder)).await?, edge: None });
        };
        let edge = Arc::new(EdgeStore::open(path, Some(embedder)).await?);
        Ok(Self { store: edge.clone(), edge: Some(edge) })
    }

    #[cfg(not(feature = "edge"))]
    async fn open(url: &str, embedder: &EmbedderInfo) -> Result<Self, Failed> {
        Ok(Self { store: open(url, Some(embedder)).await? })
    }

    /// Waits for what the store does by itself after a write.
    async fn settle(&self) -> Result<(), Failed> {
        #[cfg(feature = "edge")]
        if let Some(edge) = &self.edge {
            edge.settle().await?;
        }
        Ok(())
    }
}

fn rounded(number: f64, digits: i32) -> f64 {
    let power = 10_f64.powi(digits);
    (number * power).round() / power
}
