//! From text to the words by which it is found.

mod date;
mod stop_words;

use unicode_segmentation::UnicodeSegmentation as _;
use waken_snowball::Algorithm;

pub(crate) use self::date::{date, is_month};

/// How text becomes words. What was written in one language has to be looked for in it, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// Words that carry no meaning are left out, the others become stems, by Snowball's stemmer (M. F. Porter,
    /// "Snowball: A language for stemming algorithms", 2001).
    #[default]
    English,
    /// Every word as it is, in lower case.
    Any,
}

/// A word that is longer is cut: nobody looks for the whole of it.
const LONGEST: usize = 64;

impl Language {
    /// The words of a text, in their order. In scripts that are written without spaces each character is a word.
    ///
    /// # Examples
    /// ```
    /// use agentic_memory::Language;
    ///
    /// assert_eq!(Language::English.words("When did Anna's dogs run?"), ["anna", "dog", "run"]);
    /// assert_eq!(Language::Any.words("Übung 7b"), ["übung", "7b"]);
    /// ```
    pub fn words(self, text: &str) -> Vec<String> {
        text.unicode_words().filter_map(|word| self.word(word)).collect()
    }

    /// The words and signs by which two texts say the same: all but articles, in whatever form. Unlike the
    /// [words](Self::words) that are looked for they tell "does" from "does not", "5" from "-5" and "C" from "C++".
    pub(crate) fn essence(self, text: &str) -> Vec<String> {
        let mut essence = Vec::new();
        for piece in text.split_word_bounds() {
            if !piece.contains(char::is_alphanumeric) {
                essence.extend(piece.chars().filter(|sign| !is_silent(*sign)).map(String::from));
                continue;
            }
            let word = piece.to_lowercase().replace('’', "'");
            if self == Self::Any {
                essence.push(word);
                continue;
            }
            let (word, not) = match word.strip_suffix("n't") {
                Some("ca") => ("can", true),
                Some("wo") => ("will", true),
                Some("sha") => ("shall", true),
                Some(word) => (word, true),
                None => (word.strip_suffix("'s").unwrap_or(&word), false),
            };
            if !matches!(word, "a" | "an" | "the" | "") {
                essence.push(waken_snowball::stem(Algorithm::English, word).to_string());
            }
            if not {
                essence.push("not".into());
            }
        }
        essence
    }

    /// Whether what a text says depends on who says it. In an unknown language it may.
    pub(crate) fn is_personal(self, text: &str) -> bool {
        self.has_one_of(text, PERSONS)
    }

    /// Whether what a text says depends on the day on which it is said. In an unknown language it may.
    pub(crate) fn is_of_a_day(self, text: &str) -> bool {
        self.has_one_of(text, DAYS)
    }

    fn has_one_of(self, text: &str, words: &[&str]) -> bool {
        let is_one = |word: &str| words.contains(&&*word.to_lowercase().replace('’', "'"));
        self == Self::Any || text.unicode_words().any(is_one)
    }

    fn word(self, word: &str) -> Option<String> {
        let mut word = word.to_lowercase().replace('’', "'");
        if let Some((at, _)) = word.char_indices().nth(LONGEST) {
            word.truncate(at);
        }
        match self {
            Self::Any => Some(word),
            Self::English => {
                let word = word.strip_suffix("'s").unwrap_or(&word);
                let carries = !word.is_empty() && !stop_words::is_english(word);
                carries.then(|| waken_snowball::stem(Algorithm::English, word).to_string())
            }
        }
    }
}

const PERSONS: &[&str] = &[
    "i", "i'm", "i've", "i'd", "i'll", "me", "my", "mine", "we", "we're", "we've", "us", "our", "ours",
    "you", "you're", "your", "yours",
];

const DAYS: &[&str] = &[
    "today",
    "tonight",
    "tomorrow",
    "yesterday",
    "now",
    "currently",
    "ago",
    "this",
    "next",
    "last",
    "soon",
    "recently",
];

/// Whether a sign between words leaves what is said as it is.
fn is_silent(sign: char) -> bool {
    sign.is_whitespace() || sign.is_control() || ".,;:!\"'’‘“”„«»(){}…–—_*`~".contains(sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_in_other_forms() {
        for (one, other) in [
            ("Anna drinks the tea.", "anna DRINKS tea!"),
            ("Ben doesn't smoke", "Ben does not smoke"),
            ("Ben won’t come; “really”", "Ben will not come really"),
            ("(the) 3.5 % rise", "3.5% rises"),
        ] {
            assert_eq!(Language::English.essence(one), Language::English.essence(other), "{one} / {other}");
        }
        for (one, other) in [
            ("Anna drinks tea", "Anna does not drink tea"),
            ("Anna loves Ben", "Ben loves Anna"),
            ("Anna writes C++", "Anna writes C"),
            ("It was -5 degrees", "It was 5 degrees"),
            ("It costs $5", "It costs €5"),
            ("Anna drinks tea", "Anna drinks tea?"),
            ("Anna is a nurse", "Anna was a nurse"),
            ("He can come", "He can't come"),
        ] {
            assert_ne!(Language::English.essence(one), Language::English.essence(other), "{one} / {other}");
        }
        assert_eq!(Language::Any.essence("Der Hund"), ["der", "hund"]);
        assert!(
            Language::English.is_personal("That is My dog") && Language::English.is_personal("I’ve done it")
        );
        assert!(!Language::English.is_personal("Anna drinks tea"));
        assert!(Language::English.is_of_a_day("Anna flies tomorrow") && Language::Any.is_of_a_day("Hund"));
    }

    #[test]
    fn words_are_found_in_whatever_form() {
        for (one, other) in [
            ("running", "runs"),
            ("Hiking trips", "a hike? the trip!"),
            ("Melanie's paintings", "melanie painted"),
            ("don’t", "Don't"),
            ("naïve café", "NAÏVE CAFÉ"),
        ] {
            assert_eq!(Language::English.words(one), Language::English.words(other), "{one} / {other}");
        }
    }

    #[test]
    fn every_text_becomes_words() {
        assert!(Language::English.words("").is_empty() && Language::English.words("?! …").is_empty());
        assert_eq!(Language::English.words("the who"), Vec::<String>::new(), "nothing carries meaning");
        assert_eq!(Language::Any.words("東京 3.5 C++"), ["東", "京", "3.5", "c"]);
        assert_eq!(Language::Any.words(&"x".repeat(1000))[0].len(), LONGEST);
    }
}
