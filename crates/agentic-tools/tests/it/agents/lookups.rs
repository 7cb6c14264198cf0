//! What was looked up for a goal before the agent works on it.

use agentic_core::{Agent as _, Goal, Lookup};
use agentic_testkit::ScriptedModel;
use agentic_tools::{FunctionCallingAgent, ReActAgent};
use serde_json::{Value, json};

use super::{Canned, results};
use crate::support::context;

fn goal(result: Value) -> Goal {
    let lookup = Lookup { tool: "weather".into(), arguments: json!({"input": "Oslo"}), result };
    Goal::new("Umbrella?").with_lookup(lookup)
}

/// What the model reads, a message a line.
fn read(model: &ScriptedModel) -> Vec<String> {
    model.requests()[0].messages.iter().skip(1).map(|message| message.text()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_model_with_the_tool_reads_it_as_its_own_call() {
    let (weather, model) = (Canned::new("weather", [json!("sun")]), ScriptedModel::new().says("Yes."));
    let agent = FunctionCallingAgent::builder().model(model.clone()).tool(weather.clone()).build().unwrap();
    let outcome = agent.run(goal(json!("rain")), &context()).await.unwrap();
    assert_eq!(model.transcript(), "system → user → assistant[weather] → tool → assistant");
    assert_eq!((read(&model)[0].as_str(), results(&model)), ("Umbrella?", vec!["rain".to_owned()]));
    assert_eq!((weather.calls().len(), outcome.spend.tool_calls), (0, 0), "the call was made before");
}

/// Providers refuse calls of tools that they are not told of.
#[tokio::test(start_paused = true)]
async fn a_model_without_the_tool_reads_it_in_the_prompt() {
    let model = ScriptedModel::new().says("Yes.");
    let agent = FunctionCallingAgent::builder().model(model.clone()).build().unwrap();
    agent.run(goal(json!("rain")), &context()).await.unwrap();
    assert_eq!(model.transcript(), "system → user → assistant");
    let prompt = &read(&model)[0];
    assert!(prompt.contains("rain") && prompt.ends_with("Umbrella?"), "{prompt}");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_writes_its_actions_reads_one() {
    let weather = Canned::new("weather", [json!("sun")]);
    let model = ScriptedModel::new().says("Final Answer: Yes.");
    let agent = ReActAgent::builder().model(model.clone()).tool(weather.clone()).build().unwrap();
    let outcome = agent.run(goal(json!("rain")), &context()).await.unwrap();
    let action = "Action: weather\nAction Input: {\"input\":\"Oslo\"}";
    assert_eq!(read(&model), ["Umbrella?", action, "Observation: rain"]);
    assert_eq!((outcome.text().as_str(), weather.calls().len()), ("Yes.", 0));
}

#[tokio::test(start_paused = true)]
async fn a_long_result_is_cut_as_one_of_the_tool() {
    let weather = Canned::new("weather", []);
    let policy = agentic_core::Tool::spec(&weather).policy.clone().with_max_output_bytes(100);
    let (weather, model) = (weather.with_policy(policy), ScriptedModel::new().says("Yes."));
    let agent = FunctionCallingAgent::builder().model(model.clone()).tool(weather).build().unwrap();
    agent.run(goal(json!("rain ".repeat(1_000))), &context()).await.unwrap();
    assert!(results(&model)[0].len() < 400, "{}", results(&model)[0]);
}
