//! Whoever asks in one scope learns nothing of another, and changes nothing there, whatever they try.

use agentic_core::{
    Filter, Memory, MemoryEntry, MemoryKind, MemoryQuery, MemoryScope, Predicate, RunContext, Selection,
    VectorStore,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::{
    EpisodicMemory, Forgetting, HierarchicalMemory, LongTermMemory, ModelComparer, ShortTermMemory,
};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::{RuleModel, Says};
use serde_json::json;

const SECRET: &str = "The vault opens with 4711";

fn victim() -> MemoryScope {
    MemoryScope::of_tenant("anna").agent("clerk").session("monday")
}

/// Others, and names that look like the victim's when they are put together carelessly.
fn intruders() -> Vec<MemoryScope> {
    let anna = || MemoryScope::of_tenant("anna");
    vec![
        MemoryScope::of_tenant("ben"),
        MemoryScope::of_tenant("ann").agent("a/clerk").session("monday"),
        MemoryScope::of_tenant("anna/clerk/monday"),
        MemoryScope::of_tenant("anna/clerk").agent("monday"),
        MemoryScope::of_tenant("ANNA"),
        MemoryScope::of_tenant("anna "),
        MemoryScope::of_tenant("*"),
        MemoryScope::of_tenant("%"),
        MemoryScope::of_tenant("anna' OR '1'='1"),
        anna().agent("cook"),
        anna().agent("clerk").session("tuesday"),
        anna().agent("").session("monday"),
        anna().agent("*"),
        anna().session("*"),
    ]
}

/// A model that would say anything about everything.
fn gossip() -> RuleModel {
    RuleModel::new(|request| {
        let asked: String = request.messages.iter().map(|message| message.text()).collect();
        Says::text(match () {
            () if asked.contains("accomplished") => {
                json!({ "accomplished": [], "decisions": [], "learned": ["s"] }).to_string()
            }
            () if asked.contains("You compare") => {
                json!({ "same": [], "contradicts": [1, 2, 3] }).to_string()
            }
            () => json!({ "summary": "s" }).to_string(),
        })
    })
}

fn entry(scope: &MemoryScope, kind: MemoryKind, cx: &RunContext) -> MemoryEntry {
    MemoryEntry::new(scope.clone(), kind, SECRET, cx.now()).importance(0.9).with("room", "vault")
}

async fn tries(memory: &dyn Memory, scope: &MemoryScope, id: &str, cx: &RunContext) {
    for text in ["vault 4711", SECRET, "\u{1}window", "%", "*"] {
        let mut query = MemoryQuery::new(scope.clone(), text, 1_000);
        assert!(memory.retrieve(&query, cx).await.unwrap().is_empty(), "{scope}");
        query = query.metadata(Filter::any().and("room", Predicate::Not(vec!["x".into()])));
        assert!(memory.retrieve(&query, cx).await.unwrap().is_empty(), "{scope}");
    }
    assert!(memory.recent(scope, 1_000, cx).await.unwrap().is_empty(), "{scope}");
    assert!(!memory.forget(scope, id, cx).await.unwrap(), "{scope}");
    assert_eq!(memory.clear(scope, cx).await.unwrap(), 0, "{scope}");
}

#[tokio::test(start_paused = true)]
async fn no_scope_reaches_into_another() {
    let cx = RunContext::ephemeral();
    let folder = tempfile::tempdir().unwrap();
    for url in ["memory:".to_owned(), format!("sqlite://{}", folder.path().join("tenancy.db").display())] {
        let long = LongTermMemory::open(&url, HashingEmbedder::new(64)).await.unwrap();
        let long = long.with_comparer(ModelComparer::new(gossip()));
        let tiers = HierarchicalMemory::new(long.clone()).with_model(gossip());
        let episodes = EpisodicMemory::new(long.clone(), gossip());
        let home = MemoryScope::of_tenant("anna").agent("clerk");
        let id =
            tiers.add(entry(&victim(), MemoryKind::Fact, &cx), &cx).await.unwrap().id().unwrap().to_owned();
        let episode = episodes.start(&home, "Secret plan", &cx).await.unwrap();
        episodes.add(&episode, MemoryKind::Action, SECRET, &cx).await.unwrap();
        episodes.end(&home, &episode.id, &cx).await.unwrap();
        let before = everything(&**long.store()).await;

        for scope in intruders() {
            // Of what the same agent sees in any session, an episode is no secret.
            tries(&long, &scope, &id, &cx).await;
            tries(&tiers, &scope, &id, &cx).await;
            assert!(long.get(&scope, &id, &cx).await.unwrap().is_none());
            assert!(long.why(&scope, &id, &cx).await.unwrap().is_empty());
            assert!(!long.pin(&scope, &id, true, &cx).await.unwrap());
            assert!(!long.restore(&scope, &id, &cx).await.unwrap());
            assert!(!long.keep_until(&scope, &id, Some(cx.now()), &cx).await.unwrap());
            assert!(!long.delete(&scope, &id, &cx).await.unwrap());
            assert!(!long.delete(&scope, &format!("{id}/waits"), &cx).await.unwrap());
            assert_eq!(long.sweep(&scope, &Forgetting::default(), &cx).await.unwrap(), Default::default());
            assert_eq!(long.consolidate(&scope, &cx).await.unwrap(), Default::default());
            tiers.consolidate(&scope, &cx).await.unwrap();
            assert!(episodes.whole(&scope, &episode.id, &cx).await.unwrap().is_none());
            assert!(episodes.find(&scope, "secret plan", 9, &cx).await.unwrap().is_empty());
            assert!(episodes.list(&scope, 9, &cx).await.unwrap().is_empty());

            // The same words, and a lineage that leads to the victim, tell nothing and change nothing.
            let mut same = entry(&scope, MemoryKind::Fact, &cx);
            same.provenance.made_of = vec![id.clone()];
            let mine = long.add(same, &cx).await.unwrap();
            let mine = mine.id().unwrap_or_else(|| panic!("{scope}: {mine:?}")).to_owned();
            assert_ne!(mine, id);
            let why = long.why(&scope, &mine, &cx).await.unwrap();
            assert!(why.iter().skip(1).all(|ancestor| ancestor.recalled.is_none()), "{scope}: {why:?}");
            long.consolidate(&scope, &cx).await.unwrap();
            assert!(long.delete(&scope, &mine, &cx).await.unwrap());
        }
        assert_eq!(everything(&**long.store()).await, before, "{url}: nothing of the victim's has changed");
        assert_eq!(long.retrieve(&MemoryQuery::new(victim(), "vault", 9), &cx).await.unwrap().len(), 1);
    }
}

async fn everything(store: &dyn VectorStore) -> Vec<agentic_core::Record> {
    let all = Selection::new(MemoryScope::of_tenant("anna"), usize::MAX).with_index();
    store.list(&all, None).await.unwrap()
}

#[tokio::test]
async fn windows_are_of_their_scope_alone() {
    let (memory, cx) = (ShortTermMemory::turns(1), RunContext::ephemeral());
    let id = memory
        .add(entry(&victim(), MemoryKind::Observation, &cx), &cx)
        .await
        .unwrap()
        .id()
        .unwrap()
        .to_owned();
    for scope in intruders() {
        tries(&memory, &scope, &id, &cx).await;
        memory.add(entry(&scope, MemoryKind::Observation, &cx), &cx).await.unwrap();
        assert_eq!(memory.recent(&victim(), 9, &cx).await.unwrap().len(), 1, "{scope} pushes nothing out");
        memory.clear(&scope, &cx).await.unwrap();
    }
}
