//! The table of built-in tools.

use agentic_core::ToolErrorKind;
use agentic_tools::builtin::{self, BUILTINS, Settings};

#[test]
fn opens_every_tool_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::new(folder.path());
    for row in BUILTINS {
        let tool = builtin::by_name(row.name, &settings).unwrap();
        assert_eq!(
            (tool.spec().name.as_str(), tool.spec().description.as_str()),
            (row.name, row.description)
        );
        assert!(row.description.len() <= 400, "`{}` is described for small models", row.name);
        let properties = tool.spec().parameters["properties"].as_object().unwrap();
        for (name, property) in properties {
            assert!(
                property["description"].is_string() && property["type"].is_string(),
                "{}: {name}",
                row.name
            );
        }
        let text = tool.spec().parameters.to_string();
        assert!(
            !["$ref", "$schema", "title", "null", "format"].iter().any(|word| text.contains(word)),
            "{text}"
        );
    }
    assert_eq!(builtin::all(folder.path()).unwrap().len(), BUILTINS.len());
}

#[test]
fn the_default_set_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tools = builtin::defaults(folder.path()).unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool.spec().name.as_str()).collect();
    assert_eq!(names, ["list_dir", "read_file", "search_files", "calculator", "current_time"]);
}

#[test]
fn says_which_tools_there_are() {
    let error = builtin::by_name("grep", &Settings::new(".")).expect_err("unknown");
    assert_eq!(error.kind(), ToolErrorKind::UnknownTool);
    assert_eq!(
        error.message(),
        "there is no tool `grep`; there are: list_dir, read_file, search_files, write_file, edit_file, calculator, \
         current_time, http_get, run_code, shell"
    );
}

#[test]
fn a_missing_folder_is_said() {
    let error = builtin::by_name("read_file", &Settings::new("/no/such/folder")).expect_err("missing");
    assert_eq!(error.kind(), ToolErrorKind::NotFound, "{error}");
}
