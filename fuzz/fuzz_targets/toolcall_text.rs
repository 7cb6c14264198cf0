//! Tool calls as text: never a panic, the same events however the reply is split, output bounded by input.
//!
//! The first character of the input chooses the dialect, the rest is the reply.
#![no_main]

use agentic_llm::toolcall::{Dialect, Event, Thinking, ToolCallParser, ToolSchemas, merge};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|input: &str| {
    let Some(first) = input.chars().next() else { return };
    let text = &input[first.len_utf8()..];
    let dialect = match first as u32 % 16 {
        0 => Dialect::hermes(),
        1 => Dialect::qwen3_coder(),
        2 => Dialect::qwen3_vl(),
        3 => Dialect::qwen3_vl_thinking(),
        4 => Dialect::mistral(),
        5 => Dialect::llama(),
        6 => Dialect::glm(),
        7 => Dialect::deepseek(),
        8 => Dialect::python_like(),
        9 => Dialect::hermes().with_thinking(Thinking::Open),
        10 => Dialect::mistral().with_thinking(Thinking::Open),
        _ => Dialect::any(),
    };
    let whole = events(&dialect, text, None);
    for chars in [1, 2, 7] {
        assert_eq!(events(&dialect, text, Some(chars)), whole, "in pieces of {chars}");
    }
    let size: usize = whole.iter().map(size_of_event).sum();
    assert!(size <= text.len(), "the output grew");
});

fn events(dialect: &Dialect, text: &str, chars: Option<usize>) -> Vec<Event> {
    let schemas = ToolSchemas::new().with(
        "f",
        json!({"properties": {"a": {"type": "integer"}, "b": {"type": ["array", "null"]}, "c": {"anyOf": [{"type": "object"}, {"type": "boolean"}]}}}),
    );
    let mut parser = ToolCallParser::new(dialect.clone(), schemas);
    let mut events = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = chars.and_then(|chars| rest.char_indices().nth(chars)).map_or(rest.len(), |(at, _)| at);
        events.extend(parser.feed(&rest[..end]));
        rest = &rest[end..];
    }
    events.extend(parser.finish());
    merge(events)
}

fn size_of_event(event: &Event) -> usize {
    match event {
        Event::Content(text) | Event::Thinking(text) => text.len(),
        Event::Malformed(malformed) => malformed.raw.len(),
        Event::Call(call) => {
            assert!(!call.name.is_empty(), "a call without a name");
            // Numbers and control characters are written in other ways, at most so much longer.
            call.name.len() + serde_json::to_string(&call.arguments).map_or(0, |text| text.len()) / 16
        }
        _ => 0,
    }
}
