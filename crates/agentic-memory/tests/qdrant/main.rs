//! `qdrant://` keeps the contract of `VectorStore`: at a server of this machine that has Qdrant's engine, and at the one
//! that `QDRANT_URL` names (`qdrant://HOST[:PORT]`), if it does.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "these are tests")]

use agentic_core::{
    EmbedderInfo, Filter, MemoryScope, Record, Selection, StoreErrorKind as Kind, Timestamp, WriteBatch,
};
use agentic_memory::open;
use agentic_testkit::QdrantServer;
use agentic_testkit::conformance::vector_store;

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("test:16", 16)
}

async fn keeps_the_contract(url: &str) {
    let embedder = embedder();
    for _ in 0..2 {
        let store = open(url, Some(&embedder)).await.unwrap();
        vector_store::all(&store).await;
        let can = store.info().capabilities;
        assert!(can.durable && can.shared && !can.exact && !can.atomic);
    }
    let again = async |embedder: Option<&EmbedderInfo>| open(url, embedder).await;
    vector_store::what_is_durable_is_there_again(again, &embedder).await;
    vector_store::a_store_is_for_one_embedder(again, &embedder).await;
    vector_store::a_store_is_opened_without_an_embedder(again, &embedder).await;
    vector_store::what_one_writes_the_other_finds(again, &embedder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract() {
    let server = QdrantServer::start().await.unwrap();
    keeps_the_contract(&server.url("notes")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_keeps_the_contract_at_a_real_server() {
    let Ok(server) = std::env::var("QDRANT_URL") else { return };
    keeps_the_contract(&format!("{server}/agentic-test")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_may_make_a_collection_at_once() {
    let server = QdrantServer::start().await.unwrap();
    let (url, embedder) = (server.url("notes"), embedder());
    let open = || open(&url, Some(&embedder));
    let (one, other, third) = tokio::join!(open(), open(), open());
    let (one, other, _) = (one.unwrap(), other.unwrap(), third.unwrap());
    tokio::join!(vector_store::all(&one), vector_store::all(&other));
}

/// However long records are on average, and however many are as good as the last one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keywords_are_scored_as_in_memory() {
    let server = QdrantServer::start().await.unwrap();
    let stores = [
        open("memory:", Some(&embedder())).await.unwrap(),
        open(&server.url("notes"), Some(&embedder())).await.unwrap(),
    ];
    for (tenant, longest) in [("short", 6), ("long", 200)] {
        let scope = MemoryScope::of_tenant(tenant);
        let record = |n: usize| {
            let words = (0..1 + n * 7 % longest).map(|k| format!("w{}", (n * 31 + k * k * 17) % 40));
            let record = Record::new(format!("{n:03}"), scope.clone(), Timestamp::from_millis(n as u64));
            record.with_words(words).with_field("even", n % 2 == 0)
        };
        for store in &stores {
            store.apply(WriteBatch::upsert((0..300).map(record))).await.unwrap();
        }
        for asked in ["w1", "w1 w2 w3", "w7 w7 w39 none", "none"] {
            let words: Vec<String> = asked.split(' ').map(str::to_owned).collect();
            for limit in [1, 5, 50, usize::MAX] {
                let wanted = Selection::new(scope.clone(), limit);
                for wanted in [wanted.clone(), wanted.filtered(Filter::any().is("even", true))] {
                    let mut found = Vec::new();
                    for store in &stores {
                        let hits = store.matching(&words, &wanted).await.unwrap().into_iter();
                        found.push(hits.map(|hit| (hit.record.id, hit.score)).collect::<Vec<_>>());
                    }
                    assert_eq!(found[0], found[1], "{asked} in {tenant}, {limit}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_in_time() {
    // It takes connections, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    for address in [silent.local_addr().unwrap(), closed] {
        let url = format!("qdrant://{address}/notes?timeout=1");
        let error = open(&url, Some(&embedder())).await.unwrap_err();
        assert_eq!(error.kind, Kind::Unreachable, "{error}");
        assert!(error.is_retryable() && error.store == format!("qdrant://{address}/notes"), "{error}");
        assert!(!error.message.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn who_has_no_key_is_told_so() {
    let server = QdrantServer::start_with_key(Some("swordfish")).await.unwrap();
    let error = open(&server.url("notes"), Some(&embedder())).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unwritable, "{error}");
    assert!(error.message.contains("QDRANT_API_KEY") && !error.message.contains("swordfish"), "{error}");
    let named = format!("{}?api_key_env=AGENTIC_TEST_NO_SUCH_KEY", server.url("notes"));
    let error = open(&named, Some(&embedder())).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid, "{error}");
    assert!(error.message.contains("AGENTIC_TEST_NO_SUCH_KEY"), "{error}");
}

#[tokio::test]
async fn a_collection_that_is_none_of_ours_is_named() {
    let server = QdrantServer::start().await.unwrap();
    let absent = open(&server.url("none"), None).await.unwrap_err();
    assert_eq!(absent.kind, Kind::NotFound, "{absent}");
    let still = open(&server.url("none"), None).await.unwrap_err();
    assert_eq!(still.kind, Kind::NotFound, "nothing was made: {still}");
    open(&server.url("notes"), Some(&embedder())).await.unwrap();
    let other = EmbedderInfo::new("other", 16);
    let error = open(&server.url("notes"), Some(&other)).await.unwrap_err();
    assert_eq!(error.kind, Kind::OtherEmbedder, "{error}");
    let error = open("qdrant://localhost", Some(&embedder())).await.unwrap_err();
    assert_eq!(error.kind, Kind::Invalid, "{error}");
}
