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

#[cfg(test)]
mod tests {
    use super::normalised_answer;

    #[test]
    fn case_punctuation_articles_and_spacing_do_not_matter() {
        assert_eq!(normalised_answer("  The Eiffel\n Tower. "), "eiffel tower");
        assert_eq!(normalised_answer("an A-list: \"Theatre\""), "alist theatre");
        assert_eq!(normalised_answer("Ångström"), "ångström");
        assert_eq!(normalised_answer("The"), "");
    }
}
