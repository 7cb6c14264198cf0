//! The same memory on two engines: what was remembered in memory is copied into a file, and found there.
//!
//! ```text
//! cargo run -p agentic-examples --example 05_engines [URL]
//! ```
//!
//! The URL names another engine, for example `postgres://me@localhost/notes` with the feature `postgres`.
#![allow(clippy::print_stdout, reason = "a program for people prints")]

use agentic::core::{MemoryEntry, MemoryKind, MemoryQuery};
use agentic::llm::adapter::hashing::HashingEmbedder;
use agentic::memory::copy;
use agentic::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = std::env::temp_dir().join("agentic-example-05.db");
    let url = std::env::args().nth(1).unwrap_or_else(|| format!("sqlite://{}", file.display()));
    println!("{}", moved(&url).await?);
    Ok(())
}

/// Remembers in memory, copies that to this address, and gives what is found there.
pub(crate) async fn moved(url: &str) -> Result<String, Box<dyn std::error::Error>> {
    // It knows words alone; `llm::open_embedder` opens models that know what they mean.
    let embedder = HashingEmbedder::new(256);
    let (anna, cx) = (MemoryScope::of_tenant("anna"), RunContext::ephemeral());
    let first = LongTermMemory::open("memory:", embedder.clone()).await?;
    for fact in ["Anna drinks green tea", "Anna's bicycle is in the cellar"] {
        first.add(MemoryEntry::new(anna.clone(), MemoryKind::Fact, fact, cx.now()), &cx).await?;
    }
    let second = LongTermMemory::open(url, embedder).await?;
    copy(&**first.store(), &**second.store(), |_| {}).await?;
    let found = second.retrieve(&MemoryQuery::new(anna, "Where is the bicycle?", 1), &cx).await?;
    Ok(found.into_iter().map(|it| it.entry.content).collect())
}
