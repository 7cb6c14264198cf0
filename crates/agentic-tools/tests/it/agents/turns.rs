//! How a turn goes: calls, results, mending, limits.

use agentic_core::{
    Agent as _, AgentError, Budget, FinishReason, Messages, ModelErrorKind, Reason, RunStatus,
};
use agentic_runtime::Ephemeral;
use agentic_testkit::{FakeSources, ScriptedModel};
use agentic_tools::builtin::Calculator;
use agentic_tools::{BuildError, FunctionCallingAgent, RegistryError};
use serde_json::json;

use super::{Canned, results, run, run_react};
use crate::support::context;

#[tokio::test(start_paused = true)]
async fn a_model_calls_a_tool_and_answers() {
    let weather = Canned::new("weather", [json!("7 °C, rain")]);
    let model = ScriptedModel::new().calls("weather", json!({"input": "Oslo"})).says("Yes, it rains.");
    let outcome = run(&model, &[weather.clone()], "Umbrella?").await.unwrap();
    assert_eq!(outcome.text(), "Yes, it rains.");
    assert_eq!(weather.calls(), [json!({"input": "Oslo"})]);
    assert_eq!(model.transcript(), "system → user → assistant[weather] → tool → assistant");
    assert_eq!((outcome.spend.turns, outcome.spend.model_calls, outcome.spend.tool_calls), (2, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_turn_are_answered_in_their_order() {
    let (a, b) = (Canned::new("a", [json!("from a")]), Canned::new("b", [json!("from b")]));
    let one = json!({"input": "x"});
    let model =
        ScriptedModel::new().calls_all([("b", one.clone()), ("a", one.clone()), ("b", one)]).says("done");
    run(&model, &[a, b], "go").await.unwrap();
    assert_eq!(results(&model), ["from b", "from a", "from b"]);
}

#[tokio::test(start_paused = true)]
async fn arguments_are_mended_where_that_needs_no_guess() {
    for (written, called) in [
        (r#"{"input": "x",}"#, json!({"input": "x"})),
        (r#"{input: 'x'}"#, json!({"input": "x"})),
        (r#""x""#, json!({"input": "x"})),
        (r#"{"Input": "x"}"#, json!({"input": "x"})),
    ] {
        let tool = Canned::new("tool", [json!("ok")]);
        let model = ScriptedModel::new().calls_raw("tool", written).says("done");
        run(&model, &[tool.clone()], "go").await.unwrap();
        assert_eq!(tool.calls(), [called], "{written}");
    }
}

#[tokio::test(start_paused = true)]
async fn half_an_argument_is_never_run_as_a_whole_one() {
    for written in [
        r#"{"input": "half of"#,
        r#"{"input": "half""#,
        r#"{input: half"#,
        r#""{\"input\": \"half""#,
        r#""half"#,
    ] {
        let tool = Canned::new("tool", [json!("ok")]);
        let model = ScriptedModel::new().calls_raw("tool", written).says("done");
        run(&model, &[tool.clone()], "go").await.unwrap();
        assert!(tool.calls().is_empty(), "{written}");
        assert!(results(&model)[0].starts_with("error: the arguments of `tool` are "), "{written}");
    }
    let tool = Canned::new("tool", [json!("ok")]);
    let model = ScriptedModel::new()
        .says("Action: tool\nAction Input: {\"input\": \"half of")
        .says("Final Answer: done");
    run_react(&model, &[tool.clone()], "go").await.unwrap();
    assert!(tool.calls().is_empty(), "{:?}", tool.calls());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_mended_is_told_to_the_model() {
    let tool = Canned::new("tool", [json!("ok")]);
    let model = ScriptedModel::new()
        .calls_raw("tool", r#"{"other": 1}"#)
        .calls("tol", json!({"input": "x"}))
        .calls("tool", json!({"input": "x"}))
        .says("done");
    run(&model, &[tool.clone()], "go").await.unwrap();
    let results = results(&model);
    assert!(results[0].starts_with("error: the arguments of `tool` are invalid: "), "{}", results[0]);
    assert!(results[0].contains("input"), "names what is missing: {}", results[0]);
    assert_eq!(results[1], "error: there is no tool `tol`; the tools are: tool");
    assert_eq!(tool.calls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_megabytes_of_output_are_cut_and_the_cut_is_named() {
    let tool = Canned::new("tool", [json!("x".repeat(10_000_000))]);
    let model = ScriptedModel::new().calls("tool", json!({"input": "x"})).says("done");
    run(&model, &[tool], "go").await.unwrap();
    let shown = &results(&model)[0];
    assert!(shown.len() < 33_000, "{}", shown.len());
    assert!(shown.ends_with("[cut: 9967232 of 10000000 bytes are not shown; ask for a smaller part]"));
}

#[tokio::test(start_paused = true)]
async fn running_out_of_turns_is_an_error_with_the_partial_work() {
    let tool = Canned::new("tool", (0..9).map(|n| json!(n)));
    let model = (0..3).fold(ScriptedModel::new(), |model, n| {
        model.answers(vec![
            agentic_core::Part::Text { text: format!("try {n}") },
            agentic_core::Part::ToolCall(agentic_core::ToolCall::new(
                format!("c{n}"),
                "tool",
                &json!({"input": "x"}),
            )),
        ])
    });
    let agent = FunctionCallingAgent::builder().model(model).tool(tool).max_turns(3).build().unwrap();
    let error = agent.run("go".into(), &context()).await.unwrap_err();
    assert_eq!((error.reason(), error.status()), (Reason::TurnLimit, RunStatus::Failed));
    let partial = error.partial().unwrap();
    assert_eq!((partial.text.as_str(), partial.spend.turns), ("try 2", 3));
    assert_eq!(error.to_string(), "no answer after 3 turns; allow more turns or ask for less");
}

#[tokio::test(start_paused = true)]
async fn a_cut_or_refused_answer_is_never_an_answer() {
    let cut = ScriptedModel::new().says("The total is 6").finishing(FinishReason::Length);
    let error = run(&cut, &[], "go").await.unwrap_err();
    assert!(matches!(error, AgentError::OutputLimit { .. }), "{error}");
    assert!(error.reason().is_limit());
    let refused = ScriptedModel::new().says("I can't help with that.").finishing(FinishReason::Refusal);
    let error = run(&refused, &[], "go").await.unwrap_err();
    assert_eq!(error.reason(), Reason::ModelError);
    let silent = ScriptedModel::new().says("").says(" ").says("");
    let error = run(&silent, &[], "go").await.unwrap_err();
    assert_eq!(error.reason(), Reason::InvalidOutput);
}

#[tokio::test(start_paused = true)]
async fn an_empty_goal_is_refused_before_anything_is_asked() {
    let model = ScriptedModel::new().says("hello?");
    let error = run(&model, &[], " \n").await.unwrap_err();
    assert_eq!(error.to_string(), "the goal is empty; say what is to be achieved");
    assert!(model.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failing_model_fails_the_run_with_its_line() {
    let model =
        ScriptedModel::new().fails(ModelErrorKind::Authentication, "the key is wrong; mend OPENAI_API_KEY");
    let error = run(&model, &[], "go").await.unwrap_err();
    assert_eq!(error.to_string(), "model `scripted:test`: the key is wrong; mend OPENAI_API_KEY");
}

#[tokio::test(start_paused = true)]
async fn an_agent_can_be_called_like_a_tool() {
    let inner = ScriptedModel::new().says("42");
    let expert = FunctionCallingAgent::builder().model(inner.clone()).name("expert").build().unwrap();
    let model = ScriptedModel::new().calls("expert", json!({"goal": "6 times 7?"})).says("It is 42.");
    let agent =
        FunctionCallingAgent::builder().model(model.clone()).agent(expert, "Knows sums.").build().unwrap();
    let outcome = agent.run("What is 6 times 7?".into(), &context()).await.unwrap();
    assert_eq!(outcome.text(), "It is 42.");
    assert_eq!(results(&model), ["42"]);
    assert_eq!(inner.requests()[0].messages.last().unwrap().text(), "6 times 7?");
    assert_eq!(outcome.spend.model_calls, 3, "the agent below is counted");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_may_not_nest_deeper_hears_so_and_goes_on() {
    let inner = ScriptedModel::new();
    let expert = FunctionCallingAgent::builder().model(inner.clone()).name("expert").build().unwrap();
    let model = ScriptedModel::new().calls("expert", json!({"goal": "6 times 7?"})).says("It is 42.");
    let agent =
        FunctionCallingAgent::builder().model(model.clone()).agent(expert, "Knows sums.").build().unwrap();
    let cx =
        Ephemeral::new().sources(FakeSources::seeded(1)).budget(Budget::unlimited().with_depth(0)).context();
    let outcome = agent.run("What is 6 times 7?".into(), &cx).await.unwrap();
    assert_eq!(outcome.text(), "It is 42.");
    assert!(results(&model)[0].starts_with("error: "), "{:?}", results(&model));
    assert!(inner.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_failed_agent_spent_counts() {
    let helper_model =
        ScriptedModel::new().calls("tool", json!({"input": "x"})).fails(ModelErrorKind::Unavailable, "down");
    let tool = Canned::new("tool", [json!("y")]);
    let helper =
        FunctionCallingAgent::builder().name("helper").model(helper_model).tool(tool).build().unwrap();
    let model = ScriptedModel::new().calls("helper", json!({"goal": "help"})).says("Without help, then.");
    let agent = FunctionCallingAgent::builder().model(model.clone()).agent(helper, "Helps.").build().unwrap();
    let outcome = agent.run("go".into(), &context()).await.unwrap();
    assert!(results(&model)[0].contains("down"), "{:?}", results(&model));
    let spend = outcome.spend;
    assert_eq!((spend.model_calls, spend.tool_calls), (2 + 1, 1), "its answered call and its tool are in it");
}

#[tokio::test(start_paused = true)]
async fn calls_that_were_done_count_when_another_ends_the_run() {
    let (good, never) = (Canned::new("good", [json!("y")]), Canned::new("never", [json!("z")]));
    let one = json!({"input": "x"});
    let model = ScriptedModel::new().calls_all([("good", one.clone()), ("never", one)]);
    let agent = FunctionCallingAgent::builder().model(model).tools([good, never]).build().unwrap();
    let limit = Budget::unlimited().with_tool_calls(1);
    let cx = Ephemeral::new().sources(FakeSources::seeded(1)).budget(limit).context();
    let error = agent.run("go".into(), &cx).await.unwrap_err();
    assert_eq!(error.reason(), Reason::BudgetExhausted);
    assert_eq!(error.partial().unwrap().spend.tool_calls, 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_read_is_left_out_of_a_call() {
    let read = Canned::new("read", [json!("Amount due: 10.00 EUR"), json!("Call Anna.")]);
    let finding = |from, quote, number| json!({"from": from, "quote": quote, "number": number});
    let values = json!([
        finding("a.txt", "Amount due: 10.00 EUR", "10.00"),
        finding("b.txt", "Amount due: 7.50 EUR", "7.50"),
    ]);
    let model = ScriptedModel::new()
        .calls("read", json!({"input": "a.txt"}))
        .calls("read", json!({"input": "b.txt"}))
        .calls("calculator", json!({"values": values, "expression": "sum(values)"}))
        .says("10.00");
    let agent =
        FunctionCallingAgent::builder().model(model.clone()).tool(read).tool(Calculator::new()).build();
    agent.unwrap().run("Add them up.".into(), &context()).await.unwrap();
    let sum = "10\n[left out: `b.txt` does not say \"Amount due: 7.50 EUR\"]";
    assert_eq!(results(&model).pop().as_deref(), Some(sum));
}

#[tokio::test(start_paused = true)]
async fn a_conversation_goes_on_and_is_whole_after_an_error() {
    let model = ScriptedModel::new()
        .says("Hello Ada.")
        .fails(ModelErrorKind::Unavailable, "down")
        .says("You are Ada.");
    let agent = FunctionCallingAgent::builder().model(model.clone()).build().unwrap();
    let mut conversation = Messages::new();
    agent.reply(&mut conversation, "I am Ada.".into(), &context()).await.unwrap();
    assert_eq!(conversation.len(), 3);
    agent.reply(&mut conversation, "Who am I?".into(), &context()).await.unwrap_err();
    assert_eq!(conversation.len(), 3, "as it was before");
    let outcome = agent.reply(&mut conversation, "Who am I?".into(), &context()).await.unwrap();
    assert_eq!(outcome.text(), "You are Ada.");
    assert_eq!(model.transcript(), "system → user → assistant → user → assistant");
}

#[test]
fn what_cannot_work_is_not_built() {
    let twice = [Canned::new("tool", []), Canned::new("tool", [])];
    let built = FunctionCallingAgent::builder().model(ScriptedModel::new()).tools(twice).build();
    assert_eq!(built.unwrap_err(), BuildError::Tools(RegistryError::Duplicate("tool".into())));
    assert_eq!(FunctionCallingAgent::builder().build().unwrap_err(), BuildError::NoModel);
    let named = FunctionCallingAgent::builder()
        .model(ScriptedModel::new())
        .tool(Canned::new("no spaces", []))
        .build();
    assert_eq!(named.unwrap_err(), BuildError::Tools(RegistryError::Name("no spaces".into())));
    let wrong =
        Canned::with_parameters("odd", json!({"type": "object", "properties": {"n": {"type": "numbr"}}}), []);
    let built = FunctionCallingAgent::builder().model(ScriptedModel::new()).tool(wrong).build();
    let error = built.unwrap_err().to_string();
    assert!(error.starts_with("parameters of tool `odd`: ") && error.contains("numbr"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[tokio::test(start_paused = true)]
async fn react_acts_in_text_and_feeds_back_what_it_cannot_read() {
    let search = Canned::new("search", [json!("The tide is high at noon.")]);
    let model = ScriptedModel::new()
        .says("It is raining.")
        .says(
            "Thought: look\nAction: search\nAction Input: tides\nObservation: low at noon\nFinal Answer: low",
        )
        .says("Thought: I know\nFinal Answer: At noon.");
    let outcome = run_react(&model, &[search.clone()], "When is high tide?").await.unwrap();
    assert_eq!(outcome.text(), "At noon.");
    assert_eq!(search.calls(), [json!({"input": "tides"})], "one text goes into the only argument");
    let last = model.requests().pop().unwrap().messages;
    let texts: Vec<_> = last.iter().map(agentic_core::Message::text).collect();
    assert!(texts[3].starts_with("Observation: "), "{}", texts[3]);
    assert!(!texts[4].contains("low at noon"), "its own observation is cut: {}", texts[4]);
    assert_eq!(texts[5], "Observation: The tide is high at noon.");
}

#[tokio::test(start_paused = true)]
async fn react_takes_no_empty_answer() {
    let model = ScriptedModel::new().says("Thought: done\nFinal Answer:").says("Final Answer: At noon.");
    let outcome = run_react(&model, &[], "When is high tide?").await.unwrap();
    assert_eq!(outcome.text(), "At noon.");
    let told = model.requests().pop().unwrap().messages.iter().last().unwrap().text();
    assert!(told.starts_with("Observation: "), "{told}");
    let silent = (0..3).fold(ScriptedModel::new(), |model, _| model.says("Thought: done\nFinal Answer: \n"));
    let error = run_react(&silent, &[], "go").await.unwrap_err();
    assert_eq!(error.reason(), Reason::InvalidOutput);
}

#[tokio::test(start_paused = true)]
async fn react_gives_up_on_a_model_that_never_keeps_the_form() {
    let model = ScriptedModel::new().says("Hm.").says("Well.").says("So.");
    let error = run_react(&model, &[], "go").await.unwrap_err();
    assert_eq!(error.reason(), Reason::InvalidOutput);
}
