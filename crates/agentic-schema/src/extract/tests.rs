use agentic_core::{Message, ModelErrorKind, RunContext};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::ScriptedModel;
use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(JsonSchema, Deserialize, Debug, PartialEq)]
struct Trip {
    city: String,
    #[schemars(range(min = 1, max = 7))]
    days: u8,
}

async fn ask(model: &ScriptedModel, options: ExtractOptions) -> Result<Extracted<Trip>, ExtractError> {
    let shared: Arc<dyn ChatModel> = Arc::new(model.clone());
    let request = ModelRequest::new([Message::user("Plan it.")].into_iter().collect());
    extract(&RunContext::ephemeral(), &shared, request, &options).await
}

fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
    Usage { input_tokens, output_tokens, ..Usage::default() }
}

#[tokio::test]
async fn a_model_without_schema_output_is_asked_in_the_prompt() {
    let model = ScriptedModel::new().with_info(|info| info.capabilities.json_schema = false);
    let model = model.says("Sure!\n```json\n{City: 'Oslo', \"days\": \"3\"}\n```").using(usage(10, 5));
    let extracted = ask(&model, ExtractOptions::default()).await.unwrap();
    assert_eq!(extracted.value, Trip { city: "Oslo".into(), days: 3 });
    assert_eq!((extracted.attempts, extracted.usage), (1, usage(10, 5)));
    assert_eq!(extracted.changes.len(), 2);
    let request = &model.requests()[0];
    assert_eq!(request.output, OutputFormat::Text);
    assert_eq!(request.messages.len(), 1, "no second user message in a row");
    assert!(request.messages.last().unwrap().text().contains("\"maximum\":7"));
}

#[tokio::test]
async fn a_model_with_schema_output_gets_the_schema_as_its_form() {
    let model = ScriptedModel::new().with_info(|info| info.capabilities.json_schema = true);
    let model = model.says("{\"city\": \"Oslo\", \"days\": 3}").says("{\"city\": \"Oslo\", \"days\": 3}");
    ask(&model, ExtractOptions::default().with_name("trip")).await.unwrap();
    let request = &model.requests()[0];
    assert_eq!(
        request.output,
        OutputFormat::JsonSchema { name: "trip".into(), schema: schema_for::<Trip>() }
    );
    assert_eq!(request.messages.last().unwrap().text(), "Plan it.");
    ask(&model, ExtractOptions::default().with_native(false)).await.unwrap();
    assert_eq!(model.requests()[1].output, OutputFormat::Text);
}

#[tokio::test]
async fn it_asks_again_with_path_and_reason_and_counts_all() {
    let model = ScriptedModel::new();
    let model = model.says("{\"city\": \"Oslo\", \"days\": 12}").using(usage(10, 5));
    let model = model
        .says("I cannot.")
        .using(usage(20, 5))
        .says("{\"city\": \"Oslo\", \"days\": 7}")
        .using(usage(30, 5));
    let extracted = ask(&model, ExtractOptions::default()).await.unwrap();
    assert_eq!((extracted.value.days, extracted.attempts, extracted.usage), (7, 3, usage(60, 15)));
    let asked = &model.requests()[1].messages;
    assert!(
        asked.last().unwrap().text().contains("at /days: expected a number of at most 7, found integer 12")
    );
    let asked = &model.requests()[2].messages;
    assert!(asked.last().unwrap().text().contains("expected object, found string \"I cannot.\""));
    assert_eq!(model.transcript(), "user → assistant → user → assistant → user → assistant");
}

#[tokio::test]
async fn it_gives_up_after_its_attempts() {
    let model = ScriptedModel::new().says("{}").using(usage(1, 1)).says("{\"city\": 1.5}").using(usage(2, 2));
    let error = ask(&model, ExtractOptions::default().with_attempts(2)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "model `scripted:test` gave no valid value in 2 attempts, last: at /days: expected integer (required), found \
         nothing; simplify the schema or take a stronger model"
    );
    let ExtractError::Invalid { usage: spent, last, .. } = error.clone() else { panic!("{error:?}") };
    assert_eq!((spent, last.as_str()), (usage(3, 3), "{\"city\": 1.5}"));
    let error = AgentError::from(error);
    assert_eq!(error.reason(), agentic_core::Reason::InvalidOutput);
    assert_eq!(error.partial().unwrap().spend.model_calls, 2);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_not_taken() {
    let model = ScriptedModel::new().says("{\"city\": \"Oslo\", \"days\": 3").finishing(FinishReason::Length);
    let model = model.says("{\"city\": \"Oslo\", \"days\": 4}");
    let extracted = ask(&model, ExtractOptions::default()).await.unwrap();
    assert_eq!((extracted.value.days, extracted.attempts), (4, 2));
}

#[tokio::test]
async fn refusals_and_failures_are_errors() {
    let model = ScriptedModel::new().says("No.").finishing(FinishReason::Refusal);
    assert!(matches!(ask(&model, ExtractOptions::default()).await, Err(ExtractError::Refused { .. })));
    let model = ScriptedModel::new().says("?").using(usage(4, 4)).fails(ModelErrorKind::Unavailable, "down");
    match ask(&model, ExtractOptions::default()).await {
        Err(ExtractError::Step { attempt: 2, usage: spent, source: StepError::Model(_) }) => {
            assert_eq!(spent, usage(4, 4))
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tool_call_is_an_answer_too() {
    let model = ScriptedModel::new().calls("answer", json!({"city": "Oslo", "days": 1}));
    assert_eq!(ask(&model, ExtractOptions::default()).await.unwrap().value.days, 1);
}

#[tokio::test]
async fn a_schema_of_run_time_is_enough() {
    let model: Arc<dyn ChatModel> = Arc::new(ScriptedModel::new().says("[1, '2', 3,]"));
    let schema = Schema::compile(&json!({"type": "array", "items": {"type": "integer"}})).unwrap();
    let request = ModelRequest::new([Message::user("Count.")].into_iter().collect());
    let cx = RunContext::ephemeral();
    let extracted = extract_value(&cx, &model, request, &schema, &ExtractOptions::default()).await.unwrap();
    assert_eq!(extracted.value, json!([1, 2, 3]));
}
