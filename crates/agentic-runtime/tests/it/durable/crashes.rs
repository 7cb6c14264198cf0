//! Sample workloads, crashed before and after every write.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::EffectClass::{self, *};
use agentic_core::{
    Approval, Budget, ChatModel, Decision, Goal, Message, ModelRequest, Outcome, Reason, RunContext, Spend,
    StepError,
};
use agentic_runtime::{MemoryStore, RunOptions, Runtime};
use agentic_testkit::durability::{Check, Crash, FaultyStore, Lag, Operator, Subject, World};
use agentic_testkit::{FakeSources, RuleModel, Says};
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use serde_json::{Value, json};

use crate::support::agent;

/// A subject whose agent is this function of its world.
pub(super) fn subject<F>(
    body: impl Fn(RunContext, World) -> F + Send + Sync + Clone + 'static,
) -> impl Fn() -> Subject
where
    F: Future<Output = Result<String, StepError>> + Send + 'static,
{
    move || {
        let world = World::new();
        let (body, inside) = (body.clone(), world.clone());
        Subject::new(agent(move |cx| body(cx, inside.clone())), "go", world)
    }
}

pub(super) async fn does(
    cx: &RunContext,
    world: &World,
    name: &str,
    class: EffectClass,
) -> Result<String, StepError> {
    let value = cx.tool(&world.tool(name, class), json!({"n": name})).await?;
    Ok(value["did"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn one_after_the_other_in_all_classes() {
    let proof = Check::new(subject(|cx, world| async move {
        let mut said = Vec::new();
        for class in [Pure, Idempotent, Keyed, Checkable, Unsafe] {
            said.push(does(&cx, &world, &format!("{class:?}"), class).await?);
        }
        Ok(said.join(" "))
    }))
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
    assert!(proof.doubts > 0, "some crashes left an unsafe effect in doubt: {proof:?}");
}

#[test]
fn parallel_tools() {
    let proof = Check::new(subject(|cx, world| async move {
        let sides = cx
            .all("side", 3, 0..5_u64, |cx, n| {
                let world = world.clone();
                async move {
                    let class = [Pure, Idempotent, Keyed, Checkable, Unsafe][n as usize];
                    let one = does(&cx, &world, &format!("one{n}"), class).await?;
                    let two = does(&cx, &world, &format!("two{n}"), Keyed).await?;
                    Ok::<_, StepError>(format!("{one}{two}"))
                }
            })
            .await;
        Ok(sides.into_iter().collect::<Result<Vec<_>, _>>()?.join(" "))
    }))
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn the_first_three_of_five() {
    let proof = Check::new(subject(|cx, world| async move {
        let mut racing: FuturesUnordered<_> = (0..5)
            .map(|n| {
                let (cx, world) = (cx.keyed("racer", n), world.clone());
                async move { does(&cx, &world, &format!("r{n}"), [Pure, Keyed, Unsafe][n % 3]).await }
            })
            .collect();
        let mut first = Vec::new();
        while first.len() < 3 {
            first.extend(racing.next().await.transpose()?);
        }
        drop(racing);
        does(&cx, &world, &format!("then {}", first.join("+")), Keyed).await
    }))
    .order_matters()
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn races_and_timeouts() {
    let proof = Check::new(subject(|cx, world| async move {
        let limit = Duration::from_millis(8);
        let mut heard = Vec::new();
        for (n, class) in [Pure, Keyed, Checkable, Unsafe].into_iter().enumerate() {
            let scope = cx.keyed("try", n);
            let slow = scope.scope("slow");
            let tried = scope.timeout(limit, does(&slow, &world, &format!("slow{n}"), class)).await?;
            heard.push(tried.transpose()?.unwrap_or_else(|| "late".into()));
        }
        let (left, right) = (cx.scope("left"), cx.scope("right"));
        let winner = tokio::select! {
            biased;
            left = does(&left, &world, "left", Keyed) => left?,
            right = does(&right, &world, "right", Keyed) => right?,
        };
        heard.push(winner);
        does(&cx, &world, &heard.join("+"), Keyed).await
    }))
    .order_matters()
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn mailboxes_between_parts_of_an_agent() {
    let proof = Check::new(subject(|cx, world| async move {
        let (tell, mut hear) = tokio::sync::mpsc::unbounded_channel();
        let speakers = (0..4).map(|n| {
            let (cx, world, tell) = (cx.keyed("speaker", n), world.clone(), tell.clone());
            async move {
                for m in 0..2 {
                    let said = does(&cx, &world, &format!("s{n}.{m}"), Keyed).await?;
                    let _ = tell.send(said);
                }
                Ok::<_, StepError>(())
            }
        });
        let spoken = join_all(speakers);
        drop(tell);
        let listener = async {
            let mut heard = Vec::new();
            while let Some(said) = hear.recv().await {
                heard.push(does(&cx.scope("listener"), &world, &format!("heard {said}"), Idempotent).await?);
            }
            Ok::<_, StepError>(heard.join(" "))
        };
        let (spoken, heard) = futures_util::join!(spoken, listener);
        spoken.into_iter().collect::<Result<Vec<_>, _>>()?;
        heard
    }))
    .order_matters()
    .seeds(2)
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn approvals_many_at_once_are_never_swapped() {
    let make = subject(|cx, world| async move {
        let asked = cx
            .all("ask", 3, 0..3_u64, |cx, n| {
                let world = world.clone();
                async move {
                    let question = Approval::new(format!("question {n}"));
                    match cx.approve(question).await? {
                        Decision::Edit { arguments } => {
                            does(&cx, &world, &format!("{n}{arguments}"), Keyed).await
                        }
                        other => Ok(format!("{other:?}")),
                    }
                }
            })
            .await;
        Ok(asked.into_iter().collect::<Result<Vec<_>, _>>()?.join(" "))
    });
    let proof = Check::new(move || {
        make().with_operator(Operator::new(|wait| match wait {
            agentic_runtime::Wait::Approval { approval, .. } => {
                Decision::Edit { arguments: approval.question.clone().into() }
            }
            other => panic!("{other:?}"),
        }))
    })
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn timers_near_and_far() {
    let proof = Check::new(subject(|cx, world| async move {
        let began = cx.now();
        cx.sleep(Duration::from_millis(500)).await?;
        does(&cx, &world, "near", Keyed).await?;
        cx.sleep(Duration::from_secs(3600)).await?;
        let slept = cx.now().since(began) >= Duration::from_millis(3_600_500);
        does(&cx, &world, &format!("far {slept}"), Unsafe).await
    }))
    .run();
    assert!(proof.crashes > 50, "{proof:?}");
}

#[test]
fn drawn_values_are_the_same_again() {
    let proof = Check::new(subject(|cx, world| async move {
        let (id, random) = (cx.next_id(), cx.random());
        let one = does(&cx, &world, &format!("{id} {random}"), Keyed).await?;
        let two = format!("{} {}", cx.next_id(), cx.now().as_millis() / 1_000_000_000);
        does(&cx, &world, &format!("{one} {two}"), Keyed).await
    }))
    // A run that was lost before it was accepted draws anew.
    .order_matters()
    .run();
    assert!(proof.crashes > 30, "{proof:?}");
}

#[test]
fn a_run_that_is_cancelled_in_the_middle() {
    let make = subject(|cx, world| async move {
        let first = join_all((0..3).map(|n| {
            let (cx, world) = (cx.keyed("side", n), world.clone());
            async move { does(&cx, &world, &format!("s{n}"), [Pure, Keyed, Unsafe][n]).await }
        }));
        first.await.into_iter().collect::<Result<Vec<_>, _>>()?;
        does(&cx, &world, "after", Keyed).await
    });
    let proof = Check::new(move || {
        make().with_outside(|_, run| async move {
            tokio::time::sleep(Duration::from_millis(6)).await;
            let _ = run.cancel().await;
        })
    })
    .order_matters()
    .run();
    assert!(proof.crashes > 50, "{proof:?}");
}

#[test]
fn messages_from_outside() {
    let make = subject(|cx, world| async move {
        let mut heard = Vec::new();
        while heard.len() < 3 {
            // One that is dropped takes no message.
            let waits = cx.scope("waits");
            let message = cx.timeout(Duration::from_millis(3), waits.receive::<Value>("news")).await?;
            match message.transpose()? {
                Some(message) => heard.push(message.to_string()),
                None => drop(does(&cx, &world, "meanwhile", Pure).await?),
            }
        }
        heard.sort();
        does(&cx, &world, &heard.join("+"), Keyed).await
    });
    let proof = Check::new(move || {
        make().with_outside(|runtime, run| async move {
            for n in 0..3 {
                tokio::time::sleep(Duration::from_millis(4)).await;
                // Whether it was heard is not known after a crash: the key tells.
                let _ = runtime.send(run.id(), "news", &n.to_string(), &n).await;
            }
        })
    })
    .seeds(1)
    .run();
    // The same outcome each time: each message was heard, and none twice.
    assert!(proof.crashes > 50, "{proof:?}");
}

#[test]
fn a_budget_that_runs_out() {
    let make = subject(|cx, world| async move {
        let calls = join_all((0..8).map(|n| {
            let (cx, world) = (cx.keyed("side", n), world.clone());
            async move { does(&cx, &world, &format!("s{n}"), Keyed).await }
        }));
        let done = calls.await.into_iter().filter(Result::is_ok).count();
        let state = cx.budget();
        assert!(state.spent.tool_calls <= 5, "{state:?}");
        Ok(format!("{done} {}", state.spent.tool_calls))
    });
    let proof = Check::new(move || make().with_budget(Budget::unlimited().with_tool_calls(5))).run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn nested_agents() {
    let inner = |world: World, name: &'static str| {
        agent(move |cx| {
            let world = world.clone();
            async move {
                let one = does(&cx, &world, &format!("{name}1"), Keyed).await?;
                let two = does(&cx, &world, &format!("{name}2"), Idempotent).await?;
                Ok(format!("{one}{two}"))
            }
        })
    };
    let proof = Check::new(subject(move |cx, world| async move {
        let run: BoxFuture<'_, Result<Outcome, agentic_core::AgentError>> = Box::pin(async {
            let (left, right) = (inner(world.clone(), "left"), inner(world.clone(), "right"));
            let (left, right) = futures_util::join!(
                cx.call("left", &left, Goal::new("left")),
                cx.call("right", &right, Goal::new("right"))
            );
            Ok(Outcome::new(format!("{}{}", left?.text(), right?.text()), Spend::default()))
        });
        Ok(run
            .await
            .map_err(|error| StepError::Failed {
                step: cx.effect("x", Pure, &0, |_| async { Ok::<_, String>(0) }).id().clone(),
                message: error.to_string(),
            })?
            .text())
    }))
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

#[test]
fn answers_that_are_never_the_same() {
    let proof = Check::new(subject(|cx, world| async move {
        // Side by side: what one side writes becomes durable while another's is still on its way.
        let sides = cx
            .all("side", 4, 0..4, |cx, _| {
                let world = world.clone();
                async move {
                    let mut said = Vec::new();
                    for _ in 0..3 {
                        let answer = cx.tool(&world.oracle("oracle"), json!({})).await?;
                        cx.tool(&world.tool("note", Keyed), answer.clone()).await?;
                        said.push(answer["said"].to_string());
                    }
                    Ok::<_, StepError>(said.join(" "))
                }
            })
            .await;
        Ok(sides.into_iter().collect::<Result<Vec<_>, _>>()?.join(", "))
    }))
    .order_matters()
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

/// Each process dies in the middle of a model call. Nobody knows what those calls took, so all that they could have taken
/// is booked, and the budget ends the run.
#[tokio::test(start_paused = true)]
async fn crashes_do_not_stretch_a_budget() {
    let model = RuleModel::new(|_| Says::text("more"));
    let asks = |model: RuleModel| {
        let model: Arc<dyn ChatModel> = Arc::new(model);
        agent(move |cx| {
            let model = model.clone();
            async move {
                let request = ModelRequest::new([Message::user("go on")].into_iter().collect());
                Ok(cx.model(&model, request).await?.text())
            }
        })
    };
    let (store, sources) = (Arc::new(MemoryStore::new()), FakeSources::seeded(1));
    let mut run = None;
    for died in 1..=5 {
        let faulty = FaultyStore::new(store.clone(), sources.clone(), Crash::Never, Lag::None);
        let runtime = Runtime::builder(faulty.clone()).sources(sources.clone()).build();
        let limit = Budget::unlimited().with_model_calls(5);
        match &run {
            None => {
                let options = RunOptions::default().with_budget(limit);
                run = Some(runtime.start_with(asks(model.clone()), "go", options).await.unwrap().id());
            }
            Some(run) => drop(runtime.resume_with(*run, asks(model.clone())).await.unwrap()),
        }
        while model.calls() < died {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        faulty.stop();
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let runtime = Runtime::builder(store).sources(sources).build();
    let run = runtime.resume_with(run.unwrap(), asks(model.clone())).await.unwrap();
    let report = run.report().await.unwrap();
    assert_eq!(report.reason, Some(Reason::BudgetExhausted), "{report:?}");
    assert_eq!((report.spend.model_calls, model.calls()), (5, 5));
}

/// An effect that must not be cut off is dropped, or its run is cancelled, and the process dies before it has ended: nobody
/// knows whether it happened, and the run does not end before somebody says so.
#[test]
fn dropped_effects_that_must_not_happen_twice_are_asked_about() {
    let proof = Check::new(subject(|cx, world| async move {
        let (slow, limit) = (cx.scope("slow"), Duration::from_millis(2));
        let heard = cx.timeout(limit, does(&slow, &world, "slow", Unsafe)).await?.transpose()?;
        Ok(heard.unwrap_or_else(|| "late".into()))
    }))
    .seeds(12)
    .order_matters()
    .run();
    assert!(proof.doubts > 20, "{proof:?}");
}

/// An agent's own effect can't be asked: it counts as one that must not happen twice.
#[test]
fn checkable_effects_of_an_agents_own_are_not_repeated() {
    let proof = Check::new(subject(|cx, world| async move {
        cx.effect("own", Checkable, "x", move |ecx| async move {
            ecx.sleep(Duration::from_millis(5)).await;
            world.does("own", Checkable, &ecx.key(), &Value::Null);
            ecx.sleep(Duration::from_millis(5)).await;
            Ok::<_, String>(json!({"did": "own", "with": null}))
        })
        .await
        .map(|value| value.to_string())
    }))
    .run();
    assert!(proof.doubts > 0, "{proof:?}");
}

/// A version that was chosen and lost with its process is chosen again as before: what follows it has waited for it.
#[test]
fn versions_beside_other_branches() {
    let proof = Check::new(subject(|cx, world| async move {
        let sides = cx
            .all("side", 3, 0..3, |cx, n| {
                let world = world.clone();
                async move {
                    does(&cx, &world, &format!("before{n}"), Keyed).await?;
                    let version = cx.version(&format!("change{n}"), 1);
                    does(&cx, &world, &format!("after{n} {version}"), Keyed).await
                }
            })
            .await;
        Ok(sides.into_iter().collect::<Result<Vec<_>, _>>()?.join(" "))
    }))
    .run();
    assert!(proof.crashes > 100, "{proof:?}");
}

/// A question that nobody answers, over crashes and while the run is parked.
#[test]
fn questions_that_expire() {
    let proof = Check::new(subject(|cx, world| async move {
        let asked = Approval::new("anybody?").expiring_after(Duration::from_secs(60));
        let near = cx.keyed("ask", "near").approve(asked.clone().expiring_after(Duration::from_millis(20)));
        let answers = (near.await?, does(&cx, &world, "meanwhile", Keyed).await?);
        Ok(format!("{answers:?}"))
    }))
    // A person may be faster than the expiry, if a crash gives them the time.
    .order_matters()
    .run();
    assert!(proof.crashes > 20, "{proof:?}");
}
