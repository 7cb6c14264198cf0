use serde_json::json;

use super::super::stream::{ReactStream, StreamEvent};
use super::*;

/// The merged events and the result of a reply fed in pieces: seed 0 whole, seed 1 by characters, else of drawn lengths.
pub(in crate::react) fn streamed(text: &str, seed: u64) -> (Vec<StreamEvent>, Result<Reply, ReactError>) {
    let mut stream = ReactStream::new(ReactParser::new());
    let mut events = Vec::new();
    let mut random = seed;
    let mut rest = text;
    while !rest.is_empty() {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let chars = match seed {
            0 => usize::MAX,
            1 => 1,
            _ => 1 + (random >> 60) as usize,
        };
        let end = rest.char_indices().nth(chars).map_or(rest.len(), |(at, _)| at);
        events.extend(stream.feed(&rest[..end]));
        rest = &rest[end..];
    }
    let (last, reply) = stream.finish();
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
    (merged, reply)
}

/// One action with a text input.
#[track_caller]
fn text_action(reply: &str, tool: &str, input: &str) -> Reply {
    one_action(reply, tool, ActionInput::Text(input.into()))
}

#[track_caller]
fn json_action(reply: &str, tool: &str, input: Value) -> Reply {
    one_action(reply, tool, ActionInput::Json(input))
}

#[track_caller]
fn one_action(text: &str, tool: &str, input: ActionInput) -> Reply {
    let reply = parse(text).unwrap();
    let [action] = reply.actions() else { panic!("{reply:?}") };
    assert_eq!((action.tool.as_str(), &action.input), (tool, &input));
    let (events, streamed_reply) = streamed(text, 1);
    assert_eq!(streamed_reply.as_ref(), Ok(&reply));
    assert_eq!(streamed(text, 0).0, events);
    reply
}

#[track_caller]
fn answer(text: &str, expected: &str) -> Reply {
    let reply = parse(text).unwrap();
    assert_eq!(reply.answer(), Some(expected));
    reply
}

#[test]
fn labels_in_many_forms() {
    for text in [
        "Thought: Look.\nAction: search\nAction Input: tides",
        "thought: Look.\naction: search\naction input: tides",
        "Thought 2: Look.\nAction 2: search\nAction Input 2: tides",
        "Thought 2: Look.\nAction 2: search\nAction 2 Input: tides",
        "**Thought:** Look.\n**Action:** search\n**Action Input:** tides",
        "**Thought**: Look.\n**Action**: `search`\n**Action Input**: tides",
        "### Thought\nLook.\n### Action\nsearch\n### Action Input\ntides",
        "  Thought : Look.  \n  Action : search \n  Action_Input : tides ",
        "Look.\nAction: search\nInput: tides",
        "```\nThought: Look.\nAction: search\nAction Input: tides\n```",
        "Thought: Look. Action: search Action Input: tides",
        "<think>Look.</think>\nAction: search\nAction Input: \"tides\"",
        "Look.\r\nAction: [search]\r\nAction Input: tides\r\n",
    ] {
        let reply = text_action(text, "search", "tides");
        assert_eq!((reply.thought.as_str(), reply.cut), ("Look.", None), "{text}");
    }
}

#[test]
fn words_that_only_look_like_labels() {
    let reply = text_action(
        "Thought: My last action: none. The Action Plan: search.\nActionable: yes\nAction: search\nAction Input: a: Action: b",
        "search",
        "a: Action: b",
    );
    assert!(reply.thought.ends_with("Actionable: yes"), "{reply:?}");
    text_action("Thoughtful: x\nAction: Search[Observation: none]", "Search", "Observation: none");
}

#[test]
fn bracket_forms() {
    text_action("Action: Search[tides [sea]]", "Search", "tides [sea]");
    text_action("Action: Search[a] b]", "Search", "a] b");
    text_action("Action: Search[a [b]", "Search", "a [b");
    text_action("Action: Search[tides] to know more", "Search", "tides");
    text_action("Action: Search[two\nlines].", "Search", "two\nlines");
    text_action("Action: search('tides')", "search", "tides");
    text_action("Action: clock()", "clock", "");
    json_action("Action: clock()\nAction Input: {\"zone\": 1}", "clock", json!({"zone": 1}));
    json_action("Action: add({\"a\": [1, 2]})", "add", json!({"a": [1, 2]}));
    json_action(
        "Action: add(a=1, b='it\\'s, so', c=[1, \"x\"], d=True, e=None)",
        "add",
        json!({"a": 1, "b": "it's, so", "c": [1, "x"], "d": true, "e": null}),
    );
    text_action("Action: compare(a = b)", "compare", "a = b");
    assert_eq!(parse("Action: Search[tides"), Err(ReactError::BadAction { text: "Search[tides".into() }));
}

#[test]
fn json_actions() {
    for text in [
        "Action: {\"action\": \"f\", \"action_input\": {\"a\": {\"b\": []}}}",
        "Thought: x\nAction:\n```json\n{\n  \"action\": \"f\",\n  \"action_input\": {\"a\": {\"b\": []}}\n}\n```\nThat is all.",
        "{\"name\": \"f\", \"arguments\": {\"a\": {\"b\": []}}}",
        "So:\n```\n{\"tool\": \"f\", \"tool_input\": {\"a\": {\"b\": []}}}\n```",
        "Action: f\n{\"a\": {\"b\": []}}",
        "Action: f\nAction Input: ** {\"a\": {\"b\": []}}",
        "Action: f\nAction Input: {\"a\": {\"b\": []}} and now I wait",
        "Action: f\nAction Input: ```json {\"a\": {\"b\": []}}```",
    ] {
        json_action(text, "f", json!({"a": {"b": []}}));
    }
    // JSON without an input is no action.
    assert_eq!(parse("{\"name\": \"Ann\"}"), Err(ReactError::NoStep));
    assert_eq!(parse("{\"score\": 4}"), Err(ReactError::NoStep));
    assert!(matches!(parse("Action: {\"tool\": "), Err(ReactError::BadAction { .. })));
}

#[test]
fn inputs_that_are_text() {
    for (written, expected) in [
        ("{not json}", "{not json}"),
        ("[a] or [b]", "[a] or [b]"),
        ("\"[quoted]\"", "[quoted]"),
        ("\"open", "open"),
        ("say \"hi\"", "say \"hi\""),
        ("\"a\" or \"b\"", "\"a\" or \"b\""),
        ("42", "42"),
        ("** bold", "** bold"),
        ("```\nx = 1\n```", "x = 1"),
        ("first\n\nsecond", "first\n\nsecond"),
        ("", ""),
    ] {
        text_action(&format!("Action: f\nAction Input: {written}"), "f", expected);
    }
}

#[test]
fn json_with_broken_notation() {
    json_action("Action: f\nAction Input: {'a': True, b: [1,],}", "f", json!({"a": true, "b": [1]}));
    let text = "Action: f\nAction Input: {'a': True}";
    let strict =
        ReactParser::new().with_json(|text| serde_json::from_str(text).map_err(|error| error.to_string()));
    assert_eq!(strict.parse(text).unwrap().actions()[0].input, ActionInput::Text("{'a': True}".into()));
    // Half an input stays text: nothing is made up.
    text_action("Action: f\nAction Input: {\"a\": [1, 2", "f", "{\"a\": [1, 2");
}

#[test]
fn labels_inside_json_strings() {
    let text = "Action: f\nAction Input: {\"a\": \"x\nObservation: y\"}";
    let reply = parse(text).unwrap();
    assert_eq!(reply.actions()[0].input, ActionInput::Json(json!({"a": "x\nObservation: y"})));
    assert_eq!(reply.cut, None);
    // A string that does not end does not hide labels.
    let reply = text_action("Action: f\nAction Input: {\"a\": \"x}\nObservation: y", "f", "{\"a\": \"x}");
    assert_eq!(reply.cut, Some(Cut::Observation));
}

#[test]
fn several_actions() {
    let reply = parse("Thought: A.\nAction: f\nAction Input: 1\nThought: B.\nAction: g\nAction Input: 2\nObservation: x\nAction: h[3]").unwrap();
    let got: Vec<_> =
        reply.actions().iter().map(|a| (a.thought.as_str(), a.tool.as_str(), a.input.to_string())).collect();
    assert_eq!(got, [("", "f", "1".into()), ("B.", "g", "2".into())]);
    assert_eq!((reply.thought.as_str(), reply.cut), ("A.", Some(Cut::Observation)));
    assert_eq!(reply.first_only().actions().len(), 1);
    for text in [
        "Action: f[1]\ng[2]",
        "Action: f[1], g[2]",
        "Action: f(1); g(2)",
        "Action: [{\"tool\": \"f\", \"input\": 1}, {\"tool\": \"g\", \"input\": 2}]",
    ] {
        assert_eq!(parse(text).unwrap().actions().len(), 2, "{text}");
    }
    let reply = parse("Action: f[1]\nAction: g\nThought: done").unwrap();
    assert_eq!((reply.actions().len(), reply.cut), (1, Some(Cut::Unreadable)));
}

#[test]
fn answers() {
    answer("Final Answer: yes", "yes");
    answer("Thought: x\n\n**Final Answer:** yes\n", "yes");
    answer("## Final Answer\n\nyes", "yes");
    answer("Final Answer:\n```\ncode\n```", "```\ncode\n```");
    answer("```\nThought: x\nFinal Answer: yes\n```", "yes");
    answer("Final Answer: a\nAction: b\nNote: c", "a\nAction: b\nNote: c");
    assert_eq!(answer("Final Answer: a\nThought: b", "a").cut, Some(Cut::AfterAnswer));
    assert_eq!(answer("Final Answer: a\nObservation: b", "a").cut, Some(Cut::AfterAnswer));
    answer("Final Answer:", "");
    for text in [
        "Action: Finish[yes]",
        "Action: finish\nAction Input: yes",
        "Action: Final Answer: yes",
        "Action: Final Answer\nAction Input: yes",
        "Action: {\"action\": \"Final Answer\", \"action_input\": \"yes\"}",
        "Action: final_answer({\"answer\": \"yes\"})",
    ] {
        answer(text, "yes");
    }
}

#[test]
fn actions_and_answers() {
    let reply = text_action("Action: f[1]\nFinal Answer: x", "f", "1");
    assert_eq!(reply.cut, Some(Cut::Answer));
    let reply = text_action("Action: f[1]\nAction: Finish[x]", "f", "1");
    assert_eq!(reply.cut, Some(Cut::Answer));
    answer("Action: None\nFinal Answer: x", "x");
}

#[test]
fn what_is_no_step() {
    for (text, error) in [
        ("", ReactError::Empty),
        ("\n```\n```\n", ReactError::NoStep),
        ("Thought: hm", ReactError::NoStep),
        ("<think>Action: f[1]", ReactError::NoStep),
        ("Action: none", ReactError::NoStep),
        ("Action:", ReactError::NoStep),
        ("Observation: x\nFinal Answer: y", ReactError::ObservationFirst),
        ("Action Input: {}", ReactError::MissingTool),
        ("Action: f\nObservation: x", ReactError::MissingInput { tool: "f".into() }),
        ("Action: f\nFinal Answer: x", ReactError::MissingInput { tool: "f".into() }),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}

#[test]
fn known_tools_need_no_label() {
    let parser = ReactParser::new().with_tools(["Search", "add"]);
    for (text, tool, input) in [("I look.\nSearch[tides]", "Search", "tides"), ("`add(1)`", "add", "1")] {
        assert_eq!(parse(text), Err(ReactError::NoStep));
        let reply = parser.parse(text).unwrap();
        assert_eq!(
            (reply.actions()[0].tool.as_str(), reply.actions()[0].input.to_string().as_str()),
            (tool, input)
        );
    }
    assert_eq!(parser.parse("Look[x]"), Err(ReactError::NoStep));
}

#[test]
fn errors_tell_the_model_what_to_write() {
    for text in ["", "hm", "Observation: x", "Action: f", "Action Input: 1", "Action: {"] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.contains("write `") && !message.contains('\n'), "{message}");
    }
    assert!(parse(&format!("Action: Search[{}", "é".repeat(500))).unwrap_err().to_string().len() < 500);
}

#[test]
fn live_events() {
    let text = "Thought: A. B\nAction: f\nAction Input: {\"a\": 1}\nObservation: made up";
    let (events, _) = streamed(text, 1);
    assert_eq!(
        events,
        [
            StreamEvent::Thought("A. B\n".into()),
            StreamEvent::Action("f\n{\"a\": 1}\n".into()),
            StreamEvent::Observation
        ]
    );
    let (events, _) = streamed("<think>a < b\nObservation: c</think>\n**Final Answer:** d", 1);
    assert_eq!(
        events,
        [StreamEvent::Thought("a < b\nObservation: c".into()), StreamEvent::Answer("d".into())]
    );
    for seed in 0..9 {
        assert_eq!(streamed("<think>a < b\nObservation: c</think>\n**Final Answer:** d", seed).0, events);
    }
}

/// Each of these texts invites a parser to look at the same characters again and again. A quadratic one
/// would need minutes for them instead of seconds.
#[test]
fn long_texts_of_anything() {
    for body in [
        "Action: f\n",
        "Action: x. ",
        "Action Input: {",
        "Action Input: {\"x\\\"\n",
        "Action: {\n",
        "{\n",
        "[\n",
        "{\"a\":",
        "Final Answer: x ",
        "Thought:\n",
        "Observation: x\n",
        "Action: f[",
        "f[1]",
        "f(a=",
        " ",
        "\n",
        "*",
        "```\n",
        "Action: ``` x. ",
        "**Final Answer x ",
        "\"",
        "A",
        "é",
        "Action: f\nAction Input: {}\n",
    ] {
        for prefix in ["", "Action: f\nAction Input: {\"", "Action: f(", "<think>", "Final Answer: "] {
            let mut text = prefix.to_owned();
            while text.len() < 1 << 16 {
                text.push_str(body);
            }
            text.push_str("   \n    ");
            let (events, reply) = streamed(&text, 0);
            assert_eq!(reply, parse(&text));
            assert_eq!(streamed(&text, 2).0, events, "{prefix:?} and many {body:?}");
            let size: usize = match reply {
                Ok(reply) => {
                    let actions: usize = reply
                        .actions()
                        .iter()
                        .map(|a| a.tool.len() + a.thought.len() + a.input.to_string().len())
                        .sum();
                    reply.thought.len() + actions + reply.answer().map_or(0, str::len)
                }
                Err(error) => error.to_string().len(),
            };
            assert!(size <= text.len(), "{prefix:?} and many {body:?} gave {size}");
        }
    }
}
