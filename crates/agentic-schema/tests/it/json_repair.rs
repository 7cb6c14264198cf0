//! The suites of other JSON repair libraries.

use agentic_schema::lenient::{self, Options};
use serde_json::Value;

use crate::fixtures;

fn cases(suite: &str) -> Option<Vec<Value>> {
    let folder = fixtures::folder("json-repair")?;
    let mut cases = fixtures::lines(&folder.join("cases.jsonl"));
    cases.retain(|case| case["suite"] == suite);
    Some(cases)
}

/// Runs the cases that state a value; prints each difference and returns (right, all).
fn score(cases: &[Value]) -> (usize, usize) {
    let mut right = 0;
    let mut all = 0;
    for case in
        cases.iter().filter(|case| case["raises"].as_str().is_none() && case.get("expected_value").is_some())
    {
        let input = case["input"].as_str().unwrap();
        all += 1;
        match lenient::parse(input) {
            Ok(value) if value == case["expected_value"] => right += 1,
            other => println!(
                "{}: {input:?}\n    got  {other:?}\n    want {}",
                case["test"], case["expected_value"]
            ),
        }
    }
    (right, all)
}

#[test]
fn the_jsonrepair_suite_is_read_as_it_wants() {
    let Some(cases) = cases("jsonrepair") else { return };
    let (right, all) = score(&cases);
    println!("jsonrepair: {right} of {all} values");
    assert!(right >= 190, "{right} of {all}");

    let mut refused = 0;
    let errors: Vec<_> = cases.iter().filter(|case| case["raises"].is_string()).collect();
    for case in &errors {
        match lenient::parse_with(case["input"].as_str().unwrap(), &Options::document()) {
            Err(_) => refused += 1,
            Ok(parsed) => println!("{}: not refused: {parsed:?}", case["input"]),
        }
    }
    println!("jsonrepair: {refused} of {} errors", errors.len());
    assert_eq!(refused, errors.len());
}

#[test]
fn the_share_of_the_python_suite_is_reported() {
    let Some(cases) = cases("json_repair") else { return };
    let (right, all) = score(&cases);
    println!("json_repair: {right} of {all} values");
    assert!(right >= 70, "{right} of {all}");
}
