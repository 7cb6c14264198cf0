//! What happens when a budget is exhausted.

use crate::support::Place;

const SAYS: &str = "turns:\n  - text: From the large one.\n";
const SMALL: &str = "turns:\n  - text: From the small one.\n";
/// Three dollars for a million tokens of input, fifteen of output.
const PRICE: &str = "price: { input: 3000000000, cached_input: 0, output: 15000000000 }\n";

#[test]
fn a_person_may_raise_it_from_elsewhere() {
    let place = Place::new();
    place.file("script.yaml", SAYS);
    let limited =
        ["run", "hi", "--model", "scripted:script.yaml", "--budget-tokens", "300", "--output", "json"];
    let stopped = place.run(&limited);
    assert_eq!((stopped.code, stopped.last()["reason"].as_str()), (3, Some("budget_exhausted")));

    let place = place.with("AGENTIC_WHEN_EXHAUSTED", "ask");
    let asks = place.run(&limited);
    let last = asks.events().pop().unwrap();
    assert_eq!((asks.code, last["reason"].as_str()), (5, Some("approval")), "{asks:?}");
    let asked = &last["waits"][0]["approval"];
    assert_eq!(
        (asked["arguments"]["what"].as_str(), asked["arguments"]["limit"].as_u64()),
        (Some("tokens"), Some(300))
    );
    assert!(asks.err.contains("The budget of 300 tokens is exhausted: 0 spent, "), "{}", asks.err);
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("budget   when it is exhausted: ask"), "{}", shown.out);
    let yes = place.run(&["runs", "resume", "last", "--yes"]);
    assert_eq!(yes.code, 5, "who approves every call raises no budget: {yes:?}");

    for edit in [r#"{"raise": "a lot"}"#, r#"{"raise": 0}"#, r#"{"limit": 9}"#, r#"{"raise": 9, "limit": 9}"#]
    {
        let refused = place.run(&["runs", "approve", "last", "--edit", edit]);
        assert!(refused.code == 2 && refused.err.contains("edit `raise` to a whole number"), "{refused:?}");
    }
    let short = place.run(&["runs", "approve", "last", "--edit", r#"{"raise": 1}"#]);
    assert!(short.code == 0 && short.err.contains("that is not enough: "), "{short:?}");
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("/approve` was answered: yes, with {\"raise\":1}"), "{}", shown.out);
    assert_eq!(place.run(&["runs", "resume", "last"]).code, 5, "it is asked again");
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("limits   301 tokens, raised from 300 tokens"), "{}", shown.out);
    assert_eq!(place.run(&["runs", "approve", "last", "--edit", r#"{"raise": 100000}"#]).code, 0);
    let resumed = place.run(&["runs", "resume", "last"]);
    assert_eq!((resumed.code, resumed.out.as_str()), (0, "From the large one.\n"), "{resumed:?}");
    let replayed = place.run(&["runs", "replay", "last"]);
    assert_eq!((replayed.code, replayed.out.as_str()), (0, "repeated: same outcome\n"), "{replayed:?}");
}

#[test]
fn who_denies_stops_the_run() {
    let place = Place::new();
    place.file("script.yaml", SAYS);
    place.file("../config.toml", "when-exhausted = \"ask\"\nbudget-tokens = 300\n");
    assert_eq!(place.run(&["run", "hi", "--model", "scripted:script.yaml"]).code, 5);
    assert_eq!(place.run(&["runs", "deny", "last", "--reason", "enough"]).code, 0);
    let resumed = place.run(&["runs", "resume", "last"]);
    assert!(resumed.code == 3 && resumed.err.contains("budget of 300 tokens is too small"), "{resumed:?}");
    let alone = place.run(&["run", "hi", "--model", "scripted:script.yaml", "--ephemeral"]);
    assert_eq!(alone.code, 3, "nobody is there to be asked: {alone:?}");
}

#[test]
fn a_cheaper_model_goes_on() {
    let place = Place::new();
    place.file("large.yaml", format!("{PRICE}{SAYS}"));
    place.file("small.yaml", SMALL);
    let limited = ["run", "hi", "--model", "scripted:large.yaml", "--budget-usd", "0.000001"];
    let degraded = place.run(&[&limited[..], &["--when-exhausted", "scripted:small.yaml"]].concat());
    assert_eq!((degraded.code, degraded.out.as_str()), (0, "From the small one.\n"), "{degraded:?}");
    assert!(degraded.err.contains("no budget for a call of scripted:"), "{}", degraded.err);
    let replayed = place.run(&["runs", "replay", "last"]);
    assert_eq!((replayed.code, replayed.out.as_str()), (0, "repeated: same outcome\n"), "{replayed:?}");
    let shown = place.run(&["runs", "show", "last"]);
    assert!(shown.out.contains("budget   when it is exhausted: scripted:"), "{}", shown.out);

    let none = place.run(&[&limited[..], &["--when-exhausted", "scripted:missing.yaml"]].concat());
    assert!(none.code == 2 && none.err.contains("missing.yaml"), "told before the run: {none:?}");
    let odd = place.run(&[&limited[..], &["--when-exhausted", "panic"]].concat());
    assert!(odd.code == 2 && odd.err.contains("neither `stop` nor `ask`"), "{odd:?}");
}

/// The price list that the guide shows gives its model a price.
#[test]
fn the_price_list_of_the_guide_is_read() {
    let guide = include_str!("../../../../docs/guides/budgets.md");
    let list = guide.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let place = Place::new().with("OPENAI_API_KEY", "k").with("OPENAI_BASE_URL", "http://localhost:1/v1");
    let run = ["run", "hi", "--model", "openai:my-model", "--budget-usd", "1", "--ephemeral"];
    let before = place.run(&run);
    assert!(before.code == 2 && before.err.contains("is not known"), "{before:?}");
    place.file("../prices.toml", list);
    let after = place.run(&run);
    assert!(after.code == 1 && after.err.contains("can't reach localhost:1"), "{after:?}");
}

#[test]
fn money_is_in_dollars_and_billionths() {
    let place = Place::new();
    place.file("large.yaml", format!("{PRICE}{SAYS}"));
    let asks = place.run(&[
        "run",
        "hi",
        "--model",
        "scripted:large.yaml",
        "--budget-usd",
        "0.000001",
        "--when-exhausted",
        "ask",
    ]);
    assert!(asks.code == 5 && asks.err.contains("The budget of $0.000001 is exhausted"), "{asks:?}");
    let refused = place.run(&["runs", "approve", "last", "--edit", "{}"]);
    assert!(refused.code == 2 && refused.err.contains("in billionths of a dollar"), "{refused:?}");
    assert_eq!(place.run(&["runs", "deny", "last", "--reason", "no"]).code, 0);
    let ended = place.run(&["runs", "resume", "last"]);
    assert!(ended.code == 3 && ended.err.contains("budget of $0.000001 is too small: $0."), "{ended:?}");
}

#[test]
fn a_price_that_is_unknown_is_told_before_the_run() {
    let place = Place::new().with("OPENAI_API_KEY", "k");
    let limited = ["run", "hi", "--model", "openai:nobody-knows", "--budget-usd", "1"];
    let unknown = place.run(&limited);
    assert!(
        unknown.code == 2 && unknown.err.contains("the price of openai:nobody-knows is not known"),
        "{unknown:?}"
    );
    let place = place.with("AGENTIC_PRICES", "missing.toml");
    let missing = place.run(&limited);
    assert!(missing.code == 2 && missing.err.contains("missing.toml"), "{missing:?}");
    let doctor = place.run(&["doctor"]);
    let line = doctor.out.lines().find(|line| line.contains("prices: ")).unwrap();
    assert!(line.starts_with("optional") && line.contains("missing.toml"), "no local model needs it: {line}");
    let doctor = place.with("AGENTIC_MODEL", "openai:gpt-5").run(&["doctor"]);
    assert!(doctor.code == 1 && doctor.out.contains("missing  prices: "), "{doctor:?}");
}

#[test]
fn a_price_list_of_the_user_is_read() {
    let place = Place::new().with("OPENAI_API_KEY", "k");
    place.file("../prices.toml", "[[model]]\nidd = 1\n");
    let ended = place.run(&["run", "hi", "--model", "openai:gpt-5"]);
    assert!(
        ended.code == 2 && ended.err.contains("prices.toml") && ended.err.contains("line 2"),
        "{ended:?}"
    );
}
