//! Agents that do anything, drawn from a seed.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::{
    Agent, AgentError, Approval, ChatModel, Decision, EffectClass, Goal, Message, ModelRequest, Outcome,
    RunContext, Spend, StepError, async_trait,
};
use fastrand::Rng;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::json;

use super::World;

/// What an agent does.
#[derive(Clone, Debug)]
enum Plan {
    /// A deed of this class.
    Does(EffectClass),
    /// Asks a model.
    Thinks,
    /// Asks an oracle, whose answers differ, and notes what it said.
    Notes,
    /// Waits for some milliseconds.
    Sleeps(u64),
    /// Asks a person.
    Asks,
    /// Waits for a message.
    Hears,
    /// Notes a drawn id and the time.
    Draws,
    /// One after the other.
    Sequence(Vec<Plan>),
    /// At most so many at a time; the results in their order.
    All(usize, Vec<Plan>),
    /// Goes on when so many are done; drops the others.
    First(usize, Vec<Plan>),
    /// Gives up after some milliseconds.
    Within(u64, Box<Plan>),
}

const CLASSES: [EffectClass; 5] = [
    EffectClass::Pure,
    EffectClass::Idempotent,
    EffectClass::Keyed,
    EffectClass::Checkable,
    EffectClass::Unsafe,
];

impl Plan {
    fn drawn(rng: &mut Rng, depth: u32) -> Self {
        let leaf = depth == 0 || rng.u8(..) < 90;
        if leaf {
            return match rng.u8(0..14) {
                0 | 1 => Self::Notes,
                6 | 7 => Self::Thinks,
                2 => Self::Sleeps(if rng.bool() { rng.u64(1..50) } else { rng.u64(1_000..100_000) }),
                3 => Self::Asks,
                4 => Self::Hears,
                5 => Self::Draws,
                _ => Self::Does(CLASSES[rng.usize(0..CLASSES.len())]),
            };
        }
        let parts = |rng: &mut Rng| (0..rng.usize(2..5)).map(|_| Self::drawn(rng, depth - 1)).collect();
        match rng.u8(0..6) {
            0 | 1 => Self::Sequence(parts(rng)),
            2 | 3 => Self::All(rng.usize(1..4), parts(rng)),
            4 => Self::First(rng.usize(1..3), parts(rng)),
            _ => Self::Within(rng.u64(1..30), Box::new(Self::drawn(rng, depth - 1))),
        }
    }
}

/// Does what the number in its goal says: the same in every process.
#[derive(Clone, Debug)]
pub(super) struct Planned {
    pub(super) world: World,
    pub(super) model: Arc<dyn ChatModel>,
    /// Only effects that may be attempted by two processes at the same time.
    pub(super) shared: bool,
}

#[async_trait]
impl Agent for Planned {
    fn name(&self) -> &str {
        "planned"
    }

    async fn run(&self, goal: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
        let seed = goal.text.parse().map_err(|_| AgentError::invalid_input("the goal is no number"))?;
        let plan = Plan::drawn(&mut Rng::with_seed(seed), 3);
        let said = self.follow(cx.clone(), plan).await?;
        Ok(Outcome::new(said, Spend::default()))
    }
}

impl Planned {
    fn follow(&self, cx: RunContext, plan: Plan) -> BoxFuture<'_, Result<String, StepError>> {
        async move {
            match plan {
                Plan::Does(class) => {
                    let class = if self.shared { class.min(EffectClass::Keyed) } else { class };
                    let tool = self.world.tool(&format!("{class:?}"), class);
                    // A tool that is refused, by the budget, is something to go on from.
                    match cx.tool(&tool, json!({"at": cx.path()})).await {
                        Err(StepError::Budget(_)) => Ok("refused".into()),
                        done => Ok(done?["did"].to_string()),
                    }
                }
                Plan::Thinks => {
                    let request = ModelRequest::new([Message::user(cx.path())].into_iter().collect());
                    match cx.model(&self.model, request.with_max_output_tokens(20)).await {
                        Err(StepError::Budget(_)) => Ok("refused".into()),
                        said => Ok(said?.text()),
                    }
                }
                Plan::Notes => {
                    let Ok(said) = cx.tool(&self.world.oracle("oracle"), json!({})).await else {
                        return cx
                            .tool(&self.world.oracle("again"), json!({}))
                            .await
                            .map(|said| said.to_string());
                    };
                    cx.tool(&self.world.tool("note", EffectClass::Keyed), said.clone()).await?;
                    Ok(said.to_string())
                }
                Plan::Sleeps(ms) => cx.sleep(Duration::from_millis(ms)).await.map(|()| String::new()),
                Plan::Asks => {
                    // Every other place asks for a tool, so that rules may answer.
                    let asked = match cx.path().len() % 2 {
                        0 => Approval::new(format!("at {}?", cx.path())),
                        _ => Approval::of_tool("door", json!({"at": cx.path()})),
                    };
                    let question = json!(asked.question);
                    match cx.approve(asked).await? {
                        Decision::Edit { arguments } => {
                            assert_eq!(arguments, question, "the answer to another question");
                            Ok("edited".into())
                        }
                        other => Ok(format!("{other:?}")),
                    }
                }
                Plan::Hears => Ok(cx.receive::<u64>("news").await?.to_string()),
                Plan::Draws => {
                    let drawn = json!({"id": cx.next_id(), "random": cx.random(), "now": cx.now()});
                    cx.tool(&self.world.tool("note", EffectClass::Keyed), drawn).await.map(|_| "drew".into())
                }
                Plan::Sequence(parts) => {
                    let mut said = Vec::new();
                    for part in parts {
                        said.push(self.follow(cx.scope("part"), part).await?);
                    }
                    Ok(said.join(";"))
                }
                Plan::All(parallel, parts) => {
                    let numbered = parts.into_iter().enumerate().map(|(n, part)| Keyed(n, part));
                    let all = cx.all("side", parallel, numbered, |cx, Keyed(_, part)| self.follow(cx, part));
                    Ok(all.await.into_iter().collect::<Result<Vec<_>, _>>()?.join("+"))
                }
                Plan::First(count, parts) => {
                    let mut racing: FuturesUnordered<_> = parts
                        .into_iter()
                        .enumerate()
                        .map(|(n, part)| self.follow(cx.keyed("racer", n), part))
                        .collect();
                    let mut first = Vec::new();
                    while first.len() < count {
                        match racing.next().await {
                            Some(said) => first.push(said?),
                            None => break,
                        }
                    }
                    Ok(first.join("|"))
                }
                Plan::Within(ms, part) => {
                    let inner = cx.scope("within");
                    let said = cx.timeout(Duration::from_millis(ms), self.follow(inner, *part)).await?;
                    Ok(said.transpose()?.unwrap_or_else(|| "late".into()))
                }
            }
        }
        .boxed()
    }
}

/// A part with its place.
struct Keyed(usize, Plan);

impl std::fmt::Display for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
