//! Embedding models that can't be had: what is said, and that nothing is left behind. No model is needed.

use std::path::Path;

use agentic_llm::{DEFAULT_EMBEDDER, Environment, open_embedder_with};

/// What is said where the model has this source and no other.
async fn refused(folder: &Path, source: &str) -> String {
    let sum = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6";
    let catalog = format!(
        "[[model]]\nid = \"all-minilm-l6-v2\"\npurpose = \"embedding\"\nlicence = \"Apache-2.0\"\ndescription = \"a test\"\n\
         [[model.file]]\nname = \"model.onnx\"\nsize = 8\nsha256 = \"{sum}\"\n[[model.file.source]]\n{source}\n"
    );
    let models = folder.join("models.toml");
    std::fs::write(&models, catalog).unwrap();
    let home = folder.join("home");
    let environment = Environment::from_vars([
        ("AGENTIC_HOME", home.to_str().unwrap()),
        ("AGENTIC_MODELS", models.to_str().unwrap()),
        ("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so"),
    ]);
    let error = open_embedder_with(DEFAULT_EMBEDDER, &environment).await.unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(!files(&home).iter().any(|name| name == "model.onnx"), "{:?}", files(&home));
    error
}

/// The names of all files below a folder.
fn files(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names = Vec::new();
    for entry in entries.map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => names.extend(files(&entry.path())),
            false => names.push(entry.file_name().into_string().unwrap()),
        }
    }
    names
}

#[tokio::test]
async fn without_a_connection_every_source_is_named() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/model.onnx");
    let error = refused(folder.path(), &format!("kind = \"url\"\nurl = \"{url}\"")).await;
    let expected =
        "can't open model `local:all-minilm-l6-v2`: cannot fetch model.onnx of model `all-minilm-l6-v2`: ";
    assert!(error.starts_with(expected), "{error}");
    assert!(error.contains(&url) && error.contains("no connection"), "{error}");
}

#[tokio::test]
async fn other_content_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.onnx");
    std::fs::write(&path, "no model").unwrap();
    let error =
        refused(folder.path(), &format!("kind = \"file\"\npath = {:?}", path.to_str().unwrap())).await;
    assert!(error.contains("8199be6f"), "the sum that was expected is named: {error}");
}

#[tokio::test]
async fn a_path_without_a_model_is_named() {
    let environment = Environment::from_vars([
        ("AGENTIC_HOME", "/nowhere"),
        ("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so"),
    ]);
    let open = async |address: &str| {
        let error = open_embedder_with(address, &environment).await.unwrap_err().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
        error
    };
    let error = open("local:/nowhere/model.onnx").await;
    assert!(error.starts_with("can't open model `local:/nowhere/model.onnx`: "), "{error}");
    assert!(error.contains("/nowhere/"), "{error}");
    let error = open("local:").await;
    assert!(error.contains("local:"), "{error}");
}
