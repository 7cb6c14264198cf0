#![doc = include_str!("../README.md")]

mod agent;
mod answer;
mod approval;
mod approval_rule;
mod budget;
mod cancel;
mod context;
mod digest;
mod driver;
mod effect;
mod embed;
mod error_class;
mod event;
mod exhausted;
mod filter;
mod goal;
mod guarded;
mod guardrail;
mod id;
mod json;
mod memory;
mod memory_scope;
mod message;
mod model;
mod model_context;
mod model_error;
mod plan;
mod reflect;
mod run;
mod scope;
mod scoped_tool;
mod sources;
mod step;
mod store;
mod team;
mod time;
mod tool;
mod usage;
mod work;

// Traits here are async: implement them with this attribute.
pub use async_trait::async_trait;

// What is wanted, and who works on it.
pub use agent::{Agent, AgentError, Partial};
pub use answer::{as_json, code_in, equals, includes, json_in, normalised_answer, passes, value_text};
pub use goal::{Criterion, Goal, GoalVerdict, Lookup, Outcome};
pub use run::{Reason, RunStatus};

// The one way to the world, and what drivers implement.
pub use approval::{Approval, Decision};
pub use approval_rule::{ApprovalRule, RuleAnswer, RuleArguments};
pub use budget::{Budget, BudgetError, BudgetState, Held, Ledger, Reservation, Resource};
pub use cancel::{CancelReason, Cancellation};
pub use context::RunContext;
pub use driver::{Driver, Ticket};
pub use effect::{EffectClass, EffectContext, EffectGrant};
pub use event::{EVENT_FORMAT, Event, EventKind, EventSink};
pub use exhausted::{Budgeted, WhenExhausted};
pub use sources::Sources;
pub use step::{Delivered, Done, Failed, Launch, StepRequest, StepValue, Withheld};
pub use step::{Step, StepDetail, StepError, StepKind};

// Models.
pub use embed::{Embedder, EmbedderInfo, Embeddings};
pub use error_class::ErrorClass;
pub use message::{Image, ImageSource, Message, Messages, Part, Role, ToolCall, ToolResult, quoted};
pub use model::{
    Capabilities, ChatModel, ChatModelExt, FinishReason, ModelDelta, ModelEvent, ModelInfo, ModelRequest,
    ModelResponse, ModelStream, OutputFormat, Sampling, ToolChoice, ToolSet,
};
pub use model_context::{DeltaSink, ModelContext};
pub use model_error::{ModelError, ModelErrorKind};
pub use usage::{NanoUsd, Price, Spend, Usage};

// Tools, and guardrails.
pub use guarded::{Guarded, Guardrails};
pub use guardrail::{AdmittedCall, AllowTools, Gate, Guardrail, GuardrailVerdict, Passage, Stand};
pub use scoped_tool::ScopedTool;
pub use tool::{Tool, ToolError, ToolErrorKind, ToolPolicy, ToolSpec};

// Memory, reflection, teams and small words: the words and traits that the crates above share.
pub use digest::Digest;
pub use filter::{FieldCondition, Filter, Predicate};
pub use id::{RunId, StepId};
pub use json::Json;
pub use memory::{
    Added, Memory, MemoryEntry, MemoryError, MemoryKind, MemoryQuery, Provenance, Recalled, Standing,
};
pub use memory_scope::{InvalidScope, MemoryScope};
pub use plan::{Extension, Plan, PlanError, Planner, Purpose, Replanned, Task, TaskStatus};
pub use reflect::{Critic, Critique, Reflection, Reflector, Score};
pub use scope::{path_name, path_part};
pub use store::{
    Beside, Cursor, Hit, Record, Selection, StoreCapabilities, StoreError, StoreErrorKind, StoreInfo,
    VectorStore, WriteBatch,
};
pub use team::{AgentMessage, AgentMessageKind, AgentRole};
pub use time::Timestamp;

// `dyn`-compatible, every one of them: backends are chosen when a program runs.
const _: () = {
    const fn usable<T: ?Sized + Send + Sync + 'static>() {}
    usable::<dyn Agent>();
    usable::<dyn ChatModel>();
    usable::<dyn Embedder>();
    usable::<dyn Tool>();
    usable::<dyn ScopedTool>();
    usable::<dyn Driver>();
    usable::<dyn Memory>();
    usable::<dyn VectorStore>();
    usable::<dyn Planner>();
    usable::<dyn Reflector>();
    usable::<dyn Critic>();
    usable::<dyn EventSink>();
    usable::<dyn Guardrail>();
    usable::<RunContext>();
};
