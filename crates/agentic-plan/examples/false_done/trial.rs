//! The tasks, the runs and what is found of them.

mod answers;
mod case;
mod code;
mod figures;
mod formats;
mod lists;
mod numbers;
mod records;
mod settings;
mod solutions;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use agentic_core::{GoalVerdict, RunStatus, Tool};
use agentic_plan::{Verifier, VerifyingAgent};
use agentic_runtime::{ApproveAll, Ephemeral};
use agentic_testkit::ScriptedModel;
use agentic_tools::FunctionCallingAgent;
use agentic_tools::builtin::{CodeLimits, RunCode};

use self::case::{Case, Family, Turn};
pub(crate) use self::figures::Figures;
use self::settings::Store;

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

/// So many tasks, and so many verdicts on them may be wrong.
pub(crate) const COUNT: usize = 100;
pub(crate) const MOST_WRONG: usize = 1;

/// The families whose outputs are only looked at, and in the end the one whose outputs are run.
const FAMILIES: [(&str, Family); 10] = [
    ("sum", numbers::sum),
    ("count", numbers::count),
    ("measure", numbers::measure),
    ("fact", answers::fact),
    ("record", records::record),
    ("format", formats::format),
    ("list", lists::list),
    ("setting", settings::setting),
    ("transfer", settings::transfer),
    ("code", code::code),
];

/// The sandbox in which code is run.
///
/// # Errors
/// Where there is none.
pub(crate) async fn sandbox() -> Result<Arc<dyn Tool>, Failed> {
    // Processor time is the same on a busy machine.
    let limits = CodeLimits::default().with_cpu(Duration::from_secs(2)).with_wall(Duration::from_secs(60));
    let tool = RunCode::new().with_limits(limits);
    tool.ready().await?;
    Ok(Arc::new(tool))
}

/// So many tasks of this seed, in pairs: of each pair one ends well and misses its goal. Without a sandbox those whose output
/// is code are left out.
pub(crate) fn cases(seed: u64, count: usize, with_code: bool) -> Vec<Case> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut cases = Vec::new();
    for pair in 0..count / 2 {
        let (name, family) = FAMILIES[pair % FAMILIES.len()];
        let first = rng.bool();
        for meets in [first, !first] {
            let case = Case::draw(name, family, meets, &mut rng);
            if with_code || name != "code" {
                cases.push(case);
            }
        }
    }
    rng.shuffle(&mut cases);
    cases
}

/// Runs them all.
///
/// # Errors
/// If a run does not end well, or if what a case was made for is not what came of it: then the trial itself is wrong.
pub(crate) async fn run(seed: u64, count: usize, sandbox: Option<Arc<dyn Tool>>) -> Result<Figures, Failed> {
    let mut figures = Figures::default();
    for case in cases(seed, count, sandbox.is_some()) {
        let store = Store::new(&case.stored);
        let agent = FunctionCallingAgent::builder()
            .model(script(&case.turns))
            .tool(store.tool("get"))
            .tool(store.tool("set"))
            .tool(store.tool("commit"))
            .build()?;
        let verifier = Verifier::new().tools([store.tool("get")]).tools(sandbox.clone());
        let agent = VerifyingAgent::new(agent, verifier);
        let report = Ephemeral::new().approver(ApproveAll).run(&agent, case.goal.clone()).await;
        let told = |what: &str| format!("seed {seed}, {} ({}): {what}", case.family, case.how);
        let outcome = report.result.map_err(|error| told(&error.to_string()))?;
        if report.status != RunStatus::Completed {
            return Err(told("the run did not end well").into());
        }
        let is_met = (case.truth)(&outcome.text(), &store);
        if is_met != case.meets {
            return Err(told(&format!("was made otherwise: {}", outcome.text())).into());
        }
        figures.add(&case, is_met, &outcome);
    }
    Ok(figures)
}

fn script(turns: &[Turn]) -> ScriptedModel {
    turns.iter().fold(ScriptedModel::new(), |model, turn| match turn {
        Turn::Says(text) => model.says(text),
        Turn::Calls(tool, arguments) => model.calls(tool, arguments.clone()),
    })
}

/// Whether the verdict says what is true. One that leaves it open never does.
fn is_right(verdict: GoalVerdict, is_met: bool) -> bool {
    verdict == if is_met { GoalVerdict::Met } else { GoalVerdict::NotMet }
}
