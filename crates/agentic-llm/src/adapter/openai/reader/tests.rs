use std::collections::BTreeSet;

use agentic_core::{FinishReason, Usage};
use serde_json::Value;

use super::*;

fn origin() -> Arc<Origin> {
    let (id, host) = ("openai:test".into(), "example.test:443".into());
    Arc::new(Origin { id, host, key: None, key_name: "OPENAI_API_KEY".into() })
}

/// What a body gives, read in these pieces.
fn read<'b>(
    content_type: &str,
    pieces: impl Iterator<Item = &'b [u8]>,
) -> Result<(ModelResponse, Vec<ModelDelta>), ModelError> {
    let mut reader = Reader::new(origin(), content_type, false, true);
    let mut deltas = Vec::new();
    for piece in pieces {
        reader.push(piece)?;
        deltas.extend(std::iter::from_fn(|| reader.next_delta()));
    }
    let (response, left) = reader.finish(&Messages::new())?;
    deltas.extend(left);
    Ok((response, deltas))
}

fn read_whole(content_type: &str, body: &str) -> Result<ModelResponse, ModelError> {
    read(content_type, std::iter::once(body.as_bytes())).map(|(response, _)| response)
}

/// The answer of a stream of these chunks, the same byte by byte.
#[track_caller]
fn stream(chunks: &[&str]) -> Result<ModelResponse, ModelError> {
    let body: String = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    let whole = read_whole("text/event-stream", &body);
    let bytes = read("text/event-stream", body.as_bytes().chunks(1)).map(|(response, _)| response);
    assert_eq!(whole, bytes, "whole and byte by byte");
    whole
}

fn calls(response: &ModelResponse) -> Vec<(&str, &str, &str)> {
    response
        .tool_calls()
        .map(|call| (call.id.as_str(), call.name.as_str(), call.arguments.as_str()))
        .collect()
}

// ------------------------------------------------------------------------------------------- recordings

/// SplitMix64, for pieces of random size.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }

    fn pieces<'b>(&mut self, mut body: &'b [u8]) -> Vec<&'b [u8]> {
        let mut pieces = Vec::new();
        while !body.is_empty() {
            let (piece, rest) = body.split_at(self.below(100).min(body.len() - 1) + 1);
            pieces.push(piece);
            body = rest;
        }
        pieces
    }
}

struct Recording {
    id: String,
    status: u16,
    content_type: String,
    body: String,
    expected: Value,
}

fn recordings() -> Vec<Recording> {
    let Some(path) = agentic_testkit::fixture("provider-recordings/openai-chat.jsonl") else {
        return Vec::new();
    };
    let parse = |json: Value| {
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        Recording {
            id: text("id"),
            status: u16::try_from(json["status"].as_u64().unwrap()).unwrap(),
            content_type: text("content_type"),
            body: text("response"),
            expected: json["expected"].clone(),
        }
    };
    agentic_testkit::json_lines(&path).into_iter().map(parse).collect()
}

/// What is different between an answer and the reference; empty if nothing is.
fn differences(response: &ModelResponse, expected: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, ours: Value, theirs: &Value| {
        if ours != *theirs {
            found.push(format!("{what}: {ours} instead of {theirs}"));
        }
    };
    let refused = response.finish == FinishReason::Refusal;
    // The reference leaves the text of a refusal out; here it is told.
    let text = if refused { String::new() } else { response.text() };
    same("text", text.into(), &expected["text"]);
    same("reasoning", response.reasoning().into(), &expected["reasoning"]);
    let calls: Vec<Value> = response
        .tool_calls()
        .map(|call| serde_json::json!({"id": call.id, "name": call.name, "arguments": call.arguments}))
        .collect();
    same("calls", calls.into(), &expected["tool_calls"]);
    same("model", (*response.model).into(), &expected["model"]);
    let finish = match (&response.finish, expected["finish"].as_str().unwrap()) {
        (FinishReason::Stop, "stop" | "") | (FinishReason::ToolCalls, "tool_calls") => true,
        (FinishReason::Length, "length") => true,
        // A refusal is one, whatever the server calls its end.
        (FinishReason::Refusal, "content_filter" | "stop") => true,
        (FinishReason::ToolCalls, "stop") => response.tool_calls().next().is_some(),
        _ => false,
    };
    if !finish {
        same("finish", format!("{:?}", response.finish).into(), &expected["finish"]);
    }
    let wire = &expected["usage"];
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let reasoning = match wire["completion_tokens_details"]["reasoning_tokens"].as_u64() {
        Some(reasoning) => reasoning,
        None => count(&wire["reasoning_tokens"]),
    };
    let (input, output) = (count(&wire["prompt_tokens"]), count(&wire["completion_tokens"]));
    // Reasoning that is counted beside the output shows in the total.
    let beside = reasoning > 0 && count(&wire["total_tokens"]) == input + output + reasoning;
    let usage = Usage {
        input_tokens: input,
        cached_input_tokens: match wire["prompt_tokens_details"]["cached_tokens"].as_u64() {
            Some(cached) => cached,
            None => count(&wire["prompt_cache_hit_tokens"]).max(count(&wire["num_cached_tokens"])),
        },
        output_tokens: if beside { output + reasoning } else { output },
        reasoning_tokens: reasoning,
    };
    same("usage", serde_json::to_value(response.usage).unwrap(), &serde_json::to_value(usage).unwrap());
    found
}

#[test]
fn recorded_answers_are_read_whole_and_in_pieces() {
    let mut seen = 0;
    let mut wrong = Vec::new();
    for recording in recordings().iter().filter(|recording| recording.expected["text"].is_string()) {
        seen += 1;
        let Recording { id, content_type, body, expected, .. } = recording;
        let bytes = body.as_bytes();
        let mut random = Random(seen);
        let whole = read(content_type, std::iter::once(bytes));
        match &whole {
            Ok((response, _)) => {
                let differences = differences(response, expected);
                if !differences.is_empty() {
                    wrong.push(format!("{id}: {differences:?}"));
                }
            }
            Err(error) => wrong.push(format!("{id}: {error}")),
        }
        if read(content_type, bytes.chunks(1)) != whole {
            wrong.push(format!("{id}: byte by byte it reads otherwise"));
        }
        for _ in 0..3 {
            if read(content_type, random.pieces(bytes).into_iter()) != whole {
                wrong.push(format!("{id}: in random pieces it reads otherwise"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {seen}:\n{}", wrong.len(), wrong.join("\n"));
    println!("{seen} recorded answers read whole, byte by byte and in random pieces");
}

#[test]
fn deltas_of_recorded_answers_add_up_to_them() {
    for Recording { id, content_type, body, .. } in
        recordings().iter().filter(|recording| recording.expected["text"].is_string())
    {
        let (response, deltas) = read(content_type, body.as_bytes().chunks(7)).unwrap();
        let (mut text, mut reasoning) = (String::new(), String::new());
        let mut calls: Vec<(String, String)> = Vec::new();
        for delta in deltas {
            match delta {
                ModelDelta::Text { text: more } => text.push_str(&more),
                ModelDelta::Reasoning { text: more } => reasoning.push_str(&more),
                ModelDelta::ToolCall { index, name, arguments } => {
                    if let Some(name) = name {
                        assert_eq!(calls.len(), index as usize, "{id}");
                        calls.push((name, String::new()));
                    }
                    calls[index as usize].1.push_str(&arguments);
                }
                _ => {}
            }
        }
        assert_eq!(text, response.text(), "{id}");
        assert_eq!(reasoning, response.reasoning(), "{id}");
        let whole: Vec<_> =
            response.tool_calls().map(|call| (call.name.clone(), call.arguments.clone())).collect();
        assert_eq!(calls, whole, "{id}");
    }
}

#[test]
fn cut_recordings_are_errors_or_say_that_they_are_cut() {
    let mut cuts = 0;
    for (number, recording) in recordings().into_iter().enumerate() {
        let Recording { id, status, content_type, body, expected } = recording;
        if status != 200 || !expected["text"].is_string() {
            continue;
        }
        let whole = read_whole(&content_type, &body).unwrap();
        let mut random = Random(number as u64);
        let mut points: BTreeSet<usize> = (0..20).map(|_| random.below(body.len())).collect();
        points.extend((1..=60).map(|back| body.len().saturating_sub(back)));
        for point in points {
            cuts += 1;
            match read(&content_type, std::iter::once(&body.as_bytes()[..point])) {
                Err(error) => assert!(
                    matches!(error.kind(), Kind::Interrupted | Kind::InvalidResponse),
                    "{id} cut at {point}: {error}"
                ),
                // Only what comes after the answer's end may be missing: its usage, the end's mark.
                Ok((cut, _)) => {
                    assert_eq!(cut.message, whole.message, "{id} cut at {point} of {}", body.len());
                    assert_eq!(cut.finish, whole.finish, "{id} cut at {point}");
                }
            }
        }
    }
    println!("{cuts} cut answers");
}

#[test]
fn recorded_errors_are_typed() {
    for Recording { id, status, content_type, body, expected } in recordings() {
        if let Some(expected) = expected["http_error"].as_u64() {
            let error = origin().http(status, body.as_bytes(), None);
            assert_eq!(error.status().map(u64::from), Some(expected), "{id}");
            let kind = match status {
                401 => Kind::Authentication,
                404 => Kind::NotFound,
                _ => Kind::InvalidRequest,
            };
            assert_eq!(error.kind(), kind, "{id}: {error}");
            let json: Value = serde_json::from_str(&body).unwrap();
            let said = ["/error/message", "/message", "/detail"];
            let said = said.iter().find_map(|path| json.pointer(path)?.as_str()).unwrap();
            let told = said.split_whitespace().take(6).collect::<Vec<_>>().join(" ");
            assert!(error.message().contains(told.trim_end_matches('.')), "{id}: {error}");
        } else if expected["client_error"].is_string() {
            let error = read_whole(&content_type, &body).unwrap_err();
            assert_eq!(error.kind(), Kind::InvalidResponse, "{id}: {error}");
        } else if expected.is_null() {
            let error = read_whole(&content_type, &body).unwrap_err();
            assert!(error.message().contains("several messages"), "{id}: {error}");
        }
    }
}

// ------------------------------------------------------------------------------------------ streams

const ROLE: &str =
    r#"{"id":"a","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
const STOP: &str = r#"{"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;

fn text_chunk(id: &str, text: &str) -> String {
    format!(r#"{{"id":"{id}","choices":[{{"index":0,"delta":{{"content":"{text}"}}}}]}}"#)
}

fn call_chunk(part: &str) -> String {
    format!(r#"{{"id":"a","choices":[{{"index":0,"delta":{{"tool_calls":[{part}]}}}}]}}"#)
}

#[test]
fn a_stream_is_put_together() {
    let usage = r#"{"id":"a","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,
        "prompt_tokens_details":{"cached_tokens":4}}}"#
        .replace('\n', "");
    let response =
        stream(&[ROLE, &text_chunk("a", "Yes, "), &text_chunk("a", "rain."), STOP, &usage, "[DONE]"]);
    let response = response.unwrap();
    assert_eq!(response.text(), "Yes, rain.");
    assert_eq!(response.finish, FinishReason::Stop);
    assert_eq!(&*response.model, "m");
    let usage = Usage { input_tokens: 9, cached_input_tokens: 4, output_tokens: 2, reasoning_tokens: 0 };
    assert_eq!(response.usage, usage);
}

#[test]
fn the_end_may_be_told_by_either_mark() {
    let text = text_chunk("a", "Hi");
    assert_eq!(stream(&[&text, STOP]).unwrap().text(), "Hi");
    assert_eq!(stream(&[&text, "[DONE]"]).unwrap().text(), "Hi");
    assert_eq!(stream(&[&text]).unwrap_err().kind(), Kind::Interrupted);
    assert_eq!(stream(&[ROLE]).unwrap_err().kind(), Kind::Interrupted);
}

#[test]
fn what_comes_after_the_end_is_not_read() {
    let response = stream(&[&text_chunk("a", "Hi"), STOP, "[DONE]", &text_chunk("b", "Ho"), STOP, "[DONE]"]);
    assert_eq!(response.unwrap().text(), "Hi");
}

#[test]
fn two_messages_are_never_mixed() {
    for chunks in [
        vec![text_chunk("a", "Hi"), text_chunk("b", "Ho")],
        vec![text_chunk("a", "Hi"), STOP.into(), text_chunk("b", "Ho"), STOP.into()],
        vec![text_chunk("", "Hi"), STOP.replace("\"a\"", "\"\""), text_chunk("", "Ho")],
    ] {
        let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
        let error = stream(&chunks).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidResponse);
        assert!(error.message().contains("several messages"), "{error}");
    }
}

#[test]
fn errors_within_a_stream_are_typed() {
    let overloaded = r#"{"error":{"message":"Overloaded.","code":503}}"#;
    let error = stream(&[&text_chunk("a", "Hi"), overloaded]).unwrap_err();
    assert_eq!((error.kind(), error.status()), (Kind::Unavailable, Some(503)));
    assert_eq!(error.to_string(), "model `openai:test`: HTTP 503: Overloaded");
    let limited = r#"{"error":{"message":"Slow down","code":"rate_limit_exceeded"}}"#;
    assert_eq!(stream(&[limited]).unwrap_err().kind(), Kind::RateLimited);
    let named = "event: error\ndata: {\"message\":\"gone\"}\n\n";
    let error = read_whole("text/event-stream", named).unwrap_err();
    assert_eq!((error.kind(), error.message()), (Kind::Unavailable, "gone"));
    let choice = r#"{"choices":[{"delta":{},"error":{"code":502,"message":"bad"},"finish_reason":"error"}]}"#;
    assert_eq!(stream(&[choice]).unwrap_err().kind(), Kind::Unavailable);
    let finish = r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#;
    assert_eq!(stream(&[finish]).unwrap_err().kind(), Kind::Unavailable);
}

#[test]
fn the_form_of_a_body_is_seen_in_it() {
    let json = r#" {"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let events = format!(": wait\n\ndata: {}\n\ndata: [DONE]\n\n", text_chunk("a", "Hi"));
    // A whole answer although a stream was asked for, and the other way round.
    assert_eq!(read_whole("text/event-stream", json).unwrap().text(), "Hi");
    let mut reader = Reader::new(origin(), "application/json", true, false);
    reader.push(events.as_bytes()).unwrap();
    assert_eq!(reader.finish(&Messages::new()).unwrap().0.text(), "Hi");
}

#[test]
fn what_is_no_answer_is_an_error() {
    let check = |content_type: &str, body: &str, kind: Kind, words: &str| {
        let error = read_whole(content_type, body).unwrap_err();
        assert_eq!(error.kind(), kind, "{body}: {error}");
        assert!(error.message().contains(words), "{body}: {error}");
        assert_eq!(error.to_string().lines().count(), 1);
    };
    check("application/json", "", Kind::Interrupted, "broke off");
    check("application/json", "{\"choices\":[", Kind::Interrupted, "broke off");
    check("application/json", "{}", Kind::InvalidResponse, "no message");
    check("application/json", "{\"choices\":[]}", Kind::InvalidResponse, "no message");
    check("application/json", "{\"choices\":7}", Kind::InvalidResponse, "column");
    check("text/html", "<html><title>Sign in</title></html>", Kind::InvalidResponse, "HTML page: Sign in");
    check("text/event-stream", ": nothing\n\n", Kind::InvalidResponse, "no events");
    check("text/event-stream", "data: nonsense\n\n", Kind::InvalidResponse, "nonsense");
    check("application/json", r#"{"error":"model is loading"}"#, Kind::Unavailable, "model is loading");
    check(
        "application/json",
        r#"{"choices":[{"message":{"tool_calls":[{"id":"x","function":{}}]}}]}"#,
        Kind::InvalidResponse,
        "without a name",
    );
    check(
        "application/json",
        r#"{"choices":[{"message":{"content":""},"finish_reason":"tool_calls"}]}"#,
        Kind::InvalidResponse,
        "names none",
    );
}

// --------------------------------------------------------------------------------------- tool calls

#[test]
fn tool_calls_are_put_together() {
    let chunks = [
        call_chunk(r#"{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}"#),
        call_chunk(r#"{"index":0,"function":{"arguments":"{\"a\":"}}"#),
        call_chunk(r#"{"index":1,"id":"y","function":{"name":"g","arguments":"{}"}}"#),
        call_chunk(r#"{"index":0,"function":{"arguments":"1}"}}"#),
        STOP.into(),
    ];
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    let response = stream(&chunks).unwrap();
    assert_eq!(calls(&response), [("x", "f", "{\"a\":1}"), ("y", "g", "{}")]);
    // The server says "stop", and calls all the same.
    assert_eq!(response.finish, FinishReason::ToolCalls);
}

#[track_caller]
fn check_calls(parts: &[&str], expected: &[(&str, &str, &str)]) {
    let mut chunks: Vec<String> = parts.iter().map(|part| call_chunk(part)).collect();
    chunks.push(STOP.into());
    let chunks: Vec<&str> = chunks.iter().map(String::as_str).collect();
    assert_eq!(calls(&stream(&chunks).unwrap()), expected);
}

#[test]
fn parts_of_calls_are_joined_however_servers_name_them() {
    // No number, no repeated id.
    check_calls(
        &[r#"{"id":"x","function":{"name":"f","arguments":"{"}}"#, r#"{"function":{"arguments":"}"}}"#],
        &[("x", "f", "{}")],
    );
    // Id and name repeated in each chunk.
    check_calls(
        &[
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{"}}"#,
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":"}"}}"#,
        ],
        &[("x", "f", "{}")],
    );
    // The name in pieces.
    check_calls(
        &[
            r#"{"index":0,"id":"x","function":{"name":"get_"}}"#,
            r#"{"index":0,"function":{"name":"weather"}}"#,
            r#"{"index":0,"function":{"arguments":"{}"}}"#,
        ],
        &[("x", "get_weather", "{}")],
    );
    // Null and empty where there is nothing new; another id in each chunk.
    check_calls(
        &[
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":null}}"#,
            r#"{"index":0,"id":null,"function":{"name":null,"arguments":"{"}}"#,
            r#"{"index":0,"id":"z","function":{"name":"","arguments":"}"}}"#,
        ],
        &[("x", "f", "{}")],
    );
}

#[test]
fn calls_are_told_apart_however_servers_number_them() {
    let two = &[("x", "f", "{}"), ("y", "g", "[1]")];
    // Every call has the number 0.
    check_calls(
        &[
            r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{}"}}"#,
            r#"{"index":0,"id":"y","function":{"name":"g","arguments":"[1]"}}"#,
        ],
        two,
    );
    // No numbers, both in one chunk, and in two.
    let (x, y) = (
        r#"{"id":"x","function":{"name":"f","arguments":"{}"}}"#,
        r#"{"id":"y","function":{"name":"g","arguments":"[1]"}}"#,
    );
    check_calls(&[&format!("{x},{y}")], two);
    check_calls(&[x, y], two);
    // Neither numbers nor ids.
    let part = r#"{"function":{"name":"f","arguments":"{}"}}"#;
    check_calls(&[part, part], &[("call_0", "f", "{}"), ("call_1", "f", "{}")]);
    // Arguments as an object.
    check_calls(&[r#"{"id":"x","function":{"name":"f","arguments":{"a": 1}}}"#], &[("x", "f", "{\"a\": 1}")]);
}

#[test]
fn whole_messages_come_in_many_forms() {
    let check = |message: &str, text: &str, reasoning: &str, expected: &[(&str, &str, &str)]| {
        let body = format!(
            r#"{{"choices":[{{"message":{message},"finish_reason":"stop"}},{{"message":{{"content":"no"}}}}]}}"#
        );
        let response = read_whole("application/json", &body).unwrap();
        assert_eq!((response.text(), response.reasoning()), (text.into(), reasoning.into()), "{message}");
        assert_eq!(calls(&response), expected, "{message}");
    };
    check(r#"{"content":"a\nb"}"#, "a\nb", "", &[]);
    check(r#"{"content":null,"reasoning":"why"}"#, "", "why", &[]);
    check(r#"{"content":"x","reasoning_content":"why","reasoning":null}"#, "x", "why", &[]);
    check(r#"{"content":"x","reasoning_content":"why","reasoning":"why"}"#, "x", "why", &[]);
    check(r#"{"content":[{"type":"text","text":"a"},"b",{"type":"other"}]}"#, "ab", "", &[]);
    check(
        r#"{"content":[{"type":"thinking","thinking":"why"},{"type":"text","text":"a"}]}"#,
        "a",
        "why",
        &[],
    );
    check(r#"{"function_call":{"name":"f","arguments":"{}"}}"#, "", "", &[("call_0", "f", "{}")]);
    check(r#"{"content":"x","function_call":{"name":"","arguments":""}}"#, "x", "", &[]);
    let both = r#"{"tool_calls":[{"id":"x","function":{"name":"f","arguments":"{}"}}],
        "function_call":{"name":"f","arguments":"{}"}}"#;
    check(both, "", "", &[("x", "f", "{}")]);
    let nameless = r#"{"tool_calls":[{"function":{"name":"f","arguments":""}},{"function":{"name":"g"}}]}"#;
    check(nameless, "", "", &[("call_0", "f", ""), ("call_1", "g", "")]);
}

#[test]
fn a_refusal_is_told_and_named() {
    let body = r#"{"choices":[{"message":{"content":null,"refusal":"No."},"finish_reason":"stop"}]}"#;
    let response = read_whole("application/json", body).unwrap();
    assert_eq!((response.text().as_str(), &response.finish), ("No.", &FinishReason::Refusal));
}

#[test]
fn a_call_that_is_cut_says_so() {
    let length = STOP.replace("\"stop\"", "\"length\"");
    let part = call_chunk(r#"{"index":0,"id":"x","function":{"name":"f","arguments":"{\"a"}}"#);
    let response = stream(&[&part, &length]).unwrap();
    assert_eq!(response.finish, FinishReason::Length);
    assert_eq!(calls(&response), [("x", "f", "{\"a")]);
}

#[test]
fn counts_are_read_however_they_are_written() {
    let check = |usage: &str, expected: [u64; 4]| {
        let body = format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}"#);
        let usage = read_whole("application/json", &body).unwrap().usage;
        let [input_tokens, cached_input_tokens, output_tokens, reasoning_tokens] = expected;
        assert_eq!(usage, Usage { input_tokens, cached_input_tokens, output_tokens, reasoning_tokens });
    };
    check("null", [0, 0, 0, 0]);
    check(r#"{"prompt_tokens":5,"completion_tokens":3,"total_tokens":8}"#, [5, 0, 3, 0]);
    check(r#"{"prompt_tokens":5.0,"completion_tokens":"3","total_tokens":null}"#, [5, 0, 3, 0]);
    check(r#"{"prompt_tokens":5,"total_tokens":8}"#, [5, 0, 3, 0]);
    check(r#"{"prompt_tokens":5,"completion_tokens":-1}"#, [5, 0, 0, 0]);
    check(r#"{"prompt_tokens":9,"completion_tokens":3,"prompt_cache_hit_tokens":4}"#, [9, 4, 3, 0]);
    let within = r#"{"prompt_tokens":9,"completion_tokens":8,"total_tokens":17,
        "completion_tokens_details":{"reasoning_tokens":5}}"#;
    check(within, [9, 0, 8, 5]);
    let beside = r#"{"prompt_tokens":9,"completion_tokens":3,"total_tokens":17,
        "completion_tokens_details":{"reasoning_tokens":5}}"#;
    check(beside, [9, 0, 8, 5]);
}
