//! Entries as records, and back.

use std::mem;
use std::time::Duration;

use agentic_core::{
    Digest, FieldCondition, Filter, Json, MemoryEntry, MemoryKind, MemoryQuery, MemoryScope, Predicate,
    Recalled, Record, Standing, StoreError, StoreErrorKind, StoreInfo, Timestamp,
};
use serde::{Deserialize, Serialize};

/// Before the names of metadata, so that they are no names of ours.
const METADATA: &str = "meta.";

const KIND: &str = "kind";
const AT: &str = "at";
const HOLDS_UNTIL: &str = "holds_until";
const GONE_AT: &str = "gone_at";

/// A time that never comes: 2^53, the largest whole number that every store compares exactly.
const NEVER: u64 = 1 << 53;

/// Present where an entry is of short-term memory alone.
const SHORT: &str = "short";

/// Present where an entry is in the window of short-term memory.
const WINDOW: &str = "window";

/// Before words that mark a record and stand in no text.
const MARK: char = '\u{1}';

/// An entry as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) entry: MemoryEntry,
    #[serde(default)]
    pub(crate) standing: Standing,
    /// When it was said last, if it was said again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) again: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Marks::are_none")]
    pub(crate) marks: Marks,
    /// The step that changed it last: done again after a crash, it says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed_by: Option<String>,
}

/// Where an entry stands among the memories that share a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Marks {
    /// It is in the window of short-term memory.
    pub(crate) window: bool,
    /// It came to the window after the last consolidation.
    pub(crate) fresh: bool,
    /// It is not in long-term memory.
    pub(crate) short: bool,
    /// It says what left the window.
    pub(crate) summary: bool,
    /// It was forgotten because it had faded, not because somebody wanted it.
    pub(crate) faded: bool,
}

impl Marks {
    fn are_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Kept {
    pub(crate) fn new(entry: MemoryEntry) -> Self {
        Self { entry, standing: Standing::default(), again: None, marks: Marks::default(), changed_by: None }
    }

    /// The entry of a record.
    pub(crate) fn read(store: &StoreInfo, record: &Record) -> Result<Self, StoreError> {
        record.body.read().map_err(|error| {
            let message =
                format!("entry {} can't be read: {error}; was it written by a newer version?", record.id);
            store.error(StoreErrorKind::Corrupt, message)
        })
    }

    /// The entry as a record that is found by these words, so far without a vector.
    pub(crate) fn record(&self, id: String, words: impl IntoIterator<Item = String>) -> Record {
        let Self { entry, standing, marks, .. } = self;
        let until = |time: Option<Timestamp>| time.map_or(NEVER, Timestamp::as_millis);
        // What is pinned does not expire.
        let expires_at = standing.expires_at.filter(|_| !standing.pinned);
        let gone_at = until(standing.forgotten_at).min(until(expires_at));
        let in_window = window(&entry.scope);
        let words = words.into_iter().filter(|word| *word != in_window);
        let mut words: Vec<String> = words.collect();
        let is_in_window = marks.window && standing.forgotten_at.is_none();
        if is_in_window {
            words.push(in_window);
        }
        let mut record = Record::new(id, entry.scope.clone(), entry.timestamp)
            .with_words(words)
            .with_field(KIND, entry.kind.to_string())
            .with_field(AT, entry.timestamp.as_millis())
            .with_field(HOLDS_UNTIL, until(standing.invalid_from))
            .with_field(GONE_AT, gone_at)
            .with_body(Json::of(self).unwrap_or_default());
        for (name, _) in [(SHORT, marks.short), (WINDOW, is_in_window)].iter().filter(|(_, it)| *it) {
            record = record.with_field(*name, true);
        }
        for (name, value) in &entry.metadata {
            record.fields.insert(format!("{METADATA}{name}"), value.clone());
        }
        record
    }

    /// When it was said last.
    fn said_at(&self) -> Timestamp {
        self.again.unwrap_or(self.entry.timestamp)
    }

    /// Says what another entry says, too.
    pub(crate) fn takes(&mut self, other: &Self) {
        let last = self.said_at().max(other.said_at());
        self.again = Some(last).filter(|last| *last > self.entry.timestamp);
        // It is kept as long as one of both was to be kept.
        let expires_at = self.standing.expires_at.zip(other.standing.expires_at);
        self.standing.expires_at = expires_at.map(|(mine, theirs)| mine.max(theirs));
        let entry = &mut self.entry;
        entry.importance = entry.importance.max(other.entry.importance);
        for id in &other.entry.provenance.made_of {
            if !entry.provenance.made_of.contains(id) {
                entry.provenance.made_of.push(id.clone());
            }
        }
        self.marks.short &= other.marks.short;
        // What had faded is said again.
        if mem::take(&mut self.marks.faded) {
            self.standing.forgotten_at = None;
        }
    }

    /// What is left after a time of what has this half-life, 1 to 0, since it was said last. What is pinned does not decay.
    pub(crate) fn left(&self, half_life: Duration, now: Timestamp) -> f32 {
        let age = now.since(self.said_at()).as_secs_f32();
        match half_life.as_secs_f32() {
            _ if self.standing.pinned => 1.0,
            half_life if half_life > 0.0 => 0.5_f32.powf(age / half_life),
            _ => 0.0,
        }
    }

    /// The entry in place of the one that a record has.
    pub(crate) fn in_place_of(&self, record: Record) -> Record {
        self.record(record.id, record.words).with_vector(record.vector).over(record.revision)
    }

    pub(crate) fn recalled(self, id: String, score: f32) -> Recalled {
        Recalled { id, entry: self.entry, standing: self.standing, score }
    }
}

/// Whether a record is of an entry: others keep records too.
pub(crate) fn is_entry(record: &Record) -> bool {
    record.fields.contains_key(KIND)
}

/// All entries, whatever became of them.
pub(crate) fn entries() -> Filter {
    use MemoryKind::{Action, Fact, Observation, Thought};
    let kinds = [Observation, Action, Thought, Fact];
    Filter::any().and(KIND, Predicate::AnyOf(kinds.map(|kind| kind.to_string().into()).into()))
}

/// The word that marks the entries of a scope's window.
pub(crate) fn window(scope: &MemoryScope) -> String {
    mark("window", scope)
}

/// The word that marks entries of which `what` is the same.
pub(crate) fn mark(name: &str, what: &impl Serialize) -> String {
    // Texts and numbers always have a JSON form.
    format!("{MARK}{name}:{}", Digest::of(what).unwrap_or_default())
}

/// Whether a word is such a mark.
pub(crate) fn is_mark(word: &str) -> bool {
    word.starts_with(MARK)
}

/// What is in long-term memory.
pub(crate) fn long_term(filter: Filter) -> Filter {
    filter.and(SHORT, Predicate::Missing)
}

/// What is in the window of short-term memory.
pub(crate) fn in_window(filter: Filter) -> Filter {
    filter.is(WINDOW, true)
}

/// What is of this kind.
pub(crate) fn of_kind(filter: Filter, kind: MemoryKind) -> Filter {
    filter.is(KIND, kind.to_string())
}

/// What is given now, of what held at that time.
pub(crate) fn given_at(now: Timestamp, held: Timestamp) -> Filter {
    // Numbers of milliseconds are far below what a float has exactly.
    let later = |time: Timestamp| Predicate::AtLeast(time.as_millis() as f64 + 1.0);
    Filter::any().and(GONE_AT, later(now)).and(HOLDS_UNTIL, later(held))
}

/// What is forgotten or has expired.
pub(crate) fn gone_at(now: Timestamp) -> Filter {
    Filter::any().and(GONE_AT, Predicate::Below(now.as_millis() as f64 + 1.0))
}

/// What does not hold any more.
pub(crate) fn invalid_at(now: Timestamp) -> Filter {
    Filter::any().and(HOLDS_UNTIL, Predicate::Below(now.as_millis() as f64 + 1.0))
}

/// Which records a query is about.
pub(crate) fn filter(query: &MemoryQuery, now: Timestamp) -> Filter {
    let millis = |time: Timestamp| time.as_millis() as f64;
    let mut filter = given_at(now, query.as_of.unwrap_or(now));
    if !query.kinds.is_empty() {
        filter = filter
            .and(KIND, Predicate::AnyOf(query.kinds.iter().map(|kind| kind.to_string().into()).collect()));
    }
    if let Some(since) = query.since {
        filter = filter.and(AT, Predicate::AtLeast(millis(since)));
    }
    if let Some(until) = query.until {
        filter = filter.and(AT, Predicate::Below(millis(until)));
    }
    if let Some(as_of) = query.as_of {
        filter = filter.and(AT, Predicate::Below(millis(as_of) + 1.0));
    }
    for FieldCondition { field, test } in &query.metadata.all {
        filter = filter.and(format!("{METADATA}{field}"), test.clone());
    }
    filter
}
