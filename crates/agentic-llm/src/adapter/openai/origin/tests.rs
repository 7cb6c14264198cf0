use super::*;

fn origin() -> Origin {
    Origin {
        id: "openai:m".into(),
        host: "example.test:443".into(),
        key: Some(Secret::new("sk-open-sesame")),
        key_name: "OPENAI_API_KEY".into(),
    }
}

#[track_caller]
fn check(status: u16, body: &str, kind: Kind, display: &str) {
    let error = origin().http(status, body.as_bytes(), None);
    assert_eq!((error.kind(), error.status()), (kind, Some(status)), "{error}");
    assert_eq!(error.to_string(), format!("model `openai:m`: HTTP {status}: {display}"));
}

#[test]
fn keys_and_rights() {
    check(
        401,
        r#"{"error":{"message":"Incorrect API key provided.","code":"invalid_api_key"}}"#,
        Kind::Authentication,
        "Incorrect API key provided; check the key (OPENAI_API_KEY)",
    );
    check(403, "", Kind::Authentication, "the server gives no reason; check the key (OPENAI_API_KEY)");
}

#[test]
fn limits_and_credit() {
    check(429, r#"{"error":{"message":"Slow down","type":"requests"}}"#, Kind::RateLimited, "Slow down");
    check(
        429,
        r#"{"error":{"message":"You exceeded your quota","code":"insufficient_quota"}}"#,
        Kind::QuotaExhausted,
        "You exceeded your quota; the account needs credit",
    );
    // Tokens of a minute are no context, whatever the message says.
    check(
        429,
        r#"{"error":"context window of tokens per minute"}"#,
        Kind::RateLimited,
        "context window of tokens per minute",
    );
}

#[test]
fn a_context_that_is_too_long() {
    let advice = "; shorten the conversation or the output limit";
    let coded = r#"{"error":{"message":"Too long","code":"context_length_exceeded"}}"#;
    check(400, coded, Kind::ContextOverflow, &format!("Too long{advice}"));
    let said = r#"{"error":{"message":"This model's maximum context length is 8 tokens","code":400}}"#;
    check(
        400,
        said,
        Kind::ContextOverflow,
        &format!("This model's maximum context length is 8 tokens{advice}"),
    );
    check(413, r#"{"message":"Big"}"#, Kind::ContextOverflow, &format!("Big{advice}"));
}

#[test]
fn everything_else() {
    let filtered = r#"{"error":{"message":"Filtered","code":"content_filter"}}"#;
    check(400, filtered, Kind::Refused, "Filtered");
    check(422, r#"{"detail":[{"msg":"bad field","loc":["x"]}]}"#, Kind::InvalidRequest, "bad field");
    check(
        404,
        r#"{"error":{"message":"No such model"}}"#,
        Kind::NotFound,
        "No such model; check the model's name and the base URL (example.test:443)",
    );
    check(500, r#"{"error":{"message":"Oops"}}"#, Kind::Unavailable, "Oops");
    check(503, "<html><title>Down</title><p>lots</p></html>", Kind::Unavailable, "an HTML page: Down");
    check(504, "upstream", Kind::TimedOut, "upstream");
    check(400, r#"[{"error":{"message":"In a list"}}]"#, Kind::InvalidRequest, "In a list");
    let wrapped =
        r#"{"error":{"message":"Provider error","metadata":{"raw":"{\"error\":{\"message\":\"inner\"}}"}}}"#;
    check(502, wrapped, Kind::Unavailable, "Provider error: inner");
}

#[test]
fn messages_are_short_single_lines_without_the_key() {
    let body =
        format!(r#"{{"error":{{"message":"key sk-open-sesame or sk-op***same\n\n{}"}}}}"#, "x ".repeat(5000));
    let error = origin().http(401, body.as_bytes(), None);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("sesame") && !text.contains("sk-op"), "{text}");
    assert!(error.message().len() < 600 && !error.message().contains('\n'), "{error}");
    assert!(error.message().starts_with("key [secret] or [key] x x"), "{error}");
}
