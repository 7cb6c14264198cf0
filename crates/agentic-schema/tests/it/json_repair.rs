//! The suites of other JSON repair libraries.

use agentic_schema::lenient::{self, Options};
use agentic_schema::partial::{self, Allow, PartialError};
use agentic_testkit::{fixture, json_lines};
use serde_json::Value;

fn cases(suite: &str) -> Option<Vec<Value>> {
    let folder = fixture("json-repair")?;
    let mut cases = json_lines(&folder.join("cases.jsonl"));
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

/// The modes of partial-json-parser, in our words.
fn allow(mode: &str) -> Allow {
    let one = |name: &str| match name.trim() {
        "ALL" => Allow::ALL,
        "STR" => Allow::STRINGS,
        "NUM" => Allow::NUMBERS,
        "ARR" => Allow::ARRAYS,
        "OBJ" => Allow::OBJECTS,
        "NULL" => Allow::NULL,
        "BOOL" => Allow::BOOLEANS,
        other => panic!("unknown mode {other}"),
    };
    match mode.strip_prefix('~') {
        Some(not) => Allow::ALL.without(one(not)),
        None => mode.split('|').map(one).fold(Allow::NONE, |all, next| all | next),
    }
}

#[test]
fn partial_json_parser_cases_are_all_right() {
    let Some(cases) = cases("partial-json-parser") else { return };
    for case in &cases {
        let read = partial::parse_partial_with(
            case["input"].as_str().unwrap(),
            allow(case["options"]["allow"].as_str().unwrap()),
        );
        match case["raises"].as_str() {
            Some("PartialJSON") => assert_eq!(read, Err(PartialError::Incomplete), "{case}"),
            Some(_) => assert!(matches!(read, Err(PartialError::Malformed { .. })), "{case}: {read:?}"),
            None => {
                assert_eq!(read.as_ref().map(|partial| &partial.value), Ok(&case["expected_value"]), "{case}")
            }
        }
    }
    println!("partial-json-parser: {} of {} cases", cases.len(), cases.len());
}
