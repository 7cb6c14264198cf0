//! Recorded runs of Reflexion (Shinn et al. 2023), played again: the recorded thoughts and actions as the model, the recorded
//! observations as the tools. What failed is tried again with its lesson, what was right is not.

use std::sync::{Arc, Mutex};

use agentic_core::{
    Criterion, EffectClass, EffectContext, Goal, GoalVerdict, MemoryScope, RunContext, Tool, ToolError,
    ToolSpec, async_trait,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::LongTermMemory;
use agentic_plan::{Verifier, VerifyingAgent};
use agentic_reflect::{Lessons, SelfCorrectionAgent};
use agentic_runtime::RunContextExt as _;
use agentic_testkit::{ScriptedModel, fixture, json_lines};
use agentic_tools::{LoopGuardOptions, ReActAgent};
use serde_json::{Value, json};

use crate::actors::Says;

/// Gives the recorded observations.
#[derive(Clone, Debug)]
struct Recorded(Arc<ToolSpec>, Arc<Mutex<Vec<Value>>>);

impl Recorded {
    fn new(name: &str, steps: &[Value]) -> Self {
        let parameters = json!({
            "type": "object",
            "properties": {"input": {"type": "string"}},
            "required": ["input"],
            "additionalProperties": false,
        });
        let of_tool = steps.iter().filter(|step| step["tool"] == name).rev();
        let observations = of_tool.map(|step| step["observation"].clone()).collect();
        Self(Arc::new(ToolSpec::new(name, "Looks up.", parameters)), Arc::new(Mutex::new(observations)))
    }
}

#[async_trait]
impl Tool for Recorded {
    fn spec(&self) -> &Arc<ToolSpec> {
        &self.0
    }

    fn effect(&self, _: &Value) -> EffectClass {
        EffectClass::Pure
    }

    async fn call(&self, _: Value, _: EffectContext) -> Result<Value, ToolError> {
        self.1.lock().unwrap().pop().ok_or_else(|| ToolError::failed("nothing else was recorded"))
    }
}

#[tokio::test(start_paused = true)]
async fn failed_questions_are_tried_again_with_their_lesson_and_solved_ones_are_not() {
    let Some(path) = fixture("react/transcripts.jsonl") else { return };
    let memory = Arc::new(LongTermMemory::open("memory:", HashingEmbedder::new(128)).await.unwrap());
    let (mut right, mut mended) = (0, 0);
    for (line, record) in json_lines(&path).into_iter().enumerate() {
        let steps = record["steps"].as_array().unwrap();
        let (question, gold) = (record["question"].as_str().unwrap(), record["gold"].as_str().unwrap());
        let model = steps.iter().fold(ScriptedModel::new(), |model, step| {
            let text = |name: &str| step[name].as_str().unwrap_or_default();
            model.says(format!("Thought: {}\nAction: {}", text("thought"), text("action_text")))
        });
        let model = model.says(format!("Thought: Now I know.\nAction: Finish[{gold}]"));
        let mut guard = LoopGuardOptions::default();
        // The recorded agent had no guard.
        guard.stop_after = 0;
        let agent = ReActAgent::builder()
            .model(model.clone())
            .tools(["Search", "Lookup"].map(|name| Recorded::new(name, steps)))
            .max_turns(steps.len() as u64)
            .loop_guard(guard)
            .build()
            .unwrap();
        let lesson = format!("lesson {line}: look at the other article");
        let scope = MemoryScope::of_tenant("reflexion").session(format!("question-{line}"));
        let agent = SelfCorrectionAgent::new(
            VerifyingAgent::new(agent, Verifier::new()),
            Says::new(&[(true, &lesson)]),
        )
        .tries(2)
        .lessons(Lessons::new(memory.clone(), scope.clone()));
        let goal = Goal::new(question).with_criterion(Criterion::Answer { any_of: vec![gold.to_owned()] });
        let corrected = agent.correct(goal.clone(), &RunContext::ephemeral()).await;

        let last = steps.last().unwrap();
        let correct = record["correct"].as_bool().unwrap();
        match &corrected.tries[0].result {
            Ok(outcome) => {
                let ends = (last["tool"].as_str(), last["argument"].as_str());
                assert_eq!(ends, (Some("Finish"), Some(&*outcome.text())), "record {line}");
                assert_eq!(outcome.verdict == GoalVerdict::Met, correct, "record {line}: {gold}");
            }
            Err(error) => assert!(last["tool"] != "Finish" && !correct, "record {line}: {error}"),
        }
        let requests = model.requests();
        let asked = |request: &agentic_core::ModelRequest| {
            request.messages.iter().map(|message| message.text()).collect::<String>()
        };
        if correct {
            assert_eq!((corrected.tries.len(), requests.len()), (1, steps.len()), "record {line}");
            right += 1;
        } else {
            assert_eq!((corrected.tries.len(), requests.len()), (2, steps.len() + 1), "record {line}");
            assert!(!asked(&requests[steps.len() - 1]).contains(&lesson), "record {line}");
            assert!(asked(&requests[steps.len()]).contains(&lesson), "record {line}");
            assert_eq!(corrected.result.unwrap().verdict, GoalVerdict::Met, "record {line}");
            mended += 1;
        }
        // And so does another run on the same question.
        let lessons = Lessons::new(memory.clone(), scope).on(&goal, &RunContext::ephemeral()).await.unwrap();
        assert_eq!(lessons.iter().filter(|kept| kept.contains(&lesson)).count(), usize::from(!correct));
    }
    assert_eq!((right, mended), (48, 102));
}
