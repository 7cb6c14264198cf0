//! Rules in durable runs: given at the start, posted, taken back, over crashes and in several processes.

use std::sync::Arc;
use std::time::Duration;

use agentic_core::EffectClass::Keyed;
use agentic_core::{
    Approval, ApprovalRule, Decision, Json, RunContext, RunId, RunStatus, StepError, StepId, async_trait,
};
use agentic_runtime::{
    Answer, Approver, EntryKind, Fork, JournalStore, MemoryStore, Post, RunFilter, RunOptions, Runtime,
    RuntimeBuilder, Seq, Wait, replay,
};
use agentic_testkit::FakeSources;
use agentic_testkit::durability::{Check, Crash, FaultyStore, Lag, Operator, Subject, World};
use serde_json::{Map, Value, json};

use crate::rules::{ask, no};
use crate::support::{Scripted, agent};

fn process(store: &Arc<MemoryStore>, seed: u64) -> RuntimeBuilder {
    Runtime::builder(store.clone()).sources(FakeSources::seeded(seed))
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// Asks for `shell` twice at once and for `mail`, then something that is no tool's, then for `shell` once more.
fn asker() -> Scripted {
    agent(|cx| async move {
        let (shell, mail) = ([json!({"command": "ls"}), json!({"command": "rm"})], [json!({})]);
        let (shell, mail) = futures_util::join!(ask(&cx, "shell", &shell), ask(&cx, "mail", &mail));
        let other = cx.approve(Approval::new("go on?")).await?;
        let last = ask(&cx.scope("last"), "shell", &[json!({"command": "ls"})]).await?;
        Ok(format!("{:?}", [shell?, mail?, vec![other], last].concat()))
    })
}

/// Answers the questions of a run that are still open with its own words.
async fn answer(runtime: &Runtime, run: RunId, decision: &Decision) -> Vec<Approval> {
    let mut asked = Vec::new();
    for wait in runtime.questions(run).await.unwrap() {
        let Wait::Approval { step, digest, approval } = wait else { panic!("{wait:?}") };
        runtime.decide(run, &step, digest, decision.clone(), Some("Ada".into())).await.unwrap();
        asked.push(approval);
    }
    asked
}

/// Is asked, and thinks.
#[derive(Debug)]
struct Thinks;

#[async_trait]
impl Approver for Thinks {
    async fn decide(&self, _: &StepId, _: &Approval) -> Answer {
        std::future::pending().await
    }
}

async fn goes_on(runtime: &Runtime, run: RunId) -> RunStatus {
    runtime.resume_with(run, asker()).await.unwrap().report().await.unwrap().status
}

/// Who answered, in the order of the answers.
async fn answered_by(runtime: &Runtime, run: RunId) -> Vec<String> {
    let journal = runtime.journal(run).await.unwrap();
    let by = journal.into_iter().filter_map(|entry| match entry.kind {
        EntryKind::Outcome { by, .. } => by,
        _ => None,
    });
    by.collect()
}

#[tokio::test(start_paused = true)]
async fn rules_of_the_start_hold_in_the_next_process() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let ls = ApprovalRule::allow("shell").exactly(object(json!({"command": "ls"})));
    let rules = [ls, ApprovalRule::deny("mail", "no mail")];
    let options = rules.iter().cloned().fold(RunOptions::default(), RunOptions::with_rule);
    let run = here.start_with(asker(), "go", options).await.unwrap().id();
    assert_eq!(here.report(run).await.unwrap().status, RunStatus::Waiting);
    assert_eq!(here.rules(run).await.unwrap(), rules);
    drop(here);
    let there = process(&store, 2).build();
    let rm = answer(&there, run, &no("not that")).await;
    assert_eq!(rm, [Approval::of_tool("shell", json!({"command": "rm"}))]);
    assert_eq!(goes_on(&there, run).await, RunStatus::Waiting);
    assert_eq!(answer(&there, run, &Decision::Approve).await, [Approval::new("go on?")], "no tool's");
    assert_eq!(goes_on(&there, run).await, RunStatus::Completed);
    let yes = Decision::Approve;
    let expected = [yes.clone(), no("not that"), no("no mail"), yes.clone(), yes];
    let report = there.report(run).await.unwrap();
    assert_eq!(report.result.unwrap().text(), format!("{expected:?}"));
    let again = replay(&asker(), run, &there.journal(run).await.unwrap()).await.unwrap();
    assert_eq!(again.result.unwrap().text(), format!("{expected:?}"));
}

#[tokio::test(start_paused = true)]
async fn a_posted_rule_answers_all_that_is_open_and_nothing_else() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.start(asker(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    assert_eq!(here.questions(run).await.unwrap().len(), 3);
    // From another process, which is gone before anybody has taken it in.
    let rule = ApprovalRule::allow("shell");
    process(&store, 2).build().give_rule(run, rule.clone(), Some("Ada".into())).await.unwrap();
    drop(here);
    let there = process(&store, 3).build();
    assert_eq!(there.rules(run).await.unwrap(), std::slice::from_ref(&rule), "posted, and not yet taken in");
    assert_eq!(goes_on(&there, run).await, RunStatus::Waiting);
    assert_eq!(answered_by(&there, run).await, ["rule: allow `shell`", "rule: allow `shell`"]);
    let mail = answer(&there, run, &no("no mail")).await;
    assert_eq!(mail, [Approval::of_tool("mail", json!({}))]);
    assert_eq!(goes_on(&there, run).await, RunStatus::Waiting);
    answer(&there, run, &Decision::Approve).await;
    assert_eq!(goes_on(&there, run).await, RunStatus::Completed);
    assert_eq!(answered_by(&there, run).await[4], "rule: allow `shell`", "what comes later, too");
    let journal = there.journal(run).await.unwrap();
    let given = EntryKind::RuleGiven { rule: rule.clone(), by: Some("Ada".into()) };
    assert_eq!(journal.iter().filter(|entry| entry.kind == given).count(), 1);
    assert!(there.give_rule(run, rule, None).await.is_err(), "it has ended");
}

#[tokio::test(start_paused = true)]
async fn a_run_at_work_in_another_process_is_reached() {
    let store = Arc::new(MemoryStore::new());
    let (here, there) = (process(&store, 1).build(), process(&store, 2).build());
    let at_work = process(&store, 3).approver(Thinks).build();
    let asks =
        agent(
            |cx| async move { Ok(format!("{:?}", ask(&cx, "shell", &[json!({}), json!({"n": 1})]).await?)) },
        );
    let run = at_work.start(asks, "go").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    here.give_rule(run.id(), ApprovalRule::allow("shell"), None).await.unwrap();
    let deny = ApprovalRule::deny("shell", "no");
    // Too late for these two.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(there.give_rule(run.id(), deny, None).await.is_err());
    let report = run.report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), "[Approve, Approve]");
}

/// What is posted at the same moment counts together, as it would if it came to a run that waits.
#[tokio::test(start_paused = true)]
async fn rules_that_reach_a_run_at_work_together_answer_together() {
    let (shell, yes) = (ApprovalRule::allow("shell"), Decision::Approve);
    let but = ApprovalRule::deny("shell", "not two").having(object(json!({"n": 2})));
    for (posts, said) in [
        (vec![(true, shell.clone()), (true, but.clone())], [yes.clone(), no("not two")]),
        (vec![(true, but), (true, shell.clone())], [yes, no("not two")]),
        (vec![(true, shell.clone()), (false, shell)], [no("later"), no("later")]),
    ] {
        let store = Arc::new(MemoryStore::new());
        let at_work = process(&store, 1).approver(Thinks).build();
        let run = at_work.start(twice(), "go").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let there = process(&store, 2).build();
        for (given, rule) in posts {
            if given {
                there.give_rule(run.id(), rule, None).await.unwrap();
            } else {
                there.revoke_rule(run.id(), rule, None).await.unwrap();
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Reaches what is still open, if anything is.
        let _ = there.give_rule(run.id(), ApprovalRule::deny("shell", "later"), None).await;
        assert_eq!(run.report().await.unwrap().result.unwrap().text(), format!("{said:?}"));
    }
}

/// Whoever answers says how others are answered, and the process dies: the journal has both or neither.
#[test]
fn a_rule_that_comes_with_an_answer_is_durable_with_it() {
    #[derive(Debug)]
    struct Always;
    #[async_trait]
    impl Approver for Always {
        async fn decide(&self, _: &StepId, _: &Approval) -> Answer {
            Answer { decision: Decision::Approve, rule: Some(ApprovalRule::allow("shell")) }
        }
    }
    let one = || agent(|cx| async move { Ok(format!("{:?}", ask(&cx, "shell", &[json!({})]).await?)) });
    let mut both = 0;
    for (n, lag) in (1..=8).flat_map(|n| [Lag::None, Lag::UpTo(8)].map(|lag| (n, lag))) {
        for crash in [Crash::Before(n), Crash::After(n)] {
            let store = Arc::new(MemoryStore::new());
            let mut builder = tokio::runtime::Builder::new_current_thread();
            builder.enable_time().start_paused(true).build().unwrap().block_on(async {
                let sources = FakeSources::seeded(n);
                let faulty = FaultyStore::new(store.clone(), sources.clone(), crash, lag);
                let runtime = Runtime::builder(faulty.clone()).sources(sources).approver(Always).build();
                let works = async { runtime.start(one(), "go").await?.report().await };
                tokio::select! {
                    biased;
                    () = faulty.crashed() => {}
                    report = works => drop(report.unwrap()),
                }
                let reader = process(&store, 9).build();
                for record in reader.list(&RunFilter::default()).await.unwrap() {
                    let journal = reader.journal(record.id).await.unwrap();
                    let answers =
                        journal.iter().filter(|entry| matches!(entry.kind, EntryKind::Outcome { .. }));
                    let rules =
                        journal.iter().filter(|entry| matches!(entry.kind, EntryKind::RuleGiven { .. }));
                    let (answers, rules) = (answers.count(), rules.count());
                    assert_eq!(answers, rules, "{crash:?} {lag:?}");
                    both += answers;
                }
            });
        }
    }
    assert!(both > 4, "{both}");
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_taken_back_answers_no_more_and_nothing_diverges() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let rule = ApprovalRule::allow("shell");
    let options = RunOptions::default().with_rule(rule.clone());
    let run = here.start_with(asker(), "go", options).await.unwrap().id();
    here.report(run).await.unwrap();
    here.revoke_rule(run, rule.clone(), Some("Ada".into())).await.unwrap();
    here.revoke_rule(run, rule, None).await.unwrap();
    let there = process(&store, 2).build();
    assert_eq!(there.rules(run).await.unwrap(), []);
    answer(&there, run, &Decision::Approve).await;
    assert_eq!(goes_on(&there, run).await, RunStatus::Waiting);
    answer(&there, run, &Decision::Approve).await;
    assert_eq!(goes_on(&there, run).await, RunStatus::Waiting, "the last one is asked");
    assert_eq!(answer(&there, run, &no("no more")).await.len(), 1);
    assert_eq!(goes_on(&there, run).await, RunStatus::Completed);
    let expected =
        [Decision::Approve, Decision::Approve, Decision::Approve, Decision::Approve, no("no more")];
    let report = there.report(run).await.unwrap();
    assert_eq!(report.result.unwrap().text(), format!("{expected:?}"));
    let journal = there.journal(run).await.unwrap();
    let revoked = journal.iter().filter(|entry| matches!(entry.kind, EntryKind::RuleRevoked { .. }));
    assert_eq!(revoked.count(), 1, "the second changed nothing");
    assert_eq!(replay(&asker(), run, &journal).await.unwrap().status, RunStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_fork_has_the_rules_of_its_place() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.start(asker(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    here.give_rule(run, ApprovalRule::allow("shell"), None).await.unwrap();
    for _ in 0..3 {
        goes_on(&here, run).await;
        answer(&here, run, &Decision::Approve).await;
    }
    assert_eq!(goes_on(&here, run).await, RunStatus::Completed);
    let journal = here.journal(run).await.unwrap();
    let last = journal.iter().rev().find_map(|entry| match &entry.kind {
        EntryKind::Intent { step, .. } => Some(step.clone()),
        _ => None,
    });
    let fork = here.fork(run, &Fork::at(last.unwrap())).await.unwrap().id();
    assert_eq!(here.rules(fork).await.unwrap(), [ApprovalRule::allow("shell")]);
    here.give_rule(fork, ApprovalRule::deny("shell", "not in a fork"), None).await.unwrap();
    // Exported and taken in elsewhere it is the same.
    let bundle = here.export(run).await.unwrap();
    let elsewhere = Runtime::builder(MemoryStore::new()).sources(FakeSources::seeded(4)).build();
    elsewhere.import(bundle).await.unwrap();
    assert_eq!(elsewhere.rules(run).await.unwrap(), [ApprovalRule::allow("shell")]);
    assert_eq!(goes_on(&here, fork).await, RunStatus::Completed);
    let text = here.report(fork).await.unwrap().result.unwrap().text();
    assert!(text.ends_with("Deny { reason: \"not in a fork\" }]"), "{text}");
}

/// Asks for `shell` twice at once, and says what it was told.
fn twice() -> Scripted {
    agent(
        |cx| async move { Ok(format!("{:?}", ask(&cx, "shell", &[json!({"n": 1}), json!({"n": 2})]).await?)) },
    )
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_before_a_rule_that_came_after_it() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.start(twice(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    let Wait::Approval { step, digest, .. } = here.questions(run).await.unwrap().remove(0) else { panic!() };
    // Both are posted while nobody works on the run.
    here.decide(run, &step, digest, no("not the first"), None).await.unwrap();
    here.give_rule(run, ApprovalRule::allow("shell"), None).await.unwrap();
    drop(here);
    let report = process(&store, 2).build().resume_with(run, twice()).await.unwrap().report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), format!("{:?}", [no("not the first"), Decision::Approve]));
}

#[tokio::test(start_paused = true)]
async fn a_fork_that_answers_otherwise_lacks_the_rule_that_answered() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.start(twice(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    here.give_rule(run, ApprovalRule::allow("shell"), None).await.unwrap();
    here.resume_with(run, twice()).await.unwrap().report().await.unwrap();
    let answered = here.journal(run).await.unwrap().into_iter().find_map(|entry| match entry.kind {
        EntryKind::Outcome { step, .. } => Some(step),
        _ => None,
    });
    let deny = Json::of(&no("not in a fork")).unwrap();
    let fork = here.fork(run, &Fork::at(answered.unwrap()).with_result(deny)).await.unwrap().id();
    assert_eq!(here.rules(fork).await.unwrap(), []);
    let report = here.resume_with(fork, twice()).await.unwrap().report().await.unwrap();
    assert_eq!(report.status, RunStatus::Waiting, "it asks for the other one");
}

/// A rule that was given while a question was open, and answered another one, holds in a fork that answers it otherwise.
#[tokio::test(start_paused = true)]
async fn a_fork_that_answers_otherwise_keeps_the_rules_that_did_not_answer() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.start(twice(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    let Wait::Approval { step, digest, .. } = here.questions(run).await.unwrap().remove(0) else { panic!() };
    here.decide(run, &step, digest, Decision::Approve, Some("rule: deny `shell`: no more".into()))
        .await
        .unwrap();
    let deny = ApprovalRule::deny("shell", "no more");
    here.give_rule(run, deny.clone(), None).await.unwrap();
    here.resume_with(run, twice()).await.unwrap().report().await.unwrap();
    assert_eq!(answered_by(&here, run).await, ["rule: deny `shell`: no more"; 2], "one of them is a name");
    let edit = Json::of(&Decision::Edit { arguments: json!({"n": 3}) }).unwrap();
    let fork = here.fork(run, &Fork::at(step.clone()).with_result(edit)).await.unwrap().id();
    let by = here.journal(fork).await.unwrap().into_iter().find_map(|entry| match entry.kind {
        EntryKind::Outcome { step: answered, by, .. } if answered == step => Some(by),
        _ => None,
    });
    assert_eq!(by, Some(None), "it is nobody's answer but the fork's");
    assert_eq!(here.rules(fork).await.unwrap(), [deny], "it answered the other one");
    let second = here.journal(run).await.unwrap().into_iter().find_map(|entry| match entry.kind {
        EntryKind::Outcome { step: answered, .. } if answered != step => Some(answered),
        _ => None,
    });
    let yes = Json::of(&Decision::Approve).unwrap();
    let fork = here.fork(run, &Fork::at(second.unwrap()).with_result(yes)).await.unwrap().id();
    assert_eq!(here.rules(fork).await.unwrap(), [], "the one that answered it");
}

/// A rule a day keeps no run from going on.
#[tokio::test(start_paused = true)]
async fn many_rules_may_be_posted() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.start(twice(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    for n in 0..3_000 {
        here.give_rule(run, ApprovalRule::deny(format!("tool {n}"), "no"), None).await.unwrap();
    }
    let status = here.resume_with(run, twice()).await.unwrap().report().await.unwrap().status;
    assert_eq!((status, here.rules(run).await.unwrap().len()), (RunStatus::Waiting, 3_000));
}

#[tokio::test(start_paused = true)]
async fn what_cant_be_read_as_a_rule_leaves_the_question_open() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let run = here.start(asker(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    for (n, rule) in [
        json!({"tool": "shell", "answer": "allow", "only_on": "monday"}),
        json!({"tool": "shell", "answer": "allow", "arguments": {"matching": {"command": "l.*"}}}),
        json!({"tool": "shell", "arguments": {"having": {}}}),
    ]
    .into_iter()
    .enumerate()
    {
        let content = Json::of(&json!({"rule": {"rule": rule, "by": null}})).unwrap();
        let at = agentic_core::Timestamp::from_millis(0);
        store.post(run, Post { key: format!("rule {n}"), content, at }).await.unwrap();
    }
    assert_eq!(goes_on(&here, run).await, RunStatus::Waiting);
    assert_eq!(here.questions(run).await.unwrap().len(), 3);
    assert_eq!(here.rules(run).await.unwrap(), []);
    let journal = store.load(run, Seq(0)).await.unwrap();
    assert!(!journal.iter().any(|entry| matches!(entry.kind, EntryKind::RuleGiven { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_question_whose_time_is_over_is_not_answered_by_a_rule_any_more() {
    let store = Arc::new(MemoryStore::new());
    let here = process(&store, 1).build();
    let asks = || {
        agent(|cx| async move {
            let asked = Approval::of_tool("shell", json!({})).expiring_after(Duration::from_secs(60));
            Ok(format!("{:?}", cx.approve(asked).await?))
        })
    };
    let run = here.start(asks(), "go").await.unwrap().id();
    here.report(run).await.unwrap();
    tokio::time::sleep(Duration::from_secs(61)).await;
    here.give_rule(run, ApprovalRule::allow("shell"), None).await.unwrap();
    let report = here.resume_with(run, asks()).await.unwrap().report().await.unwrap();
    assert_eq!(report.result.unwrap().text(), format!("{:?}", Decision::unanswered()));
}

/// Does something if it may.
async fn may(cx: &RunContext, world: &World, tool: &str, n: u64) -> Result<String, StepError> {
    let arguments = json!({"n": n});
    Ok(match cx.approve(Approval::of_tool(tool, arguments.clone())).await? {
        Decision::Approve => cx.tool(&world.tool(tool, Keyed), arguments).await?.to_string(),
        Decision::Edit { arguments } => {
            cx.tool(&world.tool(tool, Keyed), json!({"edited": arguments})).await?.to_string()
        }
        Decision::Deny { reason } => reason,
    })
}

/// A run with rules of its start and others that are posted and taken back while it works, crashed at every write: whoever
/// answers, it is the same answer, and a person is asked what no rule answers.
#[test]
fn runs_with_rules_are_crashed_at_every_write() {
    let make = || {
        let world = World::new();
        let inside = world.clone();
        let agent = agent(move |cx| {
            let world = inside.clone();
            async move {
                let tools =
                    [("given", 1), ("given", 2), ("denied", 3), ("posted", 4), ("posted", 5), ("asked", 6)];
                // By then the rules that are posted have come: a message comes after them.
                let told = cx.receive::<String>("told").await?;
                let done = cx
                    .all("side", 4, tools.into_iter().map(|(tool, n)| Side(tool, n)), |cx, Side(tool, n)| {
                        let world = world.clone();
                        async move { may(&cx, &world, tool, n).await }
                    })
                    .await;
                let done: Vec<_> = done.into_iter().collect::<Result<_, _>>()?;
                Ok(format!("{told} {}", done.join(" ")))
            }
        });
        Subject::new(agent, "go", world)
            .with_rule(ApprovalRule::allow("given"))
            .with_rule(ApprovalRule::deny("given", "not two").having(object(json!({"n": 2}))))
            .with_rule(ApprovalRule::deny("denied", "never"))
            .with_rule(ApprovalRule::allow("asked"))
            .with_operator(Operator::new(|wait| match wait {
                Wait::Approval { approval, .. } if approval.tool.as_deref() == Some("asked") => {
                    Decision::Edit { arguments: approval.question.clone().into() }
                }
                other => panic!("a rule answers this: {other:?}"),
            }))
            .with_outside(|runtime, run| async move {
                let id = run.id();
                // What can't be posted since the process dies is posted by the next one, before the message.
                let posted = async {
                    runtime.give_rule(id, ApprovalRule::allow("posted"), None).await?;
                    runtime.revoke_rule(id, ApprovalRule::allow("asked"), None).await?;
                    runtime.send(id, "told", "once", "told").await
                };
                let _ = posted.await;
            })
    };
    let proof = Check::new(make).run();
    assert!(proof.crashes > 100, "{proof:?}");
}

/// A tool and the number that it is asked for.
struct Side(&'static str, u64);

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.0, self.1)
    }
}
