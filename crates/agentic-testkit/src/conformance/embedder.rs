//! What every [`Embedder`] must do.

use std::sync::Arc;

use agentic_core::{Embedder, Embeddings, ModelErrorKind, RunContext, StepError};
use futures_util::future::{Either, select};

/// Runs the whole suite: some 200 texts.
pub async fn all(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    is_described(embedder);
    a_vector_for_each_text(cx, embedder).await;
    no_texts_no_vectors(cx, embedder).await;
    vectors_keep_the_order(cx, embedder).await;
    the_same_text_has_the_same_vector(cx, embedder).await;
    company_changes_nothing(cx, embedder).await;
    other_texts_have_other_vectors(cx, embedder).await;
    an_empty_text_has_a_vector(cx, embedder).await;
    any_characters_have_a_vector(cx, embedder).await;
    a_very_long_text_is_cut_or_refused(cx, embedder).await;
    calls_at_once_do_not_mix(cx, embedder).await;
    can_be_dropped(cx, embedder).await;
}

/// How far apart two vectors of the same text may be: 1 - cosine. Endpoints round a little differently from one time to
/// the next; texts of different meaning are further apart by orders of magnitude.
const SAME: f64 = 1e-3;

const TEXTS: [&str; 4] = [
    "Anna drinks green tea in the morning.",
    "The ferry to Oslo leaves at nine.",
    "Rust has no garbage collector.",
    "It rained for three days.",
];

async fn embed(cx: &RunContext, embedder: &Arc<dyn Embedder>, texts: &[&str]) -> Embeddings {
    let embeddings = cx.embed(embedder, texts.iter().copied()).await.expect("the texts are embedded");
    check(embedder, texts.len(), &embeddings);
    embeddings
}

/// As many vectors as texts, each as long as it says, of numbers.
fn check(embedder: &Arc<dyn Embedder>, texts: usize, embeddings: &Embeddings) {
    assert_eq!(embeddings.vectors.len(), texts, "as many vectors as texts");
    let dimensions = embedder.info().dimensions;
    for (index, vector) in embeddings.vectors.iter().enumerate() {
        assert_eq!(vector.len(), dimensions, "vector {index} is as long as the model says");
        assert!(vector.iter().all(|number| number.is_finite()), "vector {index} holds numbers only");
    }
}

/// 1 - cosine.
fn apart(one: &[f32], other: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    // A vector of zeros says nothing: it is like another of zeros, and like no other.
    if lengths == 0.0 { f64::from(u8::from(one != other)) } else { 1.0 - dot(one, other) / lengths }
}

fn assert_same(one: &[Vec<f32>], other: &[Vec<f32>], what: &str) {
    assert_eq!(one.len(), other.len(), "{what}");
    for (index, (one, other)) in one.iter().zip(other).enumerate() {
        let apart = apart(one, other);
        assert!(apart <= SAME, "{what}: the vectors of text {index} are {apart} apart");
    }
}

/// It has a name and a length of its vectors.
pub fn is_described(embedder: &Arc<dyn Embedder>) {
    let info = embedder.info();
    assert!(!info.id.is_empty(), "the model has a name");
    assert!(info.dimensions > 0, "its vectors have numbers");
}

/// As many vectors as texts, each of the length that the model says.
pub async fn a_vector_for_each_text(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    embed(cx, embedder, &TEXTS[..1]).await;
    let many: Vec<String> =
        (0..100).map(|n| format!("{} {}", "word ".repeat(n % 13), TEXTS[n % 4])).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    embed(cx, embedder, &many).await;
}

/// No texts give no vectors, and take nothing.
pub async fn no_texts_no_vectors(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    let none = embed(cx, embedder, &[]).await;
    assert_eq!(none.usage.input_tokens, 0, "no text has no token");
}

/// Vectors come in the order of the texts, whatever is done in between.
pub async fn vectors_keep_the_order(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    // Of lengths that rise and fall, since models like to sort by length.
    let long = TEXTS.concat();
    let texts = [TEXTS[0], &long, TEXTS[1], "tea", TEXTS[2], TEXTS[3]];
    let there = embed(cx, embedder, &texts).await.vectors;
    let mut back: Vec<&str> = texts.to_vec();
    back.reverse();
    let mut back = embed(cx, embedder, &back).await.vectors;
    back.reverse();
    assert_same(&there, &back, "the same texts in the opposite order");
}

/// Asked twice, it says the same.
pub async fn the_same_text_has_the_same_vector(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    let first = embed(cx, embedder, &TEXTS).await.vectors;
    let second = embed(cx, embedder, &TEXTS).await.vectors;
    assert_same(&first, &second, "the same texts twice");
    let twice = embed(cx, embedder, &[TEXTS[0], TEXTS[1], TEXTS[0]]).await.vectors;
    assert_same(&twice[..1], &twice[2..], "the same text twice in one call");
}

/// A text has the same vector whatever is embedded with it.
pub async fn company_changes_nothing(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    let mut alone = Vec::new();
    for text in TEXTS {
        alone.extend(embed(cx, embedder, &[text]).await.vectors);
    }
    assert_same(&alone, &embed(cx, embedder, &TEXTS).await.vectors, "alone and together");
    let long = TEXTS.concat().repeat(3);
    let company =
        embed(cx, embedder, &[TEXTS[0], &long, "!", TEXTS[1], "7", TEXTS[2], "東京", TEXTS[3]]).await.vectors;
    let again: Vec<Vec<f32>> = [0, 3, 5, 7].iter().map(|&index| company[index].clone()).collect();
    assert_same(&alone, &again, "alone and in other company");
}

/// Texts that share nothing are told apart.
pub async fn other_texts_have_other_vectors(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    let vectors = embed(cx, embedder, &TEXTS).await.vectors;
    for one in 0..vectors.len() {
        for other in 0..one {
            let apart = apart(&vectors[one], &vectors[other]);
            assert!(apart > 10.0 * SAME, "texts {other} and {one} are only {apart} apart");
        }
    }
}

/// A text without anything in it has a vector too, if only one of zeros.
pub async fn an_empty_text_has_a_vector(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    embed(cx, embedder, &[""]).await;
    let among = embed(cx, embedder, &[TEXTS[0], "", " \n\t", TEXTS[1]]).await.vectors;
    let without = embed(cx, embedder, &TEXTS[..2]).await.vectors;
    assert_same(&[among[0].clone(), among[3].clone()], &without, "with empty texts in between");
}

/// Any text that Rust can hold is embedded.
pub async fn any_characters_have_a_vector(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    let texts = [
        "Größe, naïve, Ærø",
        "東京は日本の首都です。",
        "مرحبا بالعالم",
        "👩‍👩‍👧‍👦🏳️‍🌈",
        "e\u{301} and \u{e9}",
        "\u{0} \u{7f} \u{feff} \u{fffd} \u{10ffff}",
        "\u{202e}right to left",
        "[CLS] [SEP] [PAD] [MASK] <s> </s> <|endoftext|>",
    ];
    embed(cx, embedder, &texts).await;
}

/// A text that is longer than the model takes is cut, or refused as too long, at once; both leave the model able.
pub async fn a_very_long_text_is_cut_or_refused(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    // With and without anything to split it at.
    for text in ["One word after another. ".repeat(4_000), "x".repeat(100_000)] {
        match cx.embed(embedder, [text]).await {
            Ok(embeddings) => check(embedder, 1, &embeddings),
            Err(StepError::Model(error)) => {
                let kind = error.kind();
                let typed = matches!(kind, ModelErrorKind::ContextOverflow | ModelErrorKind::InvalidRequest);
                assert!(typed, "a text that is too long is refused as such, not as {kind}: {error}");
            }
            Err(error) => panic!("a text that is too long is cut, or refused by the model: {error}"),
        }
    }
    embed(cx, embedder, &TEXTS).await;
}

/// Calls that run at once each get their own vectors.
pub async fn calls_at_once_do_not_mix(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    let (one, other) = tokio::join!(embed(cx, embedder, &TEXTS[..2]), embed(cx, embedder, &TEXTS[2..]));
    let both = embed(cx, embedder, &TEXTS).await.vectors;
    assert_same(&[one.vectors, other.vectors].concat(), &both, "two calls at once");
}

/// A call that is dropped while it is at work leaves the model able to take the next one.
pub async fn can_be_dropped(cx: &RunContext, embedder: &Arc<dyn Embedder>) {
    let long = TEXTS.concat();
    // In a box, so that dropping it drops the step.
    let step = Box::pin(cx.embed(embedder, std::iter::repeat_n(long, 32)));
    let moment = std::pin::pin!(async {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    });
    // Whichever comes first: the moment, or all vectors if it is quick.
    match select(step, moment).await {
        Either::Left((done, _)) => drop(done.expect("the texts are embedded")),
        Either::Right(((), step)) => drop(step),
    }
    embed(cx, embedder, &TEXTS).await;
}
