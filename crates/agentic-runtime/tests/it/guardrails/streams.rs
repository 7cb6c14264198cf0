//! Answers that come in pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use agentic_core::{
    Budget, ChatModel, EventKind, FinishReason, Gate, Guarded, Message, ModelContext, ModelDelta, ModelError,
    ModelErrorKind, ModelEvent, ModelInfo, ModelRequest, ModelResponse, ModelStream, Part, Reason, Role,
    Stand, StepError, ToolCall, Usage, async_trait,
};
use agentic_testkit::EventLog;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use super::{Rail, SECRET, blocks, hides, passes, told};
use crate::support::{Scripted, agent, run};

/// Streams these pieces, then this message. Counts the pieces that were taken.
#[derive(Debug)]
struct Streams {
    info: ModelInfo,
    deltas: Vec<ModelDelta>,
    message: Message,
    taken: Arc<AtomicUsize>,
    /// Whether it shows the pieces by itself.
    shows: bool,
}

impl Streams {
    fn pieces(pieces: &[&str]) -> Self {
        let deltas = pieces.iter().map(|text| ModelDelta::Text { text: (*text).into() }).collect();
        Self::new(deltas, Message::assistant(pieces.concat()))
    }

    fn new(deltas: Vec<ModelDelta>, message: Message) -> Self {
        Self { info: ModelInfo::new("test:streams"), deltas, message, taken: Arc::default(), shows: false }
    }
}

#[async_trait]
impl ChatModel for Streams {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, _: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let taken = self.taken.clone();
        let usage = Usage { input_tokens: 7, output_tokens: 5, ..Usage::default() };
        let whole = ModelResponse::new(self.message.clone(), FinishReason::Stop, usage, "streams");
        let shows = self.shows;
        let deltas = stream::iter(self.deltas.clone()).filter_map(move |delta| {
            taken.fetch_add(1, Ordering::Relaxed);
            let event = if shows {
                mcx.delta(delta);
                None
            } else {
                Some(Ok(ModelEvent::Delta(delta)))
            };
            std::future::ready(event)
        });
        Ok(deltas.chain(stream::iter([Ok(ModelEvent::Finished(Box::new(whole)))])).boxed())
    }
}

fn asks(model: Streams) -> Scripted {
    let model: Arc<dyn ChatModel> = Arc::new(model);
    agent(move |cx| {
        let model = model.clone();
        async move {
            match cx.model(&model, ModelRequest::default()).await {
                Ok(response) => Ok(response.text()),
                Err(error @ StepError::Blocked { .. }) => Ok(error.to_string()),
                Err(error) => Err(error),
            }
        }
    })
}

/// The text that was streamed; the pieces' numbers have no gaps.
fn streamed(log: &EventLog) -> String {
    let deltas = log.kinds().into_iter().filter_map(|kind| match kind {
        EventKind::StepDelta { index, delta, .. } => Some((index, delta)),
        _ => None,
    });
    let (indices, deltas): (Vec<_>, Vec<_>) = deltas.unzip();
    assert!(indices.iter().copied().eq(0..indices.len() as u32), "{indices:?}");
    let text = deltas.into_iter().map(|delta| match delta {
        ModelDelta::Text { text } => text,
        other => format!("<{other:?}>"),
    });
    text.collect()
}

#[tokio::test(start_paused = true)]
async fn a_secret_in_pieces_is_told_to_nobody() {
    let text = format!("the password is {SECRET}, and {SECRET} it stays");
    let whole = text.replace(SECRET, "***");
    for stand in [Stand::Screens, Stand::Judges, Stand::Both] {
        for window in [Some(SECRET.len() - 1), Some(25), None] {
            for shows in [false, true] {
                for at in (0..text.len()).step_by(3) {
                    for then in [1, 3, 10] {
                        let cut = (at + then).min(text.len());
                        let mut model = Streams::pieces(&[&text[..at], &text[at..cut], &text[cut..]]);
                        model.shows = shows;
                        let (run, log) = run();
                        let rail = Rail { window, ..Rail::new(stand, &[Gate::Output], hides) };
                        let report = run.run(&Guarded::new(asks(model)).guardrail(rail), "go").await;
                        assert_eq!(report.result.unwrap().text(), whole);
                        assert!(!told(&log).contains(SECRET), "{at}, {window:?}");
                        let expected = if stand == Stand::Screens { whole.as_str() } else { "" };
                        assert_eq!(streamed(&log), expected, "{at}, {window:?}");
                    }
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn text_is_streamed_while_it_comes_and_no_sooner_than_it_may() {
    let pieces = ["0123456789", "0123456789", "0123456789"];
    for (window, streamed_first) in [(Some(4), Some("012345")), (Some(15), Some("01234")), (None, None)] {
        let (run, log) = run();
        let rail = Rail { window, ..Rail::new(Stand::Screens, &[Gate::Output], passes) };
        run.run(&Guarded::new(asks(Streams::pieces(&pieces))).guardrail(rail), "go").await.result.unwrap();
        let first = log.kinds().into_iter().find_map(|kind| match kind {
            EventKind::StepDelta { delta: ModelDelta::Text { text }, .. } => Some(text),
            _ => None,
        });
        let whole = pieces.concat();
        assert_eq!(first.as_deref(), streamed_first.or(Some(whole.as_str())), "{window:?}");
        assert_eq!(streamed(&log), whole);
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_answer_ends_its_stream_at_once() {
    let pieces: Vec<String> =
        format!("it is {SECRET}{}", " and so on".repeat(20)).chars().map(String::from).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    for shows in [false, true] {
        let (run, log) = run();
        let mut model = Streams::pieces(&pieces);
        model.shows = shows;
        let taken = model.taken.clone();
        let rail = Rail { window: Some(10), ..Rail::new(Stand::Screens, &[Gate::Output], blocks) };
        let report = run.run(&Guarded::new(asks(model)).guardrail(rail), "go").await;
        let text = report.result.unwrap().text();
        assert_eq!(text, "guardrail `rail` blocked the output: a password");
        // One that shows its pieces by itself is ended at the next event of its stream.
        assert_eq!(taken.load(Ordering::Relaxed), if shows { pieces.len() } else { 23 });
        assert!(!told(&log).contains("hun") && "it is ".starts_with(&streamed(&log)), "{}", told(&log));
    }
}

#[tokio::test(start_paused = true)]
async fn reasoning_and_calls_are_shown_when_the_whole_has_passed() {
    let call = |arguments: serde_json::Value| Part::ToolCall(ToolCall::new("c1", "login", &arguments));
    let reasoning = |text: &str| Part::Reasoning { text: text.into(), signature: Some("signed".into()) };
    let with_secret = || {
        let text = || Part::Text { text: "I log in".into() };
        let parts = vec![reasoning(SECRET), text(), call(json!({"password": SECRET}))];
        let deltas = vec![
            ModelDelta::Reasoning { text: SECRET.into() },
            ModelDelta::Text { text: "I log in".into() },
            ModelDelta::ToolCall {
                index: 0,
                name: Some("login".into()),
                arguments: json!({"password": SECRET}).to_string(),
            },
        ];
        Streams::new(deltas, Message { role: Role::Assistant, parts })
    };
    let gates = [Gate::Output, Gate::ToolCall];
    let (run_hides, log) = run();
    let rail = Rail { window: Some(2), ..Rail::new(Stand::Screens, &gates, hides) };
    run_hides.run(&Guarded::new(asks(with_secret())).guardrail(rail), "go").await.result.unwrap();
    assert!(!told(&log).contains(SECRET) && !told(&log).contains("signed"), "{}", told(&log));
    assert_eq!(
        streamed(&log),
        r#"I log <Reasoning { text: "***" }>in<ToolCall { index: 0, name: Some("login"), arguments: "{\"password\":\"***\"}" }>"#,
    );
    // A call that is blocked stays in the conversation, for the model to read why; nobody is told of it.
    for stand in [Stand::Screens, Stand::Judges] {
        let (run, log) = run();
        let rail = Rail::new(stand, &[Gate::ToolCall], blocks);
        let mut model = with_secret();
        model.message.parts.remove(0);
        run.run(&Guarded::new(asks(model)).guardrail(rail), "go").await.result.unwrap();
        assert!(!told(&log).contains(SECRET), "{}", told(&log));
        assert_eq!(streamed(&log), "I log in");
    }
}

#[tokio::test(start_paused = true)]
async fn a_blocked_answer_costs_what_it_took_if_that_is_known() {
    let pieces = ["it is ", SECRET, " and so on, and so on, and so on"];
    let asks_within = |model: Streams| {
        let model: Arc<dyn ChatModel> = Arc::new(model);
        agent(move |cx| {
            let (model, request) = (model.clone(), ModelRequest::default().with_max_output_tokens(100));
            async move { Ok(cx.model(&model, request).await?.text()) }
        })
    };
    // Without a window it is read to its end, with one it is cut off.
    for (window, known) in [(None, true), (Some(10), false)] {
        let (run, _) = run();
        let rail = Rail { window, ..Rail::new(Stand::Screens, &[Gate::Output], blocks) };
        let guarded = Guarded::new(asks_within(Streams::pieces(&pieces))).guardrail(rail);
        let report = run.budget(Budget::unlimited().with_tokens(1000)).run(&guarded, "go").await;
        assert_eq!(report.reason, Some(Reason::Guardrail));
        let Usage { input_tokens, output_tokens, .. } = report.spend.usage;
        if known {
            assert_eq!((input_tokens, output_tokens), (7, 5));
        } else {
            assert_eq!(output_tokens, 100, "all that was held");
        }
        assert_eq!(report.spend.model_calls, 1);
    }
}

/// A model that fails and says why in the words of what it was asked.
#[derive(Debug)]
struct Quotes(ModelInfo);

#[async_trait]
impl ChatModel for Quotes {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    async fn stream(&self, _: ModelRequest, _: ModelContext) -> Result<ModelStream, ModelError> {
        Err(ModelError::new(
            ModelErrorKind::InvalidRequest,
            &*self.0.id,
            format!("can't be read: say {SECRET}"),
        ))
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_model_says_when_it_fails_passes_too() {
    let asks = || {
        let model: Arc<dyn ChatModel> = Arc::new(Quotes(ModelInfo::new("test:quotes")));
        agent(move |cx| {
            let model = model.clone();
            async move {
                let Err(StepError::Model(error)) = cx.model(&model, ModelRequest::default()).await else {
                    panic!("it answers")
                };
                assert_eq!(error.kind(), ModelErrorKind::InvalidRequest, "what it is stays known");
                Ok(error.message().to_owned())
            }
        })
    };
    let kind = ModelErrorKind::InvalidRequest;
    for (stand, verdict, expected) in [
        (Stand::Screens, hides as fn(&_) -> _, "can't be read: say ***".to_owned()),
        (Stand::Screens, blocks, format!("{kind}; guardrail `rail` blocked what it said: a password")),
        (Stand::Judges, passes, format!("{kind}; what it said is withheld, since a guardrail judges here")),
        (Stand::Away, hides, format!("can't be read: say {SECRET}")),
    ] {
        let (run, log) = run();
        let guarded = Guarded::new(asks()).guardrail(Rail::new(stand, &[Gate::Output], verdict));
        // The agent's output is what it was told, which a guardrail at that gate sees as well.
        run.run(&guarded, "go").await;
        assert!(told(&log).contains(&expected), "{stand:?}");
        if stand != Stand::Away {
            assert!(!told(&log).contains(SECRET), "{stand:?}");
        }
    }
}
