//! The same of what a memory makes of its records: adding and consolidating.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Added, Agent, AgentError, EffectClass, Embedder as _, Goal, Memory as _, MemoryEntry, MemoryError,
    MemoryKind, MemoryScope, ModelRequest, Outcome, Recalled, Record, RunContext, Selection, Spend,
    Timestamp, async_trait,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::backend::memory::MemoryStore;
use agentic_memory::{Comparer, HierarchicalMemory, HierarchicalOptions, LongTermMemory, Relation};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::durability::{Check, Lag, Subject, World};
use agentic_testkit::{RuleModel, Says};
use serde_json::json;

/// Where the process that is killed finds the store.
const STORE: &str = "AGENTIC_TEST_KILLED_MEMORY";

fn scope() -> MemoryScope {
    MemoryScope::of_tenant("t")
}

/// Each meter shows one thing at a time; notes that differ only in their order say the same.
#[derive(Debug)]
struct Meters;

#[async_trait]
impl Comparer for Meters {
    async fn compare(
        &self,
        entry: &Recalled,
        others: &[Recalled],
        _: &RunContext,
    ) -> Result<Vec<Relation>, MemoryError> {
        let words = |recalled: &Recalled| -> Vec<String> {
            let mut words: Vec<_> = recalled.entry.content.split(' ').map(str::to_lowercase).collect();
            words.sort();
            words
        };
        let meter = |recalled: &Recalled| words(recalled).into_iter().find(|word| word.starts_with("meter"));
        let relation = |other| match () {
            () if words(entry) == words(other) => Relation::Same,
            () if meter(entry).is_some() && meter(entry) == meter(other) => Relation::Contradicts,
            () => Relation::Compatible,
        };
        Ok(others.iter().map(relation).collect())
    }
}

fn shows(n: usize) -> MemoryEntry {
    let content = format!("meter{} shows value{n}", n / 2);
    MemoryEntry::new(scope(), MemoryKind::Fact, content, Timestamp::from_millis(n as u64))
}

async fn memory(url: &str) -> LongTermMemory {
    LongTermMemory::open(url, HashingEmbedder::new(64)).await.unwrap().with_comparer(Meters)
}

/// All entries, what waits, and nothing else.
async fn all(memory: &LongTermMemory) -> (HashMap<String, Vec<Recalled>>, usize) {
    let (mut entries, mut waiting): (HashMap<String, Vec<Recalled>>, usize) = (HashMap::new(), 0);
    let cx = RunContext::ephemeral();
    for record in memory.store().list(&Selection::new(scope(), usize::MAX), None).await.unwrap() {
        match memory.get(&scope(), &record.id, &cx).await.unwrap() {
            Some(recalled) => entries.entry(recalled.entry.content.clone()).or_default().push(recalled),
            None => waiting += 1,
        }
    }
    (entries, waiting)
}

/// Adds facts, each twice, and consolidates now and then, and says how far it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn adds_until_it_is_killed() {
    let Ok(url) = std::env::var(STORE) else { return };
    let (memory, cx) = (memory(&url).await, RunContext::ephemeral());
    for n in all(&memory).await.0.len().. {
        let added = memory.add(shows(n), &cx).await.unwrap();
        assert!(matches!(added, Added::Kept { .. }));
        writeln!(std::io::stdout(), "wrote {n}").unwrap();
        let again = memory.add(shows(n), &cx).await.unwrap();
        assert_eq!(again, Added::Merged { into: added.id().unwrap().to_owned() });
        if n % 4 == 3 {
            memory.consolidate(&scope(), &cx).await.unwrap();
        }
    }
}

fn writer(url: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::memories::adds_until_it_is_killed", "--nocapture"]).env(STORE, url);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_memory_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("memory.db").display());
    let mut told = 0;
    for kill in 0..6_u64 {
        let mut child = writer(&url);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut added = lines.filter_map(|line| line.unwrap().strip_prefix("wrote ")?.parse::<usize>().ok());
        for n in added.by_ref().take(5 + kill as usize) {
            told = n + 1;
        }
        // Somewhere in what comes next: a second time, a consolidation, or the next entry.
        std::thread::sleep(Duration::from_micros(kill * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        let memory = memory(&url).await;
        let (entries, waiting) = all(&memory).await;
        assert!(entries.len() >= told, "{told} were told to be written, there are {}", entries.len());
        for n in 0..entries.len() {
            assert_eq!(entries[&shows(n).content].len(), 1, "{n} is there once");
        }
        assert!(waiting <= entries.len());
    }
    assert!(told >= 30);
    let (memory, cx) = (memory(&url).await, RunContext::ephemeral());
    while memory.consolidate(&scope(), &cx).await.unwrap().waiting > 0 {}
    let (entries, waiting) = all(&memory).await;
    assert_eq!(waiting, 0);
    for n in 0..entries.len() {
        let standing = &entries[&shows(n).content][0].standing;
        let next = entries.get(&shows(n + 1).content).filter(|_| n % 2 == 0);
        let expected = next.map(|next| (Timestamp::from_millis(n as u64 + 1), next[0].id.clone()));
        assert_eq!(standing.invalid_from.zip(standing.replaced_by.clone()), expected, "{n}");
        assert!(standing.forgotten_at.is_none());
    }
}

/// Adds, adds again, consolidates and tells what there is then.
#[derive(Clone, Debug)]
struct Clerk(LongTermMemory);

#[async_trait]
impl Agent for Clerk {
    fn name(&self) -> &str {
        "clerk"
    }

    async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let failed = |error: MemoryError| AgentError::invalid_input(error.to_string());
        let mut options = HierarchicalOptions::default();
        (options.every, options.keep) = (3, 1);
        let summary = |_: &ModelRequest| Says::text(json!({ "summary": "Meters were read." }).to_string());
        let tiers = HierarchicalMemory::new(self.0.clone()).with_model(RuleModel::new(summary));
        let tiers = tiers.with_options(options);
        let mut fates = Vec::new();
        for n in [0, 1, 1] {
            fates.push(tiers.add(shows(n).importance(0.8), cx).await.map_err(failed)?);
        }
        let other = "value1 shows meter0";
        let other = MemoryEntry::new(scope(), MemoryKind::Fact, other, Timestamp::from_millis(9));
        fates.push(tiers.add(other.importance(0.6), cx).await.map_err(failed)?);
        let fates: Vec<_> = fates
            .iter()
            .map(|added| match added {
                Added::Kept { .. } => "kept",
                Added::Merged { .. } => "merged",
                Added::Rejected { .. } => "rejected",
            })
            .collect();
        let done = self.0.consolidate(&scope(), cx).await.map_err(failed)?;
        let given = tiers.recent(&scope(), 9, cx).await.map_err(failed)?;
        let mut given: Vec<_> = given.into_iter().map(|it| it.entry.content).collect();
        // The summary is as old as the last of what it says: they come in the order of their ids.
        given.sort();
        let store = self.0.store().clone();
        let records = cx.effect("records", EffectClass::Pure, &(), move |_| async move {
            store.list(&Selection::new(scope(), usize::MAX), None).await
        });
        let (entries, others): (Vec<_>, Vec<_>) =
            records.await?.into_iter().partition(|record: &Record| record.fields.contains_key("kind"));
        let (all, waiting) = (entries.len(), others.len());
        let told = format!("{fates:?}, {done:?}, given {given:?}, {all} entries, {waiting} waiting");
        Ok(Outcome::new(told, Spend::default()))
    }
}

#[test]
fn a_run_that_crashes_anywhere_remembers_everything_once() {
    let proof = Check::new(|| {
        let embedder = HashingEmbedder::new(64);
        let store = Arc::new(MemoryStore::new(embedder.info()));
        let memory = LongTermMemory::new(store, embedder).with_comparer(Meters);
        Subject::new(Clerk(memory), "remember the meters", World::new())
    })
    .seeds(1)
    .lags([Lag::None])
    .run();
    assert!(proof.crashes > 50, "{proof:?}");
}
