//! The acceptance rows that take long, each by its name. `docs/TESTING.md` has the bars.

mod bench;
mod code;
pub(crate) mod durable;
mod embedding_truth;
mod figures;
mod fuzz;
mod journal;
mod judge;
mod kill_main_job;
mod main_job;
mod mutants;
mod remembers;
mod replay;
mod research;
mod retrieval;
mod run;
mod suites;
mod trips;
mod vectors;

use anyhow::{Result, bail};

use crate::flags::AcceptOptions;

struct Row {
    name: &'static str,
    what: &'static str,
    run: fn(&AcceptOptions) -> Result<()>,
}

/// One row is one line.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { name: "main-job", what: "the agent on generated folders of invoices", run: main_job::run },
    Row { name: "kill-main-job", what: "the same, killed in its middle and gone on with", run: kill_main_job::run },
    Row { name: "prefix", what: "prompt tokens processed from the second turn on", run: |_| bench::local("reuse") },
    Row { name: "shared-prefix", what: "four agents with one prefix against four without", run: |_| bench::local("shared") },
    Row { name: "cancel", what: "how soon a cancelled HTTP stream, child process and local model are gone", run: |_| bench::cancel() },
    Row { name: "speed", what: "prompt and decoding speed of the local model", run: |_| bench::local("speed") },
    Row { name: "framework-cost", what: "CPU, instructions and memory against a bare client", run: bench::framework },
    Row { name: "parsers", what: "lenient JSON, ReAct and tool-call text, in a release build", run: |_| suites::parsers() },
    Row { name: "schemas", what: "JSON Schema suite and function descriptions, in a release build", run: |_| suites::schemas() },
    Row { name: "openai", what: "recorded provider streams, whole and cut", run: |_| suites::openai() },
    Row { name: "bad-input", what: "the table of things that go wrong", run: |_| suites::bad_input() },
    Row { name: "others", what: "what went wrong with other projects, as tests", run: |_| suites::others() },
    Row { name: "replay", what: "every example and sample workload, repeated from its file", run: |_| replay::run() },
    Row { name: "embedding-truth", what: "vectors of the embedded model against Python's", run: |_| embedding_truth::run() },
    Row { name: "locomo", what: "evidence that a memory finds in long conversations", run: |_| retrieval::locomo() },
    Row { name: "vaswani", what: "abstracts that a memory finds by questions", run: |_| retrieval::vaswani() },
    Row { name: "vector-speed", what: "memory stores beside other vector stores: speed, memory, disk", run: |_| vectors::speed() },
    Row { name: "growth", what: "memory stores of 10,000, 100,000 and a million entries", run: |_| vectors::growth() },
    Row { name: "remembers", what: "told facts in one process, the local model is asked in the next", run: remembers::run },
    Row { name: "schedule", what: "how soon a plan is done, beside a loop, in real time", run: |_| durable::schedule() },
    Row { name: "game24", what: "900 puzzles of the game of 24 by search, beside breadth-first search", run: |_| durable::game24() },
    Row { name: "replan", what: "what is kept when a plan is planned again, wherever it fails", run: |_| durable::replan() },
    Row { name: "false-done", what: "100 runs that end well, half of which miss their goals", run: |_| durable::false_done() },
    Row { name: "judge", what: "how well a model judges criteria in words, and what that costs", run: judge::run },
    Row { name: "code", what: "whether code that failed its tests is better repaired or written anew", run: code::run },
    Row { name: "research", what: "the research assistant of the examples on questions whose answers are known", run: research::run },
    Row { name: "trips", what: "the README's plan on the local model, and goals that it plans itself", run: trips::run },
    Row { name: "durable-cost", what: "200 durable runs at once against 200 that are not", run: |_| bench::durable() },
    Row { name: "durable-speed", what: "steps a second, resuming, parked runs and size on disk", run: |_| durable::speed() },
    Row { name: "kills", what: "a process at work on 200 runs, killed 300 times", run: |_| durable::kills(300, true) },
    Row { name: "simulation", what: "20,000 simulated systems that crash", run: |_| durable::simulation(20_000) },
    Row { name: "mutants", what: "each rule of durable runs broken on purpose: the tests notice", run: |_| mutants::run() },
    Row { name: "fuzz", what: "each fuzz target for a while", run: fuzz::run },
];

/// Runs a row, or lists them.
pub(crate) fn run(options: &AcceptOptions) -> Result<()> {
    let Some(name) = &options.row else {
        for Row { name, what, .. } in ROWS {
            println!("{name:<15} {what}");
        }
        return Ok(());
    };
    match ROWS.iter().find(|row| row.name == name) {
        Some(row) => (row.run)(options),
        None => {
            let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
            bail!("there is no row `{name}`; the rows are: {}", names.join(", "))
        }
    }
}
