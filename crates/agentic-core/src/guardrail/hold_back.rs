//! Holding a stream back: of a text that comes in pieces only that is shown which no guardrail can change any more.

use super::{Blocked, Gate, Guards, Passage};

/// A long answer is screened each time that it has grown by this part, so that its cost stays that of a few dozen
/// screenings of the whole.
const GROWTH: usize = 64;

/// A text that comes in pieces.
#[derive(Debug)]
pub(super) struct HoldBack {
    /// How many characters are held back; `None` holds all.
    window: Option<usize>,
    /// Whether anything is shown before the end.
    shows: bool,
    /// What has come, and its characters.
    text: String,
    chars: usize,
    /// How many there were when it was screened last.
    screened: usize,
    /// How many there were when it was first found to be blocked, if it still is.
    blocked: Option<usize>,
    /// Bytes that were shown, of what the guardrails made of the text; none any more if they changed their mind.
    shown: Option<String>,
}

impl HoldBack {
    pub(super) fn new(guards: &Guards) -> Self {
        Self {
            window: guards.window(),
            shows: !guards.judges_at(Gate::Output),
            text: String::new(),
            chars: 0,
            screened: 0,
            blocked: None,
            shown: Some(String::new()),
        }
    }

    /// More has come. Gives what may be shown now.
    pub(super) fn push(&mut self, guards: &Guards, piece: &str) -> Result<Option<String>, Blocked> {
        self.text.push_str(piece);
        self.chars += piece.chars().count();
        let Some(window) = self.window else { return Ok(None) };
        if self.chars - self.screened < 1 + self.chars / GROWTH {
            return Ok(None);
        }
        self.screened = self.chars;
        let mut passage = Passage::new(Gate::Output, self.text.as_str());
        match guards.screen(&mut passage) {
            Ok(_) => {
                self.blocked = None;
                let text = passage.text();
                let shown = without_last(&text, window);
                Ok(if self.shows { self.show(shown) } else { None })
            }
            // The last of it may look otherwise once more has come: it counts when that is in sight.
            Err(blocked) => {
                let since = *self.blocked.get_or_insert(self.chars);
                if self.chars - since >= window { Err(blocked) } else { Ok(None) }
            }
        }
    }

    /// All has come, and this is what may be shown of it: gives what was not shown yet.
    pub(super) fn end(&mut self, whole: &str) -> Option<String> {
        if self.shows { self.show(whole) } else { None }
    }

    fn show(&mut self, text: &str) -> Option<String> {
        let shown = self.shown.as_mut()?;
        match text.strip_prefix(shown.as_str()) {
            Some("") => None,
            Some(more) => {
                let more = more.to_owned();
                shown.push_str(&more);
                Some(more)
            }
            // Less than was shown already is no change.
            None if shown.starts_with(text) => None,
            None => {
                self.shown = None;
                None
            }
        }
    }
}

/// The text without so many characters at its end.
fn without_last(text: &str, chars: usize) -> &str {
    match chars.checked_sub(1) {
        None => text,
        Some(last) => text.char_indices().rev().nth(last).map_or("", |(at, _)| &text[..at]),
    }
}
