//! The default embedding model. Skips with a clear line where its files are absent.

use std::sync::Arc;

use agentic_core::{Embedder, ModelErrorKind, RunContext};
use agentic_llm::adapter::onnx::{OnnxOptions, needs, open};
use agentic_llm::catalog::{ModelLibrary, Resolved};
use agentic_llm::{DEFAULT_EMBEDDER, Environment, open_embedder};
use agentic_runtime::RunContextExt as _;

/// The address, if what it needs is on this machine.
fn address() -> Option<&'static str> {
    let environment = Environment::system();
    let needed = match needs(DEFAULT_EMBEDDER, &environment) {
        Ok(needed) => needed,
        Err(error) => {
            println!("skipped: {error}");
            return None;
        }
    };
    let library = ModelLibrary::of_user(&environment).expect("the catalog is sound");
    for id in needed {
        if !matches!(library.resolve(&id), Ok(Resolved::Ready(_))) {
            println!("skipped: `{id}` is not on this machine; fetch it with `agentic model pull {id}`");
            return None;
        }
    }
    Some(DEFAULT_EMBEDDER)
}

async fn vectors(cx: &RunContext, model: &Arc<dyn Embedder>, texts: &[String]) -> Vec<Vec<f32>> {
    cx.embed(model, texts.iter().cloned()).await.expect("the texts are embedded").vectors
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// One test, so that the model is loaded once.
#[tokio::test]
async fn the_model_keeps_its_promises() {
    let Some(address) = address() else { return };
    let model = open_embedder(address).await.expect("the model opens");
    let cx = RunContext::ephemeral();
    let info = model.info();
    assert_eq!((&*info.id, info.dimensions, info.max_tokens), (address, 384, Some(256)));
    agentic_testkit::conformance::embedder::all(&cx, &model).await;
    company_moves_nothing(&cx, &model).await;
    like_texts_are_near(&cx, &model).await;
    long_texts_are_cut(&cx, &model).await;
    a_megabyte_is_cut(&cx, &model).await;
    a_question_does_not_wait_for_an_import(&cx, &model).await;
    other_files_are_refused().await;
}

/// Stricter than the suite: not by a rounding error worth speaking of.
async fn company_moves_nothing(cx: &RunContext, model: &Arc<dyn Embedder>) {
    let text = |n: usize| format!("{} {n}", "some words, ".repeat(n % 17));
    let texts: Vec<String> = (0..48).map(text).collect();
    let together = vectors(cx, model, &texts).await;
    for (text, together) in texts.iter().zip(&together) {
        let alone = vectors(cx, model, std::slice::from_ref(text)).await;
        let moved = alone[0].iter().zip(together).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(moved < 1e-5, "{text}: {moved}");
        assert!((dot(together, together) - 1.0).abs() < 1e-5, "vectors have length 1");
    }
}

async fn like_texts_are_near(cx: &RunContext, model: &Arc<dyn Embedder>) {
    let texts = [
        "How do I reset my password?",
        "I forgot my login, what now?",
        "The glacier has lost a third of its ice.",
    ];
    let found = vectors(cx, model, &texts.map(str::to_owned)).await;
    let (near, far) = (dot(&found[0], &found[1]), dot(&found[0], &found[2]));
    assert!(near > 0.4 && far < 0.2, "{near} {far}");
}

async fn long_texts_are_cut(cx: &RunContext, model: &Arc<dyn Embedder>) {
    let words = |count: usize| "word ".repeat(count);
    // The two ends are among the 256 tokens.
    let found = vectors(cx, model, &[words(254), words(255), words(5_000), words(253)]).await;
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
    assert_ne!(found[0], found[3]);
}

/// With and without anything to split it at; an empty text beside it has its own vector.
async fn a_megabyte_is_cut(cx: &RunContext, model: &Arc<dyn Embedder>) {
    let texts = ["One word after another. ".repeat(44_000), "x".repeat(1 << 20), String::new()];
    let found = vectors(cx, model, &texts).await;
    assert!(found.iter().all(|vector| (dot(vector, vector) - 1.0).abs() < 1e-5));
    assert_eq!(found[0], vectors(cx, model, &["One word after another. ".repeat(100)]).await[0]);
    assert_eq!(found[2], vectors(cx, model, &[String::new()]).await[0]);
}

/// Jobs take turns, so a short one overtakes a long one.
async fn a_question_does_not_wait_for_an_import(cx: &RunContext, model: &Arc<dyn Embedder>) {
    let import: Vec<String> = (0..300).map(|n| format!("{n} {}", "word ".repeat(60))).collect();
    let import = cx.embed(model, import);
    let question = cx.keyed("question", 1).embed(model, ["Where is it?"]);
    let (import, question) = (Box::pin(import), Box::pin(question));
    match futures_util::future::select(import, question).await {
        futures_util::future::Either::Left(_) => panic!("the question waited for the import"),
        futures_util::future::Either::Right((answer, import)) => {
            assert_eq!(answer.expect("the question is embedded").vectors.len(), 1);
            drop(import);
        }
    }
}

async fn other_files_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let model = folder.path().join("model.onnx");
    let error = async || {
        let mut options = OnnxOptions::default();
        // One is loaded already: it is not looked for again.
        options.library = Some("/nowhere/libonnxruntime.so".into());
        let error = open(&model, options).await.expect_err("nothing to open");
        assert_eq!(error.kind(), ModelErrorKind::Unloadable);
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
        error.to_string()
    };
    assert!(error().await.contains("tokenizer.json`: No such file"), "{}", error().await);
    std::fs::write(folder.path().join("tokenizer.json"), "{}").expect("written");
    assert!(error().await.contains("it is no tokenizer.json that can be used: "), "{}", error().await);
    let tokenizer = r#"{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
        "pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
        "model":{"type":"WordLevel","vocab":{"[UNK]":0},"unk_token":"[UNK]"}}"#;
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer).expect("written");
    assert!(error().await.contains("model.onnx`: there is no such file"), "{}", error().await);
    std::fs::write(&model, "no model").expect("written");
    assert!(error().await.contains("it is no ONNX model that can be run: "), "{}", error().await);
}
