//! Constrained decoding by llguidance: the output matches a JSON schema or a Lark grammar.

use std::sync::Arc;

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llguidance::api::TopLevelGrammar;
use llguidance::panic_utils::catch_unwind;
use llguidance::toktrie::{InferenceCapabilities, SimpleVob, TokEnv, TokRxInfo, TokTrie, TokenizerEnv};
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};

use super::error::EngineError;
use super::prefix::Token;

/// What an output must match.
#[derive(Debug, Clone)]
pub struct Grammar {
    what: String,
    top: Arc<TopLevelGrammar>,
}

impl Grammar {
    /// Any JSON value that `schema` allows, written with one space after `,` and `:` and no other.
    ///
    /// Keywords the compiler does not know are ignored: validate the value against the schema afterwards.
    pub fn json_schema(what: impl Into<String>, schema: &Value) -> Self {
        Self { what: what.into(), top: Arc::new(TopLevelGrammar::from_json_schema(with_layout(schema))) }
    }

    /// A grammar in llguidance's Lark dialect; `what` names it in errors.
    pub fn lark(what: impl Into<String>, text: impl Into<String>) -> Self {
        Self { what: what.into(), top: Arc::new(TopLevelGrammar::from_lark(text.into())) }
    }
}

/// The schema with the layout every JSON value is written in: that of Python's `json.dumps`, which chat
/// templates use too, so that what the model wrote is found again in the KV cache when it is history.
pub(crate) fn with_layout(schema: &Value) -> Value {
    let mut schema = match schema {
        Value::Object(map) => map.clone(),
        Value::Bool(false) => serde_json::Map::from_iter([("not".to_owned(), json!({}))]),
        _ => serde_json::Map::new(),
    };
    schema.insert(
        "x-guidance".into(),
        json!({
            "item_separator": ", ", "key_separator": ": ", "whitespace_flexible": false,
            "lenient": true, "coerce_one_of": true
        }),
    );
    Value::Object(schema)
}

/// The state of one output that must match a grammar.
pub(crate) struct Constraint {
    matcher: Matcher,
    what: String,
}

impl std::fmt::Debug for Constraint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Constraint").field("what", &self.what).finish_non_exhaustive()
    }
}

impl Constraint {
    /// Compiles `grammar` for the factory's vocabulary.
    pub(crate) fn compile(factory: &ParserFactory, grammar: &Grammar) -> Result<Self, EngineError> {
        let error =
            |reason: String| EngineError::Grammar { what: grammar.what.clone(), reason: first_line(&reason) };
        // A schema may come from anybody: a compiler that panics on it must not take the caller along.
        let compile = || factory.create_parser((*grammar.top).clone());
        let parser = catch_unwind(std::panic::AssertUnwindSafe(compile))
            .map_err(|found| error(format!("{found:#}")))?;
        let matcher = Matcher::new(Ok(parser));
        match matcher.get_error() {
            Some(found) => Err(error(found)),
            None => Ok(Self { matcher, what: grammar.what.clone() }),
        }
    }

    /// Takes `token` if the grammar allows it here, and says whether it did.
    pub(crate) fn accept(&mut self, token: Token) -> Result<bool, EngineError> {
        let Ok(token) = u32::try_from(token) else { return Ok(false) };
        let taken =
            self.matcher.try_consume_tokens(&[token]).map_err(|found| self.failed(&found.to_string()))?;
        Ok(taken == 1)
    }

    /// All tokens allowed here.
    pub(crate) fn mask(&mut self) -> Result<SimpleVob, EngineError> {
        self.matcher.compute_mask_or_eos().map_err(|found| self.failed(&found.to_string()))
    }

    /// Takes the tokens that are the only possible continuation, if there are any.
    pub(crate) fn forced(&mut self) -> Vec<Token> {
        let tokens = self.matcher.consume_ff_tokens();
        tokens.into_iter().filter_map(|token| Token::try_from(token).ok()).collect()
    }

    /// Whether the output is complete and nothing can follow.
    pub(crate) fn is_complete(&self) -> bool {
        self.matcher.is_stopped()
    }

    fn failed(&self, reason: &str) -> EngineError {
        EngineError::Grammar { what: self.what.clone(), reason: first_line(reason) }
    }
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given").to_owned()
}

/// Makes the compiler of grammars for a model's vocabulary.
pub(crate) fn factory(model: &Arc<LlamaModel>) -> Result<ParserFactory, Box<dyn std::error::Error>> {
    let env: TokEnv = Arc::new(ModelTokens { trie: trie(model), model: Arc::clone(model) });
    let capabilities = InferenceCapabilities { ff_tokens: true, ..InferenceCapabilities::default() };
    let slices = llguidance::earley::SlicedBiasComputer::general_slices();
    let mut factory = ParserFactory::new(&env, capabilities, &slices)?;
    factory.quiet();
    factory.limits_mut().verbose_errors = false;
    Ok(factory)
}

/// Bytes of all tokens; those of control tokens begin with llguidance's marker, so that text never matches them.
fn trie(model: &LlamaModel) -> TokTrie {
    let vocab = model.vocab();
    let primary =
        [vocab.eot().0, vocab.eos().0].into_iter().find_map(|id| u32::try_from(id).ok()).unwrap_or(0);
    let mut ends = vec![primary];
    let words: Vec<Vec<u8>> = (0..vocab.n_tokens())
        .map(|id| {
            let token = LlamaToken(id);
            if vocab.is_eog(token)
                && let Ok(id) = u32::try_from(id)
                && id != primary
            {
                ends.push(id);
            }
            let plain = vocab.token_to_piece(token, false, None);
            if !plain.is_empty() {
                return plain;
            }
            let special = vocab.token_to_piece(token, true, None);
            if special.is_empty() {
                special
            } else {
                [&[TokTrie::SPECIAL_TOKEN_MARKER], special.as_slice()].concat()
            }
        })
        .collect();
    let info = TokRxInfo::new(u32::try_from(words.len()).unwrap_or(0), primary);
    TokTrie::from(&info, &words).with_eos_tokens(&ends)
}

/// The model's own tokenizer for llguidance, so that forced text gets the tokens the model is used to.
struct ModelTokens {
    trie: TokTrie,
    model: Arc<LlamaModel>,
}

impl TokenizerEnv for ModelTokens {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<u32> {
        self.trie.tokenize_with_greedy_fallback(bytes, |text| {
            let tokens = self.model.vocab().tokenize(text.as_bytes(), false, false);
            tokens.into_iter().filter_map(|token| u32::try_from(token.0).ok()).collect()
        })
    }
}
