//! Versions become better, and the best is kept.

use agentic_core::{Agent as _, AgentError, CancelReason, GoalVerdict, Outcome, RunContext};
use agentic_reflect::{IterativeRefinementAgent, Refined, Stopped};
use agentic_runtime::RunContextExt as _;

use crate::actors::{Gives, Judges, answer, checked, fails};

fn agent(versions: &[&str], scores: &[u8]) -> (Gives, IterativeRefinementAgent) {
    let gives = Gives::new(versions.iter().map(|text| answer(text)));
    let refining =
        IterativeRefinementAgent::new(gives.clone(), Judges::new(scores.iter().copied().map(Some)));
    (gives, refining)
}

async fn refined(agent: &IterativeRefinementAgent) -> Refined {
    agent.refine("write".into(), &RunContext::ephemeral()).await.unwrap()
}

async fn run(agent: &IterativeRefinementAgent) -> Outcome {
    agent.run("write".into(), &RunContext::ephemeral()).await.unwrap()
}

#[tokio::test]
async fn it_stops_at_the_threshold() {
    let (gives, agent) = agent(&["a", "b", "c"], &[2, 4, 5]);
    let refined = refined(&agent).await;
    assert_eq!((refined.iterations.len(), refined.best, refined.stopped), (2, 1, Stopped::Threshold));
    let second = &gives.asked()[1].text;
    for part in ["write", "\na\n", "2 it is", "- clarity (2 of 5): a is unclear", "- be short"] {
        assert!(second.contains(part), "{part} in {second}");
    }
}

#[tokio::test]
async fn the_best_version_is_kept_not_the_last() {
    let (_, falling) = agent(&["a", "b", "c"], &[3, 2]);
    let outcome = run(&falling).await;
    assert_eq!((outcome.output.as_str(), outcome.verdict), (Some("a"), GoalVerdict::NotMet));
    assert_eq!(outcome.spend.model_calls, 4, "of all versions and critiques");
    assert_eq!(
        outcome.evidence,
        [
            "version 1 of 2 is the best: 3 of 5 (clarity 3)",
            "that is below the threshold of 4, and the versions got no better"
        ]
    );
    let (_, patient) = agent(&["a", "b", "c"], &[2, 2, 3]);
    let refined = refined(&patient.patience(2)).await;
    assert_eq!((refined.iterations.len(), refined.best, refined.stopped), (3, 2, Stopped::Iterations));
}

#[tokio::test]
async fn a_version_that_fails_leaves_the_best_one() {
    let gives = Gives::new([answer("a"), fails("no words")]);
    let agent = IterativeRefinementAgent::new(gives, Judges::new([Some(3)]));
    let outcome = run(&agent).await;
    assert_eq!(outcome.output, "a");
    assert!(outcome.evidence[1].contains("version 2 failed: no words"));
    let gives = Gives::new([answer("a"), answer("b")]);
    let agent = IterativeRefinementAgent::new(gives, Judges::new([Some(3), None]));
    let outcome = run(&agent).await;
    assert_eq!(outcome.output, "a");
    assert!(outcome.evidence[1].contains("could not be judged: no judgement"), "{:?}", outcome.evidence);
}

#[tokio::test]
async fn a_first_version_that_nobody_can_judge_is_an_error_with_the_version() {
    let agent = IterativeRefinementAgent::new(Gives::new([answer("a")]), Judges::new([None]));
    let error = agent.run("write".into(), &RunContext::ephemeral()).await.unwrap_err();
    assert!(matches!(error, AgentError::InvalidOutput { .. }), "{error:?}");
    assert_eq!(error.partial().unwrap().text, "a");
}

#[tokio::test]
async fn what_somebody_verified_stays_verified() {
    let gives = Gives::new([checked("a", GoalVerdict::Met, "tested")]);
    let outcome = run(&IterativeRefinementAgent::new(gives, Judges::new([Some(1)])).iterations(1)).await;
    assert_eq!((outcome.verdict, outcome.evidence[0].as_str()), (GoalVerdict::Met, "tested"));
}

#[tokio::test]
async fn thresholds_that_no_score_can_have_are_refused() {
    for threshold in [0.5, 5.5, f64::NAN] {
        let (gives, agent) = agent(&["a"], &[5]);
        let error =
            agent.threshold(threshold).run("write".into(), &RunContext::ephemeral()).await.unwrap_err();
        assert!(error.to_string().starts_with("a threshold is a score from 1 to 5, not "), "{error}");
        assert_eq!(gives.left(), 1);
    }
}

#[tokio::test]
async fn what_was_verified_counts_before_any_score() {
    let not_met = |text: &str| checked(text, GoalVerdict::NotMet, "criterion 1 does not hold: no digits");
    let gives = Gives::new([not_met("a"), checked("b", GoalVerdict::Met, "digits"), not_met("c")]);
    let judges = Judges::new([Some(5), Some(3), Some(5)]);
    let agent = IterativeRefinementAgent::new(gives.clone(), judges).patience(2);
    let outcome = run(&agent).await;
    assert_eq!((outcome.output.as_str(), outcome.verdict), (Some("b"), GoalVerdict::Met));
    assert!(gives.asked()[1].text.contains("no digits"), "who tries again reads what does not hold");
    let gives = Gives::new([not_met("a"), not_met("b")]);
    let missed = run(&IterativeRefinementAgent::new(gives, Judges::new([Some(5), Some(5)]))).await;
    assert_eq!(missed.verdict, GoalVerdict::NotMet);
    assert_eq!(missed.evidence[2], "and its criteria do not hold, and the versions got no better");
}

#[tokio::test]
async fn a_run_that_is_ended_leaves_the_best_version() {
    let over = AgentError::Cancelled { reason: CancelReason::TimedOut, partial: Box::default() };
    let gives = Gives::new([answer("a"), Err(over)]);
    let agent = IterativeRefinementAgent::new(gives, Judges::new([Some(3)]));
    let error = agent.run("write".into(), &RunContext::ephemeral()).await.unwrap_err();
    assert!(matches!(error, AgentError::Cancelled { .. }), "{error:?}");
    let partial = error.partial().unwrap();
    assert_eq!((partial.text.as_str(), partial.spend.model_calls), ("a", 2));
}
