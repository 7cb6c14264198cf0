//! What is written.

use agentic_core::{Json, Record, Selection, StoreErrorKind as Kind, WriteBatch};
use serde_json::json;

use super::make::{
    Store, all_of, as_written, at, bare, common, count, fresh, get, ids, listed, near, record, refused,
    vector, words, write,
};

/// All that a record has comes back, to the bit: any text, any field, bodies as they were written.
pub async fn a_record_comes_back_as_it_was_written(store: &Store) {
    let scope = fresh().agent("Zoë's agent/中").session("s 🦀 %_\"'");
    let body = Json::parse("{\"b\":1.50,  \"a\":[ 1, 2, \"\\u0000\"]}").expect("this is JSON");
    let full = Record::new("größe/中 🦀 '\"\\%_", scope.clone(), at(7))
        .with_vector(vector(store, &[0.1, -2.5e-3, 1.0e6, 1.0 / 3.0]))
        .with_words(["größe", "中", "Größe", "größe", "🦀", "it's", "a b", "3.5", "\n\t"])
        .with_field("text", "é'\"\\\n🦀")
        .with_field("empty", "")
        .with_field("whole", 1_u64 << 53)
        .with_field("below", -7)
        .with_field("part", 1.5)
        .with_field("yes", true)
        .with_field("nothing", json!(null))
        .with_field("list", json!(["a", 2, false]))
        .with_field("Ünïcode name.with 'marks'", 1)
        .with_body(body);
    let zero = bare("zero", &scope).with_vector(vector(store, &[]));
    let records = [full, zero, bare("bare", &scope)];
    write(store, records.clone()).await;
    for record in &records {
        assert_eq!(get(store, &scope, &record.id).await.as_ref(), Some(record));
    }
    let mut listed = store.list(&all_of(&scope).with_index(), None).await.expect("records are listed");
    assert_eq!(as_written(listed.swap_remove(0)), records[0], "in lists too");
    let order: Vec<String> = ["bare", "none", "zero", "bare"].map(str::to_owned).into();
    let found = store.get(&scope, &order).await.expect("records are read");
    assert_eq!(ids(&found), ["bare", "zero", "bare"], "in the order of the ids");
}

/// Writing an id again replaces all of the record, also in another scope of the tenant: nothing finds the old one.
pub async fn writing_again_replaces(store: &Store) {
    let tenant = fresh();
    let (monday, tuesday) = (tenant.clone().session("monday"), tenant.clone().session("tuesday"));
    write(store, [record(store, "a", &monday), record(store, "b", &monday)]).await;
    let new = bare("a", &tuesday).with_vector(vector(store, &[0.0, 1.0])).with_words(["new"]);
    write(store, [new.clone()]).await;
    assert_eq!(get(store, &tenant, "a").await, Some(new));
    assert_eq!(common(store, &all_of(&tenant)).await, ["b"]);
    assert_eq!(near(store, &Selection::new(tenant.clone(), 1)).await, ["b"]);
    assert_eq!(listed(store, &all_of(&monday)).await, ["b"]);
    assert_eq!(listed(store, &all_of(&tuesday)).await, ["a"]);
    assert_eq!((count(store, &tenant).await, count(store, &monday).await), (2, 1));
    let found = store.matching(&words("new"), &all_of(&tenant)).await.expect("words are found");
    assert_eq!(found.len(), 1, "the new one is found");
}

/// Of several records with one id in the same changes the last one counts.
pub async fn of_several_the_last_counts(store: &Store) {
    let scope = fresh();
    let last = bare("a", &scope).with_words(["last"]);
    write(store, [record(store, "a", &scope), record(store, "b", &scope), last.clone()]).await;
    assert_eq!(get(store, &scope, "a").await, Some(last));
    assert_eq!(common(store, &all_of(&scope)).await, ["b"]);
    assert_eq!(count(store, &scope).await, 2);
}

/// Deletions come before what is written, each is counted once, and what is not there is not deleted.
pub async fn deletions_come_first_and_are_counted(store: &Store) {
    let scope = fresh();
    write(store, ["a", "b", "c"].map(|id| record(store, id, &scope))).await;
    let mut changes = WriteBatch::delete(&scope.tenant, ["a", "b", "a", "none"]);
    let again = bare("a", &scope);
    changes.upsert.push(again.clone());
    assert_eq!(store.apply(changes).await.expect("records can be deleted"), 2);
    assert_eq!(get(store, &scope, "a").await, Some(again));
    assert_eq!(common(store, &all_of(&scope)).await, ["c"]);
    assert_eq!(near(store, &all_of(&scope)).await, ["c"]);
    let gone = store.apply(WriteBatch::delete(&scope.tenant, ["b"])).await;
    assert_eq!(gone.expect("deleting again is fine"), 0);
    assert_eq!(count(store, &scope).await, 2);
}

/// What was changed or deleted since it was read is not written over, and nothing else of the batch is written then.
pub async fn what_has_changed_is_not_written_over(store: &Store) {
    let scope = fresh();
    let read = async |id: &str| {
        let mut found = store.get(&scope, &[id.to_owned()]).await.expect("records are read");
        found.pop().expect("it is there")
    };
    write(store, ["a", "b", "kept"].map(|id| record(store, id, &scope))).await;
    let (a, b) = (read("a").await, read("b").await);
    assert_eq!(read("a").await.revision, a.revision, "reading does not change it");
    write(store, [a.clone().with_words(["new"])]).await;
    let new = read("a").await;
    assert_ne!(new.revision, a.revision, "each writing has a revision of its own");
    store.apply(WriteBatch::delete(&scope.tenant, ["b"])).await.expect("records can be deleted");
    for old in [a, b.clone()] {
        let mut changes = WriteBatch::delete(&scope.tenant, ["kept"]);
        changes.upsert = vec![bare("other", &scope), old];
        refused(store.apply(changes).await, Kind::Conflict, "a record that was changed since");
    }
    assert_eq!(listed(store, &all_of(&scope)).await, ["kept", "a"], "nothing was deleted or written");
    assert_eq!(read("a").await, new);
    write(store, [b.over(0)]).await;
    assert_eq!(listed(store, &all_of(&scope)).await, ["kept", "b", "a"], "without a revision it is");
}

/// No changes are fine.
pub async fn changes_may_be_empty(store: &Store) {
    assert_eq!(store.apply(WriteBatch::default()).await.expect("no changes are fine"), 0);
}

/// If one record of many can't be written, none is, and nothing is deleted.
pub async fn what_is_wrong_changes_nothing(store: &Store) {
    let scope = fresh();
    write(store, [record(store, "kept", &scope)]).await;
    let long = vec![1.0; store.info().dimensions + 1];
    for (vector, kind) in [
        (long.clone(), Kind::WrongDimension),
        (vec![1.0], Kind::WrongDimension),
        (vector(store, &[f32::NAN]), Kind::Invalid),
        (vector(store, &[f32::INFINITY]), Kind::Invalid),
    ] {
        let mut changes = WriteBatch::delete(&scope.tenant, ["kept"]);
        changes.upsert = vec![record(store, "good", &scope), bare("bad", &scope).with_vector(vector.clone())];
        refused(store.apply(changes).await, kind, "a record with a vector that is none");
        refused(store.nearest(&vector, &all_of(&scope)).await, kind, "a search for a vector that is none");
    }
    refused(store.nearest(&[], &all_of(&scope)).await, Kind::WrongDimension, "a search for no vector");
    assert_eq!(listed(store, &all_of(&scope)).await, ["kept"]);
}

/// A thousand records are written in one go, and again, and are all there.
pub async fn a_thousand_at_once(store: &Store) {
    let scope = fresh();
    let thousand = || {
        (0..1_000_u16).map(|n| {
            let numbers = [f32::from(n % 10), 1.0];
            let record = bare(&format!("{n:04}"), &scope).with_vector(vector(store, &numbers));
            record.with_words([format!("w{}", n % 100)]).with_field("n", n)
        })
    };
    for _ in 0..2 {
        write(store, thousand()).await;
        assert_eq!(count(store, &scope).await, 1_000);
    }
    let many = Selection::new(scope.clone(), 2_000);
    assert_eq!(listed(store, &many).await.len(), 1_000);
    assert_eq!(near(store, &many).await.len(), 1_000);
    let found = store.matching(&words("w7"), &many).await.expect("words are found");
    assert_eq!(found.len(), 10);
    let all: Vec<String> = thousand().map(|record| record.id).collect();
    assert_eq!(store.get(&scope, &all).await.expect("records are read").len(), 1_000);
    let gone = store.apply(WriteBatch::delete(&scope.tenant, all)).await;
    assert_eq!(gone.expect("a thousand can be deleted"), 1_000);
    assert_eq!(count(store, &scope).await, 0);
}

/// A body of 1 MB, as many words, and a word of 100,000 characters are nothing special.
pub async fn a_record_may_be_large(store: &Store) {
    let scope = fresh();
    let body = Json::of(&"é🦀x".repeat(150_000)).expect("a text has a JSON form");
    let mut large = bare("large", &scope).with_body(body).with_field("text", "x".repeat(10_000));
    large.words = (0..100_000).map(|n| format!("w{}", n % 5_000)).collect();
    large.words.push("y".repeat(100_000));
    write(store, [large.clone(), record(store, "b", &scope)]).await;
    assert!(get(store, &scope, "large").await == Some(large), "it comes back as it was written");
    let found = store.matching(&["y".repeat(100_000)], &all_of(&scope)).await.expect("words are found");
    assert_eq!(found.len(), 1, "it is found by its longest word");
}

/// Writers at the same time lose nothing, and see at once what they wrote.
pub async fn many_may_write_at_once(store: &Store) {
    let scope = fresh();
    let writer = |writer: usize| {
        let (store, scope) = (store.clone(), scope.clone());
        async move {
            let session = scope.session(format!("{writer}"));
            for n in 0..20 {
                let id = format!("{writer}-{n}");
                write(&store, [record(&store, &id, &session), record(&store, "shared", &session)]).await;
                assert!(get(&store, &session, &id).await.is_some(), "{id} is there at once");
                if n % 4 == 3 {
                    let gone = store.apply(WriteBatch::delete(&session.tenant, [id])).await;
                    assert_eq!(gone.expect("records can be deleted"), 1);
                }
            }
        }
    };
    let writers: Vec<_> = (0..8).map(|n| tokio::spawn(writer(n))).collect();
    for writer in writers {
        writer.await.expect("a writer ends well");
    }
    let many = Selection::new(scope.clone(), 1_000);
    assert_eq!(count(store, &scope).await, 8 * 15 + 1, "each writer's, and one that all wrote");
    assert_eq!(listed(store, &many).await.len(), 121);
    assert_eq!(near(store, &many).await.len(), 121);
    assert_eq!(common(store, &many).await.len(), 121);
}
