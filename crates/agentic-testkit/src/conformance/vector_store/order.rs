//! The order of time.

use agentic_core::{Beside, Cursor, Filter, MemoryScope, Predicate, Record, Selection};
use serde_json::json;

use super::make::{Store, all_of, at, bare, fresh, ids, listed, timed, write};

fn then(id: &str, scope: &MemoryScope, millis: u64) -> Record {
    timed(bare(id, scope), millis)
}

/// Lists have the newest first, of the same time the one with the greatest id, across the scopes that are seen.
pub async fn lists_are_in_order(store: &Store) {
    let tenant = fresh();
    let (one, other) = (tenant.clone().session("one"), tenant.clone().session("other"));
    let records = [
        then("b", &one, 5),
        then("z", &other, 1),
        then("c", &other, 5),
        then("a", &tenant, 5),
        then("d", &one, 9),
    ];
    write(store, records).await;
    assert_eq!(listed(store, &all_of(&tenant)).await, ["d", "c", "b", "a", "z"]);
    assert_eq!(listed(store, &Selection::new(tenant.clone(), 2)).await, ["d", "c"]);
    assert_eq!(listed(store, &all_of(&one)).await, ["d", "b"]);
    write(store, [then("d", &one, 0)]).await;
    assert_eq!(listed(store, &all_of(&tenant)).await, ["c", "b", "a", "z", "d"], "a new time is a new place");
}

/// A list goes on after any place, also one that nobody has; page by page all records come once.
pub async fn lists_go_on_where_they_stopped(store: &Store) {
    let tenant = fresh();
    let record = |n: u64| then(&format!("{n:03}"), &tenant.clone().session(format!("{}", n % 3)), n / 4);
    write(store, (0..100).map(record)).await;
    let expected: Vec<String> = (0..100).rev().map(|n| format!("{n:03}")).collect();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = Selection::new(tenant.clone(), 7);
        let page = store.list(&page, after.as_ref()).await.expect("records are listed");
        let Some(last) = page.last() else { break };
        after = Some(Cursor::of(last));
        found.extend(ids(&page));
    }
    assert_eq!(found, expected);
    let odd = Filter::any().and("of", Predicate::Missing);
    let page = Selection::new(tenant.clone().session("1"), 2).filtered(odd);
    let between = Cursor { at: at(10), id: "041a".into() };
    let page = store.list(&page, Some(&between)).await.expect("records are listed");
    assert_eq!(ids(&page), ["040", "037"], "after a place between two records");
}

/// What stands beside a record is of exactly its scope, and fulfils the filter; what is not seen has no neighbours.
pub async fn neighbours_are_of_the_same_scope(store: &Store) {
    let tenant = fresh();
    let (one, other) = (tenant.clone().agent("x").session("one"), tenant.clone().session("one"));
    let quiet = |record: Record| record.with_field("kind", "quiet");
    let records = [
        then("a", &one, 1),
        then("ä", &other, 2),
        quiet(then("b", &one, 3)),
        then("c", &one, 5),
        then("d", &one, 5),
        then("z", &other, 6),
    ];
    write(store, records).await;
    let asked: Vec<String> = ["c", "a", "none", "d", "ä", "c"].map(str::to_owned).into();
    let names = |beside: &Beside| {
        let id = |record: &Option<Record>| record.as_ref().map(|record| record.id.clone());
        (id(&beside.before), id(&beside.after))
    };
    let ask = async |wanted: Selection| -> Vec<_> {
        let beside = store.beside(&asked, &wanted).await.expect("neighbours are found");
        beside.iter().map(names).collect()
    };
    let some = |id: &str| Some(id.to_owned());
    let expected = [
        (some("b"), some("d")),
        (None, some("b")),
        (None, None),
        (some("c"), None),
        (None, some("z")),
        (some("b"), some("d")),
    ];
    assert_eq!(ask(Selection::new(tenant.clone(), 0)).await, expected, "the limit does not count");
    let loud = Filter::any().and("kind", Predicate::Not(vec![json!("quiet")]));
    let found = ask(all_of(&tenant).filtered(loud)).await;
    assert_eq!((&found[0], &found[1]), (&(some("a"), some("d")), &(None, some("c"))));
    let of_one = ask(all_of(&one)).await;
    assert_eq!((&of_one[0], &of_one[4]), (&expected[0], &(None, None)), "not of what the scope does not see");
    assert_eq!(ask(all_of(&fresh())).await, vec![(None, None); 6]);
}
