//! A whole system in one thread: several processes on one store, that crash, sleep, have wrong clocks and slow disks.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agentic_core::{
    Approval, ApprovalRule, Budget, Decision, Reason, RunId, RunStatus, Sources as _, StepKind, Timestamp,
};
use agentic_runtime::{
    Begin, Entry, EntryKind, JournalStore, MemoryStore, Resolution, RunOptions, Runtime, Wait, Worker,
    WorkerOptions, replay,
};
use fastrand::Rng;
use uuid::Uuid;

use super::check::{as_written, once, within};
use super::plan::Planned;
use super::subject::START;
use super::{Crash, FaultyStore, Lag, World};
use crate::rule_model::{RuleModel, Says};
use crate::sources::FakeSources;

/// What happened in a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Simulated {
    /// Runs.
    pub runs: u64,
    /// Entries of all journals.
    pub entries: u64,
    /// Processes that crashed.
    pub crashes: u64,
    /// How often a run was taken by a process.
    pub taken: u64,
    /// Effects of which a person had to say whether they had happened.
    pub doubts: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// A digest of all journals: equal seeds give equal ones.
    pub trace: u64,
    /// Questions that a rule answered.
    pub ruled: u64,
}

impl std::ops::AddAssign for Simulated {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.entries += other.entries;
        self.crashes += other.crashes;
        self.taken += other.taken;
        self.doubts += other.doubts;
        self.cancelled += other.cancelled;
        self.trace ^= other.trace;
        self.ruled += other.ruled;
    }
}

const LEASE: Duration = Duration::from_secs(5);

/// Simulates a system, drawn from a seed: runs that do anything; processes that work on them and crash, at writes and
/// between them; clocks that are wrong by more than a lease; a person who answers, cancels and sends messages.
///
/// # Panics
/// If in the end a run has not ended, an effect was applied twice, something else was done than was written down, a
/// journal has gaps or can't be repeated, a budget was overrun, a cancelled run was completed, or a run changed after its
/// end.
pub fn simulate(seed: u64) -> Simulated {
    let process = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    // Made inside: clocks outside of it are real ones.
    process.expect("a tokio runtime").block_on(async { System::new(seed).run().await })
}

/// A model that says what it hears.
fn echo() -> RuleModel {
    RuleModel::new(|request| {
        Says::text(request.messages.iter().map(|message| message.text()).collect::<String>())
    })
}

struct System {
    rng: Rng,
    seed: u64,
    store: Arc<dyn JournalStore>,
    world: World,
    /// Whether clocks are right and leases are looked after in time. Where they are not, two processes may be at work on
    /// the same effect, the one that owns the run and the one that has not noticed that it does not any more: then only
    /// effects that bear that are used.
    honest: bool,
    sources: FakeSources,
    /// Works and never crashes: what people use.
    outside: Runtime,
    runs: Vec<RunId>,
    /// How those ended that have: their status, its reason and the length of their journals.
    ended: BTreeMap<RunId, (RunStatus, Option<Reason>, u64)>,
    /// When their cancellation was accepted.
    cancelled: BTreeMap<RunId, Timestamp>,
    seen: Simulated,
}

/// A process at work.
struct Process {
    store: FaultyStore,
    alive: Arc<AtomicBool>,
    worker: Option<Worker>,
}

impl System {
    fn new(seed: u64) -> Self {
        let store: Arc<dyn JournalStore> = Arc::new(MemoryStore::new());
        let sources = FakeSources::seeded(seed);
        let outside = Runtime::builder(store.clone()).sources(sources.clone()).lease(LEASE).build();
        let mut rng = Rng::with_seed(seed);
        let honest = rng.bool();
        Self {
            rng,
            honest,
            seed,
            store,
            world: World::new(),
            sources,
            outside,
            runs: Vec::new(),
            ended: BTreeMap::new(),
            cancelled: BTreeMap::new(),
            seen: Simulated::default(),
        }
    }

    async fn run(mut self) -> Simulated {
        for n in 0..self.rng.u64(1..5) {
            let id = RunId(Uuid::from_u64_pair(self.seed, n));
            let mut budget = Budget::unlimited();
            if self.rng.u8(..) < 60 {
                budget = budget.with_tool_calls(self.rng.u64(1..6));
            }
            if self.rng.u8(..) < 60 {
                budget = budget.with_tokens(self.rng.u64(1..300));
            }
            if self.rng.u8(..) < 30 {
                budget = budget.with_model_calls(self.rng.u64(1..4));
            }
            if self.rng.u8(..) < 30 {
                budget = budget.with_wall_time(Duration::from_millis(self.rng.u64(5..60_000)));
            }
            let mut options = RunOptions::default().with_id(id).with_budget(budget);
            if self.rng.u8(..) < 40 {
                options.rules.push(self.rule());
            }
            let goal = self.rng.u64(..).to_string();
            self.outside.submit("planned", goal, options).await.expect("a run is accepted");
            self.runs.push(id);
        }
        let mut processes: Vec<Process> = (0..self.rng.usize(1..4)).map(|_| self.process(true)).collect();
        // While things go wrong.
        for _ in 0..self.rng.u64(10..60) {
            let pause = if self.rng.u8(..) < 220 { self.rng.u64(1..20) } else { self.rng.u64(100..8_000) };
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let place = self.rng.usize(0..processes.len());
            let stops = self.rng.u8(..) < 20;
            if processes[place].has_crashed() || stops {
                processes[place].dies();
                self.seen.crashes += 1;
                processes[place] = self.process(true);
            }
            self.people(true).await;
            self.observe().await;
        }
        // From now on nothing does.
        processes.iter_mut().for_each(Process::dies);
        let _healthy = self.process(false);
        for _ in 0..2_000 {
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.people(false).await;
            self.observe().await;
            if self.ended.len() == self.runs.len() {
                break;
            }
        }
        self.check().await;
        self.seen
    }

    fn process(&mut self, faulty: bool) -> Process {
        let rng = &mut self.rng;
        let lag = if rng.bool() { Lag::None } else { Lag::UpTo(rng.u64(1..12)) };
        let crash = match rng.u8(0..4) {
            _ if !faulty => Crash::Never,
            0 => Crash::Never,
            1 => Crash::Before(rng.u64(1..60)),
            _ => Crash::After(rng.u64(1..60)),
        };
        // A clock that is wrong by up to three leases.
        let skew = if self.honest { 0 } else { rng.u64(0..15_000) };
        let started = self.sources.now().since(START);
        let clock = FakeSources::seeded(rng.u64(..));
        let now = START.after(started + Duration::from_millis(skew));
        let clock = clock.starting_at(now);
        // One that looks after its leases too seldom is as if it were asleep.
        let poll = if !self.honest && faulty && rng.u8(..) < 60 { 20_000 } else { 200 };
        let alive = Arc::new(AtomicBool::new(true));
        let store = FaultyStore::new(self.store.clone(), clock.clone(), crash, lag);
        let runtime = Runtime::builder(store.clone())
            .sources(clock)
            .lease(LEASE)
            .poll(Duration::from_millis(poll))
            .max_attempts(u32::MAX)
            .build();
        let (world, shared) = (self.world.of_process(alive.clone()), !self.honest);
        runtime.register(Planned { world, model: Arc::new(echo()), shared });
        let mut options = WorkerOptions::default();
        options.poll = Duration::from_millis(rng.u64(10..500));
        options.max_runs = rng.usize(1..4);
        let worker = Some(runtime.worker(options));
        Process { store, alive, worker }
    }

    /// Answers some of what is asked, all of it in the end; cancels some runs; sends messages.
    async fn people(&mut self, whims: bool) {
        for run in self.runs.clone() {
            let Ok(record) = self.outside.run(run).await else { continue };
            if self.ended.contains_key(&run) || (whims && self.rng.u8(..) < 150) {
                continue;
            }
            if whims && self.rng.u8(..) < 6 {
                self.outside.cancel(run).await.expect("a run can be cancelled");
                self.cancelled.entry(run).or_insert(self.sources.now());
            }
            if whims && self.rng.u8(..) < 12 {
                let rule = self.rule();
                // It may have ended by now.
                let _ = match self.rng.bool() {
                    true => self.outside.give_rule(run, rule, None).await,
                    false => self.outside.revoke_rule(run, rule, None).await,
                };
            }
            for wait in self.outside.questions(run).await.expect("questions of a run") {
                self.answer(run, &wait).await;
            }
            let hears = record.waits.iter().any(|wait| matches!(wait, Wait::Message { .. }));
            if hears || (whims && self.rng.u8(..) < 20) {
                let key = if whims { self.rng.u64(0..50) } else { self.rng.u64(..) };
                let _ = self.outside.send(run, "news", &key.to_string(), &key).await;
            }
        }
    }

    fn rule(&mut self) -> ApprovalRule {
        if self.rng.bool() { ApprovalRule::allow("door") } else { ApprovalRule::deny("door", "shut") }
    }

    async fn answer(&mut self, run: RunId, wait: &Wait) {
        match wait {
            Wait::Approval { step, digest, approval } => {
                let decision = match self.rng.u8(0..3) {
                    0 => Decision::Approve,
                    1 => Decision::Deny { reason: "no".into() },
                    _ => Decision::Edit { arguments: approval.question.clone().into() },
                };
                let _ = self.outside.decide(run, step, *digest, decision, None).await;
            }
            Wait::UnknownEffect { step, .. } => {
                let done = self.world.result_of(&format!("{run}/{step}"));
                let json = |value| agentic_core::Json::of(&value).expect("a value has a JSON form");
                let resolution = done.map_or(Resolution::NotDone, |value| Resolution::Done(json(value)));
                if self.outside.resolve(run, step, resolution, None).await.is_ok() {
                    self.seen.doubts += 1;
                }
            }
            _ => {}
        }
    }

    /// A run that has ended stays as it is.
    async fn observe(&mut self) {
        for run in &self.runs {
            let record = self.store.run(*run).await.expect("an accepted run is known");
            let now = (record.status, record.reason, record.entries);
            if let Some(before) = self.ended.get(run) {
                assert_eq!(now, *before, "run {run} changed after its end");
            } else if record.status.has_ended() {
                self.ended.insert(*run, now);
            }
        }
    }

    async fn check(&mut self) {
        once(&self.world.deeds(), "the simulation");
        for run in self.runs.clone() {
            let record = self.store.run(run).await.expect("an accepted run is known");
            assert!(self.ended.contains_key(&run), "it does not end: {record:#?}");
            let journal = self.store.load(run, Default::default()).await.expect("a journal");
            let numbers: Vec<_> = journal.iter().map(|entry| entry.seq.0).collect();
            assert_eq!(numbers, (1..=journal.len() as u64).collect::<Vec<_>>(), "a journal has gaps");
            self.seen.ruled += ruled(&journal);
            let mine = self.world.deeds().into_iter().filter(|deed| deed.key.starts_with(&run.to_string()));
            as_written(&mine.collect::<Vec<_>>(), &journal, "the simulation");
            // What was accepted before it ended has happened.
            if let (true, Some(accepted), Some(last)) =
                (self.honest, self.cancelled.get(&run), journal.last())
            {
                let completed = record.status == RunStatus::Completed;
                assert!(!completed || last.at <= *accepted, "a cancellation was lost: {record:#?}");
            }
            let asked = journal.iter().any(|entry| matches!(entry.kind, EntryKind::CancelRequested { .. }));
            assert!(!asked || record.status != RunStatus::Completed, "a cancelled run was completed");
            if let Some(EntryKind::Started { budget, .. }) = journal.first().map(|entry| &entry.kind) {
                within(*budget, record.spend, "the simulation");
            }
            let (nowhere, nobody) = (World::new(), echo());
            let model = Arc::new(nobody.clone());
            let agent = Planned { world: nowhere.clone(), model, shared: !self.honest };
            let again = replay(&agent, run, &journal).await.expect("a journal of a run");
            assert_eq!((again.status, again.reason), (record.status, record.reason), "{:?}", again.result);
            assert_eq!((nowhere.attempts(), nobody.calls()), (0, 0), "repeating a journal did something");
            self.seen.runs += 1;
            self.seen.entries += journal.len() as u64;
            let taken = journal.iter().filter(|entry| matches!(entry.kind, EntryKind::Resumed { .. }));
            self.seen.taken += taken.count() as u64;
            self.seen.cancelled += u64::from(record.status == RunStatus::Cancelled);
            self.seen.trace ^= trace(run, &journal);
        }
    }
}

/// A digest of a journal.
fn trace(run: RunId, journal: &[Entry]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (run, format!("{journal:?}")).hash(&mut hasher);
    hasher.finish()
}

/// How many questions of a run a rule has answered: one that held, that matches, and as it says.
fn ruled(journal: &[Entry]) -> u64 {
    let (mut rules, mut asked, mut count) = (Vec::new(), BTreeMap::new(), 0);
    for entry in journal {
        match &entry.kind {
            EntryKind::Started { begin, .. } => rules = begin.read::<Begin>().expect("a start").rules,
            EntryKind::RuleGiven { rule, .. } => rules.push(rule.clone()),
            EntryKind::RuleRevoked { rule, .. } => rules.retain(|held| held != rule),
            EntryKind::Intent { step, kind: StepKind::Approval, asked: approval, .. } => {
                asked.insert(step.clone(), approval.read::<Approval>().expect("a question"));
            }
            EntryKind::Outcome { step, by: Some(by), value, .. } if by.starts_with("rule: ") => {
                let decision: Decision = value.read().expect("a decision");
                let matching = rules.iter().filter(|rule| rule.matches(&asked[step]));
                let says: Vec<_> = matching.map(ApprovalRule::decision).collect();
                let denies = |decision: &Decision| matches!(decision, Decision::Deny { .. });
                assert!(says.contains(&decision), "no rule says {decision:?} to `{step}`: {rules:?}");
                assert!(denies(&decision) || !says.iter().any(denies), "a rule denies `{step}`: {rules:?}");
                count += 1;
            }
            _ => {}
        }
    }
    count
}

impl Process {
    fn has_crashed(&self) -> bool {
        self.store.has_crashed()
    }

    fn dies(&mut self) {
        self.store.stop();
        self.alive.store(false, Ordering::Release);
        self.worker = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each has shown a fault once: spend of attempts that the agent hears nothing of was booked not at all, or twice.
    #[test]
    fn seeds_that_have_found_something_find_nothing_any_more() {
        for seed in [15_572, 633_556] {
            simulate(seed);
        }
    }

    /// Else a seed that failed could not be looked into.
    #[test]
    fn the_same_seed_is_the_same_simulation() {
        for seed in 1..40 {
            assert_eq!(simulate(seed), simulate(seed), "seed {seed}");
        }
    }
}
