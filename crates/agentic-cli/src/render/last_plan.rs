//! The plan of a run, as its events leave it.

use std::collections::HashMap;

use agentic::core::{EventKind, Plan, Task, path_part};

use super::live_plan::LivePlan;

/// Follows the events of a run to its last plan: a plan of one of its tasks is none of the run.
#[derive(Default)]
pub(crate) struct LastPlan {
    plan: Option<LivePlan>,
    /// What tasks are about, by their scopes.
    tasks: HashMap<String, String>,
}

impl LastPlan {
    /// Something was told in this scope. Gives whether it was the run's plan, made anew.
    pub(crate) fn follow(&mut self, scope: &str, told: &EventKind) -> bool {
        match told {
            EventKind::PlanMade { plan } => {
                self.describe(scope, "", plan.tasks());
                if self.plan.as_ref().is_some_and(|above| above.holds(scope)) {
                    return false;
                }
                // In another scope it is that of another try.
                let is_again = self.of(scope).is_some();
                self.plan = Some(LivePlan::new(scope, plan));
                return is_again;
            }
            EventKind::PlanExtended { tasks } => {
                self.describe(scope, "", tasks);
                if let Some(plan) = self.of(scope) {
                    plan.extend(tasks);
                }
            }
            EventKind::TaskChanged { task, status, error } => {
                if let Some(plan) = self.of(scope) {
                    plan.change(task, *status, error.as_deref());
                }
            }
            _ => {}
        }
        false
    }

    /// The plan, if there is one.
    pub(crate) fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref().map(LivePlan::plan)
    }

    /// What the task is about that is worked on in this scope.
    pub(crate) fn task(&self, scope: &str) -> Option<&str> {
        // Later versions of a task are numbered.
        let (above, own) = scope.rsplit_once('/').map_or(("", scope), |(above, own)| (above, own));
        let own = own.split('@').next().unwrap_or(own);
        let scope = if above.is_empty() { own.to_owned() } else { format!("{above}/{own}") };
        self.tasks.get(&without_shares(&scope)).map(String::as_str)
    }

    fn of(&mut self, scope: &str) -> Option<&mut LivePlan> {
        self.plan.as_mut().filter(|plan| plan.is_of(scope))
    }

    fn describe(&mut self, scope: &str, above: &str, tasks: &[Task]) {
        for task in tasks {
            let path = if above.is_empty() { task.id.clone() } else { format!("{above}/{}", task.id) };
            let name = path_part(&path);
            let within = if scope.is_empty() { String::new() } else { format!("{scope}/") };
            self.tasks.insert(without_shares(&format!("{within}task:{name}")), task.description.clone());
            self.describe(scope, &path, &task.subtasks);
        }
    }
}

/// A scope as it would be if no task had a share of the budget.
fn without_shares(scope: &str) -> String {
    scope.split('/').filter(|part| !part.starts_with("share:")).collect::<Vec<_>>().join("/")
}
