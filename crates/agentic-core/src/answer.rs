//! Short answers, as they are compared.

/// A short answer in the form in which answers are compared: lower case, without punctuation and the English articles, one
/// space between words. So "The Eiffel Tower." is "eiffel tower".
///
/// This is how answers are compared in question answering since SQuAD (Rajpurkar et al. 2016, "exact match"); HotpotQA
/// compares them in the same way.
pub fn normalised_answer(answer: &str) -> String {
    let lower = answer.to_lowercase();
    let kept: String = lower.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
    let words = kept.split_whitespace().filter(|word| !matches!(*word, "a" | "an" | "the"));
    words.collect::<Vec<_>>().join(" ")
}

/// The code in an answer: what stands in its first code fence (three backticks), without the fence; all of it where there is
/// none. A fence that does not end goes to the end.
pub fn code_in(answer: &str) -> &str {
    const FENCE: &str = "```";
    let Some((_, from)) = answer.split_once(FENCE) else { return answer.trim() };
    // The rest of the line names the language.
    let from = from.split_once('\n').map_or("", |(_, code)| code);
    from.split_once(FENCE).map_or(from, |(code, _)| code).trim()
}

#[cfg(test)]
mod tests {
    use super::{code_in, normalised_answer};

    #[test]
    fn code_is_found_in_its_fence() {
        assert_eq!(code_in("Here:\n```python\nx = 1\n```\nand\n```\ny\n```"), "x = 1");
        assert_eq!(code_in(" x = 1\n"), "x = 1");
        assert_eq!((code_in("```\nx = 1"), code_in("```python"), code_in("")), ("x = 1", "", ""));
    }

    #[test]
    fn case_punctuation_articles_and_spacing_do_not_matter() {
        assert_eq!(normalised_answer("  The Eiffel\n Tower. "), "eiffel tower");
        assert_eq!(normalised_answer("an A-list: \"Theatre\""), "alist theatre");
        assert_eq!(normalised_answer("Ångström"), "ångström");
        assert_eq!(normalised_answer("The"), "");
    }
}
