#![doc = include_str!("../README.md")]

pub use agentic_core as core;
pub use agentic_llm as llm;
pub use agentic_memory as memory;
pub use agentic_plan as plan;
pub use agentic_reflect as reflect;
pub use agentic_runtime as runtime;
pub use agentic_schema as schema;
pub use agentic_tools as tools;

pub use agentic_core::{
    Agent, AgentError, Budget, ChatModel, EffectClass, EffectContext, Embedder, Goal, GoalVerdict, Guarded,
    Guardrail, Memory, MemoryScope, Outcome, RunContext, Tool, ToolError,
};
pub use agentic_memory::{
    HierarchicalMemory, LongTermMemory, RememberingAgent, ShortTermMemory, memory_tools,
};
pub use agentic_plan::{
    HierarchicalPlanner, LlmPlanner, PlanExecutor, SearchPlanner, StaticPlanner, StreamingPlanner, Verifier,
    VerifyingAgent,
};
pub use agentic_reflect::{
    CriticAgent, IterativeRefinementAgent, LlmReflector, SelfConsistencyAgent, SelfCorrectionAgent,
};
pub use agentic_runtime::{Ephemeral, RunOptions, RunReport, Runtime};
#[cfg(feature = "sqlite")]
pub use agentic_runtime::{SqliteOptions, SqliteStore};
pub use agentic_tools::{FunctionCallingAgent, ReActAgent, ToolAgent, tool, tools};

/// Everything that a program with an agent usually names: `use agentic::prelude::*;`.
pub mod prelude {
    pub use crate::llm;
    pub use crate::{
        Agent, AgentError, Budget, ChatModel, CriticAgent, EffectContext, Embedder, Ephemeral,
        FunctionCallingAgent, Goal, GoalVerdict, Guarded, HierarchicalPlanner, IterativeRefinementAgent,
        LlmPlanner, LlmReflector, LongTermMemory, Memory, MemoryScope, Outcome, PlanExecutor, ReActAgent,
        RememberingAgent, RunContext, RunOptions, RunReport, Runtime, SearchPlanner, SelfCorrectionAgent,
        Tool, ToolError, memory_tools, tool, tools,
    };
    pub use agentic_runtime::RunContextExt as _;
}
