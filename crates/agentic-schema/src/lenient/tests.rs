use serde_json::{Value, json};

use super::machine::Machine;
use super::*;

#[track_caller]
fn reads(text: &str, expected: Value) {
    assert_eq!(parse(text), Ok(expected), "{text:?}");
}

#[track_caller]
fn kinds(text: &str) -> Vec<RepairKind> {
    parse_with_repairs(text).unwrap().repairs.into_iter().map(|repair| repair.kind).collect()
}

#[test]
fn valid_json_needs_no_repair() {
    let parsed = parse_with_repairs(r#"{"b": [1, 2.5, -0.0, 1e-7], "a": "\u00e9\n", "c": null}"#).unwrap();
    assert_eq!(parsed.value, json!({"b": [1, 2.5, -0.0, 1e-7], "a": "é\n", "c": null}));
    assert!(parsed.repairs.is_empty());
    let keys: Vec<_> = parsed.value.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["b", "a", "c"], "the order of keys is kept");
}

#[test]
fn integers_are_exact() {
    for text in ["18446744073709551615", "-9223372036854775808"] {
        assert_eq!(parse(&format!("[{text},]")).unwrap()[0].to_string(), text);
    }
    assert_eq!(parse("[0.1, 123456.7890123,]").unwrap().to_string(), "[0.1,123456.7890123]");
}

/// A small deterministic generator of JSON documents (xorshift).
struct Generator(u64);

impl Generator {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 18] = [
            "a",
            "b c",
            "\"",
            "\\",
            ",",
            ":",
            "{",
            "}",
            "[",
            "]",
            "\n",
            "'",
            "é",
            "\u{1F600}",
            "//",
            "...",
            "```",
            "1",
        ];
        (0..self.below(5)).map(|_| PARTS[usize::try_from(self.below(18)).unwrap()]).collect()
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 5 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(i64::try_from(self.below(1 << 40)).unwrap() - (1 << 39)),
            3 => json!((self.below(1 << 20) as f64) / 64.0 - 1000.0),
            4 => json!(self.text()),
            5 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => (0..self.below(4))
                .map(|_| (self.text(), self.value(depth - 1)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

#[test]
fn the_recovering_parser_agrees_with_the_strict_one_on_valid_json() {
    let mut generator = Generator(7);
    for _ in 0..3000 {
        let value = generator.value(4);
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            for options in [Options::document(), Options::reply()] {
                let parsed = Machine::new(&text, 0, &options).document().unwrap();
                assert_eq!(parsed.value, value, "{text}");
                assert_eq!(parsed.repairs, [], "{text}");
            }
        }
    }
}

#[test]
fn every_cut_of_a_document_is_read() {
    let mut generator = Generator(11);
    for _ in 0..200 {
        let text = json!([generator.value(3), {"k": generator.value(3)}]).to_string();
        for end in (1..text.len()).filter(|end| text.is_char_boundary(*end)) {
            assert!(parse(&text[..end]).is_ok(), "{}", &text[..end]);
        }
    }
}

#[test]
fn a_value_is_found_amid_prose() {
    reads("Sure! The answer is {\"x\": 1}. Ask me again.", json!({"x": 1}));
    reads("As shown in [1], this holds: {\"x\": [2, 3]}", json!({"x": [2, 3]}));
    reads("First:\n```python\nprint({})\n```\nthen\n```json\n{\"x\": 1,}\n```\nDone.", json!({"x": 1}));
    reads("<think>maybe {\"x\": 0}?</think>\n{\"x\": 1}", json!({"x": 1}));
    reads("<tool_call>\n{'name': 'f', 'arguments': {}}\n</tool_call>", json!({"name": "f", "arguments": {}}));
    reads("Result {x: 'y'} as asked", json!({"x": "y"}));
    reads("{\"x\": 1}\n\nI hope this helps.", json!({"x": 1}));
    reads("I cannot help with that.\nSorry.", json!("I cannot help with that.\nSorry."));
    assert_eq!(kinds("{\"x\": 1} done"), [RepairKind::TextAfter]);
}

#[test]
fn what_is_no_json_is_never_read_without_a_repair() {
    assert_eq!(kinds("null\t\t;\t"), [RepairKind::ExtraComma]);
    assert_eq!(kinds("true,"), [RepairKind::ExtraComma]);
    assert_eq!(kinds("7\u{a0}"), [RepairKind::OddSpace]);
}

#[test]
fn a_fence_inside_a_string_is_text() {
    reads("{\"md\": \"```sh\\nls\\n```\",}", json!({"md": "```sh\nls\n```"}));
}

#[test]
fn other_languages_literals_are_read() {
    reads(
        "{'a': None, 'b': True, c: undefined, d: NaN, e: 0xff}",
        json!({"a": null, "b": true, "c": null, "d": null, "e": 255}),
    );
    reads("{a => 1, b = 2}", json!({"a": 1, "b": 2}));
    reads("{'x', 'y'}", json!(["x", "y"]));
    reads("[(1, 2), (3,), (4)]", json!([[1, 2], [3], 4]));
    reads("{\"text\": \"\"\"two\nlines\"\"\"}", json!({"text": "two\nlines"}));
    reads("db.put(ObjectId(\"12ab\"));", json!("12ab"));
}

#[test]
fn quotes_inside_strings_survive() {
    reads(
        r#"{"a": "say "hello, you" to "Bo"", "b": 1}"#,
        json!({"a": "say \"hello, you\" to \"Bo\"", "b": 1}),
    );
    reads(
        r#"{"a": "She said: "stop", then left", "b": 1}"#,
        json!({"a": "She said: \"stop\", then left", "b": 1}),
    );
    reads(r#"{"re": "\d+\s"}"#, json!({"re": "\\d+\\s"}));
}

#[test]
fn missing_end_quotes_are_found() {
    reads("{\"a\": \"one\n\"b\": \"two\"}", json!({"a": "one", "b": "two"}));
    reads("{\"a\": \"x = y[0]", json!({"a": "x = y[0]"}));
    reads("{\"a\": \"one, two and three}", json!({"a": "one, two and three"}));
}

#[test]
fn a_whole_text_escaped_once_is_read() {
    reads("{\\n  \\\"a\\\": \\\"b\\\",\\n  \\\"c\\\": [1]\\n}", json!({"a": "b", "c": [1]}));
}

#[test]
fn surrogates_are_joined_or_replaced() {
    reads("{'a': '\\ud83d\\ude00', 'b': '\\ud83d x'}", json!({"a": "\u{1F600}", "b": "\u{fffd} x"}));
}

#[test]
fn repairs_say_what_and_where() {
    let parsed = parse_with_repairs("{a: 1 \"b\": [2,]").unwrap();
    let all: Vec<_> = parsed.repairs.iter().map(ToString::to_string).collect();
    assert_eq!(
        all,
        [
            "string without quotes at byte 1",
            "missing comma at byte 6",
            "superfluous comma at byte 14",
            "missing closing bracket at byte 15"
        ]
    );
}

#[test]
fn a_document_admits_nothing_else() {
    let read = |text| parse_with(text, &Options::document()).map(|parsed| parsed.value);
    assert_eq!(read("{a: 1}, {a: 2}"), Ok(json!([{"a": 1}, {"a": 2}])));
    assert_eq!(read("{\"a\": 1} end"), Err(LenientError::Unexpected { found: 'e', at: 9 }));
    assert_eq!(read("{\"a\", \"b\"}"), Err(LenientError::ColonExpected { at: 4 }));
    assert_eq!(read(" "), Err(LenientError::Empty));
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse(&nested(512)).is_ok());
    assert_eq!(parse(&nested(513)), Err(LenientError::TooDeep { limit: 512, at: 512 }));
}

#[test]
fn a_megabyte_of_anything_ends() {
    let mut generator = Generator(3);
    let units = [
        "[",
        "{",
        "\"",
        "'",
        "{\"a\":",
        "[\"",
        "[]",
        "{}",
        "\"a,",
        "'a,",
        "\"/*",
        "x ",
        "\" y",
        "}",
        "]",
        "(",
        "\\",
        "\\\"",
        "[{",
        "a\"",
        "```",
        "```json\n{",
        "\"a\":",
        "\"a\"+",
        "/",
        "//",
        "#",
        ",",
        ":",
        "...",
        "-",
        "1 ",
        "f(",
        "\u{201c}",
        "{a ",
        "{\"a\" ",
        "\"\"\"",
        "{\"a\":\"b,",
        "{\"a\":\"\n",
        "\"x\" y, ",
        "} , \"",
        ", a:",
    ];
    for unit in units {
        let long = matches!(unit, "[" | "{" | "\"" | "{\"a\":" | "[{");
        let count = (if long { 1 << 20 } else { 1 << 17 }) / unit.len();
        let _ = parse(&unit.repeat(count));
        let _ = parse(&format!("{{\"k\":\"{}", unit.repeat(count)));
    }
    for _ in 0..10 {
        let mut mixed = String::new();
        while mixed.len() < 1 << 16 {
            mixed.push_str(units[usize::try_from(generator.below(units.len() as u64)).unwrap()]);
        }
        let _ = parse(&mixed);
        let _ = parse_with(&mixed, &Options::document());
    }
}

/// The acceptance row takes its time.
#[test]
fn a_megabyte_of_open_brackets_is_refused() {
    let error = parse(&"[".repeat(1 << 20)).unwrap_err();
    assert!(error.to_string().contains("deep"), "{error}");
}
