//! A function's error as the tool's: by conversion if there is one, else by its text.
//!
//! `(&error).tool_error_kind().convert(error)` picks [`ViaInto`] before [`ViaDisplay`], because the first takes one
//! reference less: the compiler looks for methods in that order.

use std::fmt::Display;

use agentic_core::ToolError;

/// Errors that convert into a [`ToolError`].
pub trait ViaInto {
    /// How to convert.
    fn tool_error_kind(&self) -> ByInto {
        ByInto
    }
}

impl<E: Into<ToolError>> ViaInto for E {}

/// Errors that have a text.
pub trait ViaDisplay {
    /// How to convert.
    fn tool_error_kind(&self) -> ByDisplay {
        ByDisplay
    }
}

impl<E: Display> ViaDisplay for &E {}

/// Converts.
#[derive(Debug)]
pub struct ByInto;

impl ByInto {
    /// The tool's error.
    pub fn convert<E: Into<ToolError>>(self, error: E) -> ToolError {
        error.into()
    }
}

/// Takes the text.
#[derive(Debug)]
pub struct ByDisplay;

impl ByDisplay {
    /// The tool's error: `failed`, with the error's text.
    pub fn convert<E: Display>(self, error: E) -> ToolError {
        ToolError::failed(error.to_string())
    }
}
