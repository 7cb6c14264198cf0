//! What is taken is counted where it is taken, and kept within the shares that tasks have.

use std::collections::BTreeMap;

use agentic_core::{Plan, RunContext, Spend};

/// The scopes of one execution, each with an account.
pub(super) struct Accounts {
    cx: RunContext,
    /// The shares of tasks, by their paths: each has one, whatever becomes of it. Subtasks are in that of the whole.
    shares: BTreeMap<String, Share>,
    /// All that are in no other one.
    outermost: Vec<RunContext>,
}

struct Share {
    of: f64,
    cx: RunContext,
}

impl Accounts {
    pub(super) fn new(cx: &RunContext) -> Self {
        Self { cx: cx.clone(), shares: BTreeMap::new(), outermost: Vec::new() }
    }

    /// A scope for a task.
    pub(super) fn task(&mut self, plan: &Plan, path: &str) -> RunContext {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let mut within = None;
        for part in above.chain([path]) {
            if let Some(of) = plan.task(part).and_then(|task| task.budget_share) {
                within = Some(self.share(within.as_ref(), part, of));
            }
        }
        let scope = within.as_ref().unwrap_or(&self.cx).counted(&format!("task:{path}"));
        if within.is_none() {
            self.outermost.push(scope.clone());
        }
        scope
    }

    /// A scope for what is no task.
    pub(super) fn scope(&mut self, name: &str) -> RunContext {
        let scope = self.cx.counted(name);
        self.outermost.push(scope.clone());
        scope
    }

    /// The share of a task: of what may be taken where it is, so a share of a share is smaller still. Where another version of the
    /// plan says another one, it is a new one.
    fn share(&mut self, within: Option<&RunContext>, path: &str, of: f64) -> RunContext {
        if let Some(share) = self.shares.get(path).filter(|share| share.of == of) {
            return share.cx.clone();
        }
        let outer = within.unwrap_or(&self.cx);
        let cx = outer.limited(&format!("share:{path}"), outer.limits().share(of));
        if within.is_none() {
            self.outermost.push(cx.clone());
        }
        self.shares.insert(path.to_owned(), Share { of, cx: cx.clone() });
        cx
    }

    /// What was taken in all of them.
    pub(super) fn spent(&self) -> Spend {
        self.outermost.iter().fold(Spend::default(), |sum, scope| sum + scope.spent())
    }
}
