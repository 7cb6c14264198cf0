//! The two ways to go on after a first answer: mend it by what the tests say, or ask again.

use std::fmt;
use std::ops::Add;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use agentic_core::{Agent, AgentError, ChatModel, Goal, Outcome, RunContext, Spend, Tool, async_trait};
use agentic_reflect::{SelfCorrectionAgent, Share};
use agentic_runtime::RunContextExt as _;
use agentic_tools::FunctionCallingAgent;

use crate::Failed;
use crate::drawn::Drawn;
use crate::paired::Paired;
use crate::tasks::Task;
use crate::tested::{passes, reflector};

/// So many answers each way has for a task, the first among them.
const ANSWERS: u32 = 3;
/// None of the functions needs more; an answer that is longer goes round in circles.
const LONGEST: u64 = 300;
/// The seeds of a task's answers lie beside each other.
const SEEDS: u64 = 16;

const INSTRUCTIONS: &str = "You write Python functions. Answer with one code block that has the whole function and what it \
                            imports, without comments and examples, and nothing else.";

/// What one way has come to.
#[derive(Debug, Default)]
pub(crate) struct Arm {
    /// Tasks that are solved: the tests pass, and those that are never told too.
    pub(crate) solved: Share,
    /// Tasks of which the tests pass.
    pub(crate) passed: Share,
    /// What the answers took, the first one of each task among them.
    pub(crate) cost: Cost,
}

/// Both ways, over all tasks so far.
#[derive(Debug, Default)]
pub(crate) struct Arms {
    /// Tasks that the first answer solves, which is the same in both.
    pub(crate) first: Share,
    pub(crate) repair: Arm,
    pub(crate) samples: Arm,
    pub(crate) paired: Paired,
}

/// What answers and their tests took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) spend: Spend,
    time: Duration,
}

/// A task that was worked on in both ways.
#[derive(Debug)]
pub(crate) struct Worked {
    name: &'static str,
    first: Ended,
    repair: (Ended, Cost),
    samples: (Ended, Cost),
}

/// An answer, or why there is none.
type Answer = Result<Outcome, AgentError>;

/// Gives an answer that is there already, then asks.
#[derive(Debug)]
struct Begun {
    first: Mutex<Option<Answer>>,
    agent: FunctionCallingAgent,
}

#[async_trait]
impl Agent for Begun {
    fn name(&self) -> &str {
        self.agent.name()
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Answer {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner).take();
        match first {
            Some(first) => first,
            None => self.agent.run(goal, cx).await,
        }
    }
}

/// Works on one task.
struct Bench<'a> {
    task: &'static Task,
    sandbox: &'a Arc<dyn Tool>,
    model: Arc<dyn ChatModel>,
    seed: u64,
}

/// How a task came out in one way: whether the tests pass, and those that are never told too.
#[derive(Clone, Copy, Debug)]
struct Ended {
    passed: bool,
    solved: bool,
    answers: u64,
}

/// Has a task solved in both ways.
///
/// # Errors
/// If the sandbox or the model is not there any more.
pub(crate) async fn work(
    task: &'static Task,
    seed: u64,
    sandbox: &Arc<dyn Tool>,
    model: impl ChatModel,
) -> Result<Worked, Failed> {
    let bench = Bench { task, sandbox, model: Arc::new(model), seed: seed * SEEDS };
    let (answer, begun) = measured(async |cx| bench.agent(0)?.run(goal(task), cx).await).await;
    let first = bench.ended(&answer, 1).await?;
    let mut worked = Worked { name: task.name(), first, repair: (first, begun), samples: (first, begun) };
    if !first.passed {
        let (end, cost) = measured(async |cx| bench.repaired(answer, cx).await).await;
        worked.repair = (end?, begun + cost);
        let (end, cost) = measured(async |cx| bench.sampled(cx).await).await;
        worked.samples = (end?, begun + cost);
    }
    Ok(worked)
}

impl Arms {
    /// One more task.
    pub(crate) fn add(&mut self, worked: &Worked) {
        let Worked { first, repair, samples, .. } = worked;
        self.first.add(first.solved);
        self.repair.add(repair);
        self.samples.add(samples);
        self.paired.add(repair.0.solved, samples.0.solved);
    }
}

impl Arm {
    fn add(&mut self, (end, cost): &(Ended, Cost)) {
        self.solved.add(end.solved);
        self.passed.add(end.passed);
        self.cost = self.cost + *cost;
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { spend: self.spend + other.spend, time: self.time + other.time }
    }
}

impl Bench<'_> {
    /// An agent whose first answer is drawn with the seed at this place.
    fn agent(&self, place: u64) -> Result<FunctionCallingAgent, AgentError> {
        FunctionCallingAgent::builder()
            .model(Drawn::new(self.model.clone(), self.seed + place))
            .instructions(INSTRUCTIONS)
            .max_output_tokens(LONGEST)
            .build()
            .map_err(|error| AgentError::invalid_input(error.to_string()))
    }

    async fn repaired(&self, first: Answer, cx: &RunContext) -> Result<Ended, Failed> {
        let agent = Begun { first: Mutex::new(Some(first)), agent: self.agent(1)? };
        let careful = SelfCorrectionAgent::new(agent, reflector(self.sandbox, self.task)).tries(ANSWERS);
        let corrected = careful.correct(goal(self.task), cx).await;
        self.ended(&corrected.result, corrected.tries.len() as u64).await
    }

    /// The first of the further answers that passes the tests, or the last one.
    async fn sampled(&self, cx: &RunContext) -> Result<Ended, Failed> {
        let agent = self.agent(1)?;
        let mut answers = 1;
        loop {
            answers += 1;
            let answer = agent.run(goal(self.task), &cx.scope("sample")).await;
            let end = self.ended(&answer, answers).await?;
            if end.passed || answers == u64::from(ANSWERS) {
                return Ok(end);
            }
        }
    }

    async fn ended(&self, answer: &Answer, answers: u64) -> Result<Ended, Failed> {
        let cx = RunContext::ephemeral();
        let text = match answer {
            Ok(outcome) => outcome.text(),
            Err(error) if lost(error, &cx) => return Err(error.clone().into()),
            Err(error) => error.partial().map(|partial| partial.text.clone()).unwrap_or_default(),
        };
        let passed = passes(self.sandbox, self.task, self.task.tests, &text, &cx).await?;
        let solved = passed && passes(self.sandbox, self.task, self.task.held_out, &text, &cx).await?;
        Ok(Ended { passed, solved, answers })
    }
}

/// Whether there is nothing to be had any more, which is not the code's fault.
fn lost(error: &AgentError, cx: &RunContext) -> bool {
    match error {
        AgentError::Tries { error, .. } => lost(error, cx),
        AgentError::Model { .. } => true,
        error => error.ends(cx),
    }
}

/// What a piece of work gives, and what it took.
async fn measured<T>(work: impl AsyncFnOnce(&RunContext) -> T) -> (T, Cost) {
    let cx = RunContext::ephemeral();
    #[expect(clippy::disallowed_methods, reason = "a measuring program reads the clock")]
    let began = Instant::now();
    let given = work(&cx).await;
    (given, Cost { spend: cx.budget().spent, time: began.elapsed() })
}

fn goal(task: &Task) -> Goal {
    Goal::new(format!("Write the Python function {}. {}", task.signature, task.wish))
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match (self.passed, self.solved) {
            (_, true) => "solves it",
            (true, false) => "passes its tests alone",
            (false, false) => "fails",
        };
        write!(f, "{word} ({})", self.answers)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { spend, time } = self;
        let usage = spend.usage;
        write!(
            f,
            "{} model calls, {} tokens read ({} of them cached), {} written, {:.0} s",
            spend.model_calls,
            usage.input_tokens,
            usage.cached_input_tokens,
            usage.output_tokens,
            time.as_secs_f64(),
        )
    }
}

impl fmt::Display for Worked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, first, repair, samples } = self;
        write!(
            f,
            "{name}: first {first}; repair {}: {}; samples {}: {}",
            repair.0, repair.1, samples.0, samples.1
        )
    }
}

impl fmt::Display for Arms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, repair, samples, paired } = self;
        writeln!(f, "first answer: {first}")?;
        for (name, Arm { solved, passed, cost }) in [("repair", repair), ("samples", samples)] {
            writeln!(f, "{name}: {solved}; {} pass the tests that are told; {cost}", passed.hits)?;
        }
        write!(f, "{paired}")
    }
}

#[cfg(test)]
mod tests {
    use agentic_testkit::{RuleModel, Says};

    use super::*;
    use crate::tasks::TASKS;
    use crate::tested::sandbox;

    const RIGHT: &str = "def count_vowels(text):\n    return sum(letter in 'aeiouAEIOU' for letter in text)";
    const WRONG: &str = "def count_vowels(text):\n    return sum(letter in 'aeiou' for letter in text)";
    const TOLD: &str = "def count_vowels(text):\n    return {'hello': 2, 'AEIOU xyz': 5}.get(text, 0)";

    /// A model whose answer depends on whether it reads what its tests say.
    async fn arms(first: &'static str, told: &'static str) -> Option<Arms> {
        let sandbox = match sandbox().await {
            Ok(sandbox) => sandbox,
            Err(error) => {
                eprintln!("skipped: {error}");
                return None;
            }
        };
        let model = RuleModel::new(move |request| {
            let read = request.messages.iter().any(|it| it.text().contains("gives 0, and has to give 5"));
            Says::text(format!("```python\n{}\n```", if read { told } else { first }))
        });
        let mut arms = Arms::default();
        arms.add(&work(&TASKS[0], 1, &sandbox, model.clone()).await.unwrap());
        assert_eq!(model.calls(), arms.calls());
        Some(arms)
    }

    impl Arms {
        /// What both took, the first answers once.
        fn calls(&self) -> u64 {
            self.repair.cost.spend.model_calls + self.samples.cost.spend.model_calls
                - u64::from(self.first.of)
        }
    }

    fn figures(arms: &Arms) -> [(u32, u32, u64); 2] {
        [&arms.repair, &arms.samples]
            .map(|arm| (arm.solved.hits, arm.passed.hits, arm.cost.spend.model_calls))
    }

    #[tokio::test]
    async fn both_end_where_the_first_answer_solves_it() {
        let Some(arms) = arms(RIGHT, WRONG).await else { return };
        assert_eq!((arms.first.hits, figures(&arms)), (1, [(1, 1, 1), (1, 1, 1)]));
    }

    #[tokio::test]
    async fn a_model_that_heeds_its_tests_repairs_what_it_does_not_write_anew() {
        let Some(arms) = arms(WRONG, RIGHT).await else { return };
        assert_eq!((arms.first.hits, figures(&arms)), (0, [(1, 1, 2), (0, 0, 3)]));
        assert_eq!(arms.paired, Paired { only_repair: 1, only_samples: 0 });
    }

    #[tokio::test]
    async fn who_writes_down_what_the_tests_ask_has_solved_nothing() {
        let Some(arms) = arms(WRONG, TOLD).await else { return };
        assert_eq!(figures(&arms), [(0, 1, 2), (0, 0, 3)]);
        assert_eq!(arms.paired, Paired::default());
    }
}
