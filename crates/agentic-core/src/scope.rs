//! Scopes: how step ids are derived.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::StepId;

/// A place in the tree of a run. Names get an ordinal from their second use on: `turn`, `turn@1`, `turn@2`.
#[derive(Debug)]
pub(crate) struct Scope {
    path: Arc<str>,
    depth: u32,
    // Looked up by key alone, never iterated: its order can't reach a run.
    used: Mutex<HashMap<Box<str>, u32>>,
}

impl Scope {
    pub(crate) fn root() -> Self {
        Self { path: "".into(), depth: 0, used: Mutex::default() }
    }

    pub(crate) fn child(&self, name: &str, deeper: u32) -> Self {
        Self { path: self.next(name).into(), depth: self.depth + deeper, used: Mutex::default() }
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
        // A slash or an at sign would make two different paths equal.
        path.extend(name.chars().map(|c| if matches!(c, '/' | '@') { '_' } else { c }));
        if ordinal > 0 {
            // Writing to a String can't fail.
            let _ = write!(path, "@{ordinal}");
        }
        path
    }
}
