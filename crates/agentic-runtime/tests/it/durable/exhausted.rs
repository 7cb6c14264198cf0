//! Exhausted budgets in durable runs: questions and cheaper models over crashes at every write, and how much is spent.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use agentic_core::EffectClass::{Keyed, Unsafe};
use agentic_core::{
    Budget, Budgeted, ChatModel, Decision, Goal, Message, ModelContext, ModelError, ModelEvent, ModelInfo,
    ModelRequest, ModelStream, NanoUsd, Price, Reason, RunContext, Spend, StepError, Usage, WhenExhausted,
    async_trait,
};
use agentic_runtime::{
    EntryKind, Fork, ForkEffects, MemoryStore, RunError, RunOptions, Runtime, Wait, replay,
};
use agentic_testkit::durability::{Check, Lag, Operator, Subject, World};
use agentic_testkit::{FakeSources, RuleModel, Says};
use fastrand::Rng;
use futures_util::StreamExt as _;
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
    assert!(state.limits.tool_calls.is_none_or(|limit| state.spent.tool_calls <= limit), "{state:?}");
    Ok(format!("{done} {last} of {}", state.limits.tool_calls.unwrap_or(u64::MAX)))
}

fn some_calls() -> Budget {
    Budget::unlimited().with_tool_calls(3)
}

#[test]
fn scopes_with_limits_of_their_own() {
    let proof = Check::new(|| {
        subject(WhenExhausted::stop(), Budget::unlimited(), |cx, world| async move {
            let sides = (0..2u64).map(|side| {
                let cx = cx.limited(&format!("side:{side}"), Budget::unlimited().with_tool_calls(2 + side));
                let calls = (0..5).map(|n| {
                    let class = if n % 2 == 0 { Keyed } else { Unsafe };
                    cx.keyed("call", n).tool(&world.tool(&format!("tool{side}{n}"), class), json!({"n": n}))
                });
                let calls = join_all(calls.collect::<Vec<_>>());
                async move {
                    let done = calls.await.iter().flatten().count();
                    (done, cx.spent().tool_calls)
                }
            });
            let sides = join_all(sides.collect::<Vec<_>>()).await;
            assert_eq!(sides, [(2, 2), (3, 3)], "of five calls each");
            let last = cx.tool(&world.tool("last", Keyed), json!({})).await.is_ok();
            Ok(format!("{sides:?} {last} {}", cx.budget().spent.tool_calls))
        })
    })
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

/// What a crash has lost is booked in the scope too, so only what it can afford twice is sure to be done.
#[test]
fn model_calls_in_a_scope_with_limits() {
    let proof = Check::new(|| {
        subject(WhenExhausted::stop(), Budget::unlimited(), |cx, world| async move {
            let model: Arc<dyn ChatModel> = Arc::new(RuleModel::new(|_| Says::text("said")));
            let part = cx.limited("part", Budget::unlimited().with_model_calls(40).with_tokens(100_000));
            for n in 0..3 {
                let messages = [Message::user(format!("say {n}"))].into_iter().collect();
                part.model(&model, ModelRequest::new(messages).with_max_output_tokens(50)).await?;
                cx.tool(&world.tool(&format!("tool{n}"), Keyed), json!({"n": n})).await?;
            }
            let (spent, all) = (part.spent(), cx.budget().spent);
            assert_eq!(
                (spent.model_calls, spent.usage),
                (all.model_calls, all.usage),
                "booked in both alike"
            );
            Ok("done".into())
        })
    })
    .run();
    assert!(proof.crashes > 50, "{proof:?}");
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

/// What a person raised is raised in a fork as well, whatever limits that has.
#[tokio::test(start_paused = true)]
async fn a_fork_with_other_limits_repeats_what_was_asked() {
    let runtime = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(1)).build();
    let make = || {
        let world = World::new();
        Budgeted::new(agent(move |cx| tools(cx, world.clone())), WhenExhausted::ask())
    };
    let options = RunOptions::default().with_budget(some_calls());
    let mut run = runtime.start_with(make(), "go", options).await.unwrap();
    let text = loop {
        match run.report().await.unwrap().result {
            Ok(outcome) => break outcome.text(),
            Err(RunError::Waits { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        for wait in runtime.questions(run.id()).await.unwrap() {
            let Wait::Approval { step, digest, .. } = wait else { panic!("{wait:?}") };
            runtime.decide(run.id(), &step, digest, Decision::Approve, None).await.unwrap();
        }
        run = runtime.resume_with(run.id(), make()).await.unwrap();
    };
    assert_eq!(text, "6 true of 9", "raised twice");
    let journal = runtime.journal(run.id()).await.unwrap();
    let last = journal.iter().find_map(|entry| match &entry.kind {
        EntryKind::Refused { step, .. } if step.as_str().contains("last") => Some(step.clone()),
        _ => None,
    });
    let fork = Fork::at(last.unwrap()).with_effects(ForkEffects::Allow);
    // The first raise alone was before it.
    for (budget, expected) in [
        (Budget::unlimited().with_tool_calls(100), "6 true of 103".to_owned()),
        (Budget::unlimited(), format!("6 true of {}", u64::MAX)),
    ] {
        let forked = runtime.fork(run.id(), &fork.clone().with_budget(budget)).await.unwrap();
        let report = runtime.resume_with(forked.id(), make()).await.unwrap().report().await.unwrap();
        assert_eq!(report.result.unwrap().text(), expected);
    }
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

/// How many calls may be in flight at the same time.
fn width(tree: &Tree) -> u64 {
    match tree {
        Tree::Model(_) => 1,
        Tree::Tool => 0,
        Tree::Sequence(parts) => parts.iter().map(width).max().unwrap_or_default(),
        Tree::Parallel(parts) => parts.iter().map(width).sum(),
        Tree::Agent(part) | Tree::Within(_, part) => width(part),
    }
}

/// What the models of a run count, whoever hears of it: outside of all processes.
#[derive(Clone, Debug, Default)]
struct Meter(Arc<Mutex<Counted>>);

#[derive(Debug, Default)]
struct Counted {
    /// What all calls cost that were made; one that was cut off all that it could have cost.
    cost: u64,
    /// The most that one call could have cost.
    most: u64,
    /// How often a process began.
    processes: u64,
    /// How high the limit of money was in the end.
    limit: u64,
}

impl Meter {
    fn count(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap()
    }

    fn model(&self, name: &str, each: u64) -> Metered {
        Metered { inner: model(name, each), meter: self.clone() }
    }
}

#[derive(Debug)]
struct Metered {
    inner: RuleModel,
    meter: Meter,
}

#[async_trait]
impl ChatModel for Metered {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }

    async fn stream(&self, request: ModelRequest, mcx: ModelContext) -> Result<ModelStream, ModelError> {
        let price = self.info().price.unwrap();
        let (input_tokens, output_tokens) =
            (request.token_bound(&self.info().id), request.max_output_tokens.unwrap());
        let bound = price.of(&Usage { input_tokens, output_tokens, ..Usage::default() }).0;
        {
            let mut counted = self.meter.count();
            counted.cost += bound;
            counted.most = counted.most.max(bound);
        }
        let events: Vec<_> = self.inner.stream(request, mcx).await?.collect().await;
        let took = events.iter().find_map(|event| match event {
            Ok(ModelEvent::Finished(response)) => Some(price.of(&response.usage).0),
            _ => None,
        });
        self.meter.count().cost -= bound - took.unwrap();
        Ok(futures_util::stream::iter(events).boxed())
    }
}

/// Many trees of calls at the same time, under budgets that do not suffice, with each policy, crashed at every write.
///
/// What is booked never passes the limits, as high as they are. What the models count passes them by no more than what
/// the calls in flight at a crash had reserved, and by nothing where nothing crashed.
#[test]
fn no_tree_of_calls_spends_more_than_its_budget() {
    let (mut crashes, mut stretched) = (0, 0);
    for seed in 0..24 {
        let runs: Arc<Mutex<Vec<Meter>>> = Arc::default();
        let mut rng = Rng::with_seed(seed);
        let tree = Tree::Parallel((0..3).map(|_| Tree::drawn(&mut rng, 2)).collect());
        let mut budget = Budget::unlimited().with_cost(NanoUsd(rng.u64(1_000..5_000)));
        if rng.bool() {
            budget = budget.with_tokens(rng.u64(60..400)).with_tool_calls(rng.u64(1..3));
        }
        let at_once = width(&tree);
        let (trees, metered) = (tree.clone(), runs.clone());
        let make = move || {
            let (tree, meter) = (trees.clone(), Meter::default());
            metered.lock().unwrap().push(meter.clone());
            let small = || meter.model("test:small", 2);
            let when = match seed % 4 {
                0 => WhenExhausted::stop(),
                1 => WhenExhausted::ask(),
                2 => WhenExhausted::degrade_to(small()),
                _ => WhenExhausted::degrade_to(small()).then_ask(),
            };
            let large: Arc<dyn ChatModel> = Arc::new(meter.model("test:large", 10));
            subject(when, budget, move |cx, world| {
                let followed = tree.clone().follow(cx.clone(), world, large.clone());
                let meter = meter.clone();
                async move {
                    meter.count().processes += 1;
                    let done = followed.await?;
                    within(&cx);
                    assert_eq!(cx.budget().held, Spend::default(), "nothing stays held");
                    meter.count().limit = cx.budget().limits.cost.unwrap().0;
                    Ok(done.to_string())
                }
            })
        };
        let lag = if seed % 2 == 0 { Lag::None } else { Lag::UpTo(8) };
        crashes += Check::new(make).seeds(1).lags([lag]).order_matters().run().crashes;
        for meter in runs.lock().unwrap().iter() {
            let Counted { cost, most, processes, limit } = *meter.count();
            let in_flight = processes.saturating_sub(1) * at_once * most;
            assert!(cost <= limit + in_flight, "seed {seed}: {cost} of {limit}, {tree:?}");
            stretched += u64::from(cost > limit);
        }
    }
    assert!(crashes > 1_000 && stretched > 0, "{crashes} crashes, {stretched} beyond the limit");
}
