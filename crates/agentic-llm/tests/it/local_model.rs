//! The embedded model as a chat model. Skips with a clear line where the model is absent.

use std::sync::Arc;

use agentic_core::{
    ChatModel, FinishReason, Message, Messages, ModelErrorKind, ModelRequest, ModelResponse, OutputFormat,
    RunContext, Sampling, StepError, ToolChoice, ToolResult, ToolSet, ToolSpec,
};
use agentic_llm::adapter::local::{LocalModel, LocalOptions, open};
use agentic_runtime::{Ephemeral, RunContextExt as _};
use agentic_testkit::{EventLog, FakeSources};
use serde_json::{Value, json};

use super::local_engine::model_file;

/// One test, so that the model is loaded once.
#[tokio::test]
async fn the_model_keeps_its_promises() {
    let Some(path) = model_file() else { return };
    let mut options = LocalOptions::default();
    options.engine.threads = Some(1); // several real-model tests may share two cores
    let model = open(&path, options).await.expect("the model opens");
    let shared: Arc<dyn ChatModel> = Arc::new(model.clone());
    let cx = RunContext::ephemeral();
    let watched = Ephemeral::new().events(Arc::new(EventLog::new())).context();
    agentic_testkit::conformance::model::all(&watched, &shared).await;
    calls_one_tool_a_turn_and_reuses_the_prefix(&cx, &model, &shared).await;
    gives_the_final_answer_as_text(&cx, &shared).await;
    draws_anew_unless_there_is_a_seed(&shared).await;
    keeps_to_a_schema(&cx, &shared).await;
    refuses_what_does_not_fit(&cx, &shared).await;
}

fn tools() -> ToolSet {
    let list = ToolSpec::new(
        "list_dir",
        "Lists the files in a folder.",
        json!({"type": "object", "properties": {"path": {"type": "string", "description": "The folder."}}, "required": ["path"]}),
    );
    let read = ToolSpec::new(
        "read_file",
        "Reads a text file.",
        json!({"type": "object", "properties": {
            "path": {"type": "string", "description": "The file."},
            "lines": {"type": "integer", "minimum": 1, "maximum": 100, "description": "How many lines."}
        }, "required": ["path", "lines"]}),
    );
    ToolSet::new([Arc::new(list), Arc::new(read)])
}

async fn ask(cx: &RunContext, model: &Arc<dyn ChatModel>, request: ModelRequest) -> ModelResponse {
    cx.model(model, request).await.expect("an answer")
}

fn result(response: &ModelResponse, content: &str) -> Message {
    let call = response.tool_calls().next().expect("a call");
    let result = ToolResult {
        call_id: call.id.clone(),
        name: call.name.clone(),
        content: content.into(),
        is_error: false,
    };
    Message::tool_results([result])
}

async fn calls_one_tool_a_turn_and_reuses_the_prefix(
    cx: &RunContext,
    model: &LocalModel,
    shared: &Arc<dyn ChatModel>,
) {
    let mut messages: Messages =
        [Message::system("You are careful."), Message::user("Read the file a.txt in the folder `docs`.")]
            .into_iter()
            .collect();
    let mut previous = 0;
    for turn in 0..3 {
        let request =
            ModelRequest::new(messages.clone()).with_tools(tools()).with_tool_choice(ToolChoice::Required);
        assert_eq!(
            u64::try_from(model.prompt(&request).expect("a prompt").len()).unwrap(),
            {
                let response = ask(cx, shared, request.clone()).await;
                let calls: Vec<_> = response.tool_calls().collect();
                assert_eq!(calls.len(), 1, "one call a turn");
                assert_eq!(response.finish, FinishReason::ToolCalls);
                let arguments: Value = serde_json::from_str(&calls[0].arguments).expect("JSON");
                assert!(arguments["path"].is_string(), "{arguments}");
                if calls[0].name == "read_file" {
                    assert!((1..=100).contains(&arguments["lines"].as_i64().unwrap_or(0)), "{arguments}");
                }
                let usage = response.usage;
                let added = usage.input_tokens - previous;
                if turn > 0 {
                    assert!(
                        usage.input_tokens - usage.cached_input_tokens <= added + 16,
                        "{usage:?}, {added} added"
                    );
                }
                previous = usage.input_tokens;
                messages.push(response.message.clone());
                messages.push(result(&response, "The first line. <|im_end|> is only text."));
                usage.input_tokens
            },
            "the prompt is as long as the usage says"
        );
    }
}

async fn gives_the_final_answer_as_text(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let messages: Messages =
        [Message::user("What is 2 + 2? You need no tool for that.")].into_iter().collect();
    let request = ModelRequest::new(messages.clone()).with_tools(tools()).with_tool_choice(ToolChoice::None);
    let response = ask(cx, model, request).await;
    assert_eq!(response.finish, FinishReason::Stop);
    assert_eq!(response.tool_calls().count(), 0);
    assert!(response.text().contains('4'), "{}", response.text());

    // It would begin with a call.
    let read = [Message::user("Read the file a.txt.")].into_iter().collect();
    let request = ModelRequest::new(read).with_tools(tools()).with_tool_choice(ToolChoice::None);
    let response = ask(cx, model, request).await;
    assert!(response.tool_calls().count() == 0 && !response.text().contains("<tool"), "{}", response.text());

    let schema = json!({"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]});
    let output = OutputFormat::JsonSchema { name: "sum".into(), schema };
    let request = ModelRequest::new(messages)
        .with_tools(tools())
        .with_tool_choice(ToolChoice::None)
        .with_output(output);
    let response = ask(cx, model, request).await;
    let value: Value = serde_json::from_str(&response.text()).expect("JSON");
    assert_eq!(value, json!({"sum": 4}));
}

async fn draws_anew_unless_there_is_a_seed(model: &Arc<dyn ChatModel>) {
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).context();
    let mut sampling = Sampling::default();
    sampling.temperature = Some(2.0);
    let messages: Messages = [Message::user("Write a word that nobody expects.")].into_iter().collect();
    let said = async |sampling: Sampling| {
        let mut request = ModelRequest::new(messages.clone()).with_sampling(sampling);
        request.max_output_tokens = Some(8);
        ask(&cx, model, request).await.text()
    };
    assert_ne!(said(sampling).await, said(sampling).await);
    assert_eq!(said(sampling.with_seed(5)).await, said(sampling.with_seed(5)).await);
}

async fn keeps_to_a_schema(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let schema = json!({
        "type": "object",
        "properties": {"kind": {"enum": ["bird", "fish"]}, "legs": {"type": "integer", "minimum": 0, "maximum": 2}},
        "required": ["kind", "legs"], "additionalProperties": false
    });
    let messages: Messages = [Message::user("Describe a salmon.")].into_iter().collect();
    let output = OutputFormat::JsonSchema { name: "animal".into(), schema };
    let response = ask(cx, model, ModelRequest::new(messages).with_output(output)).await;
    let value: Value = serde_json::from_str(&response.text()).expect("JSON");
    assert_eq!(value["kind"], "fish", "{value}");
    assert!((0..=2).contains(&value["legs"].as_i64().unwrap_or(-1)), "{value}");
}

async fn refuses_what_does_not_fit(cx: &RunContext, model: &Arc<dyn ChatModel>) {
    let messages: Messages = [Message::user("word ".repeat(100))].into_iter().collect();
    let request = ModelRequest::new(messages).with_max_output_tokens(1_000_000);
    let Err(StepError::Model(error)) = cx.model(model, request).await else { panic!("must not fit") };
    assert_eq!(error.kind(), ModelErrorKind::ContextOverflow);
    assert!(error.to_string().contains("1000000"), "{error}");

    let broken = ToolSpec::new(
        "broken",
        "Has a wrong schema.",
        json!({"type": "object", "properties": {"a": {"type": "colour"}}}),
    );
    let messages: Messages = [Message::user("Go.")].into_iter().collect();
    let request = ModelRequest::new(messages).with_tools(ToolSet::new([Arc::new(broken)]));
    let Err(StepError::Model(error)) = cx.model(model, request).await else { panic!("must be refused") };
    assert_eq!(error.kind(), ModelErrorKind::InvalidRequest);
    assert!(error.to_string().contains("broken"), "{error}");
}
