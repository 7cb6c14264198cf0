use super::*;

#[tokio::test]
async fn unknown_schemes_and_options_are_named() {
    let none = Environment::from_vars([("", ""); 0]);
    let error = |address: &'static str| {
        let none = none.clone();
        async move { open_with(address, &none).await.unwrap_err().to_string() }
    };
    assert!(error("redis:x").await.starts_with("no model adapter for scheme `redis` (known: "));
    assert_eq!(error("gpt-5").await, "`gpt-5` names no model; write SCHEME:NAME, for example `openai:gpt-5`");
}

#[cfg(feature = "openai")]
#[tokio::test]
async fn an_endpoint_is_set_up_by_the_environment_or_the_address() {
    let vars = [("OPENAI_API_KEY", "k1"), ("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), ("OTHER", "k2")];
    let environment = Environment::from_vars(vars);
    let model = open_with("openai:org/m:7b", &environment).await.unwrap();
    assert_eq!(&*model.info().id, "openai:org/m:7b");
    assert!(format!("{model:?}").contains("127.0.0.1:9"), "{model:?}");
    let address = "openai:m?base_url=http://localhost:8/v1&key_env=OTHER";
    let model = open_with(address, &environment).await.unwrap();
    assert!(format!("{model:?}").contains("localhost:8"), "{model:?}");

    let none = Environment::from_vars([("OPENAI_API_KEY", " ")]);
    let error = open_with("openai:gpt-5", &none).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "can't open model `openai:gpt-5`: api.openai.com wants a key: set OPENAI_API_KEY, or OPENAI_BASE_URL for another server"
    );
    let error = open_with("openai:m?bas_url=x", &none).await.unwrap_err();
    assert_eq!(error.to_string(), "`openai:` has no option `bas_url` (known: base_url, key_env, tool_text)");
    let error = open_with("openai:", &none).await.unwrap_err();
    assert!(error.to_string().contains("no model is named"), "{error}");
}

#[cfg(feature = "scripted")]
#[tokio::test]
async fn a_script_is_opened_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.yaml");
    std::fs::write(&path, "turns:\n  - text: Hi\n").unwrap();
    let environment = Environment::from_vars([("", ""); 0]);
    let model = open_with(&format!("scripted:{}", path.display()), &environment).await.unwrap();
    assert!(model.info().id.ends_with("demo.yaml"));
    let error = open_with("scripted:/nowhere.yaml", &environment).await.unwrap_err();
    let why = "can't open model `scripted:/nowhere.yaml`: can't read the script `/nowhere.yaml`: ";
    assert!(error.to_string().starts_with(why), "{error}");
    assert_eq!(format!("{error:?}"), error.to_string(), "no cause is told twice");
}
