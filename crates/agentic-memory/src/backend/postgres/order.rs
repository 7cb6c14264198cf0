//! What is found by its place: in the order of time, beside others, by its id.

use agentic_core::{Cursor, Filter, MemoryScope, Selection};

use super::query::{Query, record_key};
use super::rows::columns;
use super::values::{Digest, kept};

/// The newest first.
pub(super) fn list(wanted: &Selection, after: Option<&Cursor>) -> Query {
    let mut query = Query::default();
    let (seen, fulfilling) = (query.seen(&wanted.scope), query.fulfilling(&wanted.filter));
    // All records are before a place that is later than any record can be.
    let place = after.and_then(|after| Some((i64::try_from(after.at.as_millis()).ok()?, &after.id)));
    let after = match place {
        Some((at, id)) => {
            let (at, id) = (query.bind(at, "int8"), query.bind(kept(id).into_owned(), "text"));
            format!("r.at <= {at} AND (r.at, r.id) < ({at}, {id})")
        }
        None => "true".into(),
    };
    let (limit, columns) = (query.limit(wanted.limit), columns(wanted.with_index));
    query.with_text(format!(
        "SELECT {columns} FROM records r WHERE {seen} AND {fulfilling} AND {after} ORDER BY r.at DESC, r.id DESC LIMIT {limit}"
    ))
}

/// The records beside those with these ids. After the columns of the record come the place in the ids, from 1 on, and
/// whether it stands before or after.
pub(super) fn beside(ids: &[String], wanted: &Selection) -> Query {
    let mut query = Query::default();
    let keys = query.bind(keys(&wanted.scope.tenant, ids), "uuid[]");
    let (seen, fulfilling) = (query.seen(&wanted.scope), query.fulfilling(&wanted.filter));
    let columns = columns(wanted.with_index);
    let side = |is_before: bool| {
        let (compared, order) = if is_before { ("<", "DESC") } else { (">", "ASC") };
        format!(
            "SELECT {columns}, here.place, {is_before} FROM here CROSS JOIN LATERAL ( \
                 SELECT * FROM records r WHERE r.scope_key = here.scope_key AND r.at {compared}= here.at \
                 AND (r.at, r.id) {compared} (here.at, here.id) AND {fulfilling} \
                 ORDER BY r.at {order}, r.id {order} LIMIT 1 \
             ) r"
        )
    };
    let (before, after) = (side(true), side(false));
    query.with_text(format!(
        "WITH here AS ( \
             SELECT asked.place, r.scope_key, r.at, r.id \
             FROM unnest({keys}) WITH ORDINALITY AS asked (key, place) JOIN records r USING (key) WHERE {seen} \
         ) ({before}) UNION ALL ({after})"
    ))
}

/// The records with these ids, in their order.
pub(super) fn get(scope: &MemoryScope, ids: &[String]) -> Query {
    let mut query = Query::default();
    let keys = query.bind(keys(&scope.tenant, ids), "uuid[]");
    let (seen, columns) = (query.seen(scope), columns(true));
    query.with_text(format!(
        "SELECT {columns} FROM unnest({keys}) WITH ORDINALITY AS asked (key, place) JOIN records r USING (key) \
         WHERE {seen} ORDER BY asked.place"
    ))
}

/// How many there are.
pub(super) fn count(scope: &MemoryScope, filter: &Filter) -> Query {
    let mut query = Query::default();
    let (seen, fulfilling) = (query.seen(scope), query.fulfilling(filter));
    query.with_text(format!("SELECT count(*) FROM records r WHERE {seen} AND {fulfilling}"))
}

/// The tenants that have records.
pub(super) fn tenants() -> Query {
    Query::default().with_text("SELECT tenant FROM tallies WHERE records > 0 ORDER BY tenant".into())
}

fn keys(tenant: &str, ids: &[String]) -> Vec<Digest> {
    ids.iter().map(|id| record_key(tenant, id)).collect()
}
