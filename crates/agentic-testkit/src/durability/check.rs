//! Runs a subject live, again from its journal, and crashed at every write.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{Approval, Budget, Decision, EffectClass, RunId, RunStatus, Spend, StepKind, Timestamp};
use agentic_runtime::{
    Bundle, Entry, EntryKind, JournalStore, MemoryStore, RunError, RunOptions, RunReport, Runtime,
};
use tokio::time::Instant;
use uuid::Uuid;

use super::subject::{START, Subject};
use super::{Crash, Deed, FaultyStore, Lag};
use crate::log::EventLog;
use crate::sources::FakeSources;

/// A check of an agent.
pub struct Check<F> {
    make: F,
    seeds: u64,
    lags: Vec<Lag>,
    same_outcome: bool,
}

impl<F> std::fmt::Debug for Check<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("seeds", &self.seeds).field("lags", &self.lags).finish_non_exhaustive()
    }
}

/// What was done to prove it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Runs from start to end without a crash, one for each seed and lag.
    pub runs: u64,
    /// Runs that were crashed, each at another write, and resumed.
    pub crashes: u64,
    /// Repetitions from the run's file alone, with the same report and the same file, byte for byte.
    pub replays: u64,
    /// Effects of which a person had to say whether they had happened.
    pub doubts: u64,
}

/// How a run of a subject went.
struct Ran {
    report: RunReport,
    /// The run as it is exported.
    file: String,
    journal: Vec<Entry>,
    deeds: Vec<Deed>,
    writes: u64,
    doubts: u64,
}

impl<F: Fn() -> Subject> Check<F> {
    /// Checks what this makes: for each run anew.
    ///
    /// By default three seeds, with writes that are durable at once and with writes that lag.
    pub fn new(make: F) -> Self {
        Self { make, seeds: 3, lags: vec![Lag::None, Lag::UpTo(8)], same_outcome: true }
    }

    /// In so many orders in which effects may end.
    pub fn seeds(mut self, seeds: u64) -> Self {
        self.seeds = seeds;
        self
    }

    /// With writes that take so long.
    pub fn lags(mut self, lags: impl IntoIterator<Item = Lag>) -> Self {
        self.lags = lags.into_iter().collect();
        self
    }

    /// The agent looks at the order in which effects end, so another order may lead to another outcome: it has to end in
    /// an outcome, and to repeat it.
    pub fn order_matters(mut self) -> Self {
        self.same_outcome = false;
        self
    }

    /// Runs the check.
    ///
    /// # Panics
    /// If a run does not end; ends otherwise than without a crash; spends more than its budget; an effect is applied twice,
    /// or not at all; its journal has gaps; the run can't be repeated from its file without effects, with the same report
    /// and the same file, byte for byte; an event is told twice; the agent awaits something that is no step of its run.
    pub fn run(self) -> Proof {
        #[allow(clippy::print_stderr)]
        let say = |proof: &Proof| eprintln!("{proof:?}");
        let mut proof = Proof::default();
        for seed in 0..self.seeds {
            for lag in self.lags.clone() {
                let name = format!("seed {seed}, {lag:?}, no crash");
                let live = self.one(seed, lag, &[Crash::Never], &name);
                proof.runs += 1;
                self.repeats(&live, &name);
                proof.replays += 1;
                for n in 1..=live.writes {
                    for crash in [Crash::Before(n), Crash::After(n)] {
                        // Every third run crashes again, soon after.
                        let again = if n % 3 == 0 { Crash::After(1 + n % 7) } else { Crash::Never };
                        let name = format!("seed {seed}, {lag:?}, {crash:?}, then {again:?}");
                        let ran = self.one(seed, lag, &[crash, again], &name);
                        self.same(&live, &ran, &name);
                        self.repeats(&ran, &name);
                        proof.crashes += 1;
                        proof.replays += 1;
                        proof.doubts += ran.doubts;
                    }
                }
            }
        }
        say(&proof);
        proof
    }

    /// One run, through these crashes.
    fn one(&self, seed: u64, lag: Lag, crashes: &[Crash], name: &str) -> Ran {
        let subject = (self.make)();
        let store: Arc<dyn JournalStore> = Arc::new(MemoryStore::new());
        let run = RunId(Uuid::from_u64_pair(0x7e57, seed));
        let log = Arc::new(EventLog::new());
        let (mut now, mut writes, mut doubts) = (START, 0, 0);
        let crashes = crashes.iter().copied().chain(std::iter::repeat(Crash::Never));
        for (process, crash) in crashes.enumerate().take(20) {
            let process = process as u64;
            let lived = in_process(|| {
                let sources = FakeSources::seeded(seed * 1000 + process).starting_at(now);
                live(&subject, store.clone(), sources, run, crash, lag, log.clone(), &mut doubts)
            });
            writes = writes.max(lived.writes);
            now = lived.now.after(Duration::from_secs(60));
            if let Some(report) = lived.report {
                let bundle = in_process(|| async {
                    let reader = Runtime::builder(store.clone()).sources(FakeSources::seeded(seed)).build();
                    reader.export(run).await.expect("a run that can be exported")
                });
                let (file, journal) = (bundle.to_text().expect("a run's file"), bundle.journal);
                gap_free(&journal, &log, name);
                within(raised(subject.budget, &journal), report.spend, name);
                nothing_foreign(run, &journal, name);
                return Ran { report, file, journal, deeds: subject.world.deeds(), writes, doubts };
            }
        }
        panic!("{name}: the run does not end");
    }

    fn same(&self, live: &Ran, ran: &Ran, name: &str) {
        once(&ran.deeds, name);
        as_written(&ran.deeds, &ran.journal, name);
        if self.same_outcome {
            assert_eq!(
                status(&ran.report),
                status(&live.report),
                "{name}: another outcome than without a crash"
            );
            let seen = |ran: &Ran| {
                let deeds = ran
                    .deeds
                    .iter()
                    .map(|deed| (deed.key.clone(), deed.name.clone(), deed.arguments.clone()));
                deeds.collect::<Vec<_>>()
            };
            assert_eq!(seen(ran), seen(live), "{name}: other effects than without a crash");
        }
    }

    /// Repeats a run from its file: no effect, the same report, the same file.
    fn repeats(&self, ran: &Ran, name: &str) {
        let subject = (self.make)();
        let (again, file) = in_process(|| async {
            let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(0)).build();
            let bundle = Bundle::parse(&ran.file).expect("the file of a run");
            let run = runtime.import(bundle).await.expect("a run that can be imported").id();
            let again = runtime.replay(run, &*subject.agent).await.expect("a journal of a run");
            let file = runtime.export(run).await.expect("a run that can be exported").to_text();
            (again, file.expect("a run's file"))
        });
        assert_eq!(file, ran.file, "{name}: the run's file is another one once it was read");
        assert_eq!(written(&again), written(&ran.report), "{name}: the file gives another report");
        assert_eq!(subject.world.attempts(), 0, "{name}: repeating a run did something");
    }
}

/// What came of one process.
struct Lived {
    report: Option<RunReport>,
    writes: u64,
    now: Timestamp,
}

/// One process, from its start to the run's end or to its crash.
#[allow(clippy::too_many_arguments)]
async fn live(
    subject: &Subject,
    store: Arc<dyn JournalStore>,
    sources: FakeSources,
    run: RunId,
    crash: Crash,
    lag: Lag,
    log: Arc<EventLog>,
    doubts: &mut u64,
) -> Lived {
    let began = Instant::now();
    let faulty = FaultyStore::new(store, sources.clone(), crash, lag);
    let runtime = Runtime::builder(faulty.clone()).sources(sources.clone()).events(log).build();
    let works = async {
        // A caller that does not know whether it was heard asks again.
        let mut options = RunOptions::default().with_id(run).with_budget(subject.budget);
        options.rules.clone_from(&subject.rules);
        let started = runtime.start_with(subject.agent.clone(), subject.goal.clone(), options).await;
        let handle = match started {
            Ok(handle) => handle,
            Err(_) => runtime.resume_with(run, subject.agent.clone()).await.expect("a run that was accepted"),
        };
        if let Some(outside) = &subject.outside {
            tokio::spawn(outside(runtime.clone(), handle.clone()));
        }
        for stop in 0.. {
            let report = handle.report().await.expect("a report");
            assert!(stop < 50, "the run does not end: {:#?}", runtime.run(run).await);
            let Err(RunError::Waits { waits, .. }) = &report.result else { return report };
            *doubts += waits
                .iter()
                .filter(|wait| matches!(wait, agentic_runtime::Wait::UnknownEffect { .. }))
                .count() as u64;
            let answered = subject.operator.answer(&runtime, &handle, waits, &subject.world).await;
            if !answered && subject.outside.is_none() {
                return report;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            runtime.resume_with(run, subject.agent.clone()).await.expect("a run that waits");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        unreachable!("it ends above")
    };
    let report = tokio::select! {
        biased;
        () = faulty.crashed() => None,
        report = works => Some(report),
        () = tokio::time::sleep(Duration::from_secs(20_000)) => panic!("the run does not end: {:#?}", runtime.run(run).await),
    };
    // What is dropped with the process writes no more.
    faulty.stop();
    let now = sources.at(began.elapsed());
    Lived { report, writes: faulty.writes(), now }
}

/// Runs this as a process of its own would: with its own time, and all that it started ends with it.
fn in_process<T, Fut: Future<Output = T>>(main: impl FnOnce() -> Fut) -> T {
    let process = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a tokio runtime");
    process.block_on(async { main().await })
}

fn status(report: &RunReport) -> (RunStatus, String) {
    let result = match &report.result {
        Ok(outcome) => outcome.output.to_string(),
        Err(error) => error.to_string(),
    };
    (report.status, result)
}

/// A report as text.
fn written(report: &RunReport) -> String {
    let RunReport { run, result, status, reason, spend, .. } = report;
    let result = match result {
        Err(RunError::Agent(error)) => {
            Err(serde_json::to_value(error).expect("an error that can be written"))
        }
        Err(error) => Err(error.to_string().into()),
        Ok(outcome) => Ok(outcome),
    };
    serde_json::to_string(&(run, result, status, reason, spend)).expect("a report as JSON")
}

/// The limits, as high as people who were asked have raised them.
pub(super) fn raised(mut budget: Budget, journal: &[Entry]) -> Budget {
    let mut asked = BTreeMap::new();
    for entry in journal {
        match &entry.kind {
            EntryKind::Intent { step, kind: StepKind::Approval, asked: approval, .. } => {
                let approval: Approval = approval.read().expect("a question");
                asked.insert(step.clone(), approval.arguments);
            }
            EntryKind::Outcome { step, kind: StepKind::Approval, error: None, value, .. } => {
                let Some(question) = asked.get(step).filter(|question| question["raise"].is_u64()) else {
                    continue;
                };
                let by = match value.read().expect("an answer") {
                    Decision::Approve => question["raise"].as_u64(),
                    Decision::Edit { arguments } => arguments["raise"].as_u64(),
                    Decision::Deny { .. } => None,
                };
                let limit = match question["what"].as_str() {
                    Some("tokens") => budget.tokens.as_mut(),
                    Some("model_calls") => budget.model_calls.as_mut(),
                    Some("tool_calls") => budget.tool_calls.as_mut(),
                    Some("turns") => budget.turns.as_mut(),
                    _ => budget.cost.as_mut().map(|cost| &mut cost.0),
                };
                if let (Some(limit), Some(by)) = (limit, by) {
                    *limit += by;
                }
            }
            _ => {}
        }
    }
    budget
}

/// Nothing was spent beyond the limits.
pub(super) fn within(budget: Budget, spend: Spend, name: &str) {
    let limits = [
        ("tokens", budget.tokens, spend.tokens()),
        ("nano-dollars", budget.cost.map(|cost| cost.0), spend.cost.0),
        ("model calls", budget.model_calls, spend.model_calls),
        ("tool calls", budget.tool_calls, spend.tool_calls),
        ("turns", budget.turns, spend.turns),
    ];
    for (what, limit, spent) in limits {
        assert!(spent <= limit.unwrap_or(u64::MAX), "{name}: {spent} {what}, the limit is {limit:?}");
    }
}

/// Nothing was applied twice that must not be.
pub(super) fn once(deeds: &[Deed], name: &str) {
    for (at, deed) in deeds.iter().enumerate() {
        let again = deeds[at + 1..].iter().any(|other| other.key == deed.key);
        assert!(
            !again || deed.class == EffectClass::Pure,
            "{name}: `{}` was done twice: {}",
            deed.name,
            deed.key
        );
    }
}

/// What was done is what the journal says.
pub(super) fn as_written(deeds: &[Deed], journal: &[Entry], name: &str) {
    for Deed { name: deed, key, arguments, .. } in deeds {
        let step = key.split_once('/').map_or("", |(_, step)| step);
        let asked = journal.iter().find_map(|entry| match &entry.kind {
            EntryKind::Intent { step: id, asked, .. } if id.as_str() == step => Some(asked.value()),
            _ => None,
        });
        // An effect of the agent's own writes no arguments.
        let Some(asked) = asked.filter(|asked| !asked.is_null()) else { continue };
        assert_eq!(*arguments, asked, "{name}: `{deed}` was done with something else than was written down");
    }
}

/// The agent awaited steps of its run, and nothing else.
fn nothing_foreign(run: RunId, journal: &[Entry], name: &str) {
    let foreign = |entry: &&Entry| matches!(entry.kind, EntryKind::Foreign { .. });
    if let Some(entry) = journal.iter().find(foreign) {
        panic!("{name}: {:?}", entry.event(run).kind);
    }
}

fn gap_free(journal: &[Entry], log: &EventLog, name: &str) {
    let numbers: Vec<_> = journal.iter().map(|entry| entry.seq.0).collect();
    let expected: Vec<_> = (1..=journal.len() as u64).collect();
    assert_eq!(numbers, expected, "{name}: the journal has gaps");
    let told: Vec<_> = log.events().iter().filter_map(|event| event.seq).collect();
    assert!(
        told.is_sorted_by(|one, next| one < next),
        "{name}: events were told twice or out of order: {told:?}"
    );
}
