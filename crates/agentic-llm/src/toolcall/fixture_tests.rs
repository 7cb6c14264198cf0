//! Cases of other people's parsers, read where they lie. Of the families named in [`REQUIRED`] every case must hold; of the
//! others a fixed number, so that a change in either direction is seen.

use std::collections::BTreeMap;

use agentic_testkit::{fixture, json_lines};
use serde_json::{Map, Value};

use super::tests::{in_pieces, whole};
use super::*;

const REQUIRED: [&str; 3] = ["qwen3vl_nonthinking", "qwen3vl_thinking", "qwen3coder"];

/// Cases that hold, by family.
const HOLDING: [(&str, usize); 12] = [
    ("cogito", 0),     // a dialect of its own, not supported
    ("deepseek3", 20), // the other one: a call without separator, which is read here and refused there
    ("gemma4", 0),     // a dialect of its own, not supported
    ("glm46", 11),
    ("lfm2", 12),
    ("ministral", 20), // the other 7 test an inner function
    ("nemotron3nano", 4),
    ("olmo3", 6), // the other 4 test an inner function
    ("olmo3_think", 6),
    ("qwen3coder", 7),
    ("qwen3vl_nonthinking", 24),
    ("qwen3vl_thinking", 20),
];

fn cases() -> Option<Vec<Value>> {
    fixture("toolcall-text/ollama-parser-cases.jsonl").map(|path| json_lines(&path))
}

/// The dialect of a case. Which of them begin inside the reasoning is said by the case's test or flags.
fn dialect(row: &Value) -> Option<Dialect> {
    let case = &row["case"];
    let flag = |key: &str| case[key].as_bool().unwrap_or(false);
    let open = |dialect: Dialect, thinking: bool| {
        if thinking { dialect.with_thinking(Thinking::Open) } else { dialect }
    };
    Some(match row["parser"].as_str()? {
        "qwen3vl_nonthinking" => Dialect::qwen3_vl(),
        "qwen3vl_thinking" => {
            let content_first = row["test"] == "TestQwen3VLThinkingParserWithNonThinkingPrefill"
                || case["prefillMsg"]["Content"].is_string();
            if content_first { Dialect::qwen3_vl() } else { Dialect::qwen3_vl_thinking() }
        }
        "qwen3coder" => Dialect::qwen3_coder(),
        "nemotron3nano" => open(Dialect::qwen3_coder(), true),
        "glm46" => Dialect::glm(),
        "ministral" => open(Dialect::mistral(), flag("think")),
        "deepseek3" => open(Dialect::deepseek(), flag("hasThinking")),
        "olmo3" => Dialect::python_like(),
        "olmo3_think" => Dialect::qwen3_vl_thinking(),
        "lfm2" if flag("hasThinking") => Dialect::python_like().with_thinking(Thinking::Tagged),
        "lfm2" => Dialect::python_like(),
        _ => return None,
    })
}

/// Events in the words of the fixtures: which kind of text is meant is told by none of them.
fn in_their_words(events: Vec<Event>) -> Vec<Value> {
    let word =
        |key: &str, text: String| Value::Object(Map::from_iter([(key.to_owned(), Value::String(text))]));
    events
        .into_iter()
        .map(|event| match event {
            Event::Content(text) | Event::Thinking(text) => word("content", text),
            Event::Malformed(malformed) => word("raw", malformed.raw),
            Event::Call(call) => serde_json::json!({"name": call.name, "args": call.arguments}),
        })
        .collect()
}

fn wanted(events: &Value) -> Vec<Value> {
    let mut events = events.as_array().cloned().unwrap_or_default();
    for event in &mut events {
        if let Some(args) = event["args"].as_str().map(|args| serde_json::from_str(args).unwrap()) {
            event["args"] = args;
        }
        if let Some(thinking) = event.get("thinking").cloned() {
            *event = serde_json::json!({"content": thinking});
        }
    }
    events
}

/// The steps of a streaming case, one `feed` each.
fn check_steps(case: &Value, dialect: &Dialect) -> Result<(), String> {
    let mut parser = ToolCallParser::new(dialect.clone(), ToolSchemas::new());
    for step in case["steps"].as_array().into_iter().flatten() {
        let got = in_their_words(parser.feed(step["input"].as_str().unwrap()));
        let want = wanted(&step["wantEvents"]);
        if got != want {
            return Err(format!("step {}: got {got:?}, want {want:?}", step["input"]));
        }
    }
    Ok(())
}

/// A case that is one text with what is expected of the whole.
fn check_whole(case: &Value, dialect: &Dialect) -> Result<(), String> {
    let reply: Reply =
        whole(dialect, &ToolSchemas::new(), case["input"].as_str().unwrap()).into_iter().collect();
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    let calls =
        ["expectedCalls", "expectedToolCalls", "expected"].iter().find_map(|key| case[*key].as_array());
    let want: Vec<_> = calls
        .into_iter()
        .flatten()
        .map(|call| {
            let function = &call["Function"];
            let mut arguments = function["Arguments"].as_object().unwrap().clone();
            if arguments.contains_key("__call__") {
                arguments.clear();
            }
            (function["Name"].as_str().unwrap().to_owned(), arguments)
        })
        .collect();
    let got: Vec<_> = reply.calls.iter().map(|call| (call.name.clone(), call.arguments.clone())).collect();
    if got == want && reply.content == text("expectedContent") && reply.thinking == text("expectedThinking") {
        Ok(())
    } else {
        Err(format!("got {reply:?}"))
    }
}

fn check(row: &Value, dialect: &Dialect) -> Result<(), String> {
    let case = &row["case"];
    let input: String = match case["steps"].as_array() {
        Some(steps) => steps.iter().map(|step| step["input"].as_str().unwrap()).collect(),
        None => case["input"].as_str().unwrap().to_owned(),
    };
    let expected = whole(dialect, &ToolSchemas::new(), &input);
    for seed in 0..20 {
        let got = in_pieces(dialect, &ToolSchemas::new(), &input, seed);
        if got != expected {
            return Err(format!("split with seed {seed}: got {got:?}, whole {expected:?}"));
        }
    }
    if case["steps"].is_array() { check_steps(case, dialect) } else { check_whole(case, dialect) }
}

#[test]
fn cases_of_every_family() {
    let Some(rows) = cases() else { return };
    let mut counts = BTreeMap::<String, (usize, usize)>::new();
    let mut required_failures = Vec::new();
    for row in &rows {
        let family = row["parser"].as_str().unwrap().to_owned();
        // Cases of single functions of the other parser (end of JSON, inner text of a tag) have no counterpart.
        let test = row["test"].as_str().unwrap();
        let inner = test.starts_with("TestFindJSONEnd") || test.starts_with("TestParseOlmo3");
        let count = counts.entry(family.clone()).or_default();
        count.1 += 1;
        let Some(dialect) = dialect(row).filter(|_| !inner) else { continue };
        match check(row, &dialect) {
            Ok(()) => count.0 += 1,
            Err(why) if REQUIRED.contains(&family.as_str()) => {
                required_failures.push(format!("{}: {why}", row["id"]));
            }
            Err(why) => println!("differs: {}: {why}", row["id"]),
        }
    }
    for (family, (passed, all)) in &counts {
        println!("{family}: {passed} of {all}");
    }
    assert!(required_failures.is_empty(), "{}", required_failures.join("\n"));
    for family in REQUIRED {
        assert_eq!(counts[family].0, counts[family].1, "{family}");
    }
    let holding: Vec<_> = counts.iter().map(|(family, (passed, _))| (family.as_str(), *passed)).collect();
    assert_eq!(holding, HOLDING);
}
