//! Rows, and what they stand for.

use agentic_core::{Hit, Json, MemoryScope, Record, StoreErrorKind as Kind, Timestamp};
use tokio_postgres::Row;

use super::failure::Failure;
use super::values::{Vector, unkept};

/// The columns of a record `r`, with what it is found by if that is wanted.
pub(super) fn columns(with_index: bool) -> &'static str {
    if with_index {
        "r.id, r.agent, r.session, r.at, r.fields, r.body, r.revision, r.vector, r.words"
    } else {
        "r.id, r.agent, r.session, r.at, r.fields, r.body, r.revision"
    }
}

/// The column after those.
fn next(with_index: bool) -> usize {
    if with_index { 9 } else { 7 }
}

/// The record of a row that begins with [`columns`].
pub(super) fn record(row: &Row, tenant: &str, with_index: bool) -> Result<Record, Failure> {
    let id = unkept(row.try_get(0)?);
    let damaged =
        || Failure::Told(Kind::Corrupt, format!("record {id} is damaged; bring it back from a backup"));
    let [agent, session] = [row.try_get(1)?, row.try_get(2)?].map(|name: Option<String>| name.map(unkept));
    let scope = MemoryScope { tenant: tenant.to_owned(), agent, session };
    let at = Timestamp::from_millis(row.try_get::<_, i64>(3)?.cast_unsigned());
    let body = Json::parse(row.try_get::<_, String>(5)?).map_err(|_| damaged())?;
    let mut record = Record::new(&*id, scope, at).with_body(body);
    record.fields = serde_json::from_str(row.try_get(4)?).map_err(|_| damaged())?;
    record.revision = row.try_get::<_, i64>(6)?.cast_unsigned();
    if with_index {
        record.vector = row.try_get::<_, Option<Vector>>(7)?.map(|vector| vector.0).unwrap_or_default();
        record.words = serde_json::from_str(row.try_get(8)?).map_err(|_| damaged())?;
    }
    Ok(record)
}

/// The hit of a row that has its score after [`columns`].
pub(super) fn hit(row: &Row, tenant: &str, with_index: bool) -> Result<Hit, Failure> {
    Ok(Hit { record: record(row, tenant, with_index)?, score: row.try_get(next(with_index))? })
}
