//! What stays out, and what comes in when it is asked for.

use agentic_runtime::TracingSink;

use super::capture::Capture;
use super::runs::{everything, run};

#[tokio::test(start_paused = true)]
async fn content_is_off_by_default() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    run(&everything(false), TracingSink::new()).await.result.unwrap();
    let text = capture.text();
    assert!(text.contains("chat gpt-test"));
    assert!(!text.contains("SECRET"), "{text}");
    assert!(!text.contains("cost"), "without a price nothing is said of money");
}

#[tokio::test(start_paused = true)]
async fn content_comes_in_where_it_belongs_when_it_is_asked_for() {
    let capture = Capture::default();
    let _guard = capture.on_this_thread();
    run(&everything(false), TracingSink::new().with_content()).await.result.unwrap();
    let message = |role: &str, text: &str, end: &str| {
        format!(r#"[{{{end}"parts":[{{"content":"{text}","type":"text"}}],"role":"{role}"}}]"#)
    };
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let boss = capture.span("invoke_agent boss");
    let finish = r#""finish_reason":"stop","#;
    assert_eq!(json(boss.get("gen_ai.input.messages")), json(&message("user", "SECRET-goal", "")));
    assert_eq!(
        json(boss.get("gen_ai.output.messages")),
        json(&message("assistant", "SECRET-outcome", finish))
    );
    let chats: Vec<_> = capture.spans().into_iter().filter(|span| span.name == "chat").collect();
    let answer = message("assistant", "SECRET-answer of the model", finish);
    assert_eq!(json(chats[0].get("gen_ai.output.messages")), json(&answer));
    let call = json(chats[1].get("gen_ai.output.messages"));
    assert_eq!(call[0]["finish_reason"], "tool_call");
    assert_eq!(call[0]["parts"][0]["type"], "tool_call");
    assert_eq!(call[0]["parts"][0]["arguments"]["where"], "SECRET-call");
    assert!(chats[2].get("otel.status_description").contains("SECRET-body"));
    let tool = capture.span("execute_tool one");
    assert_eq!(tool.get("gen_ai.tool.call.arguments"), r#"{"n":"SECRET-argument"}"#);
    assert!(tool.get("gen_ai.tool.call.result").contains("SECRET-argument"));
    assert_eq!(capture.span("effect count").get("agentic.result"), r#""SECRET-effect""#);
    assert!(capture.span("execute_tool picky").get("otel.status_description").contains("SECRET-argument"));
    assert!(capture.span("approval").get("agentic.approval.question").contains("SECRET-question"));
    let told: Vec<_> = capture.events().iter().map(|event| event.get("agentic.content").to_owned()).collect();
    assert_eq!(told, ["repaired SECRET-note", r#""SECRET-custom""#]);
}
