//! The arguments of a tool's function.

use syn::{Attribute, Error, Expr, FnArg, Ident, ItemFn, Pat, PatType, Result, Type};

use super::Mistakes;
use super::settings::doc;

/// All arguments in their order.
pub(crate) struct Arguments(pub(crate) Vec<Argument>);

/// One argument.
pub(crate) enum Argument {
    /// `&EffectContext`.
    ContextRef,
    /// `EffectContext`.
    ContextOwned,
    /// What the model gives.
    Value { ident: Ident, ty: Box<Type>, description: Option<String>, default: Option<Box<Expr>> },
}

impl Arguments {
    pub(crate) fn parse(function: &ItemFn) -> Result<Self> {
        let mut mistakes = Mistakes::default();
        let mut arguments = Vec::new();
        let mut has_context = false;
        for input in &function.sig.inputs {
            let Some(argument) = mistakes.keep(parse(input)) else { continue };
            if !matches!(argument, Argument::Value { .. }) {
                if has_context {
                    let message = "a second context: a tool gets one `&EffectContext`, remove this one";
                    mistakes.add(Error::new_spanned(input, message));
                }
                has_context = true;
            }
            arguments.push(argument);
        }
        mistakes.end()?;
        Ok(Self(arguments))
    }

    pub(crate) fn has_context(&self) -> bool {
        self.0.iter().any(|argument| !matches!(argument, Argument::Value { .. }))
    }
}

fn parse(input: &FnArg) -> Result<Argument> {
    let typed = match input {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            let message = "a tool is a free function without `self`; for a tool with a state implement the trait `Tool`";
            return Err(Error::new_spanned(receiver, message));
        }
    };
    let default = attributes(&typed.attrs)?;
    match &*typed.ty {
        Type::Reference(reference) if is_context(&reference.elem) => {
            return match &reference.mutability {
                None => Ok(Argument::ContextRef),
                Some(_) => Err(Error::new_spanned(reference, "the context is shared: write `&EffectContext`")),
            };
        }
        Type::Reference(reference) => {
            let message = "arguments come out of JSON and are owned: write `String` for `&str`, `Vec<T>` for `&[T]`; \
                           only the context is borrowed, `&EffectContext`";
            return Err(Error::new_spanned(reference, message));
        }
        Type::ImplTrait(ty) => {
            return Err(Error::new_spanned(ty, "a tool can't be generic: name the type that comes out of the JSON"));
        }
        ty if is_context(ty) => return Ok(Argument::ContextOwned),
        _ => {}
    }
    let ident = name_of(typed)?;
    Ok(Argument::Value { ident, ty: typed.ty.clone(), description: doc(&typed.attrs), default })
}

fn name_of(typed: &PatType) -> Result<Ident> {
    match &*typed.pat {
        Pat::Ident(pat) if pat.subpat.is_none() && pat.by_ref.is_none() => Ok(pat.ident.clone()),
        pattern => {
            let message = "an argument has a plain name, which the model uses: write `point: Point` and take it apart in the body";
            Err(Error::new_spanned(pattern, message))
        }
    }
}

/// Checks an argument's attributes; gives the expression of `#[default(…)]`.
fn attributes(attributes: &[Attribute]) -> Result<Option<Box<Expr>>> {
    let mut default = None;
    for attribute in attributes {
        let path = attribute.path();
        if path.is_ident("default") {
            default = Some(Box::new(attribute.parse_args()?));
        } else if !["doc", "allow", "expect"].iter().any(|known| path.is_ident(known)) {
            let message = "unknown attribute on an argument; there are doc comments and `#[default(…)]`";
            return Err(Error::new_spanned(attribute, message));
        }
    }
    Ok(default)
}

fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|segment| segment.ident == "EffectContext"),
        Type::Group(group) => is_context(&group.elem),
        Type::Paren(paren) => is_context(&paren.elem),
        _ => false,
    }
}
