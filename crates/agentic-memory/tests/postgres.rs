//! The store in PostgreSQL keeps the contract of `VectorStore`, and fails in words. Needs a server:
//! `cargo xtask integration memory postgres` starts one.
//!
//! The tests use the database in turn, one after the other: one of them kills the server, which is started again by the
//! command that started it first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "tests say what they found"
)]

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use agentic_core::{
    EmbedderInfo, Filter, Json, MemoryScope, Record, Selection, StoreError, StoreErrorKind as Kind,
    Timestamp, VectorStore, WriteBatch,
};
use agentic_memory::open;
use agentic_testkit::conformance::vector_store;
use tokio_postgres::{Client, NoTls};

/// Where the server is: the address of a database of which the user may do everything, without options.
const VARIABLE: &str = "AGENTIC_TEST_POSTGRES_URL";

fn server() -> Option<String> {
    let url = std::env::var(VARIABLE).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        println!("skipped: {VARIABLE} is not set; run: cargo xtask integration memory postgres");
    }
    url
}

fn embedder() -> EmbedderInfo {
    EmbedderInfo::new("test:16", 16)
}

/// A connection beside the stores.
async fn admin(server: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The address of a schema that nobody has, but for what an earlier run left.
async fn fresh(server: &str, schema: &str) -> String {
    admin(server).await.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await.unwrap();
    format!("{server}?schema={schema}")
}

fn record(id: &str) -> Record {
    let record =
        Record::new(id, MemoryScope::of_tenant("anna"), Timestamp::from_millis(7)).with_words(["word"]);
    record.with_vector(vec![1.0; 16]).with_body(Json::of(id).unwrap())
}

async fn count(store: &Arc<dyn VectorStore>) -> Result<usize, StoreError> {
    store.count(&MemoryScope::of_tenant("anna"), &Filter::any()).await
}

/// Opening it must fail for this reason, and say so in one line without the password.
async fn refused(url: &str, embedder: Option<&EmbedderInfo>, kind: Kind) -> String {
    let error = open(url, embedder).await.unwrap_err();
    let text = format!("{error} {error:?}");
    assert_eq!(error.kind, kind, "{text}");
    assert!(!error.to_string().contains('\n'), "{text}");
    for user in [url, &std::env::var(VARIABLE).unwrap()].map(|url| url.split('@').next().unwrap()) {
        let password = user.rsplit(':').next().unwrap();
        assert!(password.is_empty() || !text.contains(password), "{text}");
    }
    text
}

/// Within this time it must come to an end.
async fn within<T>(seconds: u64, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(seconds), work).await.expect("it comes to an end")
}

// ---------------------------------------------------------------------------------------------- the contract

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_conforming() {
    let Some(server) = server() else { return };
    let url = fresh(&server, "conforming").await;
    let embedder = embedder();
    for _ in 0..2 {
        let store = open(&url, Some(&embedder)).await.unwrap();
        assert!(store.info().capabilities.exact && store.info().capabilities.atomic);
        vector_store::all(&store).await;
    }
    let again = async |embedder: Option<&EmbedderInfo>| open(&url, embedder).await;
    vector_store::what_is_durable_is_there_again(again, &embedder).await;
    vector_store::a_store_is_for_one_embedder(again, &embedder).await;
    vector_store::a_store_is_opened_without_an_embedder(again, &embedder).await;
    vector_store::what_one_writes_the_other_finds(again, &embedder).await;
    nothing_is_left(&server, "conforming").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b_two_handles_at_once() {
    let Some(server) = server() else { return };
    let url = fresh(&server, "two_handles").await;
    let (embedder, long) = (embedder(), url.replace("postgres://", "postgresql://"));
    let (one, other) = tokio::join!(open(&url, Some(&embedder)), open(&long, Some(&embedder)));
    let (one, other) = (one.unwrap(), other.unwrap());
    tokio::join!(vector_store::all(&one), vector_store::all(&other));
    nothing_is_left(&server, "two_handles").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_with_an_approximate_index() {
    let Some(server) = server() else { return };
    let url = fresh(&server, "with_index").await;
    let store = open(&format!("{url}&index=hnsw"), Some(&embedder())).await.unwrap();
    assert!(!store.info().capabilities.exact);
    vector_store::all(&store).await;
    // Records that are alike in hundreds, as those of the contract, hide others in pgvector's graph; which ones, is luck.
    let url = fresh(&server, "with_index").await;
    let store = open(&format!("{url}&index=hnsw"), Some(&embedder())).await.unwrap();
    let of = |n: usize| MemoryScope::of_tenant(if n.is_multiple_of(50) { "few" } else { "anna" });
    let mut random = fastrand::Rng::with_seed(7);
    let vectors: Vec<Vec<f32>> = (0..5_020).map(|_| (0..16).map(|_| random.f32() - 0.5).collect()).collect();
    let numbers = |n: usize| vectors[n].clone();
    for batch in 0..5 {
        let records = (batch * 1_000..(batch + 1) * 1_000).map(|n| {
            let record = Record::new(format!("{n:05}"), of(n), Timestamp::from_millis(7));
            record.with_vector(numbers(n)).with_field("odd", n % 2 == 1)
        });
        store.apply(WriteBatch::upsert(records)).await.unwrap();
    }
    // So that the index is what is asked.
    admin(&server).await.batch_execute("ANALYZE with_index.records").await.unwrap();
    let exact = open(&url, Some(&embedder())).await.unwrap();
    assert!(exact.info().capabilities.exact);
    let (mut hits, mut all) = (0, 0);
    for n in 0..20 {
        let filter = Filter::any().is("odd", n % 2 == 1);
        let wanted = Selection::new(of(n * 50 + n % 2), 10).filtered(filter);
        let asked = numbers(5_000 + n);
        let near = store.nearest(&asked, &wanted).await.unwrap();
        let nearest = exact.nearest(&asked, &wanted).await.unwrap();
        assert_eq!(near.len(), nearest.len(), "no filter loses anything");
        all += nearest.len();
        hits += near.iter().filter(|hit| nearest.iter().any(|it| it.score == hit.score)).count();
    }
    println!("found by the index: {hits} of {all}");
    assert!(hits * 100 >= all * 98, "{hits} of {all}");
    let (url, long) = (fresh(&server, "with_index").await, EmbedderInfo::new("test:2001", 2001));
    assert!(refused(&format!("{url}&index=hnsw"), Some(&long), Kind::Invalid).await.contains("2000"));
    refused(&url, None, Kind::NotFound).await;
}

/// Words and counts that belong to nobody.
async fn nothing_is_left(server: &str, schema: &str) {
    let admin = admin(server).await;
    let sql = format!(
        "SELECT (SELECT count(*) FROM {schema}.postings p WHERE NOT EXISTS (SELECT FROM {schema}.records r WHERE r.n = p.n)), \
         (SELECT count(*) FROM (SELECT tenant_key, count(*)::int8 AS records, count(*) FILTER (WHERE length > 0)::int8 AS texts, \
             sum(length)::int8 AS words FROM {schema}.records GROUP BY tenant_key) counted \
          FULL JOIN {schema}.tallies t USING (tenant_key, records, texts, words) \
          WHERE counted.tenant_key IS NULL OR t.tenant_key IS NULL)"
    );
    let row = admin.query_one(&sql, &[]).await.unwrap();
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, i64>(1)),
        (0, 0),
        "postings of nobody, tallies that don't add up"
    );
}

// ------------------------------------------------------------------------------------------------- its own

#[tokio::test]
async fn d_names_may_be_anything() {
    let Some(server) = server() else { return };
    let store = open(&fresh(&server, "names").await, Some(&embedder())).await.unwrap();
    let names =
        ["\0", "\0\0", "\u{1}", "\u{1}\u{1}", "\u{1}\u{2}", "a\0b", "", "größe'\"\\", &"x".repeat(50_000)];
    for tenant in names {
        let scope = MemoryScope::of_tenant(tenant).agent(names[0]).session(names[8]);
        let records = names.map(|id| {
            let record = Record::new(id, scope.clone(), Timestamp::from_millis(1)).with_words(names);
            record.with_field(id, "\0").with_field("n", 1.0e16).with_field("m", 1.0)
        });
        store.apply(WriteBatch::upsert(records.clone())).await.unwrap();
        let wanted = Selection::new(MemoryScope::of_tenant(tenant), 99).with_index();
        let mut listed = store.list(&wanted, None).await.unwrap();
        listed.iter_mut().for_each(|record| record.revision = 0);
        let mut expected = records.to_vec();
        expected.sort_by(|one, other| other.id.cmp(&one.id));
        assert_eq!(listed, expected, "in the order of bytes");
        for name in names {
            if !name.is_empty() {
                let of_name = Selection::new(scope.clone(), 99).filtered(Filter::any().is(name, "\0"));
                assert_eq!(store.list(&of_name, None).await.unwrap().len(), 1);
            }
            assert_eq!(store.matching(&[name.to_owned()], &wanted).await.unwrap().len(), 9);
        }
        // 1 is not 1.0.
        assert_eq!(store.count(&scope, &Filter::any().is("m", 1)).await.unwrap(), 0);
    }
    let mut tenants = names.map(str::to_owned).to_vec();
    tenants.sort();
    assert_eq!(store.tenants().await.unwrap(), tenants);
}

#[tokio::test]
async fn e_what_is_wrong_is_named() {
    let Some(server) = server() else { return };
    let embedder = embedder();
    let url = fresh(&server, "wrong").await;
    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nowhere = format!("postgres://anna:s3cret@{free}/postgres");
    within(20, refused(&nowhere, Some(&embedder), Kind::Unreachable)).await;
    // Somebody listens and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nothing =
        format!("postgres://anna:s3cret@{}/postgres?connect_timeout=1", silent.local_addr().unwrap());
    within(10, refused(&nothing, Some(&embedder), Kind::Unreachable)).await;
    let (user, place) = server.split_once('@').unwrap();
    let (name, password) = user.rsplit_once(':').unwrap();
    let wrong = refused(&format!("{name}:not-{password}@{place}"), Some(&embedder), Kind::Invalid).await;
    assert!(wrong.contains("password"), "{wrong}");
    let (place, _) = place.split_once('/').unwrap();
    refused(&format!("{user}@{place}/nosuch"), Some(&embedder), Kind::Invalid).await;
    refused(&format!("{url}&sslmode=require"), Some(&embedder), Kind::Unreachable).await;

    refused(&url, None, Kind::NotFound).await;
    let admin = admin(&server).await;
    let schemas = "SELECT FROM pg_namespace WHERE nspname = 'wrong'";
    assert!(admin.query(schemas, &[]).await.unwrap().is_empty(), "nothing was made");
    admin.batch_execute("CREATE SCHEMA wrong; CREATE TABLE wrong.about (x int)").await.unwrap();
    refused(&url, Some(&embedder), Kind::Corrupt).await;
    let url = fresh(&server, "wrong").await;
    refused(&url, Some(&EmbedderInfo::new("huge", 16_001)), Kind::Invalid).await;
    let store = open(&url, Some(&embedder)).await.unwrap();
    store.apply(WriteBatch::upsert([record("a")])).await.unwrap();

    admin.batch_execute("UPDATE wrong.about SET version = 99").await.unwrap();
    assert!(refused(&url, Some(&embedder), Kind::Newer).await.contains("format 99"));
    let error = store.apply(WriteBatch::upsert([record("b")])).await.unwrap_err();
    assert_eq!(error.kind, Kind::Newer, "{error}");
    assert_eq!(store.clear(&MemoryScope::of_tenant("anna")).await.unwrap_err().kind, Kind::Newer);
    admin
        .batch_execute("UPDATE wrong.about SET version = 1; UPDATE wrong.records SET body = '{'")
        .await
        .unwrap();
    let error = store.get(&MemoryScope::of_tenant("anna"), &["a".into()]).await.unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt, "{error}");
    admin.batch_execute("DROP TABLE wrong.postings").await.unwrap();
    let error = store.apply(WriteBatch::upsert([record("a")])).await.unwrap_err();
    assert_eq!(error.kind, Kind::Corrupt, "{error}");
    let late = Record::new("late", MemoryScope::of_tenant("anna"), Timestamp::from_millis(u64::MAX));
    assert_eq!(store.apply(WriteBatch::upsert([late])).await.unwrap_err().kind, Kind::Invalid);
}

/// A user who may only read what is there, and one who may not add the extension.
#[tokio::test]
async fn f_what_a_user_may_not_do_is_named() {
    let Some(server) = server() else { return };
    let embedder = embedder();
    let url = fresh(&server, "guarded").await;
    let store = open(&url, Some(&embedder)).await.unwrap();
    store.apply(WriteBatch::upsert([record("a")])).await.unwrap();
    let admin = admin(&server).await;
    admin
        .batch_execute(
            "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'reads'; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
             GRANT USAGE ON SCHEMA guarded TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA guarded TO reader; \
             ",
        )
        .await
        .unwrap();
    admin.batch_execute("DROP DATABASE IF EXISTS plain").await.unwrap();
    admin.batch_execute("CREATE DATABASE plain OWNER reader").await.unwrap();
    let (_, place) = url.split_once('@').unwrap();
    let reader = open(&format!("postgres://reader:reads@{place}"), Some(&embedder)).await.unwrap();
    assert_eq!(count(&reader).await.unwrap(), 1);
    let error = reader.apply(WriteBatch::upsert([record("b")])).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unwritable, "{error}");
    // The other database has no pgvector yet, and its owner may not add it.
    let (place, _) = place.split_once('/').unwrap();
    let refused =
        refused(&format!("postgres://reader:reads@{place}/plain"), Some(&embedder), Kind::Unwritable).await;
    assert!(refused.contains("CREATE EXTENSION vector"), "{refused}");
    admin.batch_execute("DROP DATABASE plain").await.unwrap();
}

/// What is dropped in its middle leaves nothing half done, and no connection in the middle of something.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn g_a_call_may_be_dropped() {
    let Some(server) = server() else { return };
    let url = fresh(&server, "dropped").await;
    let store = open(&format!("{url}&connections=2"), Some(&embedder())).await.unwrap();
    let batch = || WriteBatch::upsert((0..200).map(|n| record(&format!("{n}"))));
    for micros in (0..60_u64).map(|n| n * 500) {
        let write = tokio::time::timeout(Duration::from_micros(micros), store.apply(batch())).await;
        let seen = within(30, count(&store)).await.unwrap();
        assert!(seen == 0 || seen == 200, "{seen}");
        assert!(write.is_err() || seen == 200);
        let gone = within(30, store.clear(&MemoryScope::of_tenant("anna"))).await.unwrap();
        assert!(gone == 0 || gone == 200, "{gone}");
    }
    within(30, store.apply(batch())).await.unwrap();
    nothing_is_left(&server, "dropped").await;
}

/// Whoever keeps a row locked is not waited for without end.
#[tokio::test]
async fn h_locks_are_not_waited_for_without_end() {
    let Some(server) = server() else { return };
    let url = fresh(&server, "locked").await;
    let store = open(&format!("{url}&statement_timeout=1"), Some(&embedder())).await.unwrap();
    store.apply(WriteBatch::upsert([record("a")])).await.unwrap();
    let admin = admin(&server).await;
    admin.batch_execute("BEGIN; SELECT FROM locked.records FOR UPDATE").await.unwrap();
    let error = within(20, store.apply(WriteBatch::upsert([record("a")]))).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable, "{error}");
    assert_eq!(count(&store).await.unwrap(), 1, "who reads is not in its way");
    admin.batch_execute("ROLLBACK").await.unwrap();
    store.apply(WriteBatch::upsert([record("a")])).await.unwrap();
}

/// Writers of the same records, in any order, get in each other's way and lose nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i_many_write_the_same_records() {
    let Some(server) = server() else { return };
    let url = fresh(&server, "crowd").await;
    let store = open(&url, Some(&embedder())).await.unwrap();
    let writer = |writer: u64| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(writer);
            for _ in 0..40 {
                let mut ids: Vec<String> = (0..12).map(|n| format!("{n}")).collect();
                random.shuffle(&mut ids);
                let mut changes = WriteBatch::delete("anna", ids.split_off(8));
                changes.upsert = ids.iter().map(|id| record(id)).collect();
                store.apply(changes).await.unwrap();
            }
        })
    };
    let writers: Vec<_> = (0..8).map(writer).collect();
    for writer in writers {
        within(120, writer).await.unwrap();
    }
    nothing_is_left(&server, "crowd").await;
}

/// The server is killed while several write. What was acknowledged is there when it is back; calls fail in words, or work.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn z_a_killed_server_loses_nothing() {
    let Some(server) = server() else { return };
    let url = fresh(&server, "killed").await;
    let store = open(&url, Some(&embedder())).await.unwrap();
    let (stop, failed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writer = |writer: usize| {
        let (store, stop, failed) = (store.clone(), stop.clone(), failed.clone());
        tokio::spawn(async move {
            let mut acknowledged = Vec::new();
            for n in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let id = format!("{writer}-{n}");
                match within(60, store.apply(WriteBatch::upsert([record(&id)]))).await {
                    Ok(_) => acknowledged.push(id),
                    Err(error) => {
                        assert_eq!(error.kind, Kind::Unreachable, "{error}");
                        failed.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
            acknowledged
        })
    };
    let writers: Vec<_> = (0..4).map(writer).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    // The shell's parent is a process of the server's, whose parent is the server.
    let kill = "COPY (SELECT 1) TO PROGRAM 'kill -9 $(cut -d\" \" -f4 /proc/$PPID/stat)'";
    let admin = admin(&server).await;
    let _ = within(30, admin.batch_execute(kill)).await;
    let back = async {
        while count(&store).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    within(90, back).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let there = store.get(&MemoryScope::of_tenant("anna"), &acknowledged).await.unwrap();
    assert_eq!(there.len(), acknowledged.len(), "what was acknowledged is there");
    let failed = failed.load(Ordering::Relaxed);
    println!("killed: {} acknowledged, none lost; {failed} calls failed", acknowledged.len());
    assert!(failed > 0, "it was killed");
    nothing_is_left(&server, "killed").await;
}
