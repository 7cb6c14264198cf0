//! The loop: what can start starts, and what ends lets others start.

use std::collections::{BTreeMap, VecDeque};

use agentic_core::{
    AgentError, Approval, Decision, EventKind, Extension, Partial, Plan, PlanError, RunContext, StepError,
    Task, TaskStatus,
};
use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use super::accounts::Accounts;
use super::failure::{self, done, failed};
use super::task::{self, Done, Ended, Failed, Job};
use super::writing::{Writing, Written};
use super::{Executed, OnFailure, PlanExecutor};
use crate::verify::unknown_criterion;

/// What can happen next.
enum Next<'a> {
    Ended(Ended),
    /// The planner has written more of the plan.
    Written(Written<'a>),
    /// A person has decided whether a task is tried again.
    Decided {
        path: String,
        failed: Failed,
        decision: Result<Decision, StepError>,
    },
}

/// One execution of a plan.
pub(super) struct Execution<'a> {
    executor: &'a PlanExecutor,
    plan: Plan,
    cx: &'a RunContext,
    running: FuturesUnordered<BoxFuture<'a, Next<'a>>>,
    /// How many of them are tasks.
    at_work: usize,
    /// The tasks that a person wants tried again, and that have not begun, with how they failed.
    again: VecDeque<(String, Failed)>,
    /// Why the planner has not written this version to its end.
    unwritten: Option<AgentError>,
    /// What is said of criteria of tasks that nobody could look at, by the tasks' paths.
    open: BTreeMap<String, Vec<String>>,
    /// How the tasks of this version failed, by their paths.
    failed: BTreeMap<String, Failed>,
    /// How often was planned anew, and how many tasks were done then.
    replans: u32,
    done: usize,
    accounts: Accounts,
}

impl<'a> Execution<'a> {
    pub(super) fn new(
        executor: &'a PlanExecutor,
        plan: Plan,
        writing: Option<Writing<'a>>,
        accounts: Accounts,
        cx: &'a RunContext,
    ) -> Result<Self, AgentError> {
        let mut execution = Self {
            executor,
            plan,
            cx,
            running: FuturesUnordered::new(),
            at_work: 0,
            again: VecDeque::new(),
            unwritten: None,
            open: BTreeMap::new(),
            failed: BTreeMap::new(),
            replans: 0,
            done: 0,
            accounts,
        };
        execution.plan.reopen();
        execution.adopted()?;
        execution.write(writing);
        Ok(execution)
    }

    pub(super) async fn run(mut self) -> Result<Executed, AgentError> {
        loop {
            self.start()?;
            match self.running.next().await {
                Some(Next::Ended(ended)) => {
                    self.at_work -= 1;
                    self.ended(ended)?;
                }
                Some(Next::Written(written)) => self.written(written)?,
                Some(Next::Decided { path, failed, decision }) => self.decided(path, failed, decision)?,
                None if self.plan.is_fulfilled() && self.unwritten.is_none() => break,
                None => match self.executor.on_failure {
                    OnFailure::Replan => self.replan().await?,
                    OnFailure::Skip | OnFailure::Ask | OnFailure::Abort => break,
                },
            }
        }
        Ok(Executed {
            spend: self.accounts.spent(),
            plan: self.plan,
            unwritten: self.unwritten,
            open: self.open,
        })
    }

    /// Has the planner go on, if it is not at its end.
    fn write(&mut self, writing: Option<Writing<'a>>) {
        self.running.extend(writing.map(|writing| writing.next().map(Next::Written).boxed()));
    }

    /// The planner has written more, or failed. Then what there is of the plan goes on, as it does when a task fails.
    fn written(&mut self, (extension, writing): Written<'a>) -> Result<(), AgentError> {
        match extension.and_then(|extension| self.extended(extension)) {
            Ok(is_whole) => self.write((!is_whole).then_some(writing)),
            Err(error) if error.ends(self.cx) || self.executor.on_failure == OnFailure::Abort => {
                return Err(self.unwritten(error));
            }
            Err(error) => self.unwritten = Some(error),
        }
        Ok(())
    }

    fn extended(&mut self, Extension { tasks, is_whole }: Extension) -> Result<bool, AgentError> {
        unknown(self.executor, &tasks)?;
        self.plan.extend(tasks.iter().cloned()).map_err(internal)?;
        self.cx.emit(|| EventKind::PlanExtended { tasks });
        Ok(is_whole)
    }

    fn unwritten(&mut self, error: AgentError) -> AgentError {
        self.of_planner("the plan was not written to its end", error)
    }

    /// An error of the planner, with what there is.
    fn of_planner(&mut self, what: &str, error: AgentError) -> AgentError {
        let partial = self.partial();
        match error {
            // It has no place for what there is.
            AgentError::InvalidInput { message } => {
                let message = format!("{what}: {message}");
                AgentError::InvalidOutput { message, partial: Box::new(partial) }
            }
            error => error.with_partial(partial),
        }
    }

    /// Starts what can start.
    fn start(&mut self) -> Result<(), AgentError> {
        while self.at_work < self.executor.max_parallel {
            let again = self.again.pop_front().map(|(path, failed)| (path, Some(failed)));
            let next = || self.plan.next_tasks().into_iter().next().map(|path| (path, None));
            let Some((path, before)) = again.or_else(next) else { break };
            match self.assigned(&path) {
                Ok(task) => self.work_on(path, task, before)?,
                // A result is there and has not the part that is referred to: what was given is no good, not what was asked.
                Err(error) => self.gave_up(path, Failed { error, reflection: None, is_over: false })?,
            }
        }
        Ok(())
    }

    fn assigned(&self, path: &str) -> Result<Task, AgentError> {
        self.plan.assigned(path).map_err(|error| AgentError::InvalidOutput {
            message: error.to_string(),
            partial: Box::default(),
        })
    }

    fn work_on(&mut self, path: String, task: Task, before: Option<Failed>) -> Result<(), AgentError> {
        match &before {
            None => self.change(way(&path), |plan| plan.begin(&path))?,
            // It is being worked on all the time.
            Some(failed) => {
                let error = Some(failed.error.to_string());
                let (task, status) = (path.clone(), TaskStatus::InProgress);
                self.cx.emit(|| EventKind::TaskChanged { task, status, error });
            }
        }
        let (purpose, lookups) =
            (self.plan.purpose(&path).map(task::purpose), self.plan.goal().lookups.clone());
        let (executor, cx, whole) = (self.executor, self.accounts.task(&self.plan, &path), self.cx);
        let job = Job { executor, path, task, purpose, lookups, before, cx, whole };
        self.running.push(job.run().map(Next::Ended).boxed());
        self.at_work += 1;
        Ok(())
    }

    fn ended(&mut self, Ended { path, result }: Ended) -> Result<(), AgentError> {
        let failed = match result {
            Ok(Done { output, open }) => {
                let result = self.change(way(&path), |plan| plan.complete(&path, output));
                match open.is_empty() {
                    true => self.open.remove(&path),
                    false => self.open.insert(path, open),
                };
                return result;
            }
            Err(failed) => failed,
        };
        if failed.error.ends(self.cx) {
            return Err(self.fails_with(path, failed.error));
        }
        if self.executor.on_failure == OnFailure::Ask && !failed.is_over {
            let question = format!("Task `{path}` failed: {}. Try it again?", failed.error);
            let asked = self.cx.keyed("ask", &path).approve(Approval::new(question));
            let decided = async move { Next::Decided { path, failed, decision: asked.await } };
            self.running.push(decided.boxed());
            return Ok(());
        }
        if self.executor.on_failure == OnFailure::Ask {
            let text =
                format!("nobody is asked about task `{path}`: nothing is left of its share of the budget");
            self.cx.emit(|| EventKind::Note { text });
        }
        self.gave_up(path, failed)
    }

    fn decided(
        &mut self,
        path: String,
        failed: Failed,
        decision: Result<Decision, StepError>,
    ) -> Result<(), AgentError> {
        match decision.map_err(|error| AgentError::from_step(error, self.partial()))? {
            Decision::Approve | Decision::Edit { .. } => {
                self.again.push_back((path, failed));
                Ok(())
            }
            Decision::Deny { reason } => {
                self.cx
                    .emit(|| EventKind::Note { text: format!("task `{path}` is not tried again: {reason}") });
                self.gave_up(path, failed)
            }
        }
    }

    /// A task failed for good.
    fn gave_up(&mut self, path: String, failed: Failed) -> Result<(), AgentError> {
        let error = failed.error.to_string();
        let mut concerned = way(&path);
        let waiting = waiting(self.plan.tasks(), "");
        let others: Vec<_> = waiting.into_iter().filter(|other| !concerned.contains(other)).collect();
        concerned.extend(others);
        self.change(concerned, |plan| plan.fail(&path, error))?;
        if self.executor.on_failure == OnFailure::Abort {
            return Err(self.fails_with(path, failed.error));
        }
        self.failed.insert(path, failed);
        Ok(())
    }

    /// Plans the rest anew, where that may help.
    async fn replan(&mut self) -> Result<(), AgentError> {
        let done = done(self.plan.tasks());
        let stuck = self.replans > 0 && done <= self.done;
        if stuck || self.replans >= self.executor.max_replans {
            return Err(self.last_failure());
        }
        let context = self.context();
        let cx = self.accounts.scope("replan");
        let next = match self.executor.planner.replan(&self.plan, &context, &cx).await {
            Ok(next) => next,
            Err(error) if error.ends(self.cx) => return Err(self.unwritten(error)),
            Err(error) => {
                self.cx.emit(|| EventKind::Note { text: format!("the rest is not planned again: {error}") });
                return Err(self.last_failure());
            }
        };
        if let Some(problem) = failure::lost(&self.plan, &next) {
            let partial = Box::new(self.partial());
            return Err(AgentError::InvalidOutput { message: problem, partial });
        }
        self.gone(&next);
        (self.plan, self.done) = (next, done);
        self.replans += 1;
        self.failed.clear();
        self.unwritten = None;
        self.adopted().map_err(|error| self.of_planner("the rest of the plan can't be worked on", error))
    }

    /// Nobody will look at the criteria of what is not done and planned no more.
    fn gone(&mut self, next: &Plan) {
        for (path, criteria) in open_criteria(self.plan.tasks(), "") {
            if next.task(&path).is_none_or(|task| task.criteria.is_empty()) {
                let told =
                    (1..=criteria).map(|number| unknown_criterion(number, "the task was planned again"));
                self.open.insert(path, told.collect());
            }
        }
    }

    /// What is known of the failures, in the planner's order.
    fn context(&self) -> String {
        let told = failed(&self.plan).into_iter().map(|(path, task)| {
            let failed = self.failed.get(&path).map(Failed::told);
            let why = failed.or_else(|| task.error.clone()).unwrap_or_default();
            format!("Task `{path}` ({}) failed: {why}", task.description)
        });
        let unwritten =
            self.unwritten.iter().map(|error| format!("The plan was not written to its end: {error}"));
        told.chain(unwritten).collect::<Vec<_>>().join("\n")
    }

    /// The plan failed with the first of the tasks that did, or with its planner.
    fn last_failure(&mut self) -> AgentError {
        let first = failed(&self.plan).into_iter().next().map(|(path, task)| (path, task.error.clone()));
        let (path, why) = match (first, self.unwritten.take()) {
            (None, Some(error)) => return self.unwritten(error),
            (first, _) => first.unwrap_or_default(),
        };
        let error = match self.failed.remove(&path) {
            Some(failed) => failed.error,
            None => AgentError::invalid_input(why.unwrap_or_else(|| "no reason is known".to_owned())),
        };
        self.fails_with(path, error)
    }

    fn fails_with(&mut self, task: String, error: AgentError) -> AgentError {
        let partial = self.partial();
        match error {
            // These are not the task's.
            error @ (AgentError::Budget { .. } | AgentError::Cancelled { .. }) if error.ends(self.cx) => {
                error.with_partial(partial)
            }
            error => AgentError::Task { task, error: Box::new(error), partial: Box::new(partial) },
        }
    }

    /// What there is in the end: what is under way is cut off, and so booked.
    fn partial(&mut self) -> Partial {
        self.running.clear();
        let mut left = self.plan.clone();
        left.reopen();
        let text = crate::render::Tree(&left).to_string();
        Partial { text, spend: self.accounts.spent() }
    }

    /// The plan with this change, which is told with what follows from it for others that are concerned.
    fn change(
        &mut self,
        concerned: Vec<String>,
        change: impl FnOnce(&mut Plan) -> Result<(), PlanError>,
    ) -> Result<(), AgentError> {
        let status = |plan: &Plan, path: &str| plan.task(path).map(|task| task.status);
        let before: Vec<_> = concerned.iter().map(|path| status(&self.plan, path)).collect();
        change(&mut self.plan).map_err(internal)?;
        for (path, before) in concerned.into_iter().zip(before) {
            if let Some(task) = self.plan.task(&path).filter(|task| Some(task.status) != before) {
                let (status, error) = (task.status, task.error.clone());
                self.cx.emit(|| EventKind::TaskChanged { task: path, status, error });
            }
        }
        Ok(())
    }

    /// This is the plan from now on, if there is somebody for each task.
    fn adopted(&self) -> Result<(), AgentError> {
        unknown(self.executor, self.plan.tasks())?;
        self.cx.emit(|| EventKind::PlanMade { plan: Box::new(self.plan.clone()) });
        Ok(())
    }
}

/// A task, and what it is a part of.
fn way(path: &str) -> Vec<String> {
    let above = path.rmatch_indices('/').map(|(at, _)| &path[..at]);
    std::iter::once(path).chain(above).map(str::to_owned).collect()
}

/// The tasks that are not done and have criteria, and how many.
fn open_criteria(tasks: &[Task], above: &str) -> Vec<(String, usize)> {
    let of = |task: &Task| {
        let path = format!("{above}{}", task.id);
        let mut found = open_criteria(&task.subtasks, &format!("{path}/"));
        if task.status != TaskStatus::Completed && !task.criteria.is_empty() {
            found.insert(0, (path, task.criteria.len()));
        }
        found
    };
    tasks.iter().flat_map(of).collect()
}

/// The paths of all tasks that have not begun.
fn waiting(tasks: &[Task], above: &str) -> Vec<String> {
    let below = |task: &Task| {
        let path = format!("{above}{}", task.id);
        let mut paths = waiting(&task.subtasks, &format!("{path}/"));
        if task.status == TaskStatus::Pending {
            paths.insert(0, path);
        }
        paths
    };
    tasks.iter().flat_map(below).collect()
}

/// Refuses tasks for agents that there are not.
fn unknown(executor: &PlanExecutor, tasks: &[Task]) -> Result<(), AgentError> {
    for task in tasks {
        if executor.worker(task).is_none() {
            let known: Vec<_> = executor.agents.keys().map(String::as_str).collect();
            return Err(AgentError::invalid_input(format!(
                "task `{}` is for agent `{}`, which the executor does not have; give it that one, or name one of: {}",
                task.id,
                task.agent.as_deref().unwrap_or_default(),
                if known.is_empty() { "none by name".to_owned() } else { known.join(", ") }
            )));
        }
        unknown(executor, &task.subtasks)?;
    }
    Ok(())
}

/// The loop did something that the plan does not allow.
fn internal(error: PlanError) -> AgentError {
    AgentError::invalid_input(error.to_string())
}
