//! Plans of many shapes are planned again, and what is done stays done.

#[path = "../../examples/replan/trial.rs"]
mod trial;

use self::trial::{SAMPLES, mended, persistent};

#[tokio::test(start_paused = true)]
async fn nothing_that_is_finished_runs_again_wherever_a_plan_fails() {
    let mut ratios = Vec::new();
    for (name, text) in SAMPLES {
        let mended = mended(text).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        ratios.extend(mended.iter().map(|one| (one.kept, one.tasks)));
        if name == "chain" {
            let kept: Vec<_> = mended.iter().map(|one| (one.kept, one.tasks)).collect();
            assert_eq!(kept, [(0, 5), (1, 5), (2, 5), (3, 5), (4, 5)]);
        }
        // What does not wait for the one that fails is done meanwhile.
        if name == "wide" {
            assert!(mended.iter().take(6).all(|one| (one.kept, one.tasks) == (5, 7)), "{mended:?}");
        }
    }
    assert!(ratios.iter().all(|(kept, of)| kept < of), "{ratios:?}");
}

#[tokio::test(start_paused = true)]
async fn failures_that_stay_are_planned_for_a_few_times_at_most() {
    for (name, text) in SAMPLES {
        let most = persistent(text, 3).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!((1..=3).contains(&most), "{name}: {most}");
    }
}
