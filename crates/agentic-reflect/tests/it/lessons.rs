//! What was learned once is known the next time.

use agentic_core::{
    Agent as _, Goal, GoalVerdict, Memory as _, MemoryEntry, MemoryKind, MemoryScope, RunContext,
};
use agentic_llm::adapter::hashing::HashingEmbedder;
use agentic_memory::LongTermMemory;
use agentic_reflect::{Lessons, SelfCorrectionAgent};
use agentic_runtime::RunContextExt as _;
use std::sync::Arc;

use crate::actors::{Gives, Says, checked};

#[tokio::test]
async fn a_goal_like_an_earlier_one_begins_with_its_lessons() {
    let memory = Arc::new(LongTermMemory::open("memory:", HashingEmbedder::new(128)).await.unwrap());
    let (scope, cx) = (MemoryScope::of_tenant("anna"), RunContext::ephemeral());
    let other = MemoryEntry::new(scope.clone(), MemoryKind::Thought, "Trains to Bergen are nice", cx.now());
    memory.add(other, &cx).await.unwrap();
    let lessons = || Lessons::new(memory.clone(), scope.clone());
    let fails = || checked("noon", GoalVerdict::NotMet, "it is not noon");
    let agent = Gives::new([fails(), fails()]);
    let says = Says::new(&[(true, "look at the Sunday timetable"), (true, "ask at the desk")]);
    let first = SelfCorrectionAgent::new(agent, says).lessons(lessons()).tries(2);
    first.run(Goal::new("When does the train to Bergen leave?"), &cx).await.unwrap_err();

    let met = Gives::new([checked("ten", GoalVerdict::Met, "it is ten")]);
    let second = SelfCorrectionAgent::new(met.clone(), Says::new(&[])).lessons(lessons());
    second.run(Goal::new("When does the train to Bergen leave today?"), &cx).await.unwrap();
    let asked = met.asked()[0].prompt();
    assert!(asked.contains("look at the Sunday timetable") && asked.contains("ask at the desk"), "{asked}");
    assert!(!asked.contains("are nice"), "thoughts that are no lessons stay out: {asked}");

    let stranger = Lessons::new(memory.clone(), MemoryScope::of_tenant("bert"));
    assert!(stranger.on(&Goal::new("When does the train to Bergen leave?"), &cx).await.unwrap().is_empty());
}
