//! Records in the order of time and id. The server knows that of time; those of one moment are put in order here.

use std::cmp::Ordering;

use agentic_core::{Cursor, Record, StoreError};
use qdrant_client::qdrant::{self as grpc, Direction};

use super::server::{PAGE, Server};
use super::{convert, failure};
use crate::backend::points::Condition;

/// The fewest records that are read in one call: mostly there are some of one moment.
const FEWEST: usize = 16;

/// At most so many records that fulfil the conditions, in this direction, those that come after a place.
pub(super) async fn ordered(
    server: &Server,
    conditions: &[Condition],
    direction: Direction,
    after: Option<&Cursor>,
    limit: usize,
    with_index: bool,
) -> Result<Vec<Record>, StoreError> {
    let mut found: Vec<Record> = Vec::new();
    // From which moment on, and whether those of this moment are still to come.
    let mut from = after.map(|place| (place.at.as_millis() as f64, true));
    let comes_after =
        |record: &Record| after.is_none_or(|place| compare(direction, &Cursor::of(record), place).is_gt());
    while found.len() < limit {
        let mut conditions = conditions.to_vec();
        conditions.extend(from.map(|(moment, with)| rest(direction, moment, with)));
        let asked = (limit - found.len()).saturating_add(1).clamp(FEWEST, PAGE as usize);
        let (page, _) = server.scroll(&conditions, asked as u32, None, Some(direction), with_index).await?;
        let full = page.len() == asked;
        let mut records = read(server, page, with_index)?;
        if let Some(moment) = records.last().map(|record| record.at).filter(|_| full) {
            // The server may have cut among those of the last moment.
            records.retain(|record| record.at != moment);
            let at = moment.as_millis() as f64;
            records.extend(all_at(server, &conditions, at, with_index).await?);
            from = Some((at, false));
        }
        records.retain(comes_after);
        records.sort_by(|one, other| compare(direction, &Cursor::of(one), &Cursor::of(other)));
        found.extend(records);
        if !full {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}

fn compare(direction: Direction, one: &Cursor, other: &Cursor) -> Ordering {
    match direction {
        Direction::Asc => one.cmp(other),
        Direction::Desc => other.cmp(one),
    }
}

/// What comes from this moment on.
fn rest(direction: Direction, moment: f64, with: bool) -> Condition {
    let key = convert::AT.to_owned();
    match (direction, with) {
        (Direction::Asc, true) => Condition::Within(key, Some(moment), None),
        (Direction::Asc, false) => Condition::Within(key, Some(moment + 1.0), None),
        (Direction::Desc, true) => Condition::Within(key, None, Some(moment + 1.0)),
        (Direction::Desc, false) => Condition::Within(key, None, Some(moment)),
    }
}

/// All of one moment, in any order.
async fn all_at(
    server: &Server,
    conditions: &[Condition],
    moment: f64,
    with_index: bool,
) -> Result<Vec<Record>, StoreError> {
    let mut conditions = conditions.to_vec();
    conditions.push(Condition::Within(convert::AT.to_owned(), Some(moment), Some(moment + 1.0)));
    let (mut all, mut offset) = (Vec::new(), None);
    loop {
        let (page, next) = server.scroll(&conditions, PAGE, offset, None, with_index).await?;
        all.extend(read(server, page, with_index)?);
        match next {
            Some(next) => offset = Some(next),
            None => return Ok(all),
        }
    }
}

/// The records of these points.
pub(super) fn read(
    server: &Server,
    points: Vec<grpc::RetrievedPoint>,
    with_index: bool,
) -> Result<Vec<Record>, StoreError> {
    let record = |point: grpc::RetrievedPoint| {
        let found = convert::record(point.payload, point.vectors, with_index);
        found.map(|(record, _)| record).ok_or_else(|| failure::damaged(&server.url, "a point"))
    };
    points.into_iter().map(record).collect()
}
