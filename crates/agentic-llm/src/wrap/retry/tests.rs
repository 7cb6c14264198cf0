use agentic_core::{
    CancelReason, Cancellation, EventKind, ModelDelta, ModelErrorKind as Kind, ModelResponse, StepError,
};
use agentic_runtime::Ephemeral;
use agentic_testkit::{EventLog, FakeSources};

use super::super::harness::{Attempt, End, Flaky, error, request};
use super::*;

struct Run {
    result: Result<ModelResponse, StepError>,
    deltas: Vec<ModelDelta>,
    /// When the model was asked, in milliseconds from the first time on.
    asked: Vec<u128>,
}

async fn run(policy: RetryPolicy, seed: u64, attempts: impl IntoIterator<Item = Attempt>) -> Run {
    let model = Flaky::new(attempts);
    let retry: Arc<dyn ChatModel> = Arc::new(Retry::new(model.clone()).with_policy(policy));
    let log = Arc::new(EventLog::new());
    let cx = Ephemeral::new().sources(FakeSources::seeded(seed)).events(log.clone()).context();
    let result = cx.model(&retry, request("x")).await;
    let kinds = log.kinds().into_iter();
    let deltas = kinds
        .filter_map(|kind| if let EventKind::StepDelta { delta, .. } = kind { Some(delta) } else { None })
        .collect();
    Run { result, deltas, asked: model.asked().into_iter().map(|(at, _)| at.as_millis()).collect() }
}

fn kind(result: &Result<ModelResponse, StepError>) -> Option<Kind> {
    match result {
        Err(StepError::Model(error)) => Some(error.kind()),
        _ => None,
    }
}

fn text(text: &str) -> ModelDelta {
    ModelDelta::Text { text: text.into() }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again() {
    let attempts =
        [Attempt::refuses(Kind::Unavailable), Attempt::refuses(Kind::RateLimited), Attempt::good()];
    let Run { result, deltas, asked } = run(RetryPolicy::default(), 1, attempts).await;
    assert_eq!(result.unwrap().text(), "ok");
    assert_eq!(deltas, [text("ok")], "nothing was shown before, so nothing is void");
    assert_eq!(asked.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_can_not_pass_is_not() {
    for wrong in [Kind::Authentication, Kind::InvalidRequest, Kind::QuotaExhausted, Kind::ContextOverflow] {
        let Run { result, asked, .. } = run(RetryPolicy::default(), 1, [Attempt::refuses(wrong)]).await;
        assert_eq!((kind(&result), asked.len()), (Some(wrong), 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_broke_off_after_its_first_event_is_not_tried_again() {
    let attempts = [Attempt::breaks(vec![]), Attempt::breaks(vec!["a", "b"]), Attempt::good()];
    let Run { result, deltas, asked } = run(RetryPolicy::default(), 1, attempts).await;
    assert_eq!((kind(&result), asked.len()), (Some(Kind::Interrupted), 2));
    assert_eq!(deltas, [text("a"), text("b")]);
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded() {
    let policy = RetryPolicy::default().with_attempts(3);
    let Run { result, asked, .. } = run(policy, 1, (0..9).map(|_| Attempt::breaks(vec![]))).await;
    assert_eq!((kind(&result), asked.len()), (Some(Kind::Interrupted), 3));
}

#[tokio::test(start_paused = true)]
async fn waits_grow_and_differ() {
    let policy = RetryPolicy::default()
        .with_attempts(6)
        .with_waits(Duration::from_millis(100), Duration::from_millis(400));
    let mut all = Vec::new();
    for seed in 0..20 {
        let Run { asked, .. } = run(policy, seed, (0..6).map(|_| Attempt::refuses(Kind::Unavailable))).await;
        let waits: Vec<u128> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        for (wait, most) in waits.iter().zip([100, 200, 400, 400, 400]) {
            // Tokio's paused clock rounds up to whole milliseconds.
            assert!(*wait <= most + 1, "{waits:?}");
        }
        all.push(waits);
    }
    let later: Vec<u128> = all.iter().flat_map(|waits| waits[2..].to_vec()).collect();
    assert!(later.iter().any(|wait| *wait > 200) && later.iter().any(|wait| *wait < 100), "{later:?}");
    assert_eq!(run(policy, 3, (0..6).map(|_| Attempt::refuses(Kind::Unavailable))).await.asked.len(), 6);
}

#[tokio::test(start_paused = true)]
async fn the_provider_s_word_counts() {
    let mut limited = Attempt::refuses(Kind::RateLimited);
    limited.end = End::Refuses(error(Kind::RateLimited).with_retry_after(Duration::from_secs(8)));
    let Run { result, asked, .. } = run(RetryPolicy::default(), 1, [limited.clone(), Attempt::good()]).await;
    assert!(result.is_ok());
    assert!((8_000..=10_000).contains(&asked[1]), "{asked:?}");
    // Longer than all attempts may take: the caller is told at once.
    let policy = RetryPolicy::default().with_total_time(Duration::from_secs(5));
    let Run { result, asked, .. } = run(policy, 1, [limited, Attempt::good()]).await;
    assert_eq!((kind(&result), asked.len()), (Some(Kind::RateLimited), 1));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_waits_for_nothing() {
    let model = Flaky::new((0..9).map(|_| Attempt::refuses(Kind::Unavailable)));
    let policy = RetryPolicy::default().with_waits(Duration::from_secs(60), Duration::from_secs(60));
    let retry: Arc<dyn ChatModel> = Arc::new(Retry::new(model.clone()).with_policy(policy));
    let cancellation = Cancellation::new();
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).cancellation(cancellation.clone()).context();
    let ask = cx.model(&retry, request("x"));
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        cancellation.cancel(CancelReason::Requested);
    };
    let (result, ()) = futures_util::future::join(ask, cancel).await;
    assert!(result.is_err(), "{result:?}");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(model.asked().len(), 1);
}

/// An embedding model that fails so many times.
#[derive(Debug)]
struct Busy {
    info: EmbedderInfo,
    fails: std::sync::atomic::AtomicU32,
}

#[async_trait]
impl Embedder for Busy {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, texts: Arc<[String]>, _: ModelContext) -> Result<Embeddings, ModelError> {
        let left = self.fails.load(std::sync::atomic::Ordering::SeqCst);
        match left.checked_sub(1) {
            Some(left) => {
                self.fails.store(left, std::sync::atomic::Ordering::SeqCst);
                Err(error(Kind::Unavailable))
            }
            None => Ok(Embeddings { vectors: vec![vec![1.0]; texts.len()], usage: Default::default() }),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn embedding_models_are_tried_again_too() {
    for (fails, works) in [(3, true), (4, false)] {
        let model = Busy { info: EmbedderInfo::new("busy", 1), fails: fails.into() };
        let retry: Arc<dyn Embedder> = Arc::new(Retry::new(model));
        let cx = Ephemeral::new().sources(FakeSources::seeded(1)).context();
        let result = cx.embed(&retry, ["a", "b"]).await;
        assert_eq!(result.is_ok(), works, "{result:?}");
    }
}
