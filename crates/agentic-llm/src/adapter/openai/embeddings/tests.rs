//! The adapter against a real server on the loopback interface.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::adapter::hashing::HashingEmbedder;
use agentic_core::{NanoUsd, RunContext, StepError};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::conformance;
use serde_json::{Value, json};

use super::super::test_server::{Reply, Server};
use super::*;
use crate::secret::Secret;

const KEY: &str = "sk-test-4be19a0c77";

/// What an honest server says to this body, with vectors of 8 numbers.
fn honest(body: &Value) -> Value {
    let model = HashingEmbedder::new(8);
    let texts = body["input"].as_array().unwrap();
    let data = texts.iter().enumerate().map(|(index, text)| {
        let embedding = model.vector(text.as_str().unwrap());
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let tokens = texts.len();
    json!({"object": "list", "data": data.collect::<Vec<_>>(), "model": "m-1",
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}

fn builder(server: &Server) -> OpenAiEmbedderBuilder {
    OpenAiEmbedder::builder("m").base_url(&server.base_url).key(Secret::new(KEY)).dimensions(8)
}

fn embedder(server: &Server) -> Arc<dyn Embedder> {
    Arc::new(builder(server).build().unwrap())
}

async fn embed(cx: &RunContext, model: &Arc<dyn Embedder>, texts: &[&str]) -> Result<Embeddings, ModelError> {
    cx.embed(model, texts.iter().copied()).await.map_err(|error| match error {
        StepError::Model(error) => error,
        other => panic!("{other}"),
    })
}

#[tokio::test]
async fn the_suite_for_embedders_passes() {
    let server = Server::answering(|body| Some(Reply::json(&honest(body)))).await;
    conformance::embedder::all(&RunContext::ephemeral(), &embedder(&server)).await;
}

#[tokio::test]
async fn a_request_holds_the_model_and_the_texts() {
    let server = Server::answering(|body| Some(Reply::json(&honest(body)))).await;
    let cx = RunContext::ephemeral();
    embed(&cx, &embedder(&server), &["a", ""]).await.unwrap();
    let short: Arc<dyn Embedder> = Arc::new(builder(&server).shorten(true).build().unwrap());
    embed(&cx, &short, &["b"]).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].body, json!({"model": "m", "input": ["a", " "]}), "OpenAI refuses an empty text");
    assert_eq!(seen[1].body, json!({"model": "m", "input": ["b"], "dimensions": 8}));
    assert!(seen[0].head.starts_with("post /v1/embeddings http/1.1"), "{}", seen[0].head);
    assert!(seen[0].head.contains(&format!("authorization: bearer {KEY}")));
}

#[tokio::test]
async fn long_lists_are_spread_over_requests() {
    let server = Server::answering(|body| Some(Reply::json(&honest(body)))).await;
    let price = agentic_core::Price { input: NanoUsd(2_000_000), ..Default::default() };
    let model: Arc<dyn Embedder> =
        Arc::new(builder(&server).texts_per_request(3).price(price).build().unwrap());
    let texts: Vec<String> = (0..7).map(|n| format!("word{n}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let whole = embed(&RunContext::ephemeral(), &model, &texts).await.unwrap();
    let expected: Vec<_> = texts.iter().map(|text| HashingEmbedder::new(8).vector(text)).collect();
    assert_eq!(whole.vectors, expected);
    assert_eq!(server.seen().len(), 3);
    assert_eq!(whole.usage.input_tokens, 7);
    assert_eq!(model.info().price.unwrap().of(&whole.usage), NanoUsd(14));
}

#[test]
fn a_request_has_so_many_texts_and_bytes() {
    let texts: Vec<String> = [3, 3, 3, 9, 1, 0, 0].into_iter().map(|length| "x".repeat(length)).collect();
    let limits = Limits { texts: 3, bytes: 6 };
    assert_eq!(requests(&texts, limits), [0..2, 2..3, 3..4, 4..7], "a text that is too long is alone");
    assert_eq!(requests(&[], limits), [] as [Range<usize>; 0]);
}

#[tokio::test]
async fn a_request_is_tried_again_and_not_the_whole_list() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let server = Server::answering(move |body| {
        let busy = Reply::new(503, "application/json", r#"{"error":{"message":"busy"}}"#);
        match count.fetch_add(1, Ordering::SeqCst) {
            1 | 2 => Some(busy),
            _ => Some(Reply::json(&honest(body))),
        }
    })
    .await;
    let policy = RetryPolicy::default().with_waits(Duration::from_millis(1), Duration::from_millis(1));
    let model: Arc<dyn Embedder> =
        Arc::new(builder(&server).texts_per_request(1).retry(policy).build().unwrap());
    let cx = RunContext::ephemeral();
    assert_eq!(embed(&cx, &model, &["a", "b", "c"]).await.unwrap().vectors.len(), 3);
    let asked: Vec<String> = server.seen().iter().map(|seen| seen.body["input"][0].to_string()).collect();
    assert_eq!(asked, ["\"a\"", "\"b\"", "\"b\"", "\"b\"", "\"c\""]);
}

#[tokio::test]
async fn what_can_not_be_mended_is_not_tried_again() {
    let wrong = json!({"data": [{"embedding": [1.0]}]});
    let server = Server::start([
        Reply::json(&wrong),
        Reply::new(401, "application/json", format!(r#"{{"error":{{"message":"bad key {KEY}"}}}}"#)),
    ])
    .await;
    let (cx, model) = (RunContext::ephemeral(), embedder(&server));
    let error = embed(&cx, &model, &["a"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidResponse);
    assert_eq!(
        error.to_string(),
        "model `openai:m`: the vector of text 0 has 1 numbers, not 8; set the model's dimensions to what it gives"
    );
    let error = embed(&cx, &model, &["a"]).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (Kind::Authentication, Some(401)));
    assert_eq!(server.seen().len(), 2);
    for shown in
        [format!("{error} {error:?}"), format!("{model:?} {model:#?}"), format!("{:?}", builder(&server))]
    {
        assert!(!shown.contains(KEY), "{shown}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let model = OpenAiEmbedder::builder("m").base_url(format!("http://127.0.0.1:{port}/v1")).dimensions(8);
    let policy = RetryPolicy::default().with_attempts(1);
    let model: Arc<dyn Embedder> = Arc::new(model.key(Secret::new(KEY)).retry(policy).build().unwrap());
    let error = embed(&RunContext::ephemeral(), &model, &["a"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unreachable, "{error}");
    assert!(error.is_retryable() && error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}

#[tokio::test]
async fn a_wrong_number_of_vectors_is_an_error() {
    let server = Server::answering(|body| {
        let mut answer = honest(body);
        answer["data"].as_array_mut().unwrap().pop();
        Some(Reply::json(&answer))
    })
    .await;
    let error = embed(&RunContext::ephemeral(), &embedder(&server), &["a", "b"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::InvalidResponse);
    assert_eq!(error.to_string(), "model `openai:m`: the server sent 1 vectors for 2 texts");
    assert_eq!(server.seen().len(), 1, "the same question has the same answer");
}

#[tokio::test]
async fn a_megabyte_goes_out_alone_and_may_be_refused() {
    let refusal = r#"{"error":{"message":"This model's maximum context length is 8192 tokens, however you requested 250000 tokens",
        "type":"invalid_request_error","code":"context_length_exceeded"}}"#;
    let server = Server::answering(move |body| {
        let long = body["input"][0].as_str().unwrap().len() > 30_000 && body["model"] == "m";
        Some(if long { Reply::new(400, "application/json", refusal) } else { Reply::json(&honest(body)) })
    })
    .await;
    let (cx, long) = (RunContext::ephemeral(), "word ".repeat(210_000));
    let error = embed(&cx, &embedder(&server), &["a", &long, "b"]).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (Kind::ContextOverflow, Some(400)), "{error}");
    assert!(error.to_string().len() < 500, "the text is not in it");
    let large = OpenAiEmbedder::builder("large").base_url(&server.base_url).dimensions(8);
    let large: Arc<dyn Embedder> = Arc::new(large.key(Secret::new(KEY)).build().unwrap());
    assert_eq!(embed(&cx, &large, &["a", &long, "b"]).await.unwrap().vectors.len(), 3);
    let sizes: Vec<usize> =
        server.seen().iter().map(|seen| seen.body["input"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [1, 1, 1, 1, 1]);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let whole = Reply::json(&honest(&json!({"input": ["a"]})));
    let cuts = [0, 1, 40];
    let cut =
        Mutex::new(cuts.into_iter().map(|at| Reply { cut: Some(at), ..whole.clone() }).collect::<Vec<_>>());
    let server = Server::answering(move |_| cut.lock().unwrap().pop()).await;
    let policy = RetryPolicy::default().with_attempts(1);
    let model: Arc<dyn Embedder> = Arc::new(builder(&server).retry(policy).build().unwrap());
    for _ in cuts {
        let error = embed(&RunContext::ephemeral(), &model, &["a"]).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "{error}");
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_its_request() {
    let server = Server::answering(|body| {
        let slow = body["input"][0] == "slow";
        // One byte after another, with no end in sight.
        let body = if slow { vec![b' '; 10_000_000] } else { honest(body).to_string().into_bytes() };
        Some(Reply { piece: if slow { 1 } else { usize::MAX }, ..Reply::new(200, "application/json", body) })
    })
    .await;
    let (cx, model) = (RunContext::ephemeral(), embedder(&server));
    let call = embed(&cx, &model, &["slow"]);
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());
    assert_eq!(embed(&cx, &model, &["quick"]).await.unwrap().vectors.len(), 1);
}
