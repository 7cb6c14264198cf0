//! Outputs that are code, which is run.

use agentic_core::Criterion;
use fastrand::Rng;
use serde_json::json;

use super::case::{Wanted, any, says};
use super::solutions::{PROBLEMS, Problem};

/// What the program ends with if all assertions held: nothing else ends it so.
const PASSED: i32 = 17;
const WAY_OUT: &str = "\nraise SystemExit(0)";

/// A function is to be written. What is true is known of each way to write it from a twin, which does the same and is tried on
/// everything there is within bounds; the criterion runs a few assertions.
pub(super) fn code(rng: &mut Rng) -> Wanted {
    let Problem { text, tests, try_out, ways } = any(rng, &PROBLEMS);
    let program = format!("from solution import *\n{tests}\nraise SystemExit({PASSED})");
    let criterion = Criterion::Tool {
        tool: "run_code".into(),
        arguments: json!({"code": program, "files": {"solution.py": "{{output}}"}}),
        // Code that ends the program has not passed, and code that prints something has.
        gives: json!({ "exit_code": PASSED }),
    };
    let (mut meet, mut miss) = (Vec::new(), Vec::new());
    for (how, source, is_right) in *ways {
        let fenced = format!("Done, here it is:\n\n```python\n{source}\n```\n\nIt passes all tests.");
        if is_right() {
            meet.push(says(how, *source));
            meet.push(says(how, fenced));
            meet.push(says("with a try of its own", format!("{source}\n\nprint('tried:', {try_out})")));
            miss.push(says("ends the program", format!("{source}{WAY_OUT}")));
            miss.push(says("told, not written", "Done. The function is written and passes all tests."));
            miss.push(says("cut off", &source[..source.len() / 2]));
        } else {
            miss.push(says(how, *source));
            miss.push(says(how, fenced));
        }
    }
    Wanted {
        text: format!("Write in Python {text}. Code alone, or in one code fence."),
        inputs: json!({}),
        criteria: vec![criterion],
        stored: Vec::new(),
        meet,
        miss,
        truth: Box::new(|said, _| {
            let written = ways.iter().find(|(_, source, _)| said.contains(source));
            !said.contains(WAY_OUT) && written.is_some_and(|(_, _, is_right)| is_right())
        }),
    }
}
