//! Texts that other people recorded, read where they lie.

use agentic_testkit::{fixture, json_lines};
use serde_json::Value;

use super::parser::tests::streamed;
use super::*;

fn rows(name: &str) -> Option<Vec<Value>> {
    fixture(&format!("react/{name}")).map(|path| json_lines(&path))
}

/// Cases where we differ on purpose, with the reason.
const DIFFERENT: [(&str, &str); 0] = [];

/// Whether our reading is what the case expects. Inputs are compared as JSON where they are JSON.
fn agrees(case: &Value) -> bool {
    let reply = parse(case["input"].as_str().unwrap());
    let expected = &case["expected"];
    let text = |key: &str| expected[key].as_str().unwrap_or_default();
    match reply {
        Err(_) => case["raises"] == true,
        Ok(_) if case["raises"] == true => false,
        Ok(reply) if expected["kind"] == "finish" => reply.answer() == Some(text("output")),
        Ok(reply) => {
            let [action] = reply.actions() else { return false };
            let input = text("tool_input");
            let same = match &action.input {
                ActionInput::Text(text) => text == input,
                ActionInput::Json(value) => {
                    serde_json::from_str::<Value>(input).is_ok_and(|input| input == *value)
                }
            };
            same && action.tool == text("tool")
        }
    }
}

#[test]
fn parser_cases() {
    let Some(cases) = rows("parser-cases.jsonl") else { return };
    let mut different: Vec<_> =
        cases.iter().filter(|case| !agrees(case)).map(|case| case["id"].as_str().unwrap()).collect();
    different.sort_unstable();
    let listed: Vec<_> = DIFFERENT.iter().map(|(id, _)| *id).collect();
    assert_eq!(different, listed, "of {} cases", cases.len());
    assert!(different.len() * 10 <= cases.len());
}

#[test]
fn recorded_outputs() {
    let Some(rows) = rows("recorded-outputs.jsonl") else { return };
    for row in &rows {
        let text = row["text"].as_str().unwrap();
        let reply = parse(text);
        match (row["has_action"].as_bool().unwrap(), row["has_final"].as_bool().unwrap()) {
            // The action stands first, so it holds; what follows its invented observation does not.
            (true, true) => {
                let reply = reply.unwrap();
                assert_eq!((reply.actions().len(), reply.cut), (1, Some(Cut::Observation)), "{}", row["id"]);
            }
            (true, false) => {
                let reply = reply.unwrap();
                assert_eq!(reply.actions().len(), 1, "{}", row["id"]);
                let observed = text.contains("\nObservation:");
                assert_eq!(reply.cut, observed.then_some(Cut::Observation), "{}", row["id"]);
                assert!(matches!(reply.actions()[0].input, ActionInput::Json(_)), "{}", row["id"]);
            }
            (false, true) => {
                let reply = reply.unwrap();
                let answer = reply.answer().unwrap_or_else(|| panic!("{}: {reply:?}", row["id"]));
                assert!(!answer.is_empty() && text.contains(answer), "{}", row["id"]);
            }
            (false, false) => assert_eq!(reply, Err(ReactError::NoStep), "{}", row["id"]),
        }
        let (events, result) = streamed(text, 0);
        assert_eq!(result, parse(text));
        for seed in 1..5 {
            assert_eq!(streamed(text, seed).0, events, "{}", row["id"]);
        }
    }
}

#[test]
fn transcripts() {
    let Some(rows) = rows("transcripts.jsonl") else { return };
    assert_eq!(rows.len(), 150);
    for row in &rows {
        let transcript = split_transcript(row["raw"].as_str().unwrap());
        assert_eq!(transcript.question, row["question"].as_str().unwrap().trim());
        let steps = row["steps"].as_array().unwrap();
        assert_eq!(transcript.steps.len(), steps.len(), "{}", row["id"]);
        for (got, want) in transcript.steps.iter().zip(steps) {
            assert_eq!(got.number.map(u64::from), want["n"].as_u64());
            assert_eq!(got.thought, want["thought"].as_str().unwrap());
            assert_eq!(got.action, want["action_text"].as_str().unwrap());
            assert_eq!(got.observation, want["observation"].as_str().unwrap());
            let actions = ReactParser::new().parse_action(&got.action).unwrap();
            let [action] = &actions[..] else { panic!("{actions:?}") };
            assert_eq!(action.tool, want["tool"].as_str().unwrap());
            assert_eq!(action.input, ActionInput::Text(want["argument"].as_str().unwrap().into()));
        }
        // The whole run given as one reply stops at the first observation.
        let reply = parse(row["raw"].as_str().unwrap()).unwrap();
        let finishes = transcript.steps[0].action.starts_with("Finish[");
        assert_eq!((reply.actions().len(), reply.cut), (usize::from(!finishes), Some(Cut::Observation)));
    }
}
