//! What is wrong with a value.

use std::fmt;

/// One thing that is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the value, or to the property that is missing or superfluous; empty for the
    /// whole value.
    pub path: String,
    /// The keyword of the schema that was violated.
    pub keyword: String,
    /// What the schema wants there, in a few words.
    pub expected: String,
    /// What was found, cut short.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", place(&self.path), self.expected, self.found)
    }
}

/// A value does not match its schema. `Display` is one line that a model can act on; it names at most five
/// violations and counts the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Listed(&self.violations))]
#[non_exhaustive]
pub struct Invalid {
    /// What is wrong, in the order the schema was checked; never empty.
    pub violations: Vec<Violation>,
}

impl Invalid {
    pub(super) fn new(mut violations: Vec<Violation>) -> Self {
        let mut seen = Vec::new();
        violations.retain(|violation| {
            let new = !seen.contains(violation);
            if new {
                seen.push(violation.clone());
            }
            new
        });
        Self { violations }
    }
}

/// How many violations one message names.
const NAMED: usize = 5;

struct Listed<'a>(&'a [Violation]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, violation) in self.0.iter().take(NAMED).enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{violation}")?;
        }
        match self.0.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// A path as it is said in a message.
pub(super) fn place(path: &str) -> String {
    if path.is_empty() { "at the top".to_owned() } else { format!("at {path}") }
}
