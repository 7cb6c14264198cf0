//! Proves that an agent is durable: runs it live, repeats it from its journal, and crashes it at every write.
//!
//! ```
//! # use agentic_core::{Agent, AgentError, EffectClass, Goal, Outcome, RunContext, Spend, async_trait};
//! # use agentic_testkit::durability::{Check, Subject, World};
//! # use std::sync::Arc;
//! /// Sends two letters, one after the other.
//! #[derive(Debug)]
//! struct Sender(World);
//!
//! #[async_trait]
//! impl Agent for Sender {
//!     fn name(&self) -> &str {
//!         "sender"
//!     }
//!
//!     async fn run(&self, _: Goal, cx: &RunContext) -> Result<Outcome, AgentError> {
//!         let letter = self.0.tool("letter", EffectClass::Keyed);
//!         cx.tool(&letter, serde_json::json!({"to": "Ada"})).await?;
//!         cx.tool(&letter, serde_json::json!({"to": "Grace"})).await?;
//!         Ok(Outcome::new("sent", Spend::default()))
//!     }
//! }
//!
//! let proof = Check::new(|| {
//!     let world = World::new();
//!     Subject::new(Sender(world.clone()), "send both", world)
//! }).run();
//! assert!(proof.crashes > 20, "it was crashed before and after each write");
//! ```

mod check;
mod faults;
mod plan;
mod simulation;
mod subject;
mod world;

pub use check::{Check, Proof};
pub use faults::{Crash, FaultyStore, Lag};
pub use simulation::{Simulated, simulate};
pub use subject::{Operator, Subject};
pub use world::{Deed, World};
