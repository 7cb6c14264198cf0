use std::sync::Arc;

use serde_json::{Value, json};

use super::guards::{Guards, Layer};
use super::hold_back::HoldBack;
use super::result::screen_result;
use super::{Gate, Guardrail, GuardrailVerdict, Passage, Stand};
use crate::tool::{ToolError, ToolErrorKind};

const SECRET: &str = "gehéim🔒";

/// Replaces the secret.
#[derive(Debug)]
struct Hides(Option<usize>);

impl Guardrail for Hides {
    fn name(&self) -> &str {
        "hides"
    }

    fn stands_at(&self, _: Gate) -> Stand {
        Stand::Screens
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        let text = passage.text();
        match text.contains(SECRET) {
            true => GuardrailVerdict::Replace(text.replace(SECRET, "[hidden]").into()),
            false => GuardrailVerdict::Pass,
        }
    }

    fn window(&self) -> Option<usize> {
        self.0
    }
}

/// Blocks a word that stands alone.
#[derive(Debug)]
struct Forbids(&'static str);

impl Guardrail for Forbids {
    fn name(&self) -> &str {
        "forbids"
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        if gate == Gate::Output { Stand::Screens } else { Stand::Away }
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        let text = passage.text();
        let alone = text.split(|c: char| !c.is_alphanumeric()).any(|word| word == self.0);
        if alone { GuardrailVerdict::block("a forbidden word") } else { GuardrailVerdict::Pass }
    }

    fn window(&self) -> Option<usize> {
        Some(self.0.chars().count() + 1)
    }
}

/// Panics.
#[derive(Debug)]
struct Panics;

impl Guardrail for Panics {
    fn name(&self) -> &str {
        "panics"
    }

    fn stands_at(&self, _: Gate) -> Stand {
        Stand::Screens
    }

    fn screen(&self, _: &Passage) -> GuardrailVerdict {
        panic!("at the disco")
    }
}

fn guards(rails: Vec<Arc<dyn Guardrail>>) -> Guards {
    Guards::of(Arc::new(Layer::new(rails)))
}

/// What is shown of a text that comes in these pieces, before its end and at it; or the place where it was blocked.
fn stream<'a>(guards: &Guards, pieces: impl IntoIterator<Item = &'a str>) -> Result<(String, String), usize> {
    let mut held = HoldBack::new(guards);
    let (mut text, mut early) = (String::new(), String::new());
    for piece in pieces {
        text.push_str(piece);
        let shown = held.push(guards, piece).map_err(|_| text.len())?;
        early.extend(shown);
    }
    let mut whole = Passage::new(Gate::Output, text.as_str());
    guards.screen(&mut whole).map_err(|_| text.len())?;
    let mut all = early.clone();
    all.extend(held.end(&whole.text()));
    Ok((early, all))
}

/// The pieces of a text that is cut at these places, in characters.
fn cut<'a>(text: &'a str, places: &[usize]) -> Vec<&'a str> {
    let at = |n: &usize| text.char_indices().nth(*n).map_or(text.len(), |(at, _)| at);
    let mut ends: Vec<_> = places.iter().map(at).chain([text.len()]).collect();
    ends.sort_unstable();
    let mut begin = 0;
    ends.into_iter().map(|end| &text[std::mem::replace(&mut begin, end)..end]).collect()
}

#[test]
fn nothing_of_a_secret_is_shown_wherever_it_is_cut() {
    let least = SECRET.chars().count() - 1;
    for text in [
        format!("It is {SECRET}. Do not tell {SECRET}{SECRET} to anybody!"),
        format!("{SECRET} it begins, gehéim it goes on, and gehé it ends"),
        format!("gehgehéim{SECRET}"),
    ] {
        let whole = text.replace(SECRET, "[hidden]");
        let chars = text.chars().count();
        for window in [least, least + 1, 20, 1000] {
            let guards = guards(vec![Arc::new(Hides(Some(window)))]);
            let each = (0..=chars).flat_map(|a| (a..=chars).map(move |b| vec![a, b]));
            let steps = (1..10).map(|step| (0..chars).step_by(step).collect());
            for places in each.chain(steps) {
                let (early, all) = stream(&guards, cut(&text, &places)).unwrap();
                assert!(whole.starts_with(&early), "{places:?}, {window}: {early}");
                assert_eq!(all, whole, "{places:?}, {window}");
            }
        }
    }
}

#[test]
fn a_text_is_shown_as_soon_as_its_window_has_come() {
    let guards_of = |window| guards(vec![Arc::new(Hides(window))]);
    let (early, all) = stream(&guards_of(Some(6)), cut("0123456789", &[3, 8])).unwrap();
    assert_eq!((early.as_str(), all.as_str()), ("0123", "0123456789"));
    let (early, all) = stream(&guards_of(None), cut("0123456789", &[3, 8])).unwrap();
    assert_eq!((early.as_str(), all.as_str()), ("", "0123456789"), "it needs the whole");
    let (early, _) = stream(&guards(vec![]), cut("0123456789", &[3, 8])).unwrap();
    assert_eq!(early, "0123456789", "nobody needs anything");
    let two = guards(vec![Arc::new(Hides(Some(2))), Arc::new(Hides(Some(3)))]);
    let (early, _) = stream(&two, cut("0123456789", &[3, 8])).unwrap();
    assert_eq!(early, "01234", "one waits for the other");
}

#[test]
fn a_stream_is_blocked_when_no_further_text_can_help() {
    let guards = guards(vec![Arc::new(Forbids("kill"))]);
    let pieces = |text: &'static str| (0..text.len()).map(move |at| &text[at..=at]);
    let (_, all) = stream(&guards, pieces("a killer app kills nobody")).unwrap();
    assert_eq!(all, "a killer app kills nobody", "it looked like the word for a moment");
    let text = "do kill it, and then go on and on and on";
    assert_eq!(stream(&guards, pieces(text)), Err("do kill".len() + 5), "not at its end");
    assert_eq!(stream(&guards, ["do kill"]), Err(7));
}

#[test]
fn what_comes_in_passes_from_without_and_what_goes_out_from_within() {
    #[derive(Debug)]
    struct Signs(&'static str);
    impl Guardrail for Signs {
        fn name(&self) -> &str {
            self.0
        }
        fn stands_at(&self, _: Gate) -> Stand {
            Stand::Screens
        }
        fn screen(&self, passage: &Passage) -> GuardrailVerdict {
            GuardrailVerdict::Replace((passage.text() + self.0).into())
        }
    }
    let layer = |names: [&'static str; 2]| {
        Arc::new(Layer::new(names.map(|name| Arc::new(Signs(name)) as Arc<dyn Guardrail>).to_vec()))
    };
    let guards = Guards::of(layer(["a", "b"])).with(layer(["c", "d"]));
    for (gate, order) in
        [(Gate::Input, "abcd"), (Gate::ToolResult, "abcd"), (Gate::ToolCall, "cdab"), (Gate::Output, "cdab")]
    {
        let mut passage = Passage::new(gate, "");
        guards.screen(&mut passage).unwrap();
        assert_eq!(passage.content, order, "{gate:?}");
    }
}

#[test]
fn a_guardrail_that_panics_has_blocked() {
    let blocked = guards(vec![Arc::new(Panics)]).screen(&mut Passage::new(Gate::Input, "x")).unwrap_err();
    assert_eq!((blocked.guardrail.as_str(), blocked.reason.as_str()), ("panics", "it panicked"));
}

#[test]
fn errors_of_tools_are_results_too() {
    let guards = guards(vec![Arc::new(Hides(None))]);
    let error = |text: &str| Err(ToolError::new(ToolErrorKind::NotFound, text));
    let shown = screen_result(&guards, "t", error(&format!("no {SECRET}")));
    assert_eq!(shown, error("no [hidden]"), "of the same kind");
    assert_eq!(screen_result(&guards, "t", Ok(json!({"a": 1}))), Ok(json!({"a": 1})));
    let value: Value = json!([SECRET]);
    assert_eq!(screen_result(&guards, "t", Ok(value)), Ok(json!("[\"[hidden]\"]")));
}
