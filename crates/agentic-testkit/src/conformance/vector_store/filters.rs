//! Filters.

use agentic_core::{Filter, Predicate, Selection, StoreErrorKind as Kind};
use serde_json::{Value, json};

use super::make::{
    Store, all_of, bare, common, fresh, listed, near, record, refused, timed, vector, words, write,
};

/// Filters of every kind hold in searches, lists, counts and for neighbours.
pub async fn filters_hold_wherever_records_are_found(store: &Store) {
    let scope = fresh();
    let with = |id: &str, fields: Value| {
        let mut record = record(store, id, &scope);
        record.fields = fields.as_object().cloned().unwrap_or_default();
        record
    };
    let a = json!({"text": "x", "n": 1, "yes": true, "list": ["p", "q"], "odd name.'ü\"": "é🦀"});
    let b = json!({"text": "y", "n": 2.5, "yes": false, "list": [1, 2], "null": null});
    let c = json!({"text": 1, "n": "1", "list": [], "big": 1_u64 << 53});
    let d = json!({"n": -3});
    write(store, [with("a", a), with("b", b), with("c", c), with("d", d)]).await;
    let any = |values: Value| Predicate::AnyOf(values.as_array().cloned().unwrap_or_default());
    let not = |values: Value| Predicate::Not(values.as_array().cloned().unwrap_or_default());
    let one = |field: &str, test: Predicate| Filter::any().and(field, test);
    for (filter, expected) in [
        (Filter::any(), "abcd"),
        (Filter::any().is("text", "x"), "a"),
        (Filter::any().is("text", "X"), ""),
        (Filter::any().is("text", 1), "c"),
        (Filter::any().is("yes", true), "a"),
        (Filter::any().is("n", 1), "a"),
        (Filter::any().is("n", "1"), "c"),
        (Filter::any().is("n", -3), "d"),
        (Filter::any().is("big", 1_u64 << 53), "c"),
        (Filter::any().is("odd name.'ü\"", "é🦀"), "a"),
        (Filter::any().is("none", "x"), ""),
        (one("text", any(json!(["x", "y", "z"]))), "ab"),
        (one("list", any(json!(["q", 2]))), "ab"),
        (one("text", any(json!([]))), ""),
        (one("text", not(json!(["x", 1]))), "bd"),
        (one("list", not(json!(["p"]))), "bcd"),
        (one("text", not(json!([]))), "abcd"),
        (one("n", Predicate::AtLeast(1.0)), "ab"),
        (one("n", Predicate::AtLeast(1.5)), "b"),
        (one("n", Predicate::Below(1.0)), "d"),
        (one("list", Predicate::Below(2.0)), "b"),
        (one("big", Predicate::AtLeast(9_007_199_254_740_992.0)), "c"),
        (one("big", Predicate::Below(9_007_199_254_740_992.0)), ""),
        (one("text", Predicate::Missing), "d"),
        (one("null", Predicate::Missing), "abcd"),
        (one("list", Predicate::Missing), "cd"),
        (one("n", Predicate::AtLeast(0.0)).and("n", Predicate::Below(2.0)).is("yes", true), "a"),
        (one("n", Predicate::AtLeast(0.0)).is("yes", false).is("text", "x"), ""),
    ] {
        let expected: Vec<String> = expected.chars().map(String::from).collect();
        let wanted = all_of(&scope).filtered(filter.clone());
        assert_eq!(near(store, &wanted).await, expected, "the nearest with {filter:?}");
        assert_eq!(common(store, &wanted).await, expected, "by words with {filter:?}");
        let mut listed = listed(store, &wanted).await;
        listed.reverse();
        assert_eq!(listed, expected, "in a list with {filter:?}");
        let count = store.count(&scope, &filter).await.expect("records are counted");
        assert_eq!(count, expected.len(), "counted with {filter:?}");
    }
    few_among_many(store).await;
}

/// What few records fulfil is found although many others are nearer.
async fn few_among_many(store: &Store) {
    let scope = fresh();
    let far = |id: &str| {
        let record = bare(id, &scope).with_vector(vector(store, &[-1.0, 0.5]));
        record.with_words(words("common and much more that makes it a worse match")).with_field("rare", true)
    };
    let others = (0..500).map(|n| timed(record(store, &format!("{n}"), &scope), 9));
    write(store, others.chain(["x", "y", "z"].map(far))).await;
    let wanted = Selection::new(scope, 2).filtered(Filter::any().is("rare", true));
    assert_eq!(near(store, &wanted).await, ["x", "y"]);
    assert_eq!(common(store, &wanted).await, ["x", "y"]);
    assert_eq!(listed(store, &wanted).await, ["z", "y"]);
}

/// Filters that can't be asked are refused wherever they are asked.
pub async fn a_filter_that_can_not_be_asked_is_refused(store: &Store) {
    let scope = fresh();
    for filter in [
        Filter::any().is("n", 1.5),
        Filter::any().is("n", json!({})),
        Filter::any().and("n", Predicate::Not(vec![Value::Null])),
        Filter::any().and("n", Predicate::AtLeast(f64::NAN)),
        Filter::any().and("n", Predicate::Below(f64::INFINITY)),
        Filter::any().is("", "x"),
    ] {
        let (wanted, what) = (all_of(&scope).filtered(filter.clone()), format!("{filter:?}"));
        refused(store.nearest(&vector(store, &[1.0]), &wanted).await, Kind::Invalid, &what);
        refused(store.matching(&words("common"), &wanted).await, Kind::Invalid, &what);
        refused(store.list(&wanted, None).await, Kind::Invalid, &what);
        refused(store.beside(&["a".into()], &wanted).await, Kind::Invalid, &what);
        refused(store.count(&scope, &filter).await, Kind::Invalid, &what);
    }
}
