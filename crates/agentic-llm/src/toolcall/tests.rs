use serde_json::{Value, json};

use super::*;

/// The merged events of a reply fed whole.
pub(super) fn whole(dialect: &Dialect, schemas: &ToolSchemas, text: &str) -> Vec<Event> {
    let mut parser = ToolCallParser::new(dialect.clone(), schemas.clone());
    let mut events = parser.feed(text);
    events.extend(parser.finish());
    merge(events)
}

/// The merged events of a reply fed in pieces: seed 0 is one character at a time, any other draws the lengths.
pub(super) fn in_pieces(dialect: &Dialect, schemas: &ToolSchemas, text: &str, seed: u64) -> Vec<Event> {
    let mut random = seed;
    let mut parser = ToolCallParser::new(dialect.clone(), schemas.clone());
    let mut events = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // Numerical Recipes' linear congruential generator: enough to draw lengths.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chars = if seed == 0 { 1 } else { 1 + (random >> 60) as usize };
        let end = rest.char_indices().nth(chars).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(end);
        events.extend(parser.feed(piece));
        rest = after;
    }
    events.extend(parser.finish());
    merge(events)
}

fn content(text: &str) -> Event {
    Event::Content(text.into())
}

fn thinking(text: &str) -> Event {
    Event::Thinking(text.into())
}

fn call(name: &str, arguments: Value) -> Event {
    Event::Call(Call::new(name, arguments.as_object().unwrap().clone()))
}

fn malformed(raw: &str, error: ToolCallError) -> Event {
    Event::Malformed(Malformed { raw: raw.into(), error })
}

/// Checks the events of a text, fed whole and in pieces.
#[track_caller]
fn check(dialect: Dialect, text: &str, expected: &[Event]) {
    check_with(dialect, ToolSchemas::new(), text, expected);
}

#[track_caller]
fn check_with(dialect: Dialect, schemas: ToolSchemas, text: &str, expected: &[Event]) {
    assert_eq!(whole(&dialect, &schemas, text), expected, "whole");
    for seed in 0..10 {
        assert_eq!(in_pieces(&dialect, &schemas, text, seed), expected, "in pieces, seed {seed}");
    }
}

#[test]
fn several_calls_with_text_between() {
    check(
        Dialect::hermes(),
        "a <tool_call>{\"name\":\"f\",\"arguments\":{\"x\":[1,2]}}</tool_call> b\n<tool_call>\n{\"name\":\"g\"}\n</tool_call>\n",
        &[content("a"), call("f", json!({"x": [1, 2]})), content("b"), call("g", json!({}))],
    );
}

#[test]
fn two_values_or_an_array_between_one_pair_of_tags() {
    let both = [call("f", json!({})), call("g", json!({"a": 1}))];
    let objects = "<tool_call>{\"name\":\"f\"}\n{\"name\":\"g\",\"arguments\":{\"a\":1}}</tool_call>";
    check(Dialect::hermes(), objects, &both);
    let array = "<tool_call>[{\"name\":\"f\"},{\"name\":\"g\",\"arguments\":{\"a\":1}}]</tool_call>";
    check(Dialect::hermes(), array, &both);
}

#[test]
fn other_keys_and_a_string_of_arguments() {
    for text in [
        r#"{"name":"f","parameters":{"a":1}}"#,
        r#"{"tool":"f","args":{"a":1}}"#,
        r#"{"function":{"name":"f","arguments":"{\"a\": 1}"}}"#,
        r#"{"type":"function","function":"f","input":{"a":1}}"#,
    ] {
        check(Dialect::hermes(), &format!("<tool_call>{text}</tool_call>"), &[call("f", json!({"a": 1}))]);
        check(Dialect::hermes(), text, &[call("f", json!({"a": 1}))]);
    }
}

#[test]
fn the_next_call_or_the_end_closes_a_complete_one() {
    let text = "<tool_call>{\"name\":\"f\"}\n<tool_call>{\"name\":\"g\"}";
    check(Dialect::hermes(), text, &[call("f", json!({})), call("g", json!({}))]);
}

#[test]
fn half_a_call_is_never_a_call() {
    let json = "{\"name\":\"f\",\"arguments\":{\"a\":\"hal";
    check(Dialect::hermes(), &format!("<tool_call>{json}"), &[malformed(json, ToolCallError::Unfinished)]);
    for xml in ["<function=f>\n<parameter=a>\nhal", "<function=f>\n<parameter=a>\n1\n</parameter>"] {
        check(
            Dialect::qwen3_coder(),
            &format!("<tool_call>{xml}"),
            &[malformed(xml, ToolCallError::Unfinished)],
        );
        check(Dialect::qwen3_coder(), xml, &[malformed(xml, ToolCallError::Unfinished)]);
    }
    check(Dialect::hermes(), "<tool_call>", &[malformed("", ToolCallError::Unfinished)]);
}

#[test]
fn broken_calls_tell_why() {
    let of = |body: &str| {
        let reply = parse(Dialect::hermes(), &ToolSchemas::new(), &format!("<tool_call>{body}</tool_call>"));
        assert_eq!((reply.calls.len(), reply.content.as_str()), (0, ""));
        reply.malformed[0].error.clone()
    };
    assert!(matches!(of("{\"name\" \"f\"}"), ToolCallError::Json(_)));
    assert_eq!(of("{\"arguments\": {}}"), ToolCallError::NoName);
    assert_eq!(of("{\"name\": \"f\", \"arguments\": [1]}"), ToolCallError::Arguments("f".into()));
    assert_eq!(of("do it"), ToolCallError::Unrecognised);
    assert_eq!(of(""), ToolCallError::Unrecognised);
}

#[test]
fn a_string_that_never_ends_does_not_swallow_the_rest() {
    let broken = "{\"name\": \"f\", \"arguments\": {\"a\": \"no end}}";
    let text = format!("<tool_call>{broken}</tool_call> and <tool_call>{{\"name\":\"g\"}}</tool_call>");
    let events = whole(&Dialect::hermes(), &ToolSchemas::new(), &text);
    assert!(matches!(&events[0], Event::Malformed(malformed) if malformed.raw == broken));
    assert_eq!(events[1..], [content("and"), call("g", json!({}))]);
    check(Dialect::hermes(), &text, &events);
}

#[test]
fn json_without_tags() {
    let f = "{\"name\": \"f\", \"arguments\": {\"a\": {}}}";
    check(Dialect::hermes(), f, &[call("f", json!({"a": {}}))]);
    check(
        Dialect::hermes(),
        &format!("Now:\n{f}\n{f}"),
        &[content("Now:"), call("f", json!({"a": {}})), call("f", json!({"a": {}}))],
    );
    check(Dialect::hermes(), &format!("[{f}]"), &[call("f", json!({"a": {}}))]);
    // Not at the beginning of a line, without arguments, not closed, or not JSON: content.
    for text in [
        format!("Write {f}"),
        "{\"name\": \"f\"}".into(),
        f[..f.len() - 1].into(),
        "{x} {y}".into(),
        "[1] and [2]".into(),
    ] {
        check(Dialect::hermes(), &text, &[content(&text)]);
    }
    // Where the tools are known, only they are called.
    let known = ToolSchemas::new().with("g", json!({}));
    check_with(Dialect::hermes(), known, f, &[content(f)]);
    // A tag after JSON that is no call is still seen.
    check(
        Dialect::hermes(),
        "{\"a\": [\n<tool_call>{\"name\":\"g\"}</tool_call>",
        &[content("{\"a\": ["), call("g", json!({}))],
    );
}

#[test]
fn code_fences_around_calls() {
    let f = "{\"name\": \"f\", \"arguments\": {}}";
    for inner in [
        f.to_owned(),
        format!("<tool_call>{f}</tool_call>"),
        format!("<tool_call>\n```json\n{f}\n```\n</tool_call>"),
    ] {
        check(
            Dialect::hermes(),
            &format!("So:\n```json\n{inner}\n```\nDone."),
            &[content("So:"), call("f", json!({})), content("Done.")],
        );
    }
    for text in
        ["```\ncode\n```", "```json\n{\"a\": 1}\n```", "a ```b``` c", "```", "``", "```js", "```{\n```\n"]
    {
        check(Dialect::hermes(), text, &[content(text)]);
    }
}

#[test]
fn thinking_in_its_three_ways() {
    let text = "<think>\nHm.\n</think>\n\nYes.";
    check(Dialect::hermes(), text, &[thinking("Hm."), content("Yes.")]);
    check(Dialect::hermes().with_thinking(Thinking::Open), text, &[thinking("Hm."), content("Yes.")]);
    check(Dialect::hermes().with_thinking(Thinking::Plain), text, &[content(text)]);
    check(Dialect::hermes(), "I say <think> aloud", &[content("I say <think> aloud")]);
    check(Dialect::hermes(), "<think>No end", &[thinking("No end")]);
    check(
        Dialect::hermes(),
        "<think>Hm.\n<tool_call>{\"name\":\"f\"}</tool_call>",
        &[thinking("Hm."), call("f", json!({}))],
    );
}

#[test]
fn text_that_only_looks_like_a_tag() {
    for text in ["a < b", "<tool", "x <tool_cal> y", "</tool_call>", "<<<tool_call", "a \n b \t"] {
        check(Dialect::hermes(), text, &[content(text)]);
    }
    check(Dialect::hermes(), "", &[]);
}

#[test]
fn xml_values_take_the_types_of_the_schema() {
    let schemas = ToolSchemas::new().with(
        "f",
        json!({"type": "object", "properties": {
            "text": {"type": "string"}, "count": {"type": "integer"}, "ratio": {"type": ["number", "null"]}, "on": {"type": "boolean"},
            "list": {"type": "array"}, "map": {"anyOf": [{"type": "object"}, {"type": "null"}]}}}),
    );
    let write = |key: &str, value: &str| {
        format!(
            "<tool_call>\n<function=f>\n<parameter={key}>\n{value}\n</parameter>\n</function>\n</tool_call>"
        )
    };
    for (key, value, expected) in [
        ("text", "null", json!("null")),
        ("text", "  two\n\nlines ", json!("  two\n\nlines ")),
        ("count", "-7", json!(-7)),
        ("count", "7.0", json!(7)),
        ("count", "7.5", json!("7.5")),
        ("count", "many", json!("many")),
        ("ratio", "0.25", json!(0.25)),
        ("ratio", "1e999", json!("1e999")),
        ("ratio", "NULL", json!(null)),
        ("on", "True", json!(true)),
        ("on", "1", json!("1")),
        ("list", "[1, \"a\"]", json!([1, "a"])),
        ("list", "[1, ", json!("[1, ")),
        ("map", "{\"a\": 1}", json!({"a": 1})),
        ("map", "null", json!(null)),
        ("unknown", "1", json!("1")),
    ] {
        check_with(
            Dialect::qwen3_coder(),
            schemas.clone(),
            &write(key, value),
            &[call("f", json!({ key: expected }))],
        );
    }
}

#[test]
fn xml_with_missing_or_inner_tags() {
    let expected = [call("f", json!({"a": "1", "b": "2"}))];
    for text in [
        "<function=f><parameter=a>1</parameter><parameter=b>2</parameter></function>",
        "<function=f><parameter=a>1</parameter><parameter=b>2</parameter></function>\n</tool_call>",
        "<tool_call><function=f><parameter=a>\n1\n<parameter=b>\n2\n</function></tool_call>",
        "<tool_call><function=f><parameter=a>1</parameter><parameter=b>2</parameter></tool_call>",
    ] {
        check(Dialect::qwen3_coder(), text, &expected);
    }
    check(
        Dialect::qwen3_coder(),
        "<tool_call><function=f><parameter=a>x </parameter> y </tool_call> z</parameter></function></tool_call>",
        &[call("f", json!({"a": "x </parameter> y </tool_call> z"}))],
    );
    check(
        Dialect::qwen3_coder(),
        "<tool_call><function=f></function><function=g></function></tool_call>",
        &[call("f", json!({})), call("g", json!({}))],
    );
}

#[test]
fn dialects_that_cost_little() {
    let expected = [call("f", json!({"a": "x"}))];
    for (dialect, text) in [
        (Dialect::mistral(), "[TOOL_CALLS]f[ARGS]{\"a\": \"x\"}"),
        (Dialect::mistral(), "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {\"a\": \"x\"}}]"),
        (Dialect::llama(), "<|python_tag|>{\"name\": \"f\", \"parameters\": {\"a\": \"x\"}}"),
        (Dialect::llama(), "{\"name\": \"f\", \"parameters\": {\"a\": \"x\"}}"),
        (Dialect::glm(), "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x</arg_value>\n</tool_call>"),
        (
            Dialect::deepseek(),
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a\":\"x\"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        ),
        (Dialect::python_like(), "<function_calls>f(a='x')</function_calls>"),
        (Dialect::python_like(), "<|tool_call_start|>[f(a=\"x\")]<|tool_call_end|>"),
    ] {
        check(dialect, text, &expected);
        check(Dialect::any(), text, &expected);
    }
    check(
        Dialect::mistral(),
        "[TOOL_CALLS]f[TOOL_CALLS]g{}\nok",
        &[malformed("f", ToolCallError::Unrecognised), call("g", json!({})), content("ok")],
    );
}

#[test]
fn another_familys_function_ends_with_its_line() {
    check(
        Dialect::mistral(),
        "[TOOL_CALLS]<function=f><parameter=a>x</parameter></function>\nDone.",
        &[call("f", json!({"a": "x"})), content("Done.")],
    );
}

#[test]
fn python_like_values() {
    let body = r#"f(a=[1, -2.5, True, None], b={'k': ("x", 'it\'s')}, c="a\n\"b\"", d=1_000)"#;
    let expected = json!({"a": [1, -2.5, true, null], "b": {"k": ["x", "it's"]}, "c": "a\n\"b\"", "d": 1000});
    check(
        Dialect::python_like(),
        &format!("<function_calls>{body}</function_calls>"),
        &[call("f", expected)],
    );
    let escaped = r#"f(a="caf\u00e9 \x41\0\b \ud83d\ude00 \d")"#;
    check(
        Dialect::python_like(),
        &format!("<function_calls>{escaped}</function_calls>"),
        &[call("f", json!({"a": "caf\u{e9} A\0\u{8} \u{1f600} \\d"}))],
    );
    for bad in [
        r"f(a='\u00g0')",
        r"f(a='\ud83d')",
        "f(1)",
        "f(a=)",
        "f(a=1",
        "f(a=x y)",
        "f(a=1) tail(",
        "f(a='x)",
        "(a=1)",
        "f(a=[1 2])",
    ] {
        let text = format!("<function_calls>{bad}</function_calls>");
        check(Dialect::python_like(), &text, &[malformed(bad, ToolCallError::Unrecognised)]);
    }
}

#[test]
fn json_is_read_leniently_but_never_completed() {
    let text = "<tool_call>{'name': 'f', 'arguments': {'a': True, 'b': [1,],}}</tool_call>";
    check(Dialect::hermes(), text, &[call("f", json!({"a": true, "b": [1]}))]);
    let strict = ToolCallParser::new(Dialect::hermes(), ToolSchemas::new())
        .with_json(|text| serde_json::from_str(text).map_err(|error| error.to_string()))
        .feed(text);
    assert!(matches!(strict[..], [Event::Malformed(_)]));
    let cut = parse(
        Dialect::hermes(),
        &ToolSchemas::new(),
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"hal",
    );
    assert_eq!((cut.calls.len(), &cut.malformed[0].error), (0, &ToolCallError::Unfinished));
}

/// Each of these texts invites a parser to look at the same characters again and again. At this size a quadratic one
/// would need hours for them instead of seconds.
#[test]
fn long_texts_of_anything() {
    let bodies = [
        "{",
        "[",
        "{\n",
        "{\"a\n",
        " ",
        "\n",
        "```\n",
        "```\r",
        "<",
        "<tool_call>",
        "</tool_call>",
        "<tool_call>{\"</tool_call>",
        "<tool_call>{\"\"",
        "<function=f>",
        "<function=f><parameter=a></parameter>",
        "<parameter=a>",
        "</parameter>",
        "<think>",
        "[TOOL_CALLS]",
        "[TOOL_CALLS]{",
        "[1,",
        "{\"name\":\"f\",\"arguments\":{}}\n",
        "f(a=[",
        "<｜tool▁call▁begin｜>f",
        "é",
    ];
    for body in bodies {
        for prefix in
            ["", "<tool_call>", "<tool_call><function=f><parameter=a>", "<function_calls>f(a=[", "{\"a\":\""]
        {
            let mut text = prefix.to_owned();
            while text.len() < 1 << 18 {
                text.push_str(body);
            }
            let dialect = Dialect::any();
            let schemas = ToolSchemas::new();
            let events = whole(&dialect, &schemas, &text);
            let size: usize = events.iter().map(size_of_event).sum();
            assert!(size <= text.len(), "output of {size} bytes for {prefix:?} and many {body:?}");
            assert_eq!(in_pieces(&dialect, &schemas, &text, 1), events);
        }
    }
}

fn size_of_event(event: &Event) -> usize {
    match event {
        Event::Content(text) | Event::Thinking(text) => text.len(),
        Event::Malformed(malformed) => malformed.raw.len(),
        Event::Call(call) => call.name.len() + serde_json::to_string(&call.arguments).unwrap().len(),
    }
}
