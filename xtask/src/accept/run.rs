//! One run of the program, read from its events.

use serde_json::Value;

/// What the events of one run tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) status: String,
    pub(crate) reason: String,
    pub(crate) answer: String,
    pub(crate) turns: u64,
    /// Tool calls that the model wrote.
    pub(crate) calls: usize,
    /// Those that ran as they were written: a known tool, arguments that keep to its schema without mending.
    pub(crate) valid: usize,
    /// Findings that were left out of a call, because they were not where it said.
    pub(crate) left_out: usize,
}

impl Run {
    /// Reads the events, one JSON object a line. Lines that are none are passed over.
    pub(crate) fn read(lines: &str) -> Self {
        let mut run = Self::default();
        let (mut ran, mut mended) = (0, 0);
        for event in lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            match event["type"].as_str() {
                Some("step_finished") if event["kind"] == "model" => run.calls += calls(&event["result"]),
                Some("step_started") if event["kind"] == "tool" => ran += 1,
                Some("note") => {
                    let note = event["text"].as_str().unwrap_or_default();
                    mended += usize::from(note.starts_with("mended the arguments"));
                    run.left_out += usize::from(note.starts_with("left out of the arguments"));
                }
                Some("run_finished") => {
                    run.status = text(&event["status"]);
                    run.reason = text(&event["reason"]);
                    run.answer = text(&event["output"]);
                    run.turns = event["usage"]["turns"].as_u64().unwrap_or_default();
                }
                _ => {}
            }
        }
        // The ReAct agent's model writes its calls as text: only those that ran are seen.
        run.calls = if run.calls == 0 { ran } else { run.calls };
        run.valid = run.calls.min(ran).saturating_sub(mended);
        run
    }
}

/// The tool calls in a model's answer.
fn calls(response: &Value) -> usize {
    let parts = response["message"]["parts"].as_array();
    parts.into_iter().flatten().filter(|part| part["type"] == "tool_call").count()
}

/// A string as it is, nothing for null, anything else as JSON.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Run;

    const CALLS: &str = r#"{"type":"step_finished","kind":"model","result":{"message":{"role":"assistant","parts":[{"type":"tool_call","id":"1","name":"a","arguments":"{}"}]}}}"#;

    #[test]
    fn a_run_is_read_from_its_events() {
        let events = [
            r#"{"type":"run_started","agent":"function-calling"}"#,
            CALLS,
            r#"{"type":"step_started","kind":"tool","name":"list_dir"}"#,
            CALLS,
            r#"{"type":"step_started","kind":"tool","name":"read_file"}"#,
            r#"{"type":"note","text":"mended the arguments of `read_file`: …"}"#,
            r#"{"type":"note","text":"left out of the arguments of `calculator`: `a` does not say \"1\""}"#,
            CALLS,
            r#"{"type":"run_finished","status":"completed","reason":null,"output":"12.30","usage":{"turns":4}}"#,
        ];
        let run = Run::read(&events.join("\n"));
        let wanted = Run {
            status: "completed".into(),
            answer: "12.30".into(),
            turns: 4,
            calls: 3,
            valid: 1, // one was mended, one never ran
            left_out: 1,
            ..Run::default()
        };
        assert_eq!(run, wanted);
    }
}
