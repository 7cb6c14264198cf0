use std::sync::Arc;

use agentic_core::{ToolSet, ToolSpec};
use serde_json::{Value, json};

use super::super::tools::ToolCache;
use super::*;

fn try_write(request: &ModelRequest, stream: bool, quirks: &Quirks) -> Result<Value, ModelError> {
    let (id, host) = ("openai:m".into(), "h".into());
    let origin = Origin { id, host, key: None, key_name: "K".into() };
    let tools = ToolCache::default().render(&request.tools).unwrap();
    let bytes = write("m", request, tools.as_deref(), stream, quirks, &origin)?;
    Ok(serde_json::from_slice(&bytes).unwrap())
}

#[track_caller]
fn check(request: &ModelRequest, expected: Value) {
    assert_eq!(try_write(request, false, &Quirks::default()).unwrap(), expected);
}

fn conversation(messages: impl IntoIterator<Item = Message>) -> ModelRequest {
    ModelRequest::new(messages.into_iter().collect())
}

#[test]
fn a_conversation_is_written_message_by_message() {
    // Spaces and order of the arguments are the model's and stay.
    let call = ToolCall { id: "c1".into(), name: "weather".into(), arguments: "{ \"b\": 1,\"a\":2 }".into() };
    let result = |id: &str, content: &str| ToolResult {
        call_id: id.into(),
        name: "weather".into(),
        content: content.into(),
        is_error: false,
    };
    let thought = Part::Reasoning { text: "hm".into(), signature: None };
    let answer = Message { role: Role::Assistant, parts: vec![thought.clone(), Part::ToolCall(call)] };
    let request = conversation([
        Message::system("Be brief."),
        Message::user("Umbrella?"),
        answer,
        Message::tool_results([result("c1", "rain"), result("c2", "sun")]),
        Message::assistant("Yes."),
        Message { role: Role::Assistant, parts: vec![thought] },
    ]);
    let function = json!({"name": "weather", "arguments": "{ \"b\": 1,\"a\":2 }"});
    check(
        &request,
        json!({"model": "m", "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Umbrella?"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
            {"role": "tool", "tool_call_id": "c2", "content": "sun"},
            {"role": "assistant", "content": "Yes."},
            {"role": "assistant", "content": ""},
        ]}),
    );
    let quirks = Quirks { echo_reasoning: true, ..Quirks::default() };
    let body = try_write(&request, false, &quirks).unwrap();
    assert_eq!(body["messages"][2]["reasoning_content"], "hm");
}

#[test]
fn pictures_are_urls() {
    let image = |source| Part::Image(Image { media_type: "image/png".into(), source });
    let parts = vec![
        Part::Text { text: "What?".into() },
        image(ImageSource::Url("https://x.test/a.png".into())),
        image(ImageSource::Base64("AAAA".into())),
    ];
    check(
        &conversation([Message { role: Role::User, parts }]),
        json!({"model": "m", "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "What?"},
                {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
        ]}),
    );
}

#[test]
fn tools_and_the_choice_among_them() {
    let tool = Arc::new(ToolSpec::new("f", "Does it.", json!({"type": "object"})));
    let request = conversation([Message::user("x")]).with_tools(ToolSet::new([tool]));
    let choice = |choice: ToolChoice| {
        try_write(&request.clone().with_tool_choice(choice), false, &Quirks::default()).unwrap()["tool_choice"].clone()
    };
    assert_eq!(choice(ToolChoice::Auto), Value::Null);
    assert_eq!(choice(ToolChoice::Required), "required");
    assert_eq!(choice(ToolChoice::None), "none");
    assert_eq!(choice(ToolChoice::Tool("f".into())), json!({"type": "function", "function": {"name": "f"}}));
    let without = conversation([Message::user("x")]).with_tool_choice(ToolChoice::Required);
    assert_eq!(try_write(&without, false, &Quirks::default()).unwrap_err().kind(), Kind::InvalidRequest);
}

#[test]
fn settings_are_sent_if_they_are_set() {
    let mut request = conversation([Message::user("x")]).with_max_output_tokens(7).with_stop(["END"]);
    request.sampling.temperature = Some(0.7);
    request.sampling.top_p = Some(0.9);
    request.sampling.seed = Some(3);
    let messages = json!([{"role": "user", "content": "x"}]);
    let expected = json!({"model": "m", "messages": messages, "max_tokens": 7, "stop": ["END"],
        "temperature": 0.7, "top_p": 0.9, "seed": 3});
    assert_eq!(try_write(&request, false, &Quirks::default()).unwrap(), expected);

    let body = try_write(&request, true, &Quirks::of_host("api.openai.com")).unwrap();
    assert_eq!((&body["max_completion_tokens"], &body["max_tokens"]), (&json!(7), &Value::Null));
    assert_eq!((&body["stream"], &body["stream_options"]), (&json!(true), &json!({"include_usage": true})));
    let body = try_write(&request, true, &Quirks::of_host("api.mistral.ai")).unwrap();
    assert_eq!((&body["random_seed"], &body["stream_options"]), (&json!(3), &Value::Null));
    // As text, the number must not grow digits that nobody wrote.
    let (id, host) = ("openai:m".into(), "h".into());
    let origin = Origin { id, host, key: None, key_name: "K".into() };
    let bytes = write("m", &request, None, false, &Quirks::default(), &origin).unwrap();
    assert!(String::from_utf8(bytes).unwrap().contains("\"temperature\":0.7,"));
}

#[test]
fn settings_that_a_server_does_not_know_are_refused() {
    let mut request = conversation([Message::user("x")]);
    request.sampling.top_k = Some(40);
    assert_eq!(try_write(&request, false, &Quirks::default()).unwrap()["top_k"], 40);
    let error = try_write(&request, false, &Quirks::of_host("api.openai.com")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported);
}

#[test]
fn output_formats() {
    let format = |output: OutputFormat| {
        let request = conversation([Message::user("x")]).with_output(output);
        try_write(&request, false, &Quirks::default()).unwrap()["response_format"].clone()
    };
    assert_eq!(format(OutputFormat::Text), Value::Null);
    assert_eq!(format(OutputFormat::JsonObject), json!({"type": "json_object"}));
    let closed = json!({"type": "object", "properties": {}, "additionalProperties": false});
    for (schema, strict) in [(closed, true), (json!({"type": "object"}), false)] {
        let output = OutputFormat::JsonSchema { name: "answer".into(), schema: schema.clone() };
        let inner = json!({"name": "answer", "strict": strict, "schema": schema});
        assert_eq!(format(output), json!({"type": "json_schema", "json_schema": inner}));
    }
}

#[test]
fn parts_in_the_wrong_place_are_refused_by_name() {
    let text = || Part::Text { text: "x".into() };
    let result = ToolResult { call_id: "c".into(), name: "f".into(), content: "x".into(), is_error: false };
    for (role, part) in [
        (Role::Tool, text()),
        (Role::User, Part::ToolResult(result.clone())),
        (Role::Assistant, Part::ToolResult(result)),
    ] {
        let message = Message { role, parts: vec![text(), part] };
        let error = try_write(&conversation([message]), false, &Quirks::default()).unwrap_err();
        assert_eq!(error.kind(), Kind::InvalidRequest);
        assert!(error.message().starts_with("message 0"), "{error}");
    }
}
