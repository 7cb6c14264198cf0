//! Scopes.

use agentic_core::{MemoryScope, Record, WriteBatch};

use super::make::{
    Store, all_of, as_written, bare, common, count, fresh, get, ids, listed, near, record, write,
};

/// Scopes of two tenants, with names that are easily taken for others.
fn scopes() -> Vec<MemoryScope> {
    let one = fresh();
    let near = MemoryScope::of_tenant(format!("{} ", one.tenant));
    let mut scopes = Vec::new();
    for tenant in [one, near, fresh()] {
        scopes.extend([
            tenant.clone(),
            tenant.clone().agent("a"),
            tenant.clone().agent("A"),
            tenant.clone().session("a"),
            tenant.clone().agent("a").session("s"),
            tenant.clone().agent("a").session("s%"),
            tenant.clone().agent("").session("*"),
            tenant.agent("a/s"),
        ]);
    }
    scopes
}

/// Whatever is asked, a scope gets all that it sees and nothing else, although others have the same ids.
pub async fn scopes_never_cross(store: &Store) {
    let scopes = scopes();
    // The same ids in each tenant.
    let name = |place: usize| format!("{}", place % 8);
    let made: Vec<Record> =
        scopes.iter().enumerate().map(|(place, scope)| record(store, &name(place), scope)).collect();
    write(store, made.clone()).await;
    let all_ids: Vec<String> = (0..8).map(name).collect();
    for asked in scopes.iter().chain([&fresh()]) {
        let seen: Vec<&Record> = made.iter().filter(|record| asked.sees(&record.scope)).collect();
        let expected: Vec<String> = seen.iter().map(|record| record.id.clone()).collect();
        let wanted = all_of(asked);
        assert_eq!(near(store, &wanted).await, expected, "near, of {asked}");
        assert_eq!(common(store, &wanted).await, expected, "by words, of {asked}");
        assert_eq!(
            ids(&store.get(asked, &all_ids).await.expect("records are read")),
            expected,
            "read, of {asked}"
        );
        let list = store.list(&wanted.with_index(), None).await.expect("records are listed");
        let list: Vec<Record> = list.into_iter().map(as_written).collect();
        assert!(list.iter().rev().eq(seen.iter().copied()), "in a list of {asked}: {list:?}");
        assert_eq!(count(store, asked).await, expected.len(), "counted, of {asked}");
    }
    let (mine, other) = (&scopes[0], &scopes[16]);
    let gone =
        store.apply(WriteBatch::delete(&mine.tenant, ["0", "1"])).await.expect("records can be deleted");
    write(store, [bare("2", mine)]).await;
    assert_eq!((gone, count(store, other).await), (2, 8), "another tenant's are as they were");
    assert_eq!(get(store, other, "2").await.as_ref(), Some(&made[18]));
}

/// Clearing deletes all that the scope sees, from every index, and nothing else.
pub async fn clearing_takes_what_the_scope_sees(store: &Store) {
    for at in 0..8 {
        let scopes = scopes();
        let made = scopes.iter().zip(0..).map(|(scope, n)| record(store, &format!("{n:02}"), scope));
        let made: Vec<Record> = made.collect();
        write(store, made.clone()).await;
        let cleared = &scopes[at];
        let gone = made.iter().filter(|record| cleared.sees(&record.scope)).count();
        assert_eq!(store.clear(cleared).await.expect("a scope can be cleared"), gone, "of {cleared}");
        assert_eq!(store.clear(cleared).await.expect("nothing can be cleared"), 0, "of {cleared}");
        for tenant in [0, 8, 16] {
            let left = made.iter().filter(|it| scopes[tenant].sees(&it.scope) && !cleared.sees(&it.scope));
            let left: Vec<String> = left.map(|record| record.id.clone()).collect();
            let wanted = all_of(&scopes[tenant]);
            assert_eq!(near(store, &wanted).await, left, "near, without {cleared}");
            assert_eq!(common(store, &wanted).await, left, "by words, without {cleared}");
            assert_eq!(listed(store, &wanted).await.len(), left.len(), "in a list without {cleared}");
        }
    }
}

/// Tenants are known as long as they have records.
pub async fn tenants_are_known(store: &Store) {
    let (one, other) = (fresh(), fresh().session("s"));
    write(store, [bare("a", &one), bare("b", &one), bare("a", &other)]).await;
    let known = async || store.tenants().await.expect("tenants are known");
    let tenants = known().await;
    assert!(tenants.is_sorted_by(|one, next| one < next), "each once and in order: {tenants:?}");
    assert!(tenants.contains(&one.tenant) && tenants.contains(&other.tenant), "{tenants:?}");
    store.clear(&one).await.expect("a scope can be cleared");
    store.apply(WriteBatch::delete(&other.tenant, ["a"])).await.expect("records can be deleted");
    let tenants = known().await;
    assert!(!tenants.contains(&one.tenant) && !tenants.contains(&other.tenant), "{tenants:?}");
}
