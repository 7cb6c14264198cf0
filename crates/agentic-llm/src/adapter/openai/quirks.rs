//! What servers do otherwise than OpenAI, as data.

/// What a server does otherwise than OpenAI. Start from [`Quirks::of_host`] and change what you know better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quirks {
    /// The field that limits the output: OpenAI's newer models refuse `max_tokens`, most other servers know only
    /// that.
    pub max_tokens_field: &'static str,
    /// The field that makes drawing repeatable.
    pub seed_field: &'static str,
    /// Whether `stream_options` is sent, so that a stream ends with its usage.
    pub stream_options: bool,
    /// Whether `top_k`, `min_p` and `repeat_penalty` are sent. If not, a request that sets them is refused.
    pub wide_sampling: bool,
    /// Whether the model's reasoning is sent back as `reasoning_content`.
    pub echo_reasoning: bool,
}

/// A server of which nothing special is known: vLLM, llama.cpp, Ollama, LM Studio, most hosted ones.
const COMMON: Quirks = Quirks {
    max_tokens_field: "max_tokens",
    seed_field: "seed",
    stream_options: true,
    wide_sampling: true,
    echo_reasoning: false,
};
const OPENAI: Quirks = Quirks { max_tokens_field: "max_completion_tokens", wide_sampling: false, ..COMMON };

/// Hosts and what lies below them. The first that fits counts.
const HOSTS: &[(&str, Quirks)] = &[
    ("openai.com", OPENAI),
    ("openai.azure.com", OPENAI),
    // Refuses fields that it does not know; a stream ends with its usage unasked.
    (
        "mistral.ai",
        Quirks { seed_field: "random_seed", stream_options: false, wide_sampling: false, ..COMMON },
    ),
    // Thinking models want their reasoning back within a turn of tool calls.
    ("deepseek.com", Quirks { wide_sampling: false, echo_reasoning: true, ..COMMON }),
    ("moonshot.ai", Quirks { wide_sampling: false, echo_reasoning: true, ..COMMON }),
    ("moonshot.cn", Quirks { wide_sampling: false, echo_reasoning: true, ..COMMON }),
];

impl Quirks {
    /// What is known of the server at `host`.
    pub fn of_host(host: &str) -> Self {
        let below = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        HOSTS.iter().find(|(domain, _)| below(domain)).map_or(COMMON, |(_, quirks)| *quirks)
    }
}

impl Default for Quirks {
    fn default() -> Self {
        COMMON
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_matched_by_whole_labels() {
        assert_eq!(Quirks::of_host("api.openai.com"), OPENAI);
        assert_eq!(Quirks::of_host("mine.openai.azure.com"), OPENAI);
        assert_eq!(Quirks::of_host("notopenai.com"), COMMON);
        assert_eq!(Quirks::of_host("127.0.0.1"), COMMON);
        assert_eq!(Quirks::of_host("api.mistral.ai").seed_field, "random_seed");
    }
}
