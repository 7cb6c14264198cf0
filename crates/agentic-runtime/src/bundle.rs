//! A run as one file: to keep it, to send it to somebody, to test against it.

use agentic_core::{RunId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::journal::{Begin, ENTRY_FORMAT, Entry, EntryKind, Seq};
use crate::store::{JournalError, JournalErrorKind, NewRun, RunRecord};

/// A run with its whole journal. Its file has one JSON object a line: first what it is, then each entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// The run.
    pub run: RunId,
    /// The queue that it was in.
    pub queue: String,
    /// The run that it was forked from.
    pub forked_from: Option<RunId>,
    /// Its journal.
    pub journal: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    /// The form of the file and of the entries in it.
    agentic_run: u16,
    run: RunId,
    queue: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forked_from: Option<RunId>,
}

impl Bundle {
    pub(crate) fn of(record: &RunRecord, journal: Vec<Entry>) -> Self {
        let (run, queue, forked_from) = (record.id, record.queue.clone(), record.forked_from);
        Self { run, queue, forked_from, journal }
    }

    /// The file's text.
    ///
    /// # Errors
    /// If an entry has no JSON form.
    pub fn to_text(&self) -> serde_json::Result<String> {
        let Self { run, queue, forked_from, journal } = self;
        let (run, queue, forked_from) = (*run, queue.clone(), *forked_from);
        let mut text = serde_json::to_string(&Header { agentic_run: ENTRY_FORMAT, run, queue, forked_from })?;
        for entry in journal {
            text.push('\n');
            text.push_str(&serde_json::to_string(entry)?);
        }
        text.push('\n');
        Ok(text)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`Corrupt`](JournalErrorKind::Corrupt) with the line that can't be read, [`Format`](JournalErrorKind::Format) if a
    /// newer version wrote it.
    pub fn parse(text: &str) -> Result<Self, JournalError> {
        let corrupt = |line: usize, what: String| {
            let message = format!("line {line} of the exported run {what}; export the run again");
            JournalError::new(JournalErrorKind::Corrupt, message)
        };
        let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
        let (_, first) = lines.next().ok_or_else(|| corrupt(1, "is missing".into()))?;
        let header: Header = serde_json::from_str(first)
            .map_err(|error| corrupt(1, format!("is not the head of an exported run: {error}")))?;
        if header.agentic_run > ENTRY_FORMAT {
            let message = format!(
                "the exported run has form {}, and this version reads up to {ENTRY_FORMAT}; use a newer version",
                header.agentic_run
            );
            return Err(JournalError::new(JournalErrorKind::Format, message));
        }
        let mut journal: Vec<Entry> = Vec::new();
        for (n, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
            let entry: Entry = serde_json::from_str(line)
                .map_err(|error| corrupt(n, format!("is not an entry of a journal: {error}")))?;
            let next = Seq(journal.len() as u64 + 1);
            if entry.seq != next {
                return Err(corrupt(n, format!("has entry {}, where {next} is next", entry.seq)));
            }
            journal.push(entry);
        }
        let Header { run, queue, forked_from, .. } = header;
        match journal.first().map(|entry| &entry.kind) {
            Some(EntryKind::Started { .. }) => Ok(Self { run, queue, forked_from, journal }),
            _ => Err(corrupt(2, "is not the start of a run".into())),
        }
    }

    /// The run as one that can be accepted.
    pub(crate) fn new_run(self, at: Timestamp) -> Result<NewRun, JournalError> {
        let Self { run, queue, forked_from, journal } = self;
        let Some(EntryKind::Started { agent, begin, .. }) = journal.first().map(|entry| &entry.kind) else {
            let message = "the exported run has no start; export it again";
            return Err(JournalError::new(JournalErrorKind::Corrupt, message));
        };
        let goal = begin.read::<Begin>().map(|begin| begin.goal.text).unwrap_or_default();
        let (agent, entries) = (agent.clone(), journal);
        Ok(NewRun { id: run, queue, agent, goal, at, entries, forked_from, waits: None })
    }
}
