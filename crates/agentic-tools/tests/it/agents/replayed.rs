//! Recorded ReAct runs, played again: the recorded thoughts and actions as the model, the recorded observations as
//! the tools.

use agentic_core::Agent as _;
use agentic_testkit::{ScriptedModel, fixture, json_lines};
use agentic_tools::{LoopGuardOptions, ReActAgent};
use serde_json::{Value, json};

use super::Canned;
use crate::support::context;

#[tokio::test(start_paused = true)]
async fn recorded_runs_end_with_the_recorded_action_after_the_recorded_steps() {
    let Some(path) = fixture("react/transcripts.jsonl") else { return };
    let mut played = 0;
    for (line, record) in json_lines(&path).into_iter().enumerate() {
        let steps = record["steps"].as_array().unwrap();
        let model = steps.iter().fold(ScriptedModel::new(), |model, step| {
            let (n, thought, action) = (&step["n"], step["thought"].as_str(), step["action_text"].as_str());
            model.says(format!(
                "Thought {n}: {}\nAction {n}: {}",
                thought.unwrap_or_default(),
                action.unwrap_or_default()
            ))
        });
        let observations = |tool: &str| -> Vec<Value> {
            let of_tool = steps.iter().filter(|step| step["tool"] == tool);
            of_tool.map(|step| step["observation"].clone()).chain([json!("none")]).collect()
        };
        let tools = ["Search", "Lookup"].map(|name| Canned::new(name, observations(name)));
        let mut guard = LoopGuardOptions::default();
        // The recorded agent had no guard.
        guard.stop_after = 0;
        let agent = ReActAgent::builder()
            .model(model.clone())
            .tools(tools.clone())
            .max_turns(steps.len() as u64)
            .loop_guard(guard)
            .build()
            .unwrap();
        let ended = agent.run(record["question"].as_str().unwrap().into(), &context()).await;
        let last = steps.last().unwrap();
        let finished = last["tool"] == "Finish";
        assert_eq!(model.left(), 0, "record {line}: every recorded step is taken");
        match ended {
            Ok(outcome) => assert_eq!(
                (finished, outcome.text().as_str()),
                (true, last["argument"].as_str().unwrap_or_default()),
                "record {line}"
            ),
            Err(error) => assert!(!finished, "record {line}: {error}"),
        }
        for (tool, name) in tools.iter().zip(["Search", "Lookup"]) {
            let recorded: Vec<_> = steps
                .iter()
                .filter(|step| step["tool"] == name)
                .map(|step| json!({"input": step["argument"].as_str().unwrap_or_default()}))
                .collect();
            assert_eq!(tool.calls(), recorded, "record {line}: calls of {name}");
        }
        played += 1;
    }
    assert_eq!(played, 150);
}
