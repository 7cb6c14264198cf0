//! Contradictions, what says the same in other words, forgetting, and why something is remembered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentic_core::{
    Memory as _, MemoryEntry, MemoryError, MemoryKind, MemoryQuery, MemoryScope, ModelErrorKind, Recalled,
    RunContext, Timestamp, async_trait,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::{Comparer, Forgetting, LongTermMemory, ModelComparer, Relation};
use agentic_runtime::{Ephemeral, RunContextExt as _};
use agentic_testkit::{FakeSources, ScriptedModel};
use serde_json::json;

fn anna() -> MemoryScope {
    MemoryScope::of_tenant("anna")
}

fn at(day: u64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000).after(Duration::from_secs(day * 86_400))
}

fn fact(content: &str, day: u64) -> MemoryEntry {
    MemoryEntry::new(anna(), MemoryKind::Fact, content, at(day))
}

async fn memory() -> LongTermMemory {
    LongTermMemory::open("memory:", HashingEmbedder::new(256)).await.unwrap()
}

async fn add(memory: &LongTermMemory, entry: MemoryEntry, cx: &RunContext) -> String {
    memory.add(entry, cx).await.unwrap().id().unwrap().to_owned()
}

async fn holds(memory: &LongTermMemory, query: MemoryQuery, cx: &RunContext) -> Vec<String> {
    let found = memory.retrieve(&query, cx).await.unwrap();
    let mut found: Vec<_> = found.into_iter().map(|recalled| recalled.entry.content).collect();
    found.sort();
    found
}

fn answer(same: &[usize], contradicts: &[usize]) -> String {
    json!({ "same": same, "contradicts": contradicts }).to_string()
}

#[tokio::test]
async fn what_is_contradicted_holds_until_then() {
    let model = ScriptedModel::new().says(answer(&[], &[1]));
    let (memory, cx) =
        (memory().await.with_comparer(ModelComparer::new(model.clone())), RunContext::ephemeral());
    let oslo = add(&memory, fact("Anna lives in Oslo", 1), &cx).await;
    let bergen = add(&memory, fact("Anna lives in Bergen", 50), &cx).await;
    add(&memory, fact("Ben plays chess", 2), &cx).await;
    let done = memory.consolidate(&anna(), &cx).await.unwrap();
    // Oslo is looked at first, with Bergen beside it.
    assert_eq!((done.looked_at, done.invalidated, done.merged, done.waiting), (3, 1, 0, 0));
    let asked = model.requests()[0].messages.iter().map(|it| it.text()).collect::<String>();
    assert!(
        asked.contains("(15 November 2023) Anna lives in Oslo") && asked.contains("1. (3 January 2024)"),
        "{asked}"
    );
    let where_is = || MemoryQuery::new(anna(), "Where does Anna live?", 9);
    assert_eq!(holds(&memory, where_is(), &cx).await, ["Anna lives in Bergen", "Ben plays chess"]);
    let then = holds(&memory, where_is().as_of(at(20)), &cx).await;
    assert_eq!(then, ["Anna lives in Oslo", "Ben plays chess"]);
    let standing = memory.get(&anna(), &oslo, &cx).await.unwrap().unwrap().standing;
    assert_eq!((standing.invalid_from, standing.replaced_by), (Some(at(50)), Some(bergen)));

    // What is told of the time before is known; that it is so again is news. Another process has just recalled nothing.
    let memory = LongTermMemory::new(memory.store().clone(), HashingEmbedder::new(256));
    let known = memory.add(fact("Anna lives in Oslo", 20), &cx).await.unwrap();
    assert_eq!(known.id(), Some(oslo.as_str()));
    let again = add(&memory, fact("Anna lives in Oslo", 90), &cx).await;
    assert_ne!(again, oslo);
}

#[tokio::test]
async fn what_says_the_same_becomes_one() {
    let model = ScriptedModel::new().says(answer(&[1], &[]));
    let (memory, cx) =
        (memory().await.with_comparer(ModelComparer::new(model.clone())), RunContext::ephemeral());
    let first = add(&memory, fact("Anna drinks tea every morning", 1), &cx).await;
    let second = add(&memory, fact("Every morning Anna drinks tea", 2).importance(0.9), &cx).await;
    let done = memory.consolidate(&anna(), &cx).await.unwrap();
    assert_eq!((done.looked_at, done.merged), (2, 1), "one model call: the other is gone by then");
    let tea = MemoryQuery::new(anna(), "tea", 9);
    assert_eq!(holds(&memory, tea.clone(), &cx).await, ["Anna drinks tea every morning"]);
    let stays = memory.get(&anna(), &first, &cx).await.unwrap().unwrap().entry;
    assert_eq!((stays.importance, stays.provenance.made_of), (0.9, vec![second.clone()]));
    // It is known in the other words too.
    let again = memory.add(fact("Every morning, Anna drinks tea.", 3), &cx).await.unwrap();
    assert_eq!(again.id(), Some(first.as_str()));
    // It can be taken back.
    assert!(memory.restore(&anna(), &second, &cx).await.unwrap());
    assert_eq!(holds(&memory, tea, &cx).await.len(), 2);
}

#[tokio::test]
async fn what_can_not_be_compared_waits() {
    let model = ScriptedModel::new().fails(ModelErrorKind::Unavailable, "busy").says(answer(&[], &[]));
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let error = memory.consolidate(&anna(), &cx).await.unwrap_err();
    assert!(matches!(error, MemoryError::Invalid { .. }), "nobody compares: {error}");
    let memory = memory.with_comparer(ModelComparer::new(model.clone()));
    add(&memory, fact("Anna has a dog", 1), &cx).await;
    add(&memory, fact("Anna has a cat", 2), &cx).await;
    assert!(matches!(memory.consolidate(&anna(), &cx).await, Err(MemoryError::Model(_))));
    // What waits is found by nothing, and no entry.
    assert_eq!(memory.recent(&anna(), 9, &cx).await.unwrap().len(), 2);
    assert_eq!(holds(&memory, MemoryQuery::new(anna(), "a dog and a cat", 9), &cx).await.len(), 2);
    let left = model.says(answer(&[], &[]));
    let done = memory.consolidate(&anna(), &cx).await.unwrap();
    assert_eq!((done.looked_at, done.waiting, left.left()), (2, 0, 0));
    assert_eq!(memory.clear(&anna(), &cx).await.unwrap(), 2);
}

/// Takes all for the same.
#[derive(Debug)]
struct Alike;

#[async_trait]
impl Comparer for Alike {
    async fn compare(
        &self,
        _: &Recalled,
        others: &[Recalled],
        _: &RunContext,
    ) -> Result<Vec<Relation>, MemoryError> {
        Ok(vec![Relation::Same; others.len()])
    }
}

/// Can't compare what is of cats.
#[derive(Debug)]
struct Allergic;

#[async_trait]
impl Comparer for Allergic {
    async fn compare(
        &self,
        entry: &Recalled,
        others: &[Recalled],
        _: &RunContext,
    ) -> Result<Vec<Relation>, MemoryError> {
        if entry.entry.content.contains("cat") {
            return Err(MemoryError::invalid("achoo"));
        }
        Ok(vec![Relation::Compatible; others.len()])
    }
}

#[tokio::test]
async fn one_that_can_not_be_compared_stops_no_other() {
    let (memory, cx) = (memory().await.with_comparer(Allergic), RunContext::ephemeral());
    for (day, content) in [(1, "Anna has a cat"), (2, "Anna has a dog"), (3, "Anna has a bird")] {
        add(&memory, fact(content, day), &cx).await;
    }
    for (looked_at, waiting) in [(2, 1), (0, 1), (0, 0)] {
        let done = memory.consolidate(&anna(), &cx).await.unwrap();
        assert_eq!((done.looked_at, done.failed, done.waiting), (looked_at, 1, waiting));
    }
    assert_eq!(memory.recent(&anna(), 9, &cx).await.unwrap().len(), 3, "it is an entry like any other");
}

/// Says what two entries are if they end with the same word, and notes what it is asked.
#[derive(Clone, Debug, Default)]
struct Nosy(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Comparer for Nosy {
    async fn compare(
        &self,
        _: &Recalled,
        others: &[Recalled],
        _: &RunContext,
    ) -> Result<Vec<Relation>, MemoryError> {
        self.0.lock().unwrap().extend(others.iter().map(|other| other.entry.content.clone()));
        Ok(vec![Relation::Contradicts; others.len()])
    }
}

#[tokio::test]
async fn nobody_invalidates_what_others_say() {
    let nosy = Nosy::default();
    let (memory, cx) = (memory().await.with_comparer(nosy.clone()), RunContext::ephemeral());
    let scopes = [
        anna().agent("clerk").session("monday"),
        anna().agent("clerk").session("tuesday"),
        anna().agent("cook"),
        MemoryScope::of_tenant("ben"),
    ];
    for (n, scope) in scopes.iter().enumerate() {
        let mut entry = fact(&format!("The door code is {n}"), n as u64);
        entry.scope = scope.clone();
        add(&memory, entry, &cx).await;
    }
    for tenant in [anna(), MemoryScope::of_tenant("ben")] {
        memory.consolidate(&tenant, &cx).await.unwrap();
    }
    assert_eq!(*nosy.0.lock().unwrap(), Vec::<String>::new());
    for scope in scopes {
        assert_eq!(holds(&memory, MemoryQuery::new(scope, "door code", 9), &cx).await.len(), 1);
    }
}

#[tokio::test]
async fn what_not_everybody_sees_ends_nothing() {
    let (monday, wide) = (anna().agent("clerk").session("monday"), anna().agent("clerk"));
    for wide_day in [1, 9] {
        let (memory, cx) = (memory().await.with_comparer(Nosy::default()), RunContext::ephemeral());
        for (scope, content, day) in
            [(&monday, "The door code is 1", 5), (&wide, "The door code is 2", wide_day)]
        {
            let mut entry = fact(content, day);
            entry.scope = scope.clone();
            add(&memory, entry, &cx).await;
        }
        let done = memory.consolidate(&anna(), &cx).await.unwrap();
        let found = holds(&memory, MemoryQuery::new(monday.clone(), "door code", 9), &cx).await;
        assert_eq!(found, ["The door code is 1"], "who asks on Monday knows of no other");
        // What everybody sees who sees the other ends it.
        let found = holds(&memory, MemoryQuery::new(wide.clone(), "door code", 9), &cx).await;
        assert_eq!((done.invalidated, found.len()), if wide_day < 5 { (1, 1) } else { (0, 2) });
    }
}

#[tokio::test]
async fn what_a_scope_takes_along_the_others_still_know() {
    let (memory, cx) = (memory().await.with_comparer(Alike), RunContext::ephemeral());
    let monday = anna().agent("clerk").session("monday");
    let mut said = fact("Every morning Anna drinks tea", 2);
    said.scope = monday.clone();
    add(&memory, fact("Anna drinks tea every morning", 1), &cx).await;
    add(&memory, said, &cx).await;
    // The same words, of the tenant.
    add(&memory, fact("Every morning Anna drinks tea", 3), &cx).await;
    memory.consolidate(&anna(), &cx).await.unwrap();
    let tea = |scope| MemoryQuery::new(scope, "tea", 9);
    assert_eq!(holds(&memory, tea(monday.clone()), &cx).await, ["Every morning Anna drinks tea"]);
    assert_eq!(memory.clear(&monday, &cx).await.unwrap(), 1);
    assert_eq!(holds(&memory, tea(anna()), &cx).await, ["Anna drinks tea every morning"]);
}

#[tokio::test(start_paused = true)]
async fn what_expires_is_gone_and_what_is_pinned_stays() {
    let sources = FakeSources::seeded(1);
    let (memory, cx) = (memory().await, Ephemeral::new().sources(sources).context());
    let mut options = memory.options().clone();
    options.time_to_live = vec![(MemoryKind::Fact, Duration::from_secs(60))];
    let memory = memory.with_options(options);
    let now = |content: &str| MemoryEntry::new(anna(), MemoryKind::Fact, content, cx.now());
    let mut ids = Vec::new();
    for content in ["tea is hot", "tea is green", "tea is pinned", "tea is kept"] {
        ids.push(add(&memory, now(content), &cx).await);
    }
    assert!(memory.pin(&anna(), &ids[2], true, &cx).await.unwrap());
    assert!(memory.keep_until(&anna(), &ids[3], None, &cx).await.unwrap());
    assert!(!memory.keep_until(&anna(), &ids[3], None, &cx).await.unwrap(), "it is kept");
    tokio::time::sleep(Duration::from_secs(61)).await;
    let tea = MemoryQuery::new(anna(), "tea", 9);
    assert_eq!(holds(&memory, tea, &cx).await, ["tea is kept", "tea is pinned"]);
    // What expired does not stand in the way of what is so again.
    assert_ne!(add(&memory, now("tea is hot"), &cx).await, ids[0]);
    let swept = memory.sweep(&anna(), &Forgetting::default(), &cx).await.unwrap();
    assert_eq!((swept.deleted, swept.faded), (2, 0));
    assert!(memory.get(&anna(), &ids[0], &cx).await.unwrap().is_none(), "gone for good");
}

#[tokio::test(start_paused = true)]
async fn what_is_said_again_is_as_new() {
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).context();
    let (day, forgetting) = (Duration::from_secs(86_400), Forgetting::default());
    let now = || MemoryEntry::new(anna(), MemoryKind::Fact, "Anna drinks tea", cx.now());
    let fading = memory().await;
    let id = add(&fading, now(), &cx).await;
    tokio::time::sleep(day * 300).await;
    assert_eq!(fading.sweep(&anna(), &forgetting, &cx).await.unwrap().faded, 1);
    assert_eq!(add(&fading, now(), &cx).await, id);
    tokio::time::sleep(day * 200).await;
    assert_eq!(fading.sweep(&anna(), &forgetting, &cx).await.unwrap().faded, 0);
    assert_eq!(fading.recent(&anna(), 9, &cx).await.unwrap().len(), 1);

    let expiring = memory().await;
    let mut options = expiring.options().clone();
    options.time_to_live = vec![(MemoryKind::Fact, day * 3)];
    let expiring = expiring.with_options(options);
    let id = add(&expiring, now(), &cx).await;
    for _ in 0..3 {
        tokio::time::sleep(day * 2).await;
        assert_eq!(add(&expiring, now(), &cx).await, id);
    }
    assert_eq!(expiring.recent(&anna(), 9, &cx).await.unwrap().len(), 1);
    tokio::time::sleep(day * 4).await;
    assert!(expiring.recent(&anna(), 9, &cx).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_fades_is_forgotten_restored_and_in_the_end_deleted() {
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).context();
    let memory = memory().await;
    let mut ids = Vec::new();
    for n in 0..1_200 {
        let importance = if n % 2 == 0 { 0.3 } else { 1.0 };
        ids.push(
            add(
                &memory,
                MemoryEntry::new(anna(), MemoryKind::Fact, format!("number {n}"), cx.now())
                    .importance(importance),
                &cx,
            )
            .await,
        );
    }
    tokio::time::sleep(Duration::from_secs(86_400 * 300)).await;
    let mut forgetting = Forgetting::default();
    assert_eq!(memory.sweep(&anna(), &forgetting, &cx).await.unwrap().faded, 600);
    assert_eq!(memory.sweep(&anna(), &forgetting, &cx).await.unwrap().faded, 0);
    assert!(memory.restore(&anna(), &ids[0], &cx).await.unwrap());
    assert!(memory.pin(&anna(), &ids[0], true, &cx).await.unwrap());
    assert_eq!(memory.recent(&anna(), 9_999, &cx).await.unwrap().len(), 601);
    tokio::time::sleep(Duration::from_secs(86_400)).await;
    forgetting.restorable = Some(Duration::from_secs(3_600));
    let swept = memory.sweep(&anna(), &forgetting, &cx).await.unwrap();
    assert_eq!((swept.deleted, swept.faded), (599, 0));
}

#[tokio::test]
async fn a_memory_is_explained_down_to_its_turns() {
    let (memory, cx) = (memory().await, RunContext::ephemeral());
    let turn =
        |content: &str, day| MemoryEntry::new(anna().session("s"), MemoryKind::Observation, content, at(day));
    let mut turns = Vec::new();
    for (content, day) in [("Anna: I like green tea", 1), ("Anna: black tea is too strong", 2)] {
        turns.push(add(&memory, turn(content, day), &cx).await);
    }
    let made = |content: &str, of: &[&String]| {
        let mut entry = fact(content, 9);
        entry.provenance.made_of = of.iter().map(|id| (*id).clone()).collect();
        entry
    };
    let green = add(&memory, made("Anna likes green tea", &[&turns[0]]), &cx).await;
    let taste = add(&memory, made("Anna likes mild green tea", &[&green, &turns[1], &turns[0]]), &cx).await;
    let why = memory.why(&anna(), &taste, &cx).await.unwrap();
    let told: Vec<_> = why.iter().map(|it| (it.depth, it.id.as_str())).collect();
    let expected = [(0, &taste), (1, &green), (1, &turns[1]), (1, &turns[0])];
    assert_eq!(told, expected.map(|(depth, id)| (depth, id.as_str())));
    assert!(why.iter().all(|it| it.recalled.as_ref().unwrap().entry.provenance.run == Some(cx.run_id())));
    // What is deleted is named; who does not see the entry learns nothing.
    assert!(memory.delete(&anna(), &turns[1], &cx).await.unwrap());
    let why = memory.why(&anna(), &taste, &cx).await.unwrap();
    assert_eq!(why.iter().filter(|it| it.recalled.is_none()).count(), 1);
    for other in [MemoryScope::of_tenant("ben"), anna().agent("cook")] {
        assert!(memory.why(&other, &taste, &cx).await.unwrap().is_empty());
    }
    assert!(memory.why(&anna(), "none", &cx).await.unwrap().is_empty());
}
