//! The model's vocabulary: text to tokens and back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;
use llguidance::ParserFactory;

use super::error::EngineError;
use super::grammar;
use super::prefix::Token;

/// Marks a place where text must not be read as a control token. A noncharacter: never in real text.
pub(crate) const GUARD: char = '\u{FDD0}';
/// Longest text that is tokenised at all; llama.cpp counts in `i32`.
const MAX_TEXT: usize = 256 << 20;
/// Assistant messages whose own tokens are remembered.
const MEMO: usize = 512;

/// The vocabulary of a loaded model. Cheap to share.
pub struct Vocab {
    model: Arc<LlamaModel>,
    /// Texts of the control tokens, to be defused in untrusted text.
    control: Vec<String>,
    is_control: Vec<bool>,
    factory: OnceLock<Result<ParserFactory, String>>,
    memo: Mutex<Memo>,
}

/// What the model itself wrote between two control tokens, in its own tokens, which may differ from
/// what tokenising the text gives. Keeps the KV cache valid for the next turn.
#[derive(Default)]
struct Memo {
    entries: HashMap<Vec<u8>, (u64, Vec<Token>)>,
    clock: u64,
}

impl std::fmt::Debug for Vocab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vocab").field("tokens", &self.len()).finish_non_exhaustive()
    }
}

impl Vocab {
    pub(crate) fn new(model: Arc<LlamaModel>) -> Self {
        let mut control = Vec::new();
        let is_control: Vec<bool> = {
            let vocab = model.vocab();
            (0..vocab.n_tokens())
                .map(|id| {
                    let token = LlamaToken(id);
                    let attributes = vocab.attr(token);
                    let yes = vocab.is_control(token) || attributes.contains(LlamaTokenAttr::UserDefined);
                    if yes && let Ok(text) = String::from_utf8(vocab.token_to_piece(token, true, None)) {
                        control.push(text);
                    }
                    yes
                })
                .collect()
        };
        control.retain(|text| text.chars().count() > 1);
        Self { model, control, is_control, factory: OnceLock::new(), memo: Mutex::default() }
    }

    /// Number of tokens in the vocabulary.
    pub fn len(&self) -> usize {
        self.is_control.len()
    }

    /// Whether the vocabulary is empty; a loaded model's never is.
    pub fn is_empty(&self) -> bool {
        self.is_control.is_empty()
    }

    /// Tokenises a rendered prompt: control tokens are recognised, except at guarded places, and
    /// what this model wrote before keeps the tokens it wrote.
    ///
    /// # Errors
    ///
    /// [`EngineError::EmptyPrompt`] if nothing comes out, [`EngineError::Template`] for text beyond all bounds.
    pub fn tokenize_prompt(&self, text: &str) -> Result<Vec<Token>, EngineError> {
        if text.len() > MAX_TEXT {
            return Err(EngineError::Template { reason: format!("the prompt has {} bytes", text.len()) });
        }
        let bos = self.text(self.model.vocab().bos().0);
        let writes_bos = !bos.is_empty() && text.as_bytes().starts_with(&bos);
        let mut tokens = Vec::new();
        for (at, piece) in text.split(GUARD).enumerate() {
            tokens.extend(self.raw(piece, at == 0 && !writes_bos, true));
        }
        let tokens = self.restore(tokens);
        if tokens.is_empty() { Err(EngineError::EmptyPrompt) } else { Ok(tokens) }
    }

    /// Tokenises plain text: nothing in it is a control token.
    pub fn tokenize_plain(&self, text: &str) -> Vec<Token> {
        if text.len() > MAX_TEXT {
            return Vec::new();
        }
        text.split(GUARD).flat_map(|piece| self.raw(piece, false, false)).collect()
    }

    fn raw(&self, text: &str, add_special: bool, parse_special: bool) -> Vec<Token> {
        if text.is_empty() && !add_special {
            return Vec::new();
        }
        let tokens = self.model.vocab().tokenize(text.as_bytes(), add_special, parse_special);
        tokens.into_iter().map(|token| token.0).collect()
    }

    /// Makes `text` safe inside a prompt: whatever reads like a control token is taken apart by a guard character.
    pub fn defuse(&self, text: &str) -> String {
        let mut out = text.replace(GUARD, "\u{FFFD}");
        for control in &self.control {
            if out.contains(control.as_str()) {
                let first = control.chars().next().map_or(0, char::len_utf8);
                let apart = format!("{}{GUARD}{}", &control[..first], &control[first..]);
                out = out.replace(control.as_str(), &apart);
            }
        }
        out
    }

    /// The bytes of one token; control tokens have their name.
    pub fn text(&self, token: Token) -> Vec<u8> {
        if !self.contains(token) {
            return Vec::new();
        }
        self.model.vocab().token_to_piece(LlamaToken(token), true, None)
    }

    /// The bytes of one token as output: nothing for control tokens.
    pub(crate) fn shown(&self, token: Token) -> Vec<u8> {
        if !self.contains(token) {
            return Vec::new();
        }
        self.model.vocab().token_to_piece(LlamaToken(token), false, None)
    }

    /// Whether `token` ends the model's turn.
    pub fn is_end(&self, token: Token) -> bool {
        self.contains(token) && self.model.vocab().is_eog(LlamaToken(token))
    }

    pub(crate) fn contains(&self, token: Token) -> bool {
        usize::try_from(token).is_ok_and(|at| at < self.len())
    }

    pub(crate) fn is_control(&self, token: Token) -> bool {
        usize::try_from(token).is_ok_and(|at| self.is_control.get(at).copied().unwrap_or(false))
    }

    pub(crate) fn model(&self) -> &Arc<LlamaModel> {
        &self.model
    }

    /// The compiler of grammars for this vocabulary, made at first use (a few 100 ms).
    pub(crate) fn factory(&self) -> Result<&ParserFactory, EngineError> {
        let made = self.factory.get_or_init(|| grammar::factory(&self.model).map_err(|e| e.to_string()));
        made.as_ref()
            .map_err(|reason| EngineError::Grammar { what: "vocabulary".into(), reason: reason.clone() })
    }

    /// Remembers the tokens of what the model wrote after `prompt`, where they are not what
    /// tokenising the same text gives.
    pub(crate) fn remember(&self, prompt: &[Token], output: &[Token]) {
        let start = prompt.iter().rposition(|&token| self.is_control(token)).map_or(0, |at| at + 1);
        let joined: Vec<Token> = [&prompt[start..], output].concat();
        for own in joined.split(|&token| self.is_control(token)) {
            let text = self.bytes(own);
            let Ok(readable) = std::str::from_utf8(&text) else { continue };
            if !own.is_empty() && self.raw(readable, false, false) != own {
                self.memo.lock().unwrap_or_else(PoisonError::into_inner).insert(text, own.to_vec());
            }
        }
    }

    fn restore(&self, tokens: Vec<Token>) -> Vec<Token> {
        let mut memo = self.memo.lock().unwrap_or_else(PoisonError::into_inner);
        if memo.entries.is_empty() {
            return tokens;
        }
        let mut out = Vec::with_capacity(tokens.len());
        for part in tokens.chunk_by(|a, b| self.is_control(*a) == self.is_control(*b)) {
            match part.first() {
                Some(&first) if !self.is_control(first) => match memo.get(&self.bytes(part)) {
                    Some(own) => out.extend(own),
                    None => out.extend(part),
                },
                _ => out.extend(part),
            }
        }
        out
    }

    fn bytes(&self, tokens: &[Token]) -> Vec<u8> {
        tokens.iter().flat_map(|&token| self.text(token)).collect()
    }
}

impl Memo {
    fn insert(&mut self, text: Vec<u8>, tokens: Vec<Token>) {
        self.clock += 1;
        if self.entries.len() >= MEMO
            && let Some(oldest) =
                self.entries.iter().min_by_key(|(_, (used, _))| *used).map(|(k, _)| k.clone())
        {
            self.entries.remove(&oldest);
        }
        self.entries.insert(text, (self.clock, tokens));
    }

    fn get(&mut self, text: &[u8]) -> Option<Vec<Token>> {
        self.clock += 1;
        let (used, tokens) = self.entries.get_mut(text)?;
        *used = self.clock;
        Some(tokens.clone())
    }
}
