#![doc = include_str!("../README.md")]

mod admission;
pub mod backend;
mod compaction;
mod consolidation;
mod copying;
mod episodic;
mod forgetting;
mod hierarchical;
mod index;
mod lineage;
mod long_term;
mod rank;
mod remembering;
mod short_term;
mod state;
mod stats;
mod summary;
mod text;
mod tools;

pub use admission::Admission;
pub use backend::open;
pub use compaction::{Compacted, Compaction, CompactionOptions};
pub use consolidation::{Comparer, Consolidated, ModelComparer, Relation};
pub use copying::{Copied, copy, reembed};
pub use episodic::{Episode, EpisodeSummary, EpisodicMemory, FoundEpisode, WholeEpisode};
pub use forgetting::{Forgetting, Swept};
pub use hierarchical::{HierarchicalMemory, HierarchicalOptions};
pub use lineage::Ancestor;
pub use long_term::{LongTermMemory, LongTermOptions, MAX_CONTENT};
pub use rank::Weights;
pub use remembering::{Conversation, Keeps, RememberingAgent, RememberingOptions};
pub use short_term::{ShortTermMemory, ShortTermOptions};
pub use state::{AgentState, StateError};
pub use stats::MemoryStats;
pub use text::Language;
pub use tools::memory_tools;
