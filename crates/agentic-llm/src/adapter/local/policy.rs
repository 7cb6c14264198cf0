//! Turn policies: how a model may answer when tools are offered. Data, one row per model family.

/// How a model may use its turn when tools are offered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TurnPolicy {
    /// Whether a turn may be prose instead of a call.
    pub prose: bool,
    /// Calls in one turn at most.
    pub max_calls: usize,
    /// Offers the final answer as a call, which is turned back into text; only where prose is not allowed.
    pub answer_call: bool,
    /// A sentence added to the system prompt when tools are offered.
    pub instruction: Option<String>,
    /// Lets the model write a thought of at most so many characters before each call; 0 for none.
    pub max_thought: usize,
}

impl TurnPolicy {
    /// Exactly one call a turn, the final answer as a call.
    ///
    /// Measured with Qwen2.5-Coder-1.5B on folders of invoices: with prose allowed it explains what one
    /// could do and never calls (0 of 10 right); with several calls a turn it invents the results of the
    /// first ones (0 of 2); so, most are right. With a thought of 200 characters before each call it invented
    /// paths and went round in a loop (one run).
    pub fn one_call() -> Self {
        Self {
            prose: false,
            max_calls: 1,
            answer_call: true,
            instruction: Some(
                "Call exactly one tool, wait for its result before the next. \
                 When you have everything you need, call final_answer with the complete answer."
                    .into(),
            ),
            max_thought: 0,
        }
    }

    /// Prose or up to eight calls a turn, as large models do by themselves.
    pub fn free() -> Self {
        Self { prose: true, max_calls: 8, answer_call: false, instruction: None, max_thought: 0 }
    }

    /// The policy for a model by what its file says about it.
    pub fn for_model(name: &str, parameters: u64) -> Self {
        let name = name.to_ascii_lowercase();
        for row in POLICIES {
            if name.contains(row.name) && parameters <= row.max_parameters {
                return (row.policy)();
            }
        }
        Self::free()
    }
}

struct Row {
    /// Part of the model's name in lower case; empty for any.
    name: &'static str,
    max_parameters: u64,
    policy: fn() -> TurnPolicy,
}

/// First match wins.
const POLICIES: &[Row] = &[
    Row { name: "qwen2.5", max_parameters: 8_000_000_000, policy: TurnPolicy::one_call },
    // Small models of any family do one thing at a time best.
    Row { name: "", max_parameters: 4_500_000_000, policy: TurnPolicy::one_call },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_matching_row_decides() {
        assert_eq!(
            TurnPolicy::for_model("Qwen2.5 Coder 1.5B Instruct GGUF", 1_500_000_000),
            TurnPolicy::one_call()
        );
        assert_eq!(TurnPolicy::for_model("Qwen2.5 7B", 7_600_000_000), TurnPolicy::one_call());
        assert_eq!(TurnPolicy::for_model("Llama 3.2 3B", 3_200_000_000), TurnPolicy::one_call());
        assert_eq!(TurnPolicy::for_model("Llama 3.3 70B", 70_000_000_000), TurnPolicy::free());
    }
}
