//! Scopes: how step ids are derived.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::StepId;

/// A place in the tree of a run. Names get an ordinal from their second use on: `turn`, `turn@1`, `turn@2`.
#[derive(Debug)]
pub(crate) struct Scope {
    path: Arc<str>,
    depth: u32,
    // Whether the next model call here begins a turn.
    turn: AtomicBool,
    used: Mutex<HashMap<Box<str>, u32>>,
}

impl Scope {
    pub(crate) fn root() -> Self {
        Self::at("".into(), 0)
    }

    pub(crate) fn child(&self, name: &str) -> Self {
        Self::at(self.next(name).into(), self.depth)
    }

    /// The scope of an agent below this one.
    pub(crate) fn deeper(&self, name: &str) -> Self {
        Self::at(self.next(name).into(), self.depth + 1)
    }

    /// The scope of a turn: its first model call counts as one.
    pub(crate) fn turn(&self) -> Self {
        let scope = self.child("turn");
        scope.turn.store(true, Ordering::Relaxed);
        scope
    }

    /// The scope below a step of this one.
    pub(crate) fn below(&self, step: &StepId) -> Self {
        Self::at(step.as_str().into(), self.depth)
    }

    fn at(path: Arc<str>, depth: u32) -> Self {
        Self { path, depth, turn: AtomicBool::new(false), used: Mutex::default() }
    }

    /// 1 for the first model call of a turn, else 0.
    pub(crate) fn begins_turn(&self) -> u64 {
        u64::from(self.turn.swap(false, Ordering::Relaxed))
    }

    pub(crate) fn step(&self, name: &str) -> StepId {
        StepId::new(self.next(name))
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn depth(&self) -> u32 {
        self.depth
    }

    fn next(&self, name: &str) -> String {
        let ordinal = {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            match used.get_mut(name) {
                Some(count) => {
                    *count += 1;
                    *count
                }
                None => {
                    used.insert(name.into(), 0);
                    0
                }
            }
        };
        let mut path = String::with_capacity(self.path.len() + name.len() + 6);
        if !self.path.is_empty() {
            path.push_str(&self.path);
            path.push('/');
        }
        path.push_str(&path_part(name));
        if ordinal > 0 {
            // Writing to a String can't fail.
            let _ = write!(path, "@{ordinal}");
        }
        path
    }
}

/// A name as it stands in the paths of scopes and steps, where `%`, `/` and `@` are written `%25`, `%2F` and `%40`: as they
/// are, they would make two different paths equal.
pub fn path_part(name: &str) -> Cow<'_, str> {
    if !name.contains(['%', '/', '@']) {
        return name.into();
    }
    name.replace('%', "%25").replace('/', "%2F").replace('@', "%40").into()
}

/// The name that [stands](path_part) in this part of a path, without the ordinal of its use.
pub fn path_name(part: &str) -> Cow<'_, str> {
    let name = part.split('@').next().unwrap_or(part);
    if !name.contains('%') {
        return name.into();
    }
    name.replace("%40", "@").replace("%2F", "/").replace("%25", "%").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_from_a_path_as_it_was_given() {
        for name in ["", "plain", "a/b@1", "100%", "%2F", "%252F@/%"] {
            let path = Scope::root().child(name).path().to_owned();
            assert_eq!(path, path_part(name));
            assert!(!path.contains(['/', '@']), "{path}");
            assert_eq!(path_name(&format!("{path}@3")), name);
        }
    }
}
