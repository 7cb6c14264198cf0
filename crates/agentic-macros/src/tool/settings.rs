//! What stands in `#[tool(…)]`, and what the function's signature must be.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Expr, ExprLit, Ident, ItemFn, Lit, LitInt, LitStr, Path, Result, ReturnType, Token};

use super::Mistakes;
use super::arguments::Arguments;

const EFFECTS: &str = "`pure`, `idempotent`, `keyed`, `checkable` or `unsafe`";

/// What a call does to the world.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    Pure,
    Idempotent,
    Keyed,
    Checkable,
    Unsafe,
}

/// The settings of one tool.
pub(crate) struct Settings {
    pub(crate) effect: Effect,
    effect_span: Span,
    pub(crate) name: String,
    pub(crate) check: Option<Path>,
    pub(crate) timeout_ms: Option<u64>,
    pub(crate) max_output_bytes: Option<LitInt>,
    pub(crate) approval: bool,
    pub(crate) sequential: bool,
}

/// One `key = value` or `key`.
struct Setting {
    key: Ident,
    value: Option<Expr>,
}

impl Parse for Setting {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let key = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Some(input.parse()?)
        } else {
            None
        };
        Ok(Self { key, value })
    }
}

impl Settings {
    pub(crate) fn parse(tokens: TokenStream, function: &ItemFn) -> Result<Self> {
        let settings = Punctuated::<Setting, Token![,]>::parse_terminated.parse2(tokens)?;
        let mut mistakes = Mistakes::default();
        let (mut effect, mut check, mut timeout_ms, mut max_output_bytes) = (None, None, None, None);
        let (mut name, mut approval, mut sequential) = (None, false, false);
        let mut seen: Vec<&Ident> = Vec::new();
        for setting in &settings {
            if seen.contains(&&setting.key) {
                mistakes.add(Error::new_spanned(&setting.key, format!("`{}` is given twice", setting.key)));
                continue;
            }
            seen.push(&setting.key);
            match setting.key.to_string().as_str() {
                "effect" => effect = mistakes.keep(parse_effect(setting)),
                "name" => name = mistakes.keep(parse_name(setting)),
                "check" => check = mistakes.keep(parse_path(setting)),
                "timeout" => timeout_ms = mistakes.keep(parse_duration(setting)),
                "max_output_bytes" => max_output_bytes = mistakes.keep(parse_int(setting)),
                "approval" => approval = mistakes.keep(parse_flag(setting)).is_some(),
                "sequential" => sequential = mistakes.keep(parse_flag(setting)).is_some(),
                other => {
                    let message = format!(
                        "unknown setting `{other}`; there are `effect`, `name`, `check`, `timeout`, \
                         `max_output_bytes`, `approval` and `sequential`"
                    );
                    mistakes.add(Error::new_spanned(&setting.key, message));
                }
            }
        }
        if !seen.iter().any(|key| *key == "effect") {
            let message = format!(
                "say what a call does to the world: `#[tool(effect = \"…\")]` with {EFFECTS}; \
                 a tool that changes nothing is `pure`, if in doubt it is `unsafe`"
            );
            mistakes.add(Error::new(Span::call_site(), message));
        }
        let ident = &function.sig.ident;
        let name = match name {
            Some(name) => name,
            None => {
                let name = ident.unraw().to_string();
                mistakes.keep(check_name(&name, ident.span()));
                name
            }
        };
        mistakes.end()?;
        let (effect, effect_span) = effect.ok_or_else(|| Error::new(Span::call_site(), "no effect"))?;
        Ok(Self { effect, effect_span, name, check, timeout_ms, max_output_bytes, approval, sequential })
    }

    /// What the effect asks of the rest.
    pub(crate) fn check_with(&self, arguments: &Arguments, function: &ItemFn) -> Result<()> {
        let error = |message: &str| Err(Error::new(self.effect_span, message));
        match (self.effect, &self.check) {
            (Effect::Checkable, None) => {
                error("a `checkable` tool needs `check = path`: an async function with the same arguments that returns \
                       `Result<Option<T>, E>`, `None` if the call certainly did not happen")
            }
            (effect, Some(check)) if effect != Effect::Checkable => {
                Err(Error::new_spanned(check, "`check` goes with `effect = \"checkable\"` only"))
            }
            (Effect::Keyed, _) if !arguments.has_context() => Err(Error::new_spanned(
                &function.sig.ident,
                "a `keyed` tool hands `ecx.key()` on as the idempotency key: add the argument `ecx: &EffectContext`",
            )),
            _ => Ok(()),
        }
    }
}

/// What is wrong with the signature apart from the arguments.
pub(crate) fn check_signature(function: &ItemFn) -> Result<()> {
    let mut mistakes = Mistakes::default();
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        mistakes.add(Error::new_spanned(signature.fn_token, "a tool is an async function: write `async fn`"));
    }
    if !signature.generics.params.is_empty() {
        let message = "a tool can't be generic: a model calls it by name, with JSON; write one tool for each type";
        mistakes.add(Error::new_spanned(&signature.generics, message));
    }
    if let Some(what) = &signature.generics.where_clause {
        mistakes.add(Error::new_spanned(what, "a tool can't be generic: it has no `where`"));
    }
    if let Some(what) = &signature.unsafety {
        mistakes.add(Error::new_spanned(what, "a tool can't be an `unsafe fn`; its effect may be \"unsafe\""));
    }
    if let Some(what) = &signature.abi {
        mistakes.add(Error::new_spanned(what, "a tool can't have an ABI"));
    }
    if let Some(what) = &signature.variadic {
        mistakes.add(Error::new_spanned(what, "a tool can't be variadic"));
    }
    match &signature.output {
        ReturnType::Type(..) => {}
        ReturnType::Default => {
            let message = "a tool returns `Result<T, E>`: what the model gets to read, or what went wrong";
            mistakes.add(Error::new(signature.paren_token.span.close(), message));
        }
    }
    mistakes.end()
}

/// The doc comment as a description.
pub(crate) fn description(function: &ItemFn) -> Result<String> {
    doc(&function.attrs).ok_or_else(|| {
        let message = "a tool needs a doc comment: `/// …` is the description that the model reads, \
                       what the tool does and when to use it";
        Error::new_spanned(&function.sig.ident, message)
    })
}

/// A doc comment's text with its indentation taken off; `None` if there is none.
pub(crate) fn doc(attributes: &[Attribute]) -> Option<String> {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let syn::Meta::NameValue(meta) = &attribute.meta
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value
        {
            let text = text.value();
            lines.extend(text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()));
        }
    }
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn text_of(setting: &Setting, example: &str) -> Result<LitStr> {
    match &setting.value {
        Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Ok(text.clone()),
        Some(other) => Err(Error::new(other.span(), format!("write it as text: `{} = {example}`", setting.key))),
        None => Err(Error::new_spanned(&setting.key, format!("give a value: `{} = {example}`", setting.key))),
    }
}

fn parse_effect(setting: &Setting) -> Result<(Effect, Span)> {
    let text = text_of(setting, "\"pure\"")?;
    let effect = match text.value().as_str() {
        "pure" => Effect::Pure,
        "idempotent" => Effect::Idempotent,
        "keyed" => Effect::Keyed,
        "checkable" => Effect::Checkable,
        "unsafe" => Effect::Unsafe,
        other => {
            let message = format!("unknown effect `{other}`; it is one of {EFFECTS}");
            return Err(Error::new(text.span(), message));
        }
    };
    Ok((effect, text.span()))
}

fn parse_name(setting: &Setting) -> Result<String> {
    let text = text_of(setting, "\"get_weather\"")?;
    check_name(&text.value(), text.span())?;
    Ok(text.value())
}

fn check_name(name: &str, span: Span) -> Result<()> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=64).contains(&name.len()) && name.bytes().all(good) {
        return Ok(());
    }
    let message = format!("`{name}` can't be a tool's name: 1 to 64 of the letters a-z, A-Z, 0-9, `_` and `-`");
    Err(Error::new(span, message))
}

fn parse_path(setting: &Setting) -> Result<Path> {
    match &setting.value {
        Some(Expr::Path(path)) => Ok(path.path.clone()),
        _ => Err(Error::new_spanned(&setting.key, "name an async function: `check = was_it_sent`")),
    }
}

fn parse_int(setting: &Setting) -> Result<LitInt> {
    match &setting.value {
        Some(Expr::Lit(ExprLit { lit: Lit::Int(number), .. })) => Ok(number.clone()),
        _ => Err(Error::new_spanned(&setting.key, format!("give a number: `{} = 1000`", setting.key))),
    }
}

fn parse_flag(setting: &Setting) -> Result<()> {
    match &setting.value {
        None => Ok(()),
        Some(value) => Err(Error::new(value.span(), format!("`{}` stands alone, without a value", setting.key))),
    }
}

/// Milliseconds.
fn parse_duration(setting: &Setting) -> Result<u64> {
    let text = text_of(setting, "\"30s\"")?;
    let value = text.value();
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let unit = match value.split_at(digits).1.trim() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" | "min" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number = value.split_at(digits).0.parse::<u64>().ok();
    number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .filter(|ms| *ms > 0)
        .ok_or_else(|| Error::new(text.span(), format!("`{value}` is no duration; write \"500ms\", \"30s\", \"5m\" or \"1h\"")))
}
