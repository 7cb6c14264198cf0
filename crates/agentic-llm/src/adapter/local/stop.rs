//! Stop strings: found also when split over tokens, and never emitted.

/// Finds the first of several stop strings in a stream of text.
#[derive(Debug, Default)]
pub(crate) struct StopMatcher {
    stops: Vec<String>,
    held: String,
}

/// What may be emitted after a piece of text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// Text that cannot be part of a stop string any more.
    pub(crate) emit: String,
    /// Whether a stop string was found: nothing may be emitted after it.
    pub(crate) stopped: bool,
}

impl StopMatcher {
    /// Matches the non-empty ones of `stops`.
    pub(crate) fn new(stops: impl IntoIterator<Item = String>) -> Self {
        Self { stops: stops.into_iter().filter(|stop| !stop.is_empty()).collect(), held: String::new() }
    }

    /// Adds `text`; text that could be the start of a stop string is held back.
    pub(crate) fn push(&mut self, text: &str) -> Scan {
        if self.stops.is_empty() {
            return Scan { emit: text.to_owned(), stopped: false };
        }
        self.held.push_str(text);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.held.find(stop.as_str())).min() {
            let emit = self.held[..at].to_owned();
            self.held.clear();
            return Scan { emit, stopped: true };
        }
        let keep = self.stops.iter().map(|stop| overlap(&self.held, stop)).max().unwrap_or(0);
        let emit = self.held.drain(..self.held.len() - keep).collect();
        Scan { emit, stopped: false }
    }

    /// Ends the stream: what was held back is ordinary text after all.
    pub(crate) fn finish(&mut self) -> String {
        std::mem::take(&mut self.held)
    }
}

/// Length in bytes of the longest proper prefix of `stop` that `text` ends with.
fn overlap(text: &str, stop: &str) -> usize {
    stop.char_indices()
        .map(|(at, _)| at)
        .skip(1)
        .filter(|&at| text.as_bytes().ends_with(&stop.as_bytes()[..at]))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let mut matcher = StopMatcher::new(stops.iter().map(ToString::to_string));
        let mut out = String::new();
        for piece in pieces {
            let scan = matcher.push(piece);
            out.push_str(&scan.emit);
            if scan.stopped {
                return (out, true);
            }
        }
        out.push_str(&matcher.finish());
        (out, false)
    }

    #[test]
    fn stops_before_the_first_of_several() {
        assert_eq!(run(&["END", "\n\n"], &["one\n\ntwo END"]), ("one".into(), true));
        assert_eq!(run(&["END"], &["END"]), (String::new(), true));
        assert_eq!(run(&["", "x"], &["abc"]), ("abc".into(), false));
    }

    #[test]
    fn found_in_every_split() {
        let text = "say €€ Observation: no";
        for at in text.char_indices().map(|(at, _)| at) {
            let (left, right) = text.split_at(at);
            assert_eq!(run(&["Observation:", "€€€"], &[left, right]), ("say €€ ".into(), true));
        }
    }

    #[test]
    fn a_near_miss_is_given_back() {
        assert_eq!(run(&["</s>"], &["a <", "/", "s", " b"]), ("a </s b".into(), false));
        assert_eq!(run(&["</s>"], &["a </s"]), ("a </s".into(), false));
        assert_eq!(run(&["aab"], &["aaa", "b", "c"]), ("a".into(), true));
    }

    #[test]
    fn text_that_cannot_match_is_not_held_back() {
        let mut matcher = StopMatcher::new(["STOP".to_owned()]);
        assert_eq!(matcher.push("hello S"), Scan { emit: "hello ".into(), stopped: false });
        assert_eq!(matcher.push("o"), Scan { emit: "So".into(), stopped: false });
    }
}
