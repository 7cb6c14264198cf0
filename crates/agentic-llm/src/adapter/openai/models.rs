//! What is known of OpenAI's own models.
//!
//! Limits and standard-tier prices as they were generally known when the models came out (GPT-4o 2024, GPT-4.1 and
//! GPT-5 2025). They were written down from memory and not compared with OpenAI's pages since: look at
//! <https://platform.openai.com/docs/pricing> before you rely on a budget in money, and give the price of today with
//! [`OpenAiBuilder::price`](super::OpenAiBuilder::price).

use agentic_core::{NanoUsd, Price};

/// Limits in tokens and a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) context_tokens: u64,
    pub(super) max_output_tokens: u64,
    pub(super) price: Price,
}

/// A price in thousandths of a dollar for a million tokens: input, cached input, output.
const fn price(input: u64, cached_input: u64, output: u64) -> Price {
    const MILLI: u64 = 1_000_000;
    Price {
        input: NanoUsd(input * MILLI),
        cached_input: NanoUsd(cached_input * MILLI),
        output: NanoUsd(output * MILLI),
    }
}

const fn known(context_tokens: u64, max_output_tokens: u64, price: Price) -> Known {
    Known { context_tokens, max_output_tokens, price }
}

const MODELS: &[(&str, Known)] = &[
    ("gpt-5", known(400_000, 128_000, price(1_250, 125, 10_000))),
    ("gpt-5-mini", known(400_000, 128_000, price(250, 25, 2_000))),
    ("gpt-5-nano", known(400_000, 128_000, price(50, 5, 400))),
    ("gpt-4.1", known(1_047_576, 32_768, price(2_000, 500, 8_000))),
    ("gpt-4.1-mini", known(1_047_576, 32_768, price(400, 100, 1_600))),
    ("gpt-4.1-nano", known(1_047_576, 32_768, price(100, 25, 400))),
    ("gpt-4o", known(128_000, 16_384, price(2_500, 1_250, 10_000))),
    ("gpt-4o-mini", known(128_000, 16_384, price(150, 75, 600))),
];

/// What is known of a model, by its name or its name with a date (`gpt-5-2025-08-07`).
pub(super) fn find(model: &str) -> Option<Known> {
    let name = undated(model);
    MODELS.iter().find(|(known, _)| *known == name).map(|(_, known)| *known)
}

fn undated(model: &str) -> &str {
    let is_date = |text: &str| {
        text.len() == 11
            && text.bytes().enumerate().all(|(at, byte)| match at {
                0 | 5 | 8 => byte == b'-',
                _ => byte.is_ascii_digit(),
            })
    };
    match model.len().checked_sub(11).and_then(|at| model.split_at_checked(at)) {
        Some((name, date)) if is_date(date) => name,
        _ => model,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_name_is_the_same_model() {
        assert_eq!(find("gpt-5-2025-08-07"), find("gpt-5"));
        assert!(find("gpt-5").is_some());
        assert_eq!(find("gpt-5-turbo-ultra"), None);
        assert_eq!(find("é"), None);
    }

    #[test]
    fn prices_are_dollars_for_a_million_tokens() {
        let price = find("gpt-5-mini").unwrap().price;
        assert_eq!(Some(price.input), NanoUsd::from_dollars(0.25));
        assert_eq!(Some(price.cached_input), NanoUsd::from_dollars(0.025));
        assert_eq!(Some(price.output), NanoUsd::from_dollars(2.0));
    }
}
