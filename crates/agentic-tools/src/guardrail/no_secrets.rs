//! Keys and tokens that are replaced.

use std::sync::LazyLock;

use agentic_core::{Gate, Guardrail, GuardrailVerdict, Passage, Stand};

use super::redact::{PatternError, Redact};

/// Keys by their form. Each matches when [`WINDOW`] characters of it have come, if not before, and goes on matching to its
/// end.
const KEYS: &[&str] = &[
    // Private keys, to their last line, or as far as they have come.
    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z ]{0,20}PRIVATE KEY(?: BLOCK)?-----|\z)",
    // OpenAI, Anthropic and those who have taken over their form; Stripe.
    r"\bsk-[A-Za-z0-9_-]{20,}",
    r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}",
    // GitHub, GitLab, Hugging Face, npm, PyPI.
    r"\bgh[oprsu]_[A-Za-z0-9]{20,}",
    r"\bgithub_pat_[A-Za-z0-9_]{20,}",
    r"\bglpat-[A-Za-z0-9_-]{16,}",
    r"\bhf_[A-Za-z0-9]{20,}",
    r"\bnpm_[A-Za-z0-9]{20,}",
    r"\bpypi-[A-Za-z0-9_-]{20,}",
    // Slack, AWS, Google.
    r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16,}",
    r"\bAIza[A-Za-z0-9_-]{30,}",
    // JSON web tokens: the first characters are those of `{"`.
    r"\beyJ[A-Za-z0-9_-]{17,}(?:\.[A-Za-z0-9_-]+)*",
    r"(?i:\bbearer) [A-Za-z0-9._~+/=-]{16,}",
    // Passwords in addresses.
    r"\b[A-Za-z][A-Za-z0-9+.-]{1,20}://[^\s/:@]{0,50}:[^\s/@]{1,50}@",
];

const EMAIL: &str = r"\b[A-Za-z0-9._%+-]{1,60}@[A-Za-z0-9-]{1,30}(?:\.[A-Za-z0-9-]{1,30})*\.[A-Za-z]{2,}";

/// The longest beginning of a secret that may not be told from other text.
const WINDOW: usize = 160;

static OF_KEYS: LazyLock<Result<Redact, PatternError>> = LazyLock::new(|| {
    KEYS.iter().try_fold(Redact::new(NAME).holding_back(WINDOW), |redact, pattern| redact.pattern(pattern))
});

static WITH_EMAILS: LazyLock<Result<Redact, PatternError>> =
    LazyLock::new(|| OF_KEYS.clone()?.pattern(EMAIL));

const NAME: &str = "no-secrets";

/// Puts `[redacted]` in the place of API keys, private keys, tokens, and passwords in addresses, at all gates. They are known
/// by their form: what has none, such as a password in words, is not found.
///
/// Of an answer that is streamed the last 160 characters are held back.
#[derive(Clone, Debug, Default)]
pub struct NoSecrets {
    emails: bool,
    gates: Option<Vec<Gate>>,
}

impl NoSecrets {
    /// The same, and addresses of e-mail are secrets too.
    #[must_use]
    pub fn and_emails(mut self) -> Self {
        self.emails = true;
        self
    }

    /// The same at these gates and no others.
    #[must_use]
    pub fn at(mut self, gates: impl IntoIterator<Item = Gate>) -> Self {
        self.gates = Some(gates.into_iter().collect());
        self
    }
}

impl Guardrail for NoSecrets {
    fn name(&self) -> &str {
        NAME
    }

    fn stands_at(&self, gate: Gate) -> Stand {
        match &self.gates {
            Some(gates) if !gates.contains(&gate) => Stand::Away,
            _ => Stand::Screens,
        }
    }

    fn screen(&self, passage: &Passage) -> GuardrailVerdict {
        let redact = if self.emails { &WITH_EMAILS } else { &OF_KEYS };
        match &**redact {
            Ok(redact) => redact.screen(passage),
            Err(error) => GuardrailVerdict::block(error.to_string()),
        }
    }

    fn window(&self) -> Option<usize> {
        Some(WINDOW)
    }
}
