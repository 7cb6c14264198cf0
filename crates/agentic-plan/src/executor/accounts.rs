//! What is taken is counted where it is taken, and kept within the shares that tasks have.

use std::collections::BTreeMap;

use agentic_core::{Budget, Plan, RunContext, Spend};

/// The scopes of one execution, each with an account.
pub(super) struct Accounts {
    cx: RunContext,
    /// Of split tasks with a share, by their paths: their subtasks have it together.
    shared: BTreeMap<String, RunContext>,
    /// All that are in no other one.
    outermost: Vec<RunContext>,
}

impl Accounts {
    pub(super) fn new(cx: &RunContext) -> Self {
        Self { cx: cx.clone(), shared: BTreeMap::new(), outermost: Vec::new() }
    }

    /// The scope for a task.
    pub(super) fn task(&mut self, plan: &Plan, path: &str) -> RunContext {
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        let mut within = None;
        for above in above {
            let Some(share) = plan.task(above).and_then(|task| task.budget_share) else { continue };
            let shared = self.shared.get(above).cloned();
            let shared = shared.unwrap_or_else(|| self.open(within.as_ref(), "part", above, Some(share)));
            self.shared.insert(above.to_owned(), shared.clone());
            within = Some(shared);
        }
        let share = plan.task(path).and_then(|task| task.budget_share);
        self.open(within.as_ref(), "task", path, share)
    }

    /// A scope for what is no task.
    pub(super) fn scope(&mut self, name: &str) -> RunContext {
        let scope = self.cx.limited(name, Budget::unlimited());
        self.outermost.push(scope.clone());
        scope
    }

    fn open(
        &mut self,
        within: Option<&RunContext>,
        name: &str,
        path: &str,
        share: Option<f64>,
    ) -> RunContext {
        let cx = within.unwrap_or(&self.cx);
        // Of what may be taken there: a share of a part's share is smaller still.
        let limits = share.map(|share| cx.account().limits.share(share));
        let scope = cx.limited(&format!("{name}:{path}"), limits.unwrap_or_else(Budget::unlimited));
        if within.is_none() {
            self.outermost.push(scope.clone());
        }
        scope
    }

    /// What was taken in all of them.
    pub(super) fn spent(&self) -> Spend {
        self.outermost.iter().fold(Spend::default(), |sum, scope| sum + scope.account().spent)
    }
}
