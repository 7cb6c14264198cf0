//! What is read, a function for each call.

use agentic_core::{Json, RunId, RunStatus, Timestamp};
use rusqlite::{Connection, params};

use super::failure::Failure;
use super::rows::{self, COLUMNS, find, int, time};
use crate::journal::{Entry, Seq};
use crate::store::error::{JournalError, JournalErrorKind as Kind};
use crate::store::types::{Posted, RunFilter, RunRecord};

pub(super) fn run(db: &Connection, run: RunId) -> Result<RunRecord, Failure> {
    find(db, run).map(|(_, kept)| kept.record)
}

pub(super) fn list(db: &Connection, filter: &RunFilter) -> Result<Vec<RunRecord>, Failure> {
    let RunFilter { status, queue, ended_before, limit } = filter;
    let mut runs = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM runs \
         WHERE (?1 IS NULL OR status = ?1) AND (?2 IS NULL OR queue = ?2) \
         AND (?3 IS NULL OR (status IN ('completed', 'failed', 'cancelled') AND updated < ?3)) \
         ORDER BY created DESC, id DESC LIMIT ?4"
    ))?;
    let (status, ended_before) = (status.map(|status: RunStatus| status.to_string()), ended_before.map(time));
    // No limit is -1.
    let limit = limit.map_or(-1, int);
    let runs = runs.query_map(params![status, queue, ended_before, limit], rows::kept)?;
    Ok(runs.map(|run| run.map(|(_, kept)| kept.record)).collect::<Result<_, _>>()?)
}

pub(super) fn load(db: &Connection, run: RunId, after: Seq) -> Result<Vec<Entry>, Failure> {
    let (n, _) = find(db, run)?;
    let mut entries = db.prepare_cached(
        "SELECT seq, at, format, header, payload, blob, content, hash FROM entries LEFT JOIN blobs ON n = blob \
         WHERE run = ? AND seq > ? ORDER BY seq",
    )?;
    let mut found = entries.query(params![n, int(after.0)])?;
    let mut entries = Vec::new();
    let mut next = after.next();
    while let Some(row) = found.next()? {
        let entry = rows::entry(run, row)?;
        if entry.seq != next {
            let message = format!("entry {next} of run {run} is missing; bring the store back from a backup");
            return Err(JournalError::new(Kind::Corrupt, message).into());
        }
        next = next.next();
        entries.push(entry);
    }
    Ok(entries)
}

pub(super) fn due_queues(db: &Connection, now: Timestamp) -> Result<Vec<String>, Failure> {
    let mut queues = db.prepare_cached(
        "SELECT queue FROM runs WHERE status = 'pending' \
         UNION SELECT queue FROM runs WHERE status = 'waiting' AND wake_at <= ?1 \
         UNION SELECT queue FROM runs WHERE status = 'running' AND leased_until < ?1",
    )?;
    let queues = queues.query_map([time(now)], |row| row.get(0))?;
    Ok(queues.collect::<Result<_, _>>()?)
}

pub(super) fn posted(db: &Connection, run: RunId) -> Result<Vec<Posted>, Failure> {
    let (n, _) = find(db, run)?;
    let mut posts = db.prepare_cached(
        "SELECT id, key, content, at FROM posts WHERE run = ? AND content IS NOT NULL ORDER BY id",
    )?;
    let mut found = posts.query([n])?;
    let mut posts = Vec::new();
    while let Some(row) = found.next()? {
        let (post, content) = (rows::number(row, 0)?, row.get::<_, String>(2)?);
        let content = Json::parse(content).map_err(|error| {
            let message =
                format!("post {post} of run {run} can't be read; bring the store back from a backup");
            JournalError::new(Kind::Corrupt, message).with_source(error)
        })?;
        posts.push(Posted { id: post, key: row.get(1)?, content, at: rows::at(row, 3)? });
    }
    Ok(posts)
}

pub(super) fn posted_to(db: &Connection, owner: &str) -> Result<Vec<RunId>, Failure> {
    let mut runs = db.prepare_cached(
        "SELECT id FROM runs WHERE owner = ? \
         AND EXISTS (SELECT 1 FROM posts WHERE run = n AND content IS NOT NULL)",
    )?;
    let runs = runs.query_map([owner], |row| rows::uuid(row, 0))?;
    Ok(runs.map(|id| id.map(RunId)).collect::<Result<_, _>>()?)
}
