//! Exhausted budgets in durable runs: questions and cheaper models over crashes at every write, and how much is spent.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::EffectClass::{Keyed, Unsafe};
use agentic_core::{
    Budget, Budgeted, ChatModel, Decision, Goal, Message, ModelRequest, NanoUsd, Price, Reason, RunContext,
    StepError, WhenExhausted,
};
use agentic_runtime::{EntryKind, MemoryStore, RunError, RunOptions, Runtime, Wait, replay};
use agentic_testkit::durability::{Check, Operator, Subject, World};
use agentic_testkit::{FakeSources, RuleModel, Says};
use fastrand::Rng;
use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use serde_json::json;

use crate::support::agent;

/// A subject whose agent is this function of its world, with this for an exhausted budget.
fn subject<F>(
    when: WhenExhausted,
    budget: Budget,
    body: impl Fn(RunContext, World) -> F + Send + Sync + Clone + 'static,
) -> Subject
where
    F: Future<Output = Result<String, StepError>> + Send + 'static,
{
    let world = World::new();
    let inside = world.clone();
    let agent = Budgeted::new(agent(move |cx| body(cx, inside.clone())), when);
    Subject::new(agent, "go", world).with_budget(budget)
}

/// Some tools at the same time, one more after them.
async fn tools(cx: RunContext, world: World) -> Result<String, StepError> {
    let calls = (0..6).map(|n| {
        let class = if n % 2 == 0 { Keyed } else { Unsafe };
        cx.keyed("side", n).tool(&world.tool(&format!("tool{n}"), class), json!({"n": n}))
    });
    let done = join_all(calls).await.iter().flatten().count();
    let last = cx.tool(&world.tool("last", Keyed), json!({})).await.is_ok();
    let state = cx.budget();
    assert!(state.spent.tool_calls <= state.limits.tool_calls.unwrap(), "{state:?}");
    Ok(format!("{done} {last} of {:?}", state.limits.tool_calls.unwrap()))
}

fn some_calls() -> Budget {
    Budget::unlimited().with_tool_calls(3)
}

#[test]
fn a_budget_that_a_person_raises() {
    let proof = Check::new(|| subject(WhenExhausted::ask(), some_calls(), tools)).run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn a_budget_that_a_person_raises_by_little_and_then_no_more() {
    let proof = Check::new(|| {
        let operator = Operator::new(|wait| match wait {
            Wait::Approval { approval, .. } if approval.arguments["limit"] == 3 => {
                Decision::Edit { arguments: json!({"raise": 1}) }
            }
            _ => Decision::Deny { reason: "no".into() },
        });
        subject(WhenExhausted::ask(), some_calls(), tools).with_operator(operator)
    })
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn a_question_about_a_budget_that_expires() {
    let when = || WhenExhausted::ask().expiring_after(Duration::from_millis(30));
    let proof = Check::new(|| {
        // Somebody comes, and much too late.
        subject(when(), some_calls(), tools).with_outside(|_, _| async {})
    })
    .order_matters()
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

/// A person answers a parked run from elsewhere; it goes on in another process, with the same agent made anew.
#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_raise_is_parked_and_goes_on_elsewhere() {
    let (store, sources) = (Arc::new(MemoryStore::new()), FakeSources::seeded(1));
    let world = World::new();
    let make = |world: &World| {
        let world = world.clone();
        Budgeted::new(agent(move |cx| tools(cx, world.clone())), WhenExhausted::ask())
    };
    let first = Runtime::builder(store.clone()).sources(sources.clone()).build();
    let options = RunOptions::default().with_budget(some_calls());
    let run = first.start_with(make(&world), "go", options).await.unwrap();
    let report = run.report().await.unwrap();
    assert_eq!(report.reason, Some(Reason::Approval));
    let Err(RunError::Waits { waits, .. }) = report.result else { panic!("{report:?}") };
    let [Wait::Approval { step, digest, approval }] = waits.as_slice() else {
        panic!("one question: {waits:?}")
    };
    assert_eq!(step.as_str(), "side:3/tool:tool3/approve");
    assert!(
        approval.question.starts_with("The budget of 3 tool calls is exhausted"),
        "{}",
        approval.question
    );
    drop(first);

    let second = Runtime::builder(store).sources(sources).build();
    let raise = Decision::Edit { arguments: json!({"raise": 10}) };
    second.decide(run.id(), step, *digest, raise, None).await.unwrap();
    let resumed = second.resume_with(run.id(), make(&world)).await.unwrap();
    let report = resumed.report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), "6 true of 13");
    let journal = second.journal(run.id()).await.unwrap();
    let nowhere = World::new();
    let again = replay(&make(&nowhere), run.id(), &journal).await.unwrap();
    assert_eq!((again.result.unwrap().text(), nowhere.attempts()), ("6 true of 13".into(), 0));
}

/// A model that says the same each time, for so many nano-dollars a token.
fn model(name: &str, each: u64) -> RuleModel {
    RuleModel::new(|request| Says::text(format!("{} messages", request.messages.len()))).with_info(|info| {
        info.id = name.into();
        let each = NanoUsd(each * 1_000_000);
        info.price = Some(Price { input: each, cached_input: each, output: each });
    })
}

fn ask(messages: usize) -> ModelRequest {
    let said = (0..messages).map(|n| Message::user(format!("message {n}")));
    ModelRequest::new(said.collect()).with_max_output_tokens(20)
}

/// Branches that talk with a model, and note what it says.
async fn talks(cx: RunContext, world: World, model: Arc<dyn ChatModel>) -> Result<String, StepError> {
    let sides = cx.all("side", 3, 0..3_u64, |cx, n| {
        let (model, world) = (model.clone(), world.clone());
        async move {
            let mut said = Vec::new();
            for turn in 0..2 {
                match cx.model(&model, ask(1 + turn)).await {
                    Err(StepError::Budget(_)) => said.push("refused".to_owned()),
                    answer => {
                        let answer = answer?;
                        let noted = json!({"n": n, "said": answer.text(), "asked": answer.asked});
                        cx.tool(&world.tool("note", Keyed), noted).await?;
                        said.push(format!("{} {}", answer.asked, answer.cost.unwrap().0));
                    }
                }
                within(&cx);
            }
            Ok::<_, StepError>(said.join(", "))
        }
    });
    Ok(sides.await.into_iter().collect::<Result<Vec<_>, _>>()?.join("; "))
}

/// What was spent and booked is never more than the limits, as high as they are by now.
fn within(cx: &RunContext) {
    let state = cx.budget();
    let cost = state.limits.cost.is_none_or(|limit| state.spent.cost <= limit);
    let tokens = state.limits.tokens.is_none_or(|limit| state.spent.tokens() <= limit);
    let calls = state.limits.tool_calls.is_none_or(|limit| state.spent.tool_calls <= limit);
    assert!(cost && tokens && calls, "{state:?}");
}

#[test]
fn a_budget_that_is_stretched_by_a_cheaper_model() {
    let proof = Check::new(|| {
        let large: Arc<dyn ChatModel> = Arc::new(model("test:large", 10));
        let budget = Budget::unlimited().with_cost(NanoUsd(1_500));
        let when = WhenExhausted::degrade_to(model("test:small", 1));
        subject(when, budget, move |cx, world| talks(cx, world, large.clone()))
    })
    // Calls that are lost are paid for, so there is less for those after them.
    .order_matters()
    .run();
    assert!(proof.crashes > 200, "{proof:?}");
}

#[test]
fn a_cheaper_model_and_then_a_person() {
    let proof = Check::new(|| {
        let large: Arc<dyn ChatModel> = Arc::new(model("test:large", 10));
        let budget = Budget::unlimited().with_cost(NanoUsd(700));
        let when = WhenExhausted::degrade_to(model("test:small", 5)).then_ask();
        subject(when, budget, move |cx, world| talks(cx, world, large.clone()))
    })
    .order_matters()
    .run();
    assert!(proof.crashes > 200, "{proof:?}");
}

// --------------------------------------------------------------------------------- any tree, any policy

/// A tree of calls, drawn from a seed.
#[derive(Clone, Debug)]
enum Tree {
    Model(usize),
    Tool,
    Sequence(Vec<Tree>),
    Parallel(Vec<Tree>),
    Agent(Box<Tree>),
    Within(u64, Box<Tree>),
}

impl Tree {
    fn drawn(rng: &mut Rng, depth: u32) -> Self {
        if depth == 0 || rng.u8(..) < 60 {
            return if rng.u8(..) < 190 { Self::Model(rng.usize(1..4)) } else { Self::Tool };
        }
        let parts = |rng: &mut Rng| (0..rng.usize(2..4)).map(|_| Self::drawn(rng, depth - 1)).collect();
        match rng.u8(0..6) {
            0 | 1 => Self::Sequence(parts(rng)),
            2 | 3 => Self::Parallel(parts(rng)),
            4 => Self::Agent(Box::new(Self::drawn(rng, depth - 1))),
            _ => Self::Within(rng.u64(5..30), Box::new(Self::drawn(rng, depth - 1))),
        }
    }

    /// Goes on where a call is refused.
    fn follow(
        self,
        cx: RunContext,
        world: World,
        model: Arc<dyn ChatModel>,
    ) -> BoxFuture<'static, Result<u64, StepError>> {
        async move {
            let answered = |answered: Result<(), StepError>| match answered {
                Err(StepError::Budget(_)) => Ok(0),
                other => other.map(|()| 1),
            };
            let done = match self {
                Self::Model(messages) => answered(cx.model(&model, ask(messages)).await.map(drop))?,
                Self::Tool => {
                    answered(cx.tool(&world.tool("tool", Keyed), json!({"at": cx.path()})).await.map(drop))?
                }
                Self::Sequence(parts) => {
                    let mut done = 0;
                    for part in parts {
                        done += part.follow(cx.scope("part"), world.clone(), model.clone()).await?;
                    }
                    done
                }
                Self::Parallel(parts) => {
                    let sides = parts.into_iter().enumerate();
                    let sides =
                        sides.map(|(n, part)| part.follow(cx.keyed("side", n), world.clone(), model.clone()));
                    join_all(sides).await.into_iter().sum::<Result<u64, _>>()?
                }
                Self::Agent(part) => {
                    let below = agent(move |cx| {
                        let (part, world, model) = (part.clone(), world.clone(), model.clone());
                        async move { Ok(part.follow(cx, world, model).await?.to_string()) }
                    });
                    let outcome = cx.call("below", &below, Goal::new("go")).await;
                    outcome.map_or(0, |outcome| outcome.text().parse().unwrap())
                }
                Self::Within(ms, part) => {
                    let within = part.follow(cx.scope("within"), world, model);
                    cx.timeout(Duration::from_millis(ms), within).await?.transpose()?.unwrap_or_default()
                }
            };
            within(&cx);
            Ok(done)
        }
        .boxed()
    }
}

/// Many trees of calls at the same time, under budgets that do not suffice, with each policy, crashed at every write. What
/// is booked never passes the limits: a call whose outcome a crash took is booked with all that it could have taken.
#[test]
fn no_tree_of_calls_spends_more_than_its_budget() {
    let mut crashes = 0;
    for seed in 0..24 {
        let make = move || {
            let mut rng = Rng::with_seed(seed);
            let tree = Tree::Parallel((0..3).map(|_| Tree::drawn(&mut rng, 2)).collect());
            let small = || model("test:small", 2);
            let when = match seed % 4 {
                0 => WhenExhausted::stop(),
                1 => WhenExhausted::ask(),
                2 => WhenExhausted::degrade_to(small()),
                _ => WhenExhausted::degrade_to(small()).then_ask(),
            };
            let mut budget = Budget::unlimited().with_cost(NanoUsd(rng.u64(300..2_500)));
            if rng.bool() {
                budget = budget.with_tokens(rng.u64(60..400)).with_tool_calls(rng.u64(1..3));
            }
            let large: Arc<dyn ChatModel> = Arc::new(model("test:large", 10));
            subject(when, budget, move |cx, world| {
                let followed = tree.clone().follow(cx.clone(), world, large.clone());
                async move {
                    let done = followed.await?;
                    within(&cx);
                    assert_eq!(cx.budget().held, Default::default(), "nothing stays held");
                    Ok(done.to_string())
                }
            })
        };
        let lag = if seed % 2 == 0 {
            agentic_testkit::durability::Lag::None
        } else {
            agentic_testkit::durability::Lag::UpTo(8)
        };
        crashes += Check::new(make).seeds(1).lags([lag]).order_matters().run().crashes;
    }
    assert!(crashes > 1_000, "{crashes}");
}
