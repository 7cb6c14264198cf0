//! The functions and the ground truth of BFCL: other people's tool descriptions in the dialects of Python, Java
//! and JavaScript.

use std::collections::HashMap;
use std::path::Path;

use agentic_schema::{Schema, dialect, lenient};
use agentic_testkit::{fixture, json_lines};
use serde_json::{Map, Value, json};

struct Function {
    schema: Schema,
    source: Value,
}

fn compile(description: &Value) -> Function {
    let name = &description["name"];
    let normal =
        dialect::normalize_parameters(&description["parameters"]).unwrap_or_else(|e| panic!("{name}: {e}"));
    let schema = Schema::compile(&normal).unwrap_or_else(|e| panic!("{name}: {e}: {normal}"));
    Function { schema, source: normal }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "json"))
        .collect();
    files.sort();
    files
}

/// Every description of a question file, by question and function name.
fn questions(path: &Path) -> Vec<(String, Vec<Value>)> {
    let functions = |line: &Value| line["function"].as_array().cloned().unwrap_or_default();
    json_lines(path).iter().map(|line| (line["id"].as_str().unwrap().to_owned(), functions(line))).collect()
}

/// The descriptions of the multi-turn tools, by name.
fn multi_turn(folder: &Path) -> HashMap<String, Value> {
    files(&folder.join("multi_turn_func_doc"))
        .iter()
        .flat_map(|path| json_lines(path))
        .map(|description| (description["name"].as_str().unwrap().to_owned(), description))
        .collect()
}

#[test]
fn every_function_is_converted_and_compiled() {
    let Some(folder) = fixture("bfcl") else { return };
    let mut count = 0;
    for path in files(&folder) {
        for (_, functions) in questions(&path) {
            for function in &functions {
                compile(function);
                count += 1;
            }
        }
    }
    for path in files(&folder.join("multi_turn_func_doc")) {
        for function in json_lines(&path) {
            compile(&function);
            if function["response"].is_object() {
                dialect::normalize(&function["response"])
                    .unwrap_or_else(|e| panic!("{}: {e}", function["name"]));
            }
            count += 1;
        }
    }
    println!("bfcl: {count} functions converted and compiled");
    assert!(count > 2000);
}

/// Every value that a ground-truth entry admits: in dictionaries each value is a list of alternatives again,
/// and `""` in it means that the key may be left out.
fn alternatives(value: &Value) -> Vec<Value> {
    match value {
        Value::Object(members) if !members.is_empty() && members.values().all(Value::is_array) => {
            objects(members)
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            let each: Vec<Vec<Value>> = items.iter().map(alternatives).collect();
            let longest = each.iter().map(Vec::len).max().unwrap_or(0);
            (0..longest)
                .map(|i| each.iter().map(|of_item| of_item[i % of_item.len()].clone()).collect())
                .collect()
        }
        other => vec![other.clone()],
    }
}

/// Objects that between them use every alternative of every key.
fn objects(members: &Map<String, Value>) -> Vec<Value> {
    let each: Vec<(&String, Vec<Option<Value>>)> = members
        .iter()
        .map(|(key, listed)| {
            let listed = listed.as_array().unwrap();
            let omittable = listed.len() > 1 || listed.first().is_some_and(|only| only == "");
            let values = listed.iter().flat_map(|alternative| {
                if alternative == "" && omittable {
                    vec![None]
                } else {
                    alternatives(alternative).into_iter().map(Some).collect()
                }
            });
            (key, values.collect())
        })
        .collect();
    let longest = each.iter().map(|(_, values)| values.len()).max().unwrap_or(0);
    (0..longest)
        .map(|i| {
            let chosen = each.iter().filter_map(|(key, values)| {
                Some(((*key).clone(), values.get(i % values.len().max(1))?.clone()?))
            });
            Value::Object(chosen.collect())
        })
        .collect()
}

/// The calls of a question, as (function, arguments).
fn calls(ground_truth: &Value) -> Vec<(String, Value)> {
    let mut calls = Vec::new();
    for call in ground_truth.as_array().unwrap() {
        for (name, arguments) in call.as_object().unwrap() {
            for arguments in objects(arguments.as_object().unwrap()) {
                calls.push((name.clone(), arguments));
            }
        }
    }
    calls
}

/// A call written as Python, with keyword arguments (positional ones get the names of the description).
fn python_call(text: &str, description: impl Fn(&str) -> Option<Value>) -> Option<(String, Value)> {
    let (name, arguments) = text.trim().strip_suffix(')')?.split_once('(')?;
    let names: Vec<String> =
        description(name)?["parameters"]["properties"].as_object()?.keys().cloned().collect();
    if arguments.trim().is_empty() {
        return Some((name.to_owned(), json!({})));
    }
    // Keyword arguments read as members, those before them as elements.
    let begins_keyword = |at: &usize| {
        let rest = &arguments[*at..];
        names.iter().any(|name| {
            rest.strip_prefix(name.as_str()).is_some_and(|rest| rest.trim_start().starts_with('='))
        })
    };
    let after_commas =
        arguments.match_indices(',').map(|(at, _)| arguments.len() - arguments[at + 1..].trim_start().len());
    let split = std::iter::once(0).chain(after_commas).find(begins_keyword).unwrap_or(arguments.len());
    let (positional, keywords) = arguments.split_at(split);
    let mut all = Map::new();
    if !positional.trim().is_empty() {
        let values = lenient::parse(&format!("[{positional}]")).ok()?;
        all.extend(names.into_iter().zip(values.as_array()?.clone()));
    }
    if !keywords.trim().is_empty() {
        all.extend(lenient::parse(&format!("{{{keywords}}}")).ok()?.as_object()?.clone());
    }
    Some((name.to_owned(), all.into()))
}

#[test]
fn ground_truth_arguments_are_valid() {
    let Some(folder) = fixture("bfcl") else { return };
    let tools = multi_turn(&folder);
    let (mut valid, mut misses) = (0, Vec::new());
    for path in files(&folder.join("possible_answer")) {
        let file = path.file_name().unwrap();
        let functions: HashMap<_, _> = questions(&folder.join(file)).into_iter().collect();
        for answer in json_lines(&path) {
            let id = answer["id"].as_str().unwrap();
            let truth = &answer["ground_truth"];
            let mut check = |function: &Function, name: &str, arguments: Value| match function
                .schema
                .validate(&arguments)
            {
                Ok(()) => valid += 1,
                Err(invalid) => misses.push(format!("{id}: {name}: {invalid}")),
            };
            if truth[0].is_object() {
                for (name, arguments) in calls(truth) {
                    let description = functions[id].iter().find(|function| function["name"] == name.as_str());
                    match description {
                        Some(description) => check(&compile(description), &name, arguments),
                        None => panic!("{id}: the ground truth calls {name}, which is not described"),
                    }
                }
            } else if truth[0].is_array() {
                for text in truth.as_array().unwrap().iter().flat_map(|turn| turn.as_array().unwrap()) {
                    let text = text.as_str().unwrap();
                    let (name, arguments) = python_call(text, |name| tools.get(name).cloned())
                        .unwrap_or_else(|| panic!("{id}: no call of a described function: {text}"));
                    check(&compile(&tools[&name]), &name, arguments);
                }
            }
        }
    }
    for miss in &misses {
        println!("not valid: {miss}");
    }
    let all = valid + misses.len();
    println!("bfcl: {valid} of {all} argument sets valid ({:.2} %)", 100.0 * valid as f64 / all as f64);
    assert!(valid * 100 >= all * 99);
}

/// Wrong variants of valid arguments, each with the path a refusal must name.
fn mutants(function: &Function, arguments: &Value) -> Vec<(String, Value)> {
    let mut mutants = Vec::new();
    let pointer = |name: &str| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    let mut put = |name: &str, value: Option<Value>| {
        let mut mutant = arguments.clone();
        let members = mutant.as_object_mut().unwrap();
        match value {
            Some(value) => members.insert(name.to_owned(), value),
            None => members.remove(name),
        };
        mutants.push((pointer(name), mutant));
    };
    for name in function.source["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        put(name, None);
    }
    for (name, schema) in function.source["properties"].as_object().into_iter().flatten() {
        let wrong = match schema["type"].as_str() {
            Some("string") => vec![json!(7), json!(null), json!(["x"])],
            Some("integer") => vec![json!("7"), json!(7.5), json!(null)],
            Some("number") => vec![json!("7.5"), json!(true)],
            Some("boolean") => vec![json!("true"), json!(1)],
            Some("array") => vec![json!("x"), json!({"0": "x"})],
            Some("object") => vec![json!("x"), json!([])],
            _ => vec![],
        };
        for value in wrong {
            put(name, Some(value));
        }
        if schema["enum"].is_array() {
            put(name, Some(json!("none of these options")));
        }
        if let Some(kind) = schema["items"]["type"].as_str() {
            put(name, Some(json!([if kind == "string" { json!(1) } else { json!("x") }])));
        }
    }
    mutants
}

#[test]
fn mutated_arguments_are_refused_by_path() {
    let Some(folder) = fixture("bfcl") else { return };
    let mut refused = 0;
    for path in files(&folder.join("possible_answer")) {
        let functions: HashMap<_, _> =
            questions(&folder.join(path.file_name().unwrap())).into_iter().collect();
        for answer in json_lines(&path).iter().filter(|answer| answer["ground_truth"][0].is_object()) {
            let id = answer["id"].as_str().unwrap();
            for (name, arguments) in calls(&answer["ground_truth"]) {
                let description =
                    functions[id].iter().find(|function| function["name"] == name.as_str()).unwrap();
                let function = compile(description);
                if !function.schema.is_valid(&arguments) {
                    continue;
                }
                for (place, mutant) in mutants(&function, &arguments) {
                    let invalid =
                        function.schema.validate(&mutant).expect_err(&format!("{id}: {name}: {mutant}"));
                    let named = invalid
                        .violations
                        .iter()
                        .any(|v| v.path == place || v.path.starts_with(&format!("{place}/")));
                    assert!(named, "{id}: {name}: {place} in {invalid}");
                    refused += 1;
                }
            }
        }
    }
    println!("bfcl: {refused} mutated argument sets refused, each with its path");
    assert!(refused > 5000);
}
