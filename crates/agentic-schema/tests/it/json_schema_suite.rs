//! The required part of the JSON-Schema-Test-Suite.

use std::path::Path;

use agentic_schema::{Draft, Schema, SchemaOptions};
use agentic_testkit::fixture;
use serde_json::Value;

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The suite's remote documents, as if served at `http://localhost:1234/`.
fn with_remotes(folder: &Path) -> SchemaOptions {
    let mut options = Schema::options();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
                options = options.document(format!("http://localhost:1234/{name}"), read(&path));
            }
        }
    }
    options
}

fn run(draft: Draft, name: &str) {
    let Some(suite) = fixture("JSON-Schema-Test-Suite") else { return };
    let options = with_remotes(&suite.join("remotes")).draft(draft);
    let (mut right, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(suite.join("tests").join(name)).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_file() {
            continue;
        }
        for group in read(&path).as_array().unwrap() {
            let schema = options.compile(&group["schema"]);
            for test in group["tests"].as_array().unwrap() {
                let valid = schema.as_ref().map(|schema| schema.validate(&test["data"]).is_ok());
                let label =
                    || format!("{}: {}: {}", path.display(), group["description"], test["description"]);
                match valid {
                    Ok(valid) if Value::Bool(valid) == test["valid"] => right += 1,
                    Ok(_) => wrong.push(label()),
                    Err(error) => wrong.push(format!("{}: {error}", label())),
                }
            }
        }
    }
    println!("{name}: {right} of {} right", right + wrong.len());
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(right > 500);
}

#[test]
fn draft_2020_12_passes() {
    run(Draft::Draft202012, "draft2020-12");
}

#[test]
fn draft_7_passes() {
    run(Draft::Draft7, "draft7");
}
