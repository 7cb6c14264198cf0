//! Commands about entries.

use std::io::Read as _;

use agentic::core::{
    Added, Filter, Memory as _, MemoryEntry, MemoryQuery, Recalled, RunContext, Standing, Timestamp,
    value_text,
};
use agentic::memory::Ancestor;
use agentic::runtime::RunContextExt as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::{entry, failed};
use crate::args::{Add, Entry, Kind, Output, Which};
use crate::exit::{self, Failure};
use crate::memories::{Memories, MemoryRecipe};
use crate::render::{self, one_line, time::utc};

/// A line shows so much of an entry.
const WIDTH: usize = 200;

/// An entry as programs read it.
#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f32>,
    kind: agentic::core::MemoryKind,
    timestamp: Timestamp,
    importance: f32,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    metadata: &'a serde_json::Map<String, Value>,
    standing: &'a Standing,
}

impl<'a> Line<'a> {
    fn of(recalled: &'a Recalled, score: Option<f32>) -> Self {
        let Recalled { id, entry, standing, .. } = recalled;
        Self {
            id,
            content: &entry.content,
            score,
            kind: entry.kind,
            timestamp: entry.timestamp,
            importance: entry.importance,
            scope: entry.scope.to_string(),
            source: entry.provenance.source.as_deref(),
            metadata: &entry.metadata,
            standing,
        }
    }
}

fn print(found: &[Recalled], scored: bool, output: Output) {
    for recalled in found {
        let score = scored.then_some(recalled.score);
        match output {
            Output::Json => render::json_line(&Line::of(recalled, score)),
            Output::Text => {
                let score = score.map(|score| format!("{score:.2}  ")).unwrap_or_default();
                let (id, text) = (&recalled.id, one_line(&recalled.entry.content, WIDTH));
                render::result(&format!("{score}{id}  {text}{}", stands(&recalled.standing)));
            }
        }
    }
}

/// How an entry stands, if there is something to say of it.
fn stands(standing: &Standing) -> String {
    let mut words = Vec::new();
    if standing.pinned {
        words.push("pinned".to_owned());
    }
    if standing.forgotten_at.is_some() {
        words.push("forgotten".to_owned());
    }
    if let Some(until) = standing.invalid_from {
        words.push(format!("held until {}", utc(until)));
    }
    if let Some(expires) = standing.expires_at {
        words.push(format!("kept until {}", utc(expires)));
    }
    if words.is_empty() { String::new() } else { format!("  ({})", words.join(", ")) }
}

pub(super) async fn add(add: Add) -> Result<u8, Failure> {
    let text = match add.text.as_str() {
        "-" => {
            let mut text = Vec::new();
            let read = std::io::stdin().lock().read_to_end(&mut text);
            read.map_err(|error| Failure::usage(format!("can't read from standard input: {error}")))?;
            String::from_utf8_lossy(&text).trim().to_owned()
        }
        _ => add.text,
    };
    if text.trim().is_empty() {
        return Err(Failure::usage("the entry is empty; say what to remember"));
    }
    let Memories { memory, scope } = MemoryRecipe::of(add.which)?.open().await?;
    let cx = RunContext::ephemeral();
    let mut entry = MemoryEntry::new(scope, add.kind.into(), text, cx.now());
    entry.importance = add.importance;
    entry.provenance.source = add.source;
    for (name, value) in add.with {
        entry = entry.with(name, value);
    }
    let added = memory.add(entry, &cx).await.map_err(failed)?;
    match (add.printed.output, &added) {
        (Output::Json, _) => render::json_line(&added),
        (Output::Text, Added::Kept { id }) => render::result(id),
        (Output::Text, Added::Merged { into }) => {
            render::result(into);
            render::note("it was known already");
        }
        (Output::Text, Added::Rejected { reason }) => render::note(&format!("not remembered: {reason}")),
    }
    Ok(if matches!(added, Added::Rejected { .. }) { exit::NOT_MET } else { exit::OK })
}

pub(super) async fn search(
    query: String,
    which: Which,
    limit: usize,
    kinds: &[Kind],
    with: &[(String, String)],
    output: Output,
) -> Result<u8, Failure> {
    let mut recipe = MemoryRecipe::of(which)?;
    // A question makes no memory.
    if recipe.existing().await?.is_none() {
        return nothing(&recipe.url, output);
    }
    let Memories { memory, scope } = recipe.open().await?;
    let filter =
        with.iter().fold(Filter::any(), |filter, (name, value)| filter.is(name.clone(), value.as_str()));
    let query =
        MemoryQuery::new(scope, query, limit).kinds(kinds.iter().map(|kind| (*kind).into())).metadata(filter);
    let found = memory.retrieve(&query, &RunContext::ephemeral()).await.map_err(failed)?;
    print(&found, true, output);
    if found.is_empty() && query.limit > 0 && output == Output::Text {
        render::note(&format!("nothing of {} fits", query.scope));
    }
    Ok(exit::OK)
}

fn nothing(url: &str, output: Output) -> Result<u8, Failure> {
    if output == Output::Text {
        render::note(&format!("there is no memory at {url} yet; `agentic memory add` makes one"));
    }
    Ok(exit::OK)
}

pub(super) async fn list(which: Which, limit: usize, all: bool, output: Output) -> Result<u8, Failure> {
    let recipe = MemoryRecipe::of(which)?;
    let Some(Memories { memory, scope }) = recipe.existing().await? else {
        return nothing(&recipe.url, output);
    };
    let cx = RunContext::ephemeral();
    // One more tells whether there are more.
    let most = limit.saturating_add(1);
    let found = match all {
        true => memory.page(&scope, None, most, &cx).await,
        false => memory.recent(&scope, most, &cx).await,
    };
    let found = found.map_err(failed)?;
    print(&found[..found.len().min(limit)], false, output);
    if output == Output::Text && found.is_empty() {
        render::note(&format!("nothing is remembered of {scope}"));
    } else if output == Output::Text && found.len() > limit {
        render::note("there are more; see them with --limit N");
    }
    Ok(exit::OK)
}

pub(super) async fn show(which: Entry) -> Result<u8, Failure> {
    let output = which.printed.output;
    let (_, found, _) = entry(which).await?;
    if output == Output::Json {
        render::json_line(&Line::of(&found, None));
        return Ok(exit::OK);
    }
    let Recalled { id, entry, standing, .. } = &found;
    let line = |name: &str, value: &str| render::result(&format!("{name:<11} {value}"));
    line("id", id);
    line("content", &entry.content);
    line("kind", &entry.kind.to_string());
    line("from", &utc(entry.timestamp));
    line("importance", &entry.importance.to_string());
    line("scope", &entry.scope.to_string());
    let provenance = &entry.provenance;
    for (name, value) in [
        ("said by", provenance.source.clone()),
        ("run", provenance.run.map(|run| run.to_string())),
        ("forgotten", standing.forgotten_at.map(utc)),
        ("held until", standing.invalid_from.map(utc)),
        ("kept until", standing.expires_at.map(utc)),
        ("replaced by", standing.replaced_by.clone()),
        ("pinned", standing.pinned.then(|| "yes".to_owned())),
    ] {
        if let Some(value) = value {
            line(name, &value);
        }
    }
    for (name, value) in &entry.metadata {
        line("with", &format!("{name}={}", value_text(value)));
    }
    Ok(exit::OK)
}

pub(super) async fn why(which: Entry) -> Result<u8, Failure> {
    let output = which.printed.output;
    let (Memories { memory, scope }, found, cx) = entry(which).await?;
    for Ancestor { id, recalled, depth, .. } in memory.why(&scope, &found.id, &cx).await.map_err(failed)? {
        if output == Output::Json {
            let entry = recalled.as_ref().map(|it| Line::of(it, None));
            render::json_line(&json!({ "id": id, "depth": depth, "entry": entry }));
            continue;
        }
        let indent = "  ".repeat(depth);
        let said = match &recalled {
            None => "is deleted".to_owned(),
            Some(Recalled { entry, .. }) => {
                let by = entry.provenance.source.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
                let run = entry.provenance.run.map(|run| format!(", in run {run}")).unwrap_or_default();
                format!("{} ({}{by}{run})", one_line(&entry.content, WIDTH), utc(entry.timestamp))
            }
        };
        render::result(&format!("{indent}{id}  {said}"));
    }
    Ok(exit::OK)
}

pub(super) async fn forget(which: Entry, for_good: bool) -> Result<u8, Failure> {
    let output = which.printed.output;
    let (Memories { memory, scope }, found, cx) = entry(which).await?;
    let done = match for_good {
        true => memory.delete(&scope, &found.id, &cx).await,
        false => memory.forget(&scope, &found.id, &cx).await,
    };
    let words = match (done.map_err(failed)?, for_good) {
        (true, true) => "deleted",
        (true, false) => "forgotten",
        (false, true) => "was deleted already",
        (false, false) => "was forgotten already",
    };
    Ok(told(&found.id, words, output))
}

pub(super) async fn restore(which: Entry) -> Result<u8, Failure> {
    let output = which.printed.output;
    let (Memories { memory, scope }, found, cx) = entry(which).await?;
    let done = memory.restore(&scope, &found.id, &cx).await.map_err(failed)?;
    Ok(told(&found.id, if done { "restored" } else { "was not forgotten" }, output))
}

pub(super) async fn pin(which: Entry, pinned: bool) -> Result<u8, Failure> {
    let output = which.printed.output;
    let (Memories { memory, scope }, found, cx) = entry(which).await?;
    let done = memory.pin(&scope, &found.id, pinned, &cx).await.map_err(failed)?;
    let words = match (done, pinned) {
        (true, true) => "pinned",
        (true, false) => "let go",
        (false, true) => "was pinned already",
        (false, false) => "was not pinned",
    };
    Ok(told(&found.id, words, output))
}

fn told(id: &str, what: &str, output: Output) -> u8 {
    match output {
        Output::Text => render::result(&format!("{id} {what}")),
        Output::Json => render::json_line(&json!({ "id": id, "did": what })),
    }
    exit::OK
}
