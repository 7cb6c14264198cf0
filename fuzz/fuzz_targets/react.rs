//! The ReAct parser: never a panic, the same live events and result however the reply is split, output bounded by input.
#![no_main]

use agentic_tools::react::{
    ActionInput, ReactError, ReactParser, ReactStream, Reply, StreamEvent, split_transcript,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parser = ReactParser::new().with_tools(["search", "f"]);
    let result = parser.parse(text);
    check_size(text, &result);
    let whole = stream(&parser, text, None);
    assert_eq!(whole.1, result);
    assert_eq!(stream(&parser, text, Some(1)), whole, "by characters");
    assert_eq!(stream(&parser, text, Some(3)), whole, "by three characters");
    let shown: usize = whole.0.iter().map(size_of_event).sum();
    assert!(shown <= text.len(), "more was shown than written");

    let _ = parser.parse_action(text);
    let transcript = split_transcript(text);
    let steps =
        transcript.steps.iter().map(|step| step.thought.len() + step.action.len() + step.observation.len());
    let split = steps.sum::<usize>() + transcript.question.len() + transcript.note.len();
    assert!(split <= text.len(), "a transcript grew");
});

fn check_size(text: &str, result: &Result<Reply, ReactError>) {
    match result {
        Ok(reply) => {
            let actions = reply.actions().iter().map(|action| {
                assert!(!action.tool.trim().is_empty(), "an action without a tool");
                let input = match &action.input {
                    ActionInput::Text(text) => text.len(),
                    // Numbers and control characters are written in other ways, at most so much longer.
                    ActionInput::Json(value) => value.to_string().len() / 16,
                    _ => 0,
                };
                action.tool.len() + action.thought.len() + input
            });
            let size = actions.sum::<usize>() + reply.thought.len();
            assert!(size <= text.len(), "the reply grew");
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.len() < 1024 && !message.contains('\n'), "{message}");
        }
    }
}

fn stream(
    parser: &ReactParser,
    text: &str,
    chars: Option<usize>,
) -> (Vec<StreamEvent>, Result<Reply, ReactError>) {
    let mut stream = ReactStream::new(parser.clone());
    let mut events = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = chars.and_then(|chars| rest.char_indices().nth(chars)).map_or(rest.len(), |(at, _)| at);
        events.extend(stream.feed(&rest[..end]));
        rest = &rest[end..];
    }
    let (last, result) = stream.finish();
    events.extend(last);
    let mut merged: Vec<StreamEvent> = Vec::new();
    for event in events {
        match (merged.last_mut(), event) {
            (Some(StreamEvent::Thought(last)), StreamEvent::Thought(text))
            | (Some(StreamEvent::Action(last)), StreamEvent::Action(text))
            | (Some(StreamEvent::Answer(last)), StreamEvent::Answer(text)) => last.push_str(&text),
            (_, event) => merged.push(event),
        }
    }
    (merged, result)
}

fn size_of_event(event: &StreamEvent) -> usize {
    match event {
        StreamEvent::Thought(text) | StreamEvent::Action(text) | StreamEvent::Answer(text) => text.len(),
        _ => 0,
    }
}
