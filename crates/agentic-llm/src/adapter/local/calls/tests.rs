use super::*;

/// Reads `text` split at every place, and gives the pieces with neighbouring ones joined.
fn read(text: &str) -> Vec<TurnPiece> {
    let mut results = Vec::new();
    for at in text.char_indices().map(|(at, _)| at).chain([text.len()]) {
        let mut reader = TurnReader::default();
        let (left, right) = text.split_at(at);
        let mut pieces = reader.push(left);
        pieces.extend(reader.push(right));
        pieces.extend(reader.finish());
        results.push(join(pieces));
    }
    results.dedup();
    assert_eq!(results.len(), 1, "the split does not matter: {results:#?}");
    results.remove(0)
}

fn join(pieces: Vec<TurnPiece>) -> Vec<TurnPiece> {
    let mut out: Vec<TurnPiece> = Vec::new();
    for piece in pieces {
        match (out.last_mut(), piece) {
            (Some(TurnPiece::Text(last)), TurnPiece::Text(text))
            | (Some(TurnPiece::Arguments(last)), TurnPiece::Arguments(text)) => last.push_str(&text),
            (_, piece) => out.push(piece),
        }
    }
    out
}

fn call(name: &str, arguments: &str) -> Vec<TurnPiece> {
    vec![
        TurnPiece::CallStarted { name: name.into() },
        TurnPiece::Arguments(arguments.into()),
        TurnPiece::CallEnded { name: name.into(), arguments: arguments.into() },
    ]
}

fn written(name: &str, arguments: &str) -> String {
    format!("{OPEN}{HEAD}{name}{MIDDLE}{arguments}{TAIL}{CLOSE}")
}

#[test]
fn a_call_is_read_however_it_is_split() {
    let arguments = r#"{"path": "a } \" ] \\", "deep": {"list": [1, {"x": "ä"}]}}"#;
    assert_eq!(read(&written("read_file", arguments)), call("read_file", arguments));
    assert_eq!(read(&written("now", "{}")), call("now", "{}"));
}

#[test]
fn several_calls_are_read_in_order() {
    let text = format!("{}\n{}", written("a", r#"{"n": 1}"#), written("b", "{}"));
    assert_eq!(read(&text), [call("a", r#"{"n": 1}"#), call("b", "{}")].concat());
}

#[test]
fn the_final_answer_becomes_text() {
    let text = written(ANSWER, r#"{"answer": "It is \"12.50 €\"\n\ud83d\ude00 ok"}"#);
    assert_eq!(read(&text), [TurnPiece::Text("It is \"12.50 €\"\n😀 ok".into())]);
    assert_eq!(read(&written(ANSWER, r#"{"answer": ""}"#)), []);
}

#[test]
fn prose_stays_prose() {
    assert_eq!(
        read("Hello, <tool_call> is a tag."),
        [TurnPiece::Text("Hello, <tool_call> is a tag.".into())]
    );
    assert_eq!(read("<tool_cake>"), [TurnPiece::Text("<tool_cake>".into())]);
    assert_eq!(read("<tool"), [TurnPiece::Text("<tool".into())]);
    assert_eq!(read(""), []);
}

#[test]
fn a_thought_comes_before_its_call() {
    let text = format!("{OPEN}{{\"thought\": \"first \\\"a\\\"\", \"name\": \"a{MIDDLE}{{}}{TAIL}{CLOSE}");
    let mut expect = vec![TurnPiece::Thought("first \"a\"".into())];
    expect.extend(call("a", "{}"));
    assert_eq!(read(&text), expect);
}

#[test]
fn a_call_that_is_cut_off_is_never_complete() {
    let text = written("read_file", r#"{"path": "a.txt"}"#);
    let complete =
        |pieces: &[TurnPiece]| pieces.iter().any(|piece| matches!(piece, TurnPiece::CallEnded { .. }));
    for end in OPEN.len()..text.len() - TAIL.len() - CLOSE.len() {
        let mut reader = TurnReader::default();
        let mut pieces = reader.push(&text[..end]);
        assert!(reader.is_cut());
        pieces.extend(reader.finish());
        assert!(!complete(&pieces), "{end}");
    }
}

#[test]
fn only_declared_properties_are_offered() {
    let schema = json!({"properties": {"a": {"type": "object", "properties": {"b": {}}}, "c": {"items": {"properties": {}}}}});
    let closed = arguments_schema(&schema);
    assert_eq!(closed["additionalProperties"], json!(false));
    assert_eq!(closed["properties"]["a"]["additionalProperties"], json!(false));
    assert_eq!(closed["type"], json!("object"));
    for open in [
        json!({"type": "object", "additionalProperties": true}),
        json!({"type": "object", "allOf": [{"properties": {"a": {}}}]}),
        json!({"type": "object", "required": ["a"]}),
    ] {
        assert_eq!(arguments_schema(&open), open);
    }
    assert_eq!(arguments_schema(&Value::Null), json!({"type": "object", "additionalProperties": false}));
}

#[test]
fn a_json_answer_is_given_as_it_is() {
    let json = r#"{"total": 12.5, "by": ["a}", {}]}"#;
    let text = written_answer(json, true, None);
    for at in 0..=text.len() {
        let mut reader = TurnReader::json_answer(true);
        let mut pieces = reader.push(&text[..at]);
        pieces.extend(reader.push(&text[at..]));
        assert_eq!(join(pieces), [TurnPiece::Text(json.into())], "split at {at}");
        assert!(!reader.is_cut());
    }
}

#[test]
fn what_is_written_into_the_history_reads_back() {
    let text = "She said \"yes\\no\"\n";
    assert_eq!(read(&written_answer(text, false, None)), [TurnPiece::Text(text.into())]);
    assert_eq!(read(&written_call("a", "{}", None)), call("a", "{}"));
    let mut expect = vec![TurnPiece::Thought(text.into())];
    expect.extend(call("a", "{}"));
    assert_eq!(read(&written_call("a", "{}", Some(text))), expect);
}

#[test]
fn where_anything_may_be_written_there_is_no_grammar() {
    let turn = |answer| Turn { tools: &[], max_calls: 1, max_thought: 0, answer };
    assert!(turn_grammar(&turn(Answer::Plain(None))).is_none());
    assert!(turn_grammar(&turn(Answer::Forbidden)).is_none());
    let any = json!({});
    assert!(turn_grammar(&turn(Answer::Plain(Some(&any)))).is_some());
    assert!(turn_grammar(&turn(Answer::Call(None))).is_some());
    assert!(turn_grammar(&turn(Answer::Prose)).is_some(), "what looks like a call may not");
}
