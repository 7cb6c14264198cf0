//! What the writer does, a function for each call. Each looks first and writes then: what is refused wrote nothing.

use agentic_core::{RunId, RunStatus, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::Failure;
use super::rows::{self, Encoded, find, id, int, save, time};
use crate::journal::Seq;
use crate::store::record::{Kept, exists, holds, no_entries, not_found, not_posted, not_seen, out_of_order};
use crate::store::types::{Claim, Lease, Post, Release, Which};

pub(super) fn create(db: &Connection, run: &Kept, entries: &Encoded) -> Result<(), Failure> {
    let mut known = db.prepare_cached("SELECT 1 FROM runs WHERE id = ?")?;
    if known.exists([id(&run.record.id)])? {
        return Err(exists(run.record.id).into());
    }
    let n = rows::insert(db, run)?;
    insert(db, n, entries)
}

pub(super) fn append(
    db: &Connection,
    lease: &Lease,
    entries: &Encoded,
    consumed: &[u64],
    seen: Option<u64>,
) -> Result<(), Failure> {
    let run = lease.run;
    let mut owner = db.prepare_cached(
        "SELECT n, epoch, status = 'running', (SELECT max(seq) FROM entries WHERE run = n) FROM runs WHERE id = ?",
    )?;
    let owner = owner.query_row([id(&run)], |row| {
        let last: Option<i64> = row.get(3)?;
        Ok((row.get(0)?, rows::number(row, 1)?, row.get(2)?, last.unwrap_or_default()))
    });
    let (n, epoch, running, last): (i64, u64, bool, i64) = owner.optional()?.ok_or_else(|| not_found(run))?;
    // Any other status will do for one that is not this.
    holds(lease, epoch, if running { RunStatus::Running } else { RunStatus::Pending })?;
    if entries.rows.is_empty() {
        return Err(no_entries(run).into());
    }
    let next = Seq(last.unsigned_abs()).next();
    if entries.first != next {
        return Err(out_of_order(run, next, entries.first).into());
    }
    for post in consumed {
        let mut unread =
            db.prepare_cached("SELECT 1 FROM posts WHERE id = ? AND run = ? AND content IS NOT NULL")?;
        if !unread.exists(params![int(*post), n])? {
            return Err(not_posted(run, *post).into());
        }
    }
    if let (Some(_), Some(seen)) = (&entries.end, seen) {
        let mut unread =
            db.prepare_cached("SELECT id FROM posts WHERE run = ? AND content IS NOT NULL AND id > ?")?;
        let mut unread = unread.query(params![n, int(seen)])?;
        while let Some(row) = unread.next()? {
            if !consumed.contains(&rows::number(row, 0)?) {
                return Err(not_seen(run).into());
            }
        }
    }
    insert(db, n, entries)?;
    for post in consumed {
        db.prepare_cached("UPDATE posts SET content = NULL WHERE id = ?")?.execute([int(*post)])?;
    }
    if let Some(end) = &entries.end {
        let (n, mut kept) = find(db, run)?;
        kept.end(end);
        save(db, n, &kept)?;
    }
    Ok(())
}

fn insert(db: &Connection, n: i64, entries: &Encoded) -> Result<(), Failure> {
    for row in &entries.rows {
        row.insert(db, n)?;
    }
    Ok(())
}

pub(super) fn delete(db: &Connection, run: RunId, now: Timestamp) -> Result<(), Failure> {
    let (n, kept) = find(db, run)?;
    kept.can_go(now)?;
    let mut blobs =
        db.prepare_cached("SELECT DISTINCT blob FROM entries WHERE run = ? AND blob IS NOT NULL")?;
    let blobs: Vec<i64> = blobs.query_map([n], |row| row.get(0))?.collect::<Result<_, _>>()?;
    db.prepare_cached("DELETE FROM entries WHERE run = ?")?.execute([n])?;
    for blob in blobs {
        db.prepare_cached(
            "DELETE FROM blobs WHERE n = ?1 AND NOT EXISTS (SELECT 1 FROM entries WHERE blob = ?1)",
        )?
        .execute([blob])?;
    }
    db.prepare_cached("DELETE FROM posts WHERE run = ?")?.execute([n])?;
    db.prepare_cached("DELETE FROM runs WHERE n = ?")?.execute([n])?;
    Ok(())
}

/// The due run of a queue that has waited longest: the first of the first of three lists.
const NEXT: &str = "
SELECT id FROM (
    SELECT * FROM (SELECT id, updated FROM runs WHERE queue = ?1 AND status = 'pending'
                   ORDER BY updated, id LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT id, updated FROM runs WHERE queue = ?1 AND status = 'waiting' AND wake_at <= ?2
                   ORDER BY updated, id LIMIT 1)
    UNION ALL
    SELECT * FROM (SELECT id, updated FROM runs WHERE queue = ?1 AND status = 'running' AND leased_until < ?2
                   ORDER BY updated, id LIMIT 1)
) ORDER BY updated, id LIMIT 1";

pub(super) fn claim(db: &Connection, claim: &Claim) -> Result<Option<Lease>, Failure> {
    let run = match &claim.which {
        Which::Run(run) => *run,
        Which::Next { queue } => {
            let mut next = db.prepare_cached(NEXT)?;
            let next = next.query_row(params![queue, time(claim.now)], |row| rows::uuid(row, 0));
            match next.optional()? {
                Some(id) => RunId(id),
                None => return Ok(None),
            }
        }
    };
    let (n, mut kept) = find(db, run)?;
    let lease = kept.claim(claim)?;
    save(db, n, &kept)?;
    Ok(Some(lease))
}

pub(super) fn renew(db: &Connection, leases: &[Lease], until: Timestamp) -> Result<Vec<RunId>, Failure> {
    let mut renewal = db.prepare_cached(
        "UPDATE runs SET leased_until = ? WHERE id = ? AND epoch = ? AND status = 'running'",
    )?;
    let mut lost = Vec::new();
    for lease in leases {
        if renewal.execute(params![time(until), id(&lease.run), int(lease.epoch)])? == 0 {
            lost.push(lease.run);
        }
    }
    Ok(lost)
}

pub(super) fn release(db: &Connection, lease: &Lease, release: &Release) -> Result<(), Failure> {
    let (n, mut kept) = find(db, lease.run)?;
    kept.owned_by(lease)?;
    let mut unread =
        db.prepare_cached("SELECT 1 FROM posts WHERE run = ? AND content IS NOT NULL AND id > ?")?;
    kept.release(release.clone(), unread.exists(params![n, int(release.seen)])?);
    save(db, n, &kept)?;
    Ok(())
}

pub(super) fn post(db: &Connection, run: RunId, post: &Post) -> Result<(), Failure> {
    let (n, mut kept) = find(db, run)?;
    let mut known = db.prepare_cached("SELECT 1 FROM posts WHERE run = ? AND key = ?")?;
    let before = kept.record.wake_at;
    kept.post(post, known.exists(params![n, post.key])?)?;
    db.prepare_cached("INSERT INTO posts (run, at, key, content) VALUES (?, ?, ?, ?)")?.execute(params![
        n,
        time(post.at),
        post.key,
        post.content.as_str()
    ])?;
    if kept.record.wake_at != before {
        save(db, n, &kept)?;
    }
    Ok(())
}
