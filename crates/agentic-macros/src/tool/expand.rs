//! Writes the tool.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Attribute, FnArg, ItemFn, ReturnType};

use super::arguments::{Argument, Arguments};
use super::settings::{Effect, Settings};

/// `fn name() -> Arc<dyn Tool>`.
pub(crate) fn tool(
    settings: &Settings,
    arguments: &Arguments,
    description: &str,
    function: &ItemFn,
) -> TokenStream {
    let private = private();
    let (visibility, ident) = (&function.vis, &function.sig.ident);
    let outer = function.attrs.iter().filter(|attribute| belongs_outside(attribute));
    let (inner, name) = (inner_function(function), &settings.name);
    let policy = policy(settings, &private);
    let class = match settings.effect {
        Effect::Pure => quote!(Pure),
        Effect::Idempotent => quote!(Idempotent),
        Effect::Keyed => quote!(Keyed),
        Effect::Checkable => quote!(Checkable),
        Effect::Unsafe => quote!(Unsafe),
    };
    let values: Vec<_> = arguments.0.iter().filter_map(property).collect();
    let properties = values.iter().map(|value| {
        let Property { key, ty, description, default, .. } = value;
        let description = description.as_deref().unwrap_or_default();
        // The type's own span, so that a type that does not fit is shown where it stands.
        match default {
            Some(default) => quote_spanned!(ty.span()=> __schema.property_or::<#ty>(#key, #description, (#default).into());),
            None => quote_spanned!(ty.span()=> __schema.property::<#ty>(#key, #description);),
        }
    });
    let call = call(&quote!(#ident), arguments, &values, function, &private, false);
    let check = settings.check.as_ref().map(|check| {
        let call = call(&quote!(#check), arguments, &values, function, &private, true);
        quote!(.with_check(|__arguments, __ecx| ::std::boxed::Box::pin(async move { #call })))
    });
    quote! {
        #(#outer)*
        #visibility fn #ident() -> #private::Arc<dyn #private::Tool> {
            #inner
            let mut __schema = #private::ArgumentsSchema::new();
            #(#properties)*
            #private::FnTool::new(
                #private::ToolSpec::new(#name, #description, __schema.finish()).with_policy(#policy),
                #private::EffectClass::#class,
                |__arguments, __ecx| ::std::boxed::Box::pin(async move { #call }),
            )
            #check
            .into_tool()
        }
    }
}

/// What stands for a tool with a mistake in it.
pub(crate) fn stand_in(function: &ItemFn) -> TokenStream {
    let (private, visibility, ident) = (private(), &function.vis, &function.sig.ident);
    quote! {
        #[allow(missing_docs)]
        #visibility fn #ident() -> #private::Arc<dyn #private::Tool> {
            ::core::unreachable!()
        }
    }
}

/// An argument that the model gives.
struct Property<'a> {
    local: Ident,
    key: String,
    ty: &'a syn::Type,
    description: Option<String>,
    default: Option<&'a syn::Expr>,
}

fn property(argument: &Argument) -> Option<Property<'_>> {
    match argument {
        Argument::Value { ident, ty, description, default } => {
            let key = ident.unraw().to_string();
            let (local, description) = (format_ident!("__argument_{}", key), description.clone());
            Some(Property { local, key, ty, description, default: default.as_deref() })
        }
        _ => None,
    }
}

/// Takes the arguments out of the JSON and calls `path` with them.
fn call(
    path: &TokenStream,
    arguments: &Arguments,
    values: &[Property<'_>],
    function: &ItemFn,
    private: &TokenStream,
    is_check: bool,
) -> TokenStream {
    let takes = values.iter().map(|Property { local, key, ty, default, .. }| {
        match default {
            Some(default) => quote_spanned!(ty.span()=> let #local = __arguments.take_or::<#ty>(#key, || (#default).into())?;),
            None => quote_spanned!(ty.span()=> let #local = __arguments.take::<#ty>(#key)?;),
        }
    });
    let mut locals = values.iter().map(|value| &value.local);
    let passed = arguments.0.iter().map(|argument| match argument {
        Argument::ContextRef => Some(quote!(&__ecx)),
        Argument::ContextOwned => Some(quote!(__ecx.clone())),
        Argument::Value { .. } => locals.next().map(|local| quote!(#local)),
    });
    let span = match &function.sig.output {
        ReturnType::Type(_, ty) => ty.span(),
        ReturnType::Default => Span::call_site(),
    };
    let give = if is_check { quote!(give_checked) } else { quote!(give) };
    quote_spanned! {span=>
        let mut __arguments = #private::ArgumentValues::new(__arguments)?;
        #(#takes)*
        __arguments.finish()?;
        let _ = &__ecx;
        let __result: ::core::result::Result<_, _> = #path(#(#passed),*).await;
        match __result {
            ::core::result::Result::Ok(__value) => #private::#give(__value),
            ::core::result::Result::Err(__error) => {
                #[allow(unused_imports)]
                use #private::{ViaDisplay as _, ViaInto as _};
                ::core::result::Result::Err((&__error).tool_error_kind().convert(__error))
            }
        }
    }
}

fn policy(settings: &Settings, private: &TokenStream) -> TokenStream {
    let timeout = settings
        .timeout_ms
        .map(|ms| quote!(.with_timeout(::core::time::Duration::from_millis(#ms))));
    let bytes = settings.max_output_bytes.as_ref().map(|bytes| quote!(.with_max_output_bytes(#bytes)));
    let approval = settings.approval.then(|| quote!(.ask_first()));
    let sequential = settings.sequential.then(|| quote!(.sequential()));
    quote!(#private::ToolPolicy::default() #timeout #bytes #approval #sequential)
}

/// The function as it was written, without what only `#[tool]` understands.
fn inner_function(function: &ItemFn) -> ItemFn {
    let mut inner = function.clone();
    inner.vis = syn::Visibility::Inherited;
    inner.attrs.retain(|attribute| !belongs_outside(attribute));
    for input in &mut inner.sig.inputs {
        if let FnArg::Typed(typed) = input {
            typed.attrs.retain(|attribute| {
                !attribute.path().is_ident("doc") && !attribute.path().is_ident("default")
            });
        }
    }
    inner
}

fn belongs_outside(attribute: &Attribute) -> bool {
    ["doc", "cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name))
}

/// The path to `agentic_tools::__private`, under whatever name the crate that is compiled knows it.
fn private() -> TokenStream {
    let named = |name: &str, rest: TokenStream| {
        let name = Ident::new(name, Span::call_site());
        quote!(::#name #rest::__private)
    };
    match (crate_name("agentic-tools"), crate_name("agentic")) {
        (Ok(FoundCrate::Name(name)), _) => named(&name, quote!()),
        // The facade's own code, examples and tests know it by its name too.
        (Err(_), Ok(FoundCrate::Name(name))) => named(&name, quote!(::tools)),
        (Err(_), Ok(FoundCrate::Itself)) => named("agentic", quote!(::tools)),
        // `agentic-tools` calls itself by its name (`extern crate self as agentic_tools`).
        _ => named("agentic_tools", quote!()),
    }
}
