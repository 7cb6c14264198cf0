//! Outcomes are verified, reflected on and refined.

use crate::support::Place;

const CRITERIA: &str = "- {type: matches, pattern: '^[0-9]+$'}\n- {type: near, value: 4, tolerance: 0}\n";

/// Answers wrong, and right once it reads why.
const SCRIPT: &str = r#"
turns:
  - {when: What was done, text: '{"assessment": "Words.", "made_progress": true, "should_retry": true, "improvement": "Write digits."}'}
  - {when: Write digits, text: '4'}
  - text: four
"#;

#[test]
fn an_outcome_that_misses_its_criteria_is_said_to() {
    let place = Place::new();
    place.file("criteria.yaml", CRITERIA);
    place.file("script.yaml", SCRIPT);
    let args = ["run", "2+2", "--model", "scripted:script.yaml", "--criteria", "criteria.yaml"];
    let missed = place.run(&args);
    assert_eq!((missed.code, missed.out.as_str()), (4, "four\n"), "{missed:?}");
    assert!(
        missed
            .err
            .contains("criterion 1 does not hold: the output is \"four\", not one that matches `^[0-9]+$`"),
        "{}",
        missed.err
    );
    let told = |place: &Place, verdict: &str| {
        let (shown, listed) = (place.run(&["runs", "show", "last"]), place.run(&["runs", "list"]));
        let status = format!("status   completed, goal {verdict}\n         ");
        assert!(shown.out.contains(&status), "{status}: {}", shown.out);
        assert!(listed.out.contains(&format!("completed, goal {verdict}  ")), "{}", listed.out);
        shown.out
    };
    let shown = told(&place, "not met");
    assert!(shown.contains("         criterion 1 does not hold: the output is \"four\""), "{shown}");
    let listed = place.run(&["runs", "list", "--output", "json"]).json();
    assert_eq!(
        (listed["verdict"].as_str(), listed["criteria_open"].as_bool()),
        (Some("not_met"), Some(false))
    );
    assert!(listed["evidence"][0].as_str().unwrap().starts_with("criterion 1 does not hold"), "{listed}");
    let met = place.run(&[&args[..], &["--reflect"]].concat());
    let shown = told(&place, "met");
    assert!(shown.contains("matches `^[0-9]+$`; criterion 2 does not hold"), "a piece is a line: {shown}");
    assert_eq!((met.code, met.out.as_str()), (0, "4\n"), "{met:?}");
    assert!(met.err.contains("reflection on try 1: Write digits."), "{}", met.err);
    // The criteria and the tries are kept with the run.
    let again = place.run(&["runs", "replay", "last"]);
    assert_eq!((again.code, again.out.as_str()), (0, "repeated: same outcome\n"), "{again:?}");
    let once = place.run(&[&args[..], &["--reflect", "--tries", "1"]].concat());
    assert!(once.code == 1 && once.err.contains("no good result in 1 try, the last: "), "{once:?}");
}

const CRITIC: &str = r#"
turns:
  - when: <result>
    text: '{"scores": {"correctness": {"explanation": "Right.", "score": 5}, "completeness": {"explanation": "Short.", "score": 3},
      "clarity": {"explanation": "Clear.", "score": 4}, "efficiency": {"explanation": "Quick.", "score": 5}},
      "assessment": "Say why.", "suggestions": []}'
  - {when: This was answered before, text: Because it is late.}
  - text: It is late.
"#;

#[test]
fn an_outcome_is_refined_until_it_is_good_enough() {
    let place = Place::new();
    place.file("script.yaml", CRITIC);
    let args = ["run", "Why?", "--model", "scripted:script.yaml", "--refine"];
    let good = place.run(&args);
    assert_eq!((good.code, good.out.as_str()), (0, "It is late.\n"), "{good:?}");
    assert!(good.err.contains("version 1 gets 4.25 of 5 (correctness 5, completeness 3"), "{}", good.err);
    let better = place.run(&[&args[..], &["--threshold", "4.5", "--versions", "2"]].concat());
    assert_eq!((better.code, better.out.as_str()), (4, "It is late.\n"), "the first of equals: {better:?}");
    assert!(better.err.contains("below the threshold of 4.5"), "{}", better.err);
}

#[test]
fn plans_are_verified_too() {
    let place = Place::new();
    place.file("criteria.yaml", CRITERIA);
    place.file("plan.yaml", "goal: 2+2\ntasks: [{id: a, description: Add}]");
    place.file("script.yaml", "turns: [{text: '5'}]");
    let plan =
        ["plan", "--file", "plan.yaml", "--model", "scripted:script.yaml", "--criteria", "criteria.yaml"];
    let done = place.run(&[&plan[..], &["--execute"]].concat());
    assert!(done.code == 4 && done.err.contains("criterion 2 does not hold"), "{done:?}");
    let shown = place.run(&plan);
    assert!(shown.code == 2 && shown.err.contains("add --execute"), "{shown:?}");
}

#[test]
fn what_can_not_be_cared_for_is_refused() {
    let place = Place::new();
    place.file("bad.yaml", "- {type: near, value: 4}");
    for (args, expected) in [
        (&["--criteria", "none.yaml"][..], "can't read none.yaml"),
        (
            &["--criteria", "bad.yaml"],
            "bad.yaml: criterion 1 is of the type `near` and needs a number as `tolerance`",
        ),
        (&["--tries", "2"], "--reflect"),
        (&["--threshold", "4"], "--refine"),
        (&["--refine", "--threshold", "11"], "a number from 1 to 5"),
        (&["--refine", "--versions", "0"], "versions"),
    ] {
        let refused = place.run(&[&["run", "g"][..], args].concat());
        assert!(refused.code == 2 && refused.err.contains(expected), "{args:?}: {refused:?}");
    }
}

#[test]
fn a_criterion_that_calls_the_shell_waits_for_a_yes() {
    let place = Place::new();
    place.file("script.yaml", "turns: [{text: done}]");
    place.file("criteria.yaml", "- {type: tool, tool: shell, arguments: {command: 'echo so > said'}}");
    let said = || place.folder.path().join("work/said").exists();
    let run =
        ["run", "g", "--model", "scripted:script.yaml", "--criteria", "criteria.yaml", "--tool", "shell"];
    let waits = place.run(&run);
    assert!(waits.code == 5 && waits.err.contains("Call `shell` with") && !said(), "{waits:?}");
    assert_eq!(place.run(&["runs", "approve", "last"]).code, 0);
    let done = place.run(&["runs", "resume", "last"]);
    assert!(done.code == 0 && said() && done.err.contains("criterion 1 holds"), "{done:?}");
    let replayed = place.run(&["runs", "replay", "last"]);
    assert!(replayed.code == 0 && replayed.out.contains("same outcome"), "{replayed:?}");
    let denied = place.run(&[&run[..], &["--ephemeral"]].concat());
    assert!(denied.code == 4 && denied.err.contains("`shell` is not allowed: nobody is there"), "{denied:?}");
}

#[test]
fn criteria_that_can_not_be_looked_at_are_refused_before_the_run() {
    let place = Place::new();
    place.file("script.yaml", SCRIPT);
    let args = ["run", "2+2", "--model", "scripted:script.yaml", "--criteria", "criteria.yaml"];
    for (written, more, expected) in [
        ("[]", &[][..], "criteria.yaml: there is no criterion in it"),
        ("- {type: matches, pattern: '('}", &[], "criterion 1 can't be used: `(` is no regular expression"),
        (
            "- {type: tool, tool: shell}",
            &[],
            "criterion 1 calls `shell`, which the run does not have; add --tool shell",
        ),
        (
            "- {type: tool, tool: shell, arguments: {command: ls}}",
            &["--tool", "shell", "--deny", "shell"],
            "criterion 1 calls `shell`, which a rule of the run denies",
        ),
        (
            "- {type: tool, tool: shell, arguments: {comand: ls}}",
            &["--tool", "shell"],
            "criterion 1 calls `shell`: these are no arguments of `shell`: ",
        ),
        (
            "- {type: tool, tool: shell}",
            &["--tool", "shell"],
            "criterion 1 calls `shell`: these are no arguments of `shell`: at /command",
        ),
        (
            "- {type: tool, tool: shell, arguments: {command: '{{output}}'}}",
            &["--tool", "shell"],
            "criterion 1 calls `shell` with `{{output}}`, which only tools get that change nothing",
        ),
    ] {
        place.file("criteria.yaml", written);
        let refused = place.run(&[&args[..], more].concat());
        assert_eq!((refused.code, refused.out.as_str()), (2, ""), "{refused:?}");
        assert!(refused.err.contains(expected), "{expected}: {}", refused.err);
    }
}

#[test]
fn a_goal_that_nobody_could_judge_is_not_called_a_success() {
    let place = Place::new();
    place.file("criteria.yaml", "- {type: judged, rubric: It rhymes.}");
    place.file("script.yaml", "turns:\n  - {when: The criterion, text: no judgement}\n  - text: a poem\n");
    let run = place.run(&["run", "rhyme", "--model", "scripted:script.yaml", "--criteria", "criteria.yaml"]);
    assert_eq!((run.code, run.out.as_str()), (4, "a poem\n"), "{run:?}");
    assert!(run.err.contains("criterion 1 is not known to hold"), "{}", run.err);
    let shown = place.run(&["runs", "show", "last"]).out;
    assert!(
        shown.contains("status   completed, goal not verified\n         criterion 1 is not known"),
        "{shown}"
    );
    assert!(!shown.contains("/sleep"), "a time that was not needed: {shown}");
}
