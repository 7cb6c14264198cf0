//! What is found by vectors and by words.

use agentic_core::{Hit, Selection};

use super::make::{
    Store, all_of, as_written, bare, common, count, fresh, listed, near, record, sorted, vector, words, write,
};

async fn nearest(store: &Store, asked: &[f32], wanted: &Selection) -> Vec<Hit> {
    store.nearest(&vector(store, asked), wanted).await.expect("the nearest are found")
}

async fn matching(store: &Store, asked: &str, wanted: &Selection) -> Vec<Hit> {
    store.matching(&words(asked), wanted).await.expect("words are found")
}

/// The nearest by cosine come first, with their cosines, however long vectors are.
pub async fn the_nearest_come_first(store: &Store) {
    let scope = fresh();
    let with = |id: &str, numbers: &[f32]| bare(id, &scope).with_vector(vector(store, numbers));
    write(
        store,
        [
            with("same", &[300.0, 300.0]),
            with("near", &[0.001, 0.0]),
            with("across", &[0.0, 0.0, 5.0]),
            with("away", &[-1.0, -1.0]),
            with("zero", &[]),
            bare("none", &scope),
        ],
    )
    .await;
    let hits = nearest(store, &[2.0, 2.0], &all_of(&scope)).await;
    assert_eq!(sorted(&hits), ["same", "near", "across", "away"]);
    for (hit, cosine) in hits.iter().zip([1.0, 0.5_f32.sqrt(), 0.0, -1.0]) {
        assert!((hit.score - cosine).abs() < 1e-3, "{}: {} instead of {cosine}", hit.record.id, hit.score);
    }
    let two = nearest(store, &[2.0, 2.0], &Selection::new(scope.clone(), 2)).await;
    assert_eq!(sorted(&two), ["same", "near"]);
    write(store, [with("b", &[0.0, 0.0, 0.0, 1.0]), with("a", &[0.0, 0.0, 0.0, 2.0])]).await;
    let equal = nearest(store, &[0.0, 0.0, 0.0, 1.0], &Selection::new(scope, 2)).await;
    assert_eq!(sorted(&equal), ["a", "b"]);
}

/// Where the store says that it is exact, the nearest are those of a full search.
pub async fn exact_means_exact(store: &Store) {
    if !store.info().capabilities.exact {
        return;
    }
    let scope = fresh();
    let mut random = fastrand::Rng::with_seed(11);
    let mut drawn = || -> Vec<f32> { (0..store.info().dimensions).map(|_| random.f32() - 0.4).collect() };
    let vectors: Vec<Vec<f32>> = (0..500).map(|_| drawn()).collect();
    let records = vectors.iter().enumerate();
    write(store, records.map(|(n, vector)| bare(&format!("{n:03}"), &scope).with_vector(vector.clone())))
        .await;
    for _ in 0..10 {
        let asked = drawn();
        let mut expected: Vec<f64> = vectors.iter().map(|vector| cosine(&asked, vector)).collect();
        expected.sort_by(|one, other| other.total_cmp(one));
        let wanted = Selection::new(scope.clone(), 20);
        let hits = store.nearest(&asked, &wanted).await.expect("the nearest are found");
        assert_eq!(sorted(&hits).len(), 20);
        for (hit, expected) in hits.iter().zip(expected) {
            assert!((f64::from(hit.score) - expected).abs() < 1e-5, "{} instead of {expected}", hit.score);
        }
    }
}

fn cosine(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    dot(one, other) / (dot(one, one) * dot(other, other)).sqrt()
}

/// Records are found if they have at least one of the words; rare words count more than common ones, repeated ones more
/// than single ones, and those in short records more than those in long ones.
pub async fn keywords_are_found_by_bm25(store: &Store) {
    let scope = fresh();
    let with = |id: &str, text: &str| bare(id, &scope).with_words(words(text));
    write(
        store,
        [
            with("rare", "cat red sun sea"),
            with("twice", "dog dog sun sea"),
            with("once", "dog red sun sea"),
            with("long", "dog red sun sea one two three four five six seven eight nine ten"),
            with("other", "red sun sea moon"),
            bare("none", &scope),
        ],
    )
    .await;
    let all = all_of(&scope);
    let hits = matching(store, "dog cat", &all).await;
    assert_eq!(sorted(&hits), ["rare", "twice", "once", "long"]);
    assert!(hits.iter().all(|hit| hit.score > 0.0), "{hits:?}");
    assert_eq!(
        sorted(&matching(store, "dog cat", &Selection::new(scope.clone(), 2)).await),
        ["rare", "twice"]
    );
    assert_eq!(matching(store, "cat dog cat dog", &all).await, hits, "a word counts once, in whatever order");
    assert_eq!(matching(store, "dog cat fish", &all).await, hits, "what nobody has changes nothing");
    assert_eq!(sorted(&matching(store, "moon moon", &all).await), ["other"]);
    let red = matching(store, "red", &all).await;
    assert!(red.iter().all(|hit| hit.score < hits[0].score), "what all have counts little: {red:?}");
}

/// How rare a word is, and how long records are, is counted in the tenant alone: nobody learns what others have.
pub async fn tenants_do_not_count_for_each_other(store: &Store) {
    let (mine, other) = (fresh(), fresh());
    write(store, [record(store, "a", &mine), bare("b", &mine).with_words(words("red sun"))]).await;
    let before = matching(store, "common red", &all_of(&mine)).await;
    let long = bare("long", &other).with_words(words(&"common ".repeat(500)));
    write(store, (0..50).map(|n| record(store, &format!("{n}"), &other)).chain([long])).await;
    assert_eq!(matching(store, "common red", &all_of(&mine)).await, before);
}

/// A word is found as it was written, and no other is taken for it.
pub async fn words_are_what_they_are(store: &Store) {
    let scope = fresh();
    let odd =
        ["word", "Word", "wörd", "words", "wor", "a-b", "a", "b", "AND", "wor*", "\"a\"", "中", "中文", "🦀"];
    let odd = odd.into_iter().chain(["a b", "NEAR(a, b)", "'; --", "%", "_", "\\", "3.5", "35", "x:y"]);
    let odd: Vec<&str> = odd.collect();
    write(store, odd.iter().map(|word| bare(&format!("of {word}"), &scope).with_words([*word]))).await;
    for word in odd {
        let hits = store.matching(&[word.to_owned()], &all_of(&scope)).await.expect("words are found");
        assert_eq!(sorted(&hits), [format!("of {word}")]);
    }
}

/// Nothing is found where the limit is 0, by no words, by a vector of zeros, and where nothing is.
pub async fn nothing_is_found_by_nothing(store: &Store) {
    let scope = fresh();
    write(store, ["a", "b"].map(|id| record(store, id, &scope))).await;
    let none = Selection::new(scope.clone(), 0);
    assert!(near(store, &none).await.is_empty() && common(store, &none).await.is_empty());
    assert!(listed(store, &none).await.is_empty());
    assert!(nearest(store, &[], &all_of(&scope)).await.is_empty(), "a vector of zeros points nowhere");
    assert!(
        matching(store, "", &all_of(&scope)).await.is_empty()
            && matching(store, "x", &all_of(&scope)).await.is_empty()
    );
    assert!(store.get(&scope, &[]).await.expect("no ids are fine").is_empty());
    assert!(store.beside(&[], &all_of(&scope)).await.expect("no ids are fine").is_empty());
    let nobody = fresh();
    let all = all_of(&nobody);
    assert!(near(store, &all).await.is_empty() && common(store, &all).await.is_empty());
    assert!(listed(store, &all).await.is_empty() && count(store, &nobody).await == 0);
    let most = Selection::new(scope, usize::MAX);
    assert_eq!(near(store, &most).await, ["a", "b"], "there is no largest limit");
    assert_eq!(common(store, &most).await, ["a", "b"]);
    assert_eq!(listed(store, &most).await.len(), 2);
}

/// Vectors and words come back where they are wanted, and only there.
pub async fn vectors_and_words_come_when_they_are_wanted(store: &Store) {
    let scope = fresh();
    let full = record(store, "a", &scope).with_field("n", 1);
    let mut short = full.clone();
    (short.vector, short.words) = (Vec::new(), Vec::new());
    let later = bare("b", &scope);
    write(store, [full.clone(), later]).await;
    let one = Selection::new(scope.clone(), 1);
    for (wanted, expected) in [(one.clone(), &short), (one.with_index(), &full)] {
        let hits = nearest(store, &[1.0], &wanted).await;
        assert_eq!(&as_written(hits[0].record.clone()), expected, "the nearest");
        let hits = matching(store, "common", &wanted).await;
        assert_eq!(&as_written(hits[0].record.clone()), expected, "by words");
        let beside = store.beside(&["b".into()], &wanted).await.expect("neighbours are found");
        assert_eq!(beside[0].before.clone().map(as_written).as_ref(), Some(expected), "beside");
        let mut all = wanted.clone();
        all.limit = 2;
        let listed = store.list(&all, None).await.expect("records are listed");
        assert_eq!(&as_written(listed[1].clone()), expected, "in lists");
    }
}
