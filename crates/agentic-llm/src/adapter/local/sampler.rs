//! Chooses the next token: the model's first choice, unless a grammar refuses it.

use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use super::error::EngineError;
use super::grammar::Constraint;
use super::options::Sampling;
use super::prefix::Token;

/// Output tokens that repeat penalties look at.
const PENALTY_WINDOW: i32 = 64;

/// Chooses tokens for one request.
#[derive(Debug)]
pub(crate) struct Chooser {
    /// Penalties and random choice; `None`: simply the most likely token.
    chain: Option<LlamaSampler>,
}

/// A token and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) token: Token,
    /// The grammar refused the first choice.
    pub(crate) refused: bool,
}

impl Chooser {
    pub(crate) fn new(n_vocab: usize, sampling: &Sampling) -> Result<Self, EngineError> {
        sampling.validate()?;
        let mut parts = Vec::new();
        if sampling.has_penalties() {
            parts.push(LlamaSampler::penalties(
                i32::try_from(n_vocab).unwrap_or(i32::MAX),
                PENALTY_WINDOW,
                sampling.repeat_penalty,
                sampling.frequency_penalty,
                sampling.presence_penalty,
            ));
        }
        if sampling.is_greedy() {
            if parts.is_empty() {
                return Ok(Self { chain: None });
            }
            parts.push(LlamaSampler::greedy());
        } else {
            if let Ok(k @ 1..) = i32::try_from(sampling.top_k) {
                parts.push(LlamaSampler::top_k(k));
            }
            if sampling.top_p < 1.0 {
                parts.push(LlamaSampler::top_p(sampling.top_p, 1));
            }
            if sampling.min_p > 0.0 {
                parts.push(LlamaSampler::min_p(sampling.min_p, 1));
            }
            parts.push(LlamaSampler::temp(sampling.temperature));
            parts.push(LlamaSampler::dist(sampling.seed));
        }
        Ok(Self { chain: Some(LlamaSampler::chain(parts, true)) })
    }

    /// Chooses a token and takes it in `constraint`. The mask of all allowed tokens, which is costly,
    /// is only computed when the first choice is refused.
    pub(crate) fn choose(
        &mut self,
        logits: &[f32],
        constraint: Option<&mut Constraint>,
    ) -> Result<Choice, EngineError> {
        let nothing = || EngineError::Decode { reason: "the model gave no usable probabilities".into() };
        let first = self.pick(logits, |_| true).ok_or_else(nothing)?;
        let Some(constraint) = constraint else { return Ok(Choice { token: first, refused: false }) };
        if constraint.accept(first)? {
            return Ok(Choice { token: first, refused: false });
        }
        let mask = constraint.mask()?;
        let second = self
            .pick(logits, |id| u32::try_from(id).is_ok_and(|id| mask.is_allowed(id)))
            .ok_or_else(nothing)?;
        if !constraint.accept(second)? {
            return Err(EngineError::Decode { reason: "the grammar refused a token it had allowed".into() });
        }
        Ok(Choice { token: second, refused: true })
    }

    /// Notes a token as used, for penalties.
    pub(crate) fn note(&mut self, token: Token) {
        if let Some(chain) = &mut self.chain {
            chain.accept(LlamaToken(token));
        }
    }

    fn pick(&mut self, logits: &[f32], allowed: impl Fn(Token) -> bool) -> Option<Token> {
        let candidates = (0..).zip(logits).filter(|(id, logit)| logit.is_finite() && allowed(*id));
        match &mut self.chain {
            None => {
                let mut best: Option<(Token, f32)> = None;
                for (id, &logit) in candidates {
                    if best.is_none_or(|(_, most)| logit > most) {
                        best = Some((id, logit));
                    }
                }
                best.map(|(id, _)| id)
            }
            Some(chain) => {
                let data: Vec<LlamaTokenData> =
                    candidates.map(|(id, &logit)| LlamaTokenData::new(LlamaToken(id), logit, 0.0)).collect();
                if data.is_empty() {
                    return None;
                }
                let mut array = LlamaTokenDataArray::new(data, false);
                array.apply_sampler(chain);
                array.selected_token().map(|token| token.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGITS: [f32; 6] = [0.5, 2.0, 1.9, -1.0, f32::NEG_INFINITY, f32::NAN];

    fn draw(sampling: &Sampling, count: usize) -> Vec<Token> {
        let mut chooser = Chooser::new(LOGITS.len(), sampling).unwrap();
        (0..count)
            .map(|_| {
                let token = chooser.choose(&LOGITS, None).unwrap().token;
                chooser.note(token);
                token
            })
            .collect()
    }

    #[test]
    fn temperature_zero_takes_the_most_likely_token() {
        assert_eq!(draw(&Sampling::default(), 3), [1, 1, 1]);
        let k1 = Sampling { temperature: 1.0, top_k: 1, ..Sampling::default() };
        assert_eq!(draw(&k1, 3), [1, 1, 1]);
    }

    #[test]
    fn a_seed_repeats_and_seeds_differ() {
        let sampling = |seed| Sampling { temperature: 2.0, seed, ..Sampling::default() };
        assert_eq!(draw(&sampling(7), 40), draw(&sampling(7), 40));
        assert_ne!(draw(&sampling(7), 40), draw(&sampling(8), 40));
        assert!(draw(&sampling(7), 200).iter().all(|&token| token < 4), "impossible tokens are never drawn");
    }

    #[test]
    fn top_p_and_min_p_cut_the_tail() {
        let hot = Sampling { temperature: 5.0, ..Sampling::default() };
        for sampling in [Sampling { top_p: 0.5, ..hot.clone() }, Sampling { min_p: 0.8, ..hot }] {
            assert!(draw(&sampling, 100).iter().all(|token| [1, 2].contains(token)));
        }
    }

    #[test]
    fn penalties_work_at_temperature_zero() {
        let sampling = Sampling { presence_penalty: 1.0, ..Sampling::default() };
        assert_eq!(draw(&sampling, 3), [1, 2, 1]);
    }

    #[test]
    fn no_usable_probability_is_an_error() {
        let mut chooser = Chooser::new(2, &Sampling::default()).unwrap();
        assert!(chooser.choose(&[f32::NAN, f32::NEG_INFINITY], None).is_err());
    }
}
