//! Variables that a model may be set up by.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::secret::Secret;

/// Where variables are looked up: the process's environment, or what a caller gives in its place.
///
/// Tests and servers give their own, so nothing has to change the process's environment.
#[derive(Clone)]
pub struct Environment(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Environment {
    /// The process's environment. The only place of this crate that reads it.
    pub fn system() -> Self {
        Self::from_fn(|name| std::env::var(name).ok())
    }

    /// What this function says.
    pub fn from_fn(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// These variables and no others.
    pub fn from_vars(vars: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        let vars: BTreeMap<String, String> =
            vars.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self::from_fn(move |name| vars.get(name).cloned())
    }

    /// The same, but with this value for a variable that is not set.
    #[must_use]
    pub fn with_default(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        Self::from_fn(move |asked| self.get(asked).or_else(|| (asked == name).then(|| value.clone())))
    }

    /// The variable's value; `None` if it is not set, or blank.
    pub fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).filter(|value| !value.trim().is_empty())
    }

    /// The variable's value as a secret.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(Secret::new)
    }
}

/// Shows no variable: some are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Environment")
    }
}
