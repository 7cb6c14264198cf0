//! `#[tool]`: reads the function, then writes the tool.

mod arguments;
mod expand;
mod settings;

use proc_macro2::TokenStream;
use syn::{ItemFn, Result};

/// The tool, or the mistakes in it as compile errors.
pub(crate) fn expand(settings: TokenStream, function: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(function.clone()) {
        Ok(function) => function,
        Err(_) => {
            let message = "#[tool] goes on an async function: `async fn name(…) -> Result<…> { … }`";
            let error = syn::Error::new_spanned(function.into_iter().next(), message);
            return error.to_compile_error();
        }
    };
    match build(settings, &function) {
        Ok(tokens) => tokens,
        Err(error) => {
            // A stand-in, so that the mistake is not followed by "cannot find …" wherever the tool is used.
            let (error, stand_in) = (error.to_compile_error(), expand::stand_in(&function));
            quote::quote!(#error #stand_in)
        }
    }
}

fn build(settings: TokenStream, function: &ItemFn) -> Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    let settings = mistakes.keep(settings::Settings::parse(settings, function));
    let arguments = mistakes.keep(arguments::Arguments::parse(function));
    mistakes.keep(settings::check_signature(function));
    if let (Some(settings), Some(arguments)) = (&settings, &arguments) {
        mistakes.keep(settings.check_with(arguments, function));
    }
    let description = mistakes.keep(settings::description(function));
    mistakes.end()?;
    match (settings, arguments, description) {
        (Some(settings), Some(arguments), Some(description)) => {
            Ok(expand::tool(&settings, &arguments, &description, function))
        }
        _ => Ok(TokenStream::new()),
    }
}

/// Collects mistakes, so that all of them are told at once.
#[derive(Default)]
struct Mistakes(Option<syn::Error>);

impl Mistakes {
    fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(error);
                None
            }
        }
    }

    fn add(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    fn end(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
