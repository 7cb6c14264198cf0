//! Scopes: how step ids are derived.

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
        // As it is, a slash or an at sign would make two different paths equal.
        let mut rest = name;
        while let Some(at) = rest.find(['%', '/', '@']) {
            path.push_str(&rest[..at]);
            path.push_str(match rest.as_bytes()[at] {
                b'%' => "%25",
                b'/' => "%2F",
                _ => "%40",
            });
            rest = &rest[at + 1..];
        }
        path.push_str(rest);
        if ordinal > 0 {
            // Writing to a String can't fail.
            let _ = write!(path, "@{ordinal}");
        }
        path
    }
}
