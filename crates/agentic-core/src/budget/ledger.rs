//! The ledger: who holds what of a budget.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Budget;
use super::account::{Account, BudgetState, Raised};
use super::error::BudgetError;
use super::reservation::{Held, Reservation};
use super::resource::Resource;
use crate::id::StepId;
use crate::usage::Spend;

/// Keeps a run's budget: what is spent, what is held by steps in flight. One for the whole tree of agents.
///
/// Scopes may have [accounts](crate::RunContext::limited) of their own. What a step takes is booked in the run's account and in
/// those of all scopes that it is in, and it has to fit into each.
#[derive(Debug, Default)]
pub struct Ledger {
    budget: Budget,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    raised: Raised,
    run: Account,
    /// By the scope's path.
    scopes: BTreeMap<Box<str>, Account>,
}

impl Ledger {
    /// A ledger with nothing spent.
    pub fn new(budget: Budget) -> Self {
        Self { budget, state: Mutex::new(State { run: Account::new(budget), ..State::default() }) }
    }

    /// The run's limits as they were given.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The run's limits, and where it stands.
    pub fn state(&self) -> BudgetState {
        self.lock().run.state()
    }

    /// Opens the account of a scope, before its first step.
    pub(crate) fn open(&self, path: &str, limits: Budget) {
        let limits = Budget { wall_time: None, depth: None, ..limits };
        self.lock().scopes.entry(path.into()).or_insert(Account::new(limits));
    }

    /// Closes it again, when nobody is in it any more. What it took stays booked in the others.
    pub(crate) fn close(&self, path: &str) {
        self.lock().scopes.remove(path);
    }

    /// The limits that hold in the scope at this path: the lowest of each.
    pub(crate) fn limits(&self, path: &str) -> Budget {
        let state = self.lock();
        let scopes = above(path).chain([path]).filter_map(|path| state.scopes.get(path));
        scopes.fold(state.run.limits, |lowest, scope| lowest.lowest(&scope.limits))
    }

    /// What is settled in the account of the scope at this path, or in the nearest above it.
    pub(crate) fn spent(&self, path: &str) -> Spend {
        let state = self.lock();
        let nearest = above(path).chain([path]).filter_map(|path| state.scopes.get(path)).last();
        nearest.unwrap_or(&state.run).state().spent
    }

    /// Raises a limit for the rest of the run. What has no limit has none after it; time and depth stay as they are, and so
    /// do the limits of scopes.
    ///
    /// A run that is repeated has to raise it in the same place: after the outcome that it follows from.
    pub fn raise(&self, what: Resource, by: u64) {
        let mut state = self.lock();
        state.raised.add(what, by);
        state.run.limits = self.budget.raised_by(&state.raised);
    }

    /// By how much limits were raised so far.
    pub(crate) fn raised(&self) -> Raised {
        self.lock().raised
    }

    /// Holds what this step may take. A model call that may write more than is left is granted what is left; what calls in
    /// flight hold never makes a grant smaller.
    ///
    /// # Errors
    /// [`BudgetError`] if a limit would be passed; then nothing is held. Of several the one that nothing helps against: a
    /// scope's before the run's, and one that calls in flight [make room](BudgetError::may_fit_later) for last.
    pub fn reserve(&self, step: &StepId, reservation: &Reservation) -> Result<Held, BudgetError> {
        let mut state = self.lock();
        let (mut output, mut limited, mut refused) = (u64::MAX, false, None);
        for (path, account) in state.accounts(step) {
            match account.output(reservation) {
                Ok(granted) => output = output.min(granted),
                Err(error) => refused = Some(error.of(path)),
            }
            limited |= account.limits.tokens.is_some() || account.limits.cost.is_some();
        }
        let spend = reservation.granted(output);
        let mut waits = None;
        for (path, account) in state.accounts(step) {
            match account.room(&spend).map_err(|error| error.of(path)) {
                Ok(()) => {}
                Err(error) if error.may_fit_later() => waits = waits.or(Some(error)),
                Err(error) => {
                    refused = refused.filter(|inner: &BudgetError| inner.is_within(&error)).or(Some(error))
                }
            }
        }
        if let Some(error) = refused.or(waits) {
            return Err(error);
        }
        state.each(step, |account| account.hold(spend));
        Ok(Held::new(spend, limited))
    }

    /// Holds again what a journal says that a step was granted, even beyond the limits.
    pub fn hold(&self, step: &StepId, held: Held) {
        self.lock().each(step, |account| account.hold(held.spend));
    }

    /// Gives back what was held and books what was taken.
    pub fn settle(&self, step: &StepId, held: Held, taken: Spend) {
        self.lock().each(step, |account| account.settle(held.spend, taken));
    }

    /// Books what was taken by steps of which nothing else is known.
    pub fn book(&self, taken: Spend) {
        self.lock().run.settle(Spend::default(), taken);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is plain numbers, changed in one go: a panic elsewhere can't leave it half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The accounts in which a step is booked, with their scopes' paths, the run's first.
    fn accounts<'a>(&'a self, step: &'a StepId) -> impl Iterator<Item = (&'a str, &'a Account)> {
        let paths = (!self.scopes.is_empty()).then(|| above(step.as_str()));
        let scopes = paths.into_iter().flatten().filter_map(|path| Some((path, self.scopes.get(path)?)));
        std::iter::once(("", &self.run)).chain(scopes)
    }

    fn each(&mut self, step: &StepId, book: impl Fn(&mut Account)) {
        book(&mut self.run);
        if !self.scopes.is_empty() {
            for path in above(step.as_str()) {
                self.scopes.get_mut(path).into_iter().for_each(&book);
            }
        }
    }
}

/// The paths above this one, the outermost first.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
