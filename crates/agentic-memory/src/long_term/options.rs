//! How a long-term memory finds and ranks.

use std::time::Duration;

use agentic_core::{MemoryEntry, MemoryKind, Timestamp};
use serde_json::Value;

use super::record::{Kept, mark};
use crate::admission::Admission;
use crate::rank::Weights;
use crate::text::{Language, date};

/// How a long-term memory finds and ranks entries.
///
/// An entry is found by the meaning of what was said and who said it, and by the keywords of that, of some of its metadata,
/// and of its date. Whoever changes [`language`](Self::language), [`metadata`](Self::metadata) or [`date`](Self::date) of a
/// memory that has entries finds these by what was set when they were added.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LongTermOptions {
    /// What counts how much.
    pub weights: Weights,
    /// After so long an entry is half as recent; pinned ones stay as they were. Default: 30 days.
    pub half_life: Duration,
    /// The language of keywords. Default: English.
    pub language: Language,
    /// The metadata by whose keywords entries are found too. Default: `caption`, what a picture shows.
    pub metadata: Vec<String>,
    /// Whether entries are found by the keywords of their date too, as in `8 May 2023`. Default: yes.
    pub date: bool,
    /// How many entries each of the two searches gives to be ranked; at least twice what is asked for. Default: 100.
    pub candidates: usize,
    /// The least cosine of an entry to what is asked, if it has none of its keywords: one that is less like it is not given,
    /// unless it stands beside one that is. Unrelated texts have cosines of about 0.1 with the default embedding model; with
    /// others they may have more. Default: 0.2; -1 gives whatever is there.
    pub likeness: f32,
    /// How many of the most relevant ones lend to those beside them. Default: 50.
    pub lenders: usize,
    /// How much entries that say the same are kept apart, 0 to 1 (maximal marginal relevance). Default: 0, not at all.
    pub diversity: f32,
    /// What is let in. Default: [`Admission::default`].
    pub admission: Admission,
    /// How long entries of a kind are kept, from when they happened or were said again on; pinned ones do not expire.
    /// Default: for ever.
    pub time_to_live: Vec<(MemoryKind, Duration)>,
    /// The most entries that one consolidation looks at. Default: 100.
    pub consolidated: usize,
    /// The most entries that one is compared with at consolidation, the likest ones. Default: 10, as by
    /// Chhikara et al., "Mem0: Building Production-Ready AI Agents with Scalable Long-Term Memory", 2025.
    pub compared: usize,
    /// The least cosine of two entries that are compared. Default: 0.4.
    pub compared_likeness: f32,
}

impl Default for LongTermOptions {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            half_life: Duration::from_secs(30 * 24 * 60 * 60),
            language: Language::English,
            metadata: vec!["caption".into()],
            date: true,
            candidates: 100,
            likeness: 0.2,
            lenders: 50,
            diversity: 0.0,
            admission: Admission::default(),
            time_to_live: Vec::new(),
            consolidated: 100,
            compared: 10,
            compared_likeness: 0.4,
        }
    }
}

/// The text by whose meaning an entry is found.
pub(crate) fn said(entry: &MemoryEntry) -> String {
    match &entry.provenance.source {
        Some(source) => format!("{source}: {}", entry.content),
        None => entry.content.clone(),
    }
}

impl LongTermOptions {
    /// The keywords by which an entry is found; `said` is its meaning.
    pub(crate) fn keywords(&self, entry: &MemoryEntry, said: &str) -> Vec<String> {
        let metadata =
            self.metadata.iter().filter_map(|name| entry.metadata.get(name).and_then(Value::as_str));
        let date = self.date.then(|| date(entry.timestamp));
        let texts = [said].into_iter().chain(metadata).chain(date.as_deref());
        texts.flat_map(|text| self.language.words(text)).collect()
    }

    /// The word that entries have which [say the same](Admission).
    pub(crate) fn same(&self, entry: &MemoryEntry) -> String {
        let made = self.admission.is_made(entry.kind);
        let at = (!made).then_some(entry.timestamp);
        let day = self.language.is_of_a_day(&entry.content).then(|| date(entry.timestamp));
        let personal = !made || self.language.is_personal(&entry.content);
        let source = entry.provenance.source.as_ref().filter(|_| personal);
        let metadata: Vec<_> = self.metadata.iter().map(|name| entry.metadata.get(name)).collect();
        mark("same", &(entry.kind, self.language.essence(&entry.content), source, metadata, at, day))
    }

    pub(crate) fn expires_at(&self, entry: &MemoryEntry) -> Option<Timestamp> {
        let mut kinds = self.time_to_live.iter();
        kinds.find(|(kind, _)| *kind == entry.kind).map(|(_, lives)| entry.timestamp.after(*lives))
    }

    pub(crate) fn score(&self, relevance: f32, kept: &Kept, now: Timestamp) -> f32 {
        let Weights { relevance: by_relevance, recency, importance, .. } = self.weights;
        by_relevance * relevance
            + recency * kept.left(self.half_life, now)
            + importance * kept.entry.importance
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentic_core::{MemoryKind, MemoryScope};

    #[test]
    fn who_what_and_when_are_found() {
        let at = Timestamp::from_millis(1_683_550_800_000);
        let entry = MemoryEntry::new(MemoryScope::of_tenant("t"), MemoryKind::Observation, "Look!", at);
        let (options, mut plain) = (LongTermOptions::default(), LongTermOptions::default());
        plain.date = false;
        assert_eq!(plain.keywords(&entry, &said(&entry)), ["look"]);
        let entry = entry.said_by("Anna").with("caption", "a dog").with("path", "x.jpg");
        assert_eq!(said(&entry), "Anna: Look!");
        assert_eq!(options.keywords(&entry, &said(&entry)), ["anna", "look", "dog", "8", "may", "2023"]);
    }
}
