use agentic_core::{ModelErrorKind, RunContext};
use agentic_runtime::Ephemeral;
use agentic_testkit::FakeSources;
use futures_util::future::join_all;

use super::super::harness::{Attempt, End, Flaky, request};
use super::*;

fn context() -> RunContext {
    Ephemeral::new().sources(FakeSources::seeded(1)).context()
}

/// Asks for all of these at once; gives when the model was asked, in seconds, and what.
async fn ask_all(model: &Flaky, limits: RateLimits, texts: &[&str]) -> Vec<(u64, String)> {
    let limited: Arc<dyn ChatModel> = Arc::new(RateLimit::new(model.clone(), limits));
    let cx = context();
    for result in join_all(texts.iter().map(|text| cx.model(&limited, request(text)))).await {
        result.unwrap();
    }
    model.asked().into_iter().map(|(at, text)| (at.as_secs_f64().round() as u64, text)).collect()
}

#[tokio::test(start_paused = true)]
async fn requests_wait_in_order() {
    let limits = RateLimits::default().with_requests_per_minute(2);
    let asked = ask_all(&Flaky::new([]), limits, &["a", "b", "c", "d"]).await;
    let expected = [(0, "a"), (0, "b"), (30, "c"), (60, "d")].map(|(at, text)| (at, text.to_owned()));
    assert_eq!(asked, expected);
}

#[tokio::test(start_paused = true)]
async fn tokens_are_reserved_and_given_back() {
    // One message takes 16 tokens and its bytes at most, as core counts; the model says 10.
    let bound = request("abcd").token_bound("test:m");
    let limits = RateLimits::default().with_tokens_per_minute(bound);
    let asked = ask_all(&Flaky::new([]), limits, &["abcd", "efgh"]).await;
    let wait = (10 * 60_u64).div_ceil(bound);
    assert!(asked[1].0 <= wait + 1 && asked[1].0 > 0, "{asked:?}, {bound} tokens");
    // Larger than the whole bucket: it waits for a full one, and no longer.
    let limits = RateLimits::default().with_tokens_per_minute(5);
    let asked = ask_all(&Flaky::new([]), limits, &["abcd", "efgh"]).await;
    // 10 tokens were taken from 5, so 10 have to come.
    assert_eq!(asked[1].0, 120, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_run_at_a_time() {
    let slow = |_| Attempt { takes: Duration::from_secs(10), ..Attempt::good() };
    let model = Flaky::new((0..5).map(slow));
    let limits = RateLimits::default().with_concurrent(2);
    let asked = ask_all(&model, limits, &["a", "b", "c", "d", "e"]).await;
    let times: Vec<u64> = asked.iter().map(|(at, _)| *at).collect();
    assert_eq!((times, model.most()), (vec![0, 0, 10, 10, 20], 2));
}

#[tokio::test(start_paused = true)]
async fn who_leaves_the_queue_takes_nothing() {
    let model = Flaky::new([]);
    let limits = RateLimits::default().with_requests_per_minute(1).with_concurrent(3);
    let limited: Arc<dyn ChatModel> = Arc::new(RateLimit::new(model.clone(), limits));
    let cx = context();
    cx.model(&limited, request("a")).await.unwrap();
    let mut left = Box::pin(cx.model(&limited, request("b")));
    let waited = tokio::time::timeout(Duration::from_secs(20), &mut left).await;
    assert!(waited.is_err(), "`b` waits");
    let next = cx.model(&limited, request("c"));
    drop(left);
    next.await.unwrap();
    let asked: Vec<_> = model.asked().into_iter().map(|(at, text)| (at.as_secs(), text)).collect();
    assert_eq!(asked, [(0, "a".to_owned()), (60, "c".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn failures_free_their_place() {
    let broken = Attempt {
        end: End::Refuses(super::super::harness::error(ModelErrorKind::Refused)),
        ..Attempt::good()
    };
    let model = Flaky::new([broken]);
    let limited: Arc<dyn ChatModel> =
        Arc::new(RateLimit::new(model, RateLimits::default().with_concurrent(1)));
    let cx = context();
    assert!(cx.model(&limited, request("a")).await.is_err());
    assert!(cx.model(&limited, request("b")).await.is_ok());
}

#[test]
fn buckets_fill_evenly_and_never_over() {
    let mut bucket = Bucket::new(60);
    let at = |seconds: u64| Timestamp::from_millis(1_000_000 + seconds * 1000);
    bucket.fill(at(0));
    bucket.take(60);
    assert_eq!(bucket.wait(1), Duration::from_secs(1));
    bucket.fill(at(30));
    assert_eq!((bucket.wait(30), bucket.wait(31)), (Duration::ZERO, Duration::from_secs(1)));
    // A clock that goes back.
    bucket.fill(at(0));
    bucket.fill(at(30));
    assert_eq!(bucket.wait(31), Duration::from_secs(1));
    bucket.fill(at(u64::MAX / 2000));
    assert_eq!((bucket.wait(60), bucket.level), (Duration::ZERO, bucket.full()));
    bucket.settle(10, 70);
    assert_eq!(bucket.wait(1), Duration::from_secs(1));
}
