#![doc = include_str!("../README.md")]

mod admission;
pub mod backend;
mod compaction;
mod consolidation;
mod episodic;
mod forgetting;
mod hierarchical;
mod index;
mod lineage;
mod long_term;
mod rank;
mod short_term;
mod state;
mod summary;
mod text;

pub use admission::Admission;
pub use backend::open;
pub use compaction::{Compacted, Compaction, CompactionOptions};
pub use consolidation::{Comparer, Consolidated, ModelComparer, Relation};
pub use episodic::{Episode, EpisodeSummary, EpisodicMemory, FoundEpisode, WholeEpisode};
pub use forgetting::{Forgetting, Swept};
pub use hierarchical::{HierarchicalMemory, HierarchicalOptions};
pub use lineage::Ancestor;
pub use long_term::{LongTermMemory, LongTermOptions, MAX_CONTENT};
pub use rank::Weights;
pub use short_term::{ShortTermMemory, ShortTermOptions};
pub use state::{AgentState, StateError};
pub use text::Language;
