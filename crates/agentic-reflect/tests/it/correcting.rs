//! What is no good is tried again with what was learned.

use std::sync::Arc;

use agentic_core::{Agent as _, AgentError, CancelReason, EventKind, Goal, GoalVerdict, RunContext};
use agentic_reflect::SelfCorrectionAgent;
use agentic_runtime::{Ephemeral, RunContextExt as _};
use agentic_testkit::EventLog;

use crate::actors::{Gives, Says, answer, checked, fails};

const BAD: GoalVerdict = GoalVerdict::NotMet;

#[tokio::test]
async fn a_try_that_met_its_goal_is_good_without_reflection() {
    let (agent, says) = (Gives::new([checked("4", GoalVerdict::Met, "it is 4")]), Says::new(&[]));
    let corrected =
        SelfCorrectionAgent::new(agent, says).correct(Goal::new("2+2"), &RunContext::ephemeral()).await;
    assert_eq!(corrected.result.unwrap().output, "4");
    assert_eq!((corrected.tries.len(), &corrected.tries[0].reflection), (1, &None));
}

#[tokio::test]
async fn the_next_try_reads_the_answer_what_was_wrong_and_all_that_was_learned() {
    let agent = Gives::new([
        checked("5", BAD, "criterion 1 does not hold: it is 5"),
        fails("no number"),
        checked("4", GoalVerdict::Met, "it is 4"),
    ]);
    let says = Says::new(&[(true, "count again"), (true, "write a number")]);
    let goal = Goal::new("2+2").with_input("unit", "apples");
    let outcome =
        SelfCorrectionAgent::new(agent.clone(), says).run(goal, &RunContext::ephemeral()).await.unwrap();
    assert_eq!((outcome.output.as_str(), outcome.verdict), (Some("4"), GoalVerdict::Met));
    assert_eq!(outcome.spend.model_calls, 5, "of all tries, and of two reflections");
    assert_eq!(outcome.evidence[0], "it is 4");
    assert!(outcome.evidence[1].starts_with("try 1 was not good: criterion 1 does not hold"));
    let asked = agent.asked();
    assert_eq!((asked[0].text.as_str(), asked[0].inputs.len()), ("2+2", 1));
    let second = asked[1].prompt();
    for part in ["unit: \"apples\"", "lessons: [\"count again\"]", "2+2", "\n5\n", "it is 5", "count again"] {
        assert!(second.contains(part), "{part} in {second}");
    }
    let third = asked[2].prompt();
    assert!(third.contains("half of it") && third.contains("no number"), "{third}");
    assert!(third.contains("lessons: [\"count again\",\"write a number\"]"), "{third}");
}

#[tokio::test]
async fn an_answer_that_was_given_before_is_not_shown_again() {
    let agent =
        Gives::new([checked("5", BAD, "wrong"), checked(" 5\n", BAD, "wrong"), checked("6", BAD, "wrong")]);
    let says = Says::new(&[(true, "count"), (true, "count well"), (true, "count again")]);
    let corrected =
        SelfCorrectionAgent::new(agent.clone(), says).correct("2+2".into(), &RunContext::ephemeral()).await;
    assert_eq!(corrected.tries.len(), 3);
    let asked: Vec<_> = agent.asked().iter().map(|goal| goal.text.clone()).collect();
    assert!(asked[1].contains("This was answered before:\n5\n"), "{}", asked[1]);
    assert!(asked[2].contains("This was tried before, and failed: wrong\ncount well\n"), "{}", asked[2]);
}

#[tokio::test]
async fn a_last_try_that_is_no_good_is_a_failure_and_says_so() {
    let agent = Gives::new([checked("5", BAD, "it is 5"), checked("6", BAD, "it is 6")]);
    let agent = SelfCorrectionAgent::new(agent, Says::new(&[(true, "count")])).tries(2);
    let corrected = agent.correct(Goal::new("2+2"), &RunContext::ephemeral()).await;
    let error = corrected.result.unwrap_err();
    assert_eq!(error.to_string(), "no good result in 2 tries, the last: it is 6");
    let AgentError::Tries { tries: 2, partial, .. } = &error else { panic!("{error:?}") };
    assert_eq!((partial.text.as_str(), partial.spend.model_calls), ("6", 3));
    let reflections: Vec<_> =
        corrected.tries.iter().map(|tried| tried.reflection.clone()?.improvement).collect();
    assert_eq!(
        reflections,
        [Some("count".to_owned()), None],
        "nobody would read what is thought of the last"
    );
}

#[tokio::test]
async fn what_nobody_verified_is_good_once_the_reflector_says_so() {
    let agent = Gives::new([answer("a"), answer("b")]);
    let says = Says::new(&[(true, "longer"), (false, "")]);
    let outcome =
        SelfCorrectionAgent::new(agent, says).run("g".into(), &RunContext::ephemeral()).await.unwrap();
    assert_eq!((outcome.output.as_str(), outcome.verdict), (Some("b"), GoalVerdict::Unverified));
    let never = SelfCorrectionAgent::new(Gives::new([answer("a")]), Says::new(&[(true, "longer")])).tries(1);
    let error = never.run("g".into(), &RunContext::ephemeral()).await.unwrap_err();
    assert!(error.to_string().ends_with("so so"), "{error}");
}

#[tokio::test]
async fn who_says_that_another_try_is_in_vain_is_believed() {
    let agent = Gives::new([fails("no such file"), answer("never asked")]);
    let says = Says::new(&[(false, "it can't be done")]);
    let error = SelfCorrectionAgent::new(agent.clone(), says)
        .run("g".into(), &RunContext::ephemeral())
        .await
        .unwrap_err();
    assert!(matches!(error, AgentError::Tries { tries: 1, .. }), "{error:?}");
    assert_eq!(agent.left(), 1);
}

#[tokio::test]
async fn without_reflections_failures_are_tried_again_and_answers_are_taken() {
    let (log, agent) = (Arc::new(EventLog::new()), Gives::new([fails("no"), answer("yes")]));
    let agent = SelfCorrectionAgent::new(agent, Says::nothing(2));
    let outcome = Ephemeral::new().events(log.clone()).run(&agent, Goal::new("g")).await.result.unwrap();
    assert_eq!((outcome.output.as_str(), outcome.verdict), (Some("yes"), GoalVerdict::Unverified));
    assert_eq!(
        outcome.evidence[0], "nobody reflected on try 2: no words",
        "it is not taken for good in silence"
    );
    let notes: Vec<String> = log
        .kinds()
        .into_iter()
        .filter_map(|kind| match kind {
            EventKind::Note { text } => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(notes, ["nobody reflects on try 1: no words", "nobody reflects on try 2: no words"]);
}

#[tokio::test]
async fn what_ends_the_run_is_not_tried_again() {
    let ends = || AgentError::Cancelled { reason: CancelReason::Requested, partial: Box::default() };
    let (agent, says) = (Gives::new([Err(ends()), answer("never")]), Says::new(&[]));
    let error = SelfCorrectionAgent::new(agent.clone(), says).run("g".into(), &RunContext::ephemeral()).await;
    assert_eq!((error.unwrap_err(), agent.left()), (ends(), 1));
    let (agent, says) = (Gives::new([answer("first"), Err(ends())]), Says::new(&[(true, "again")]));
    let error = SelfCorrectionAgent::new(agent, says).run("g".into(), &RunContext::ephemeral()).await;
    let partial = error.unwrap_err().partial().unwrap().clone();
    assert_eq!((partial.text.as_str(), partial.spend.model_calls), ("first", 2), "what there was is kept");
}
