//! What is found by vectors and by words.

use agentic_core::Selection;

use super::query::{Query, tenant_key, word_key};
use super::rows::columns;
use super::values::{Digest, Vector};
use crate::index::{B, K1};

/// The vector that points where this one does and is 1 long: no sum of its squares is too large. None points nowhere.
pub(super) fn direction(vector: &[f32]) -> Option<Vec<f32>> {
    let length = vector.iter().map(|number| f64::from(*number).powi(2)).sum::<f64>().sqrt();
    let scaled = |number: &f32| (f64::from(*number) / length) as f32;
    (length > 0.0).then(|| vector.iter().map(scaled).collect())
}

/// The nearest by cosine to what points there.
///
/// An index orders by distance and would be asked where the order is by distance; by the score it never is.
pub(super) fn nearest(direction: Vec<f32>, wanted: &Selection) -> Query {
    let mut query = Query::default();
    let asked = query.bind(Vector(direction), "vector");
    let (seen, fulfilling) = (query.seen(&wanted.scope), query.fulfilling(&wanted.filter));
    let (limit, columns) = (query.limit(wanted.limit), columns(wanted.with_index));
    query.with_text(format!(
        "SELECT {columns}, best.score FROM ( \
             SELECT r.n, (1 - (r.vector <=> {asked}))::float4 AS score FROM records r \
             WHERE {seen} AND r.points AND {fulfilling} ORDER BY score DESC, r.id LIMIT {limit} \
         ) best JOIN records r USING (n) ORDER BY best.score DESC, r.id"
    ))
}

/// The same by the index, which may miss some. Equal ones come along: their order is that of their ids.
pub(super) fn nearly_nearest(direction: Vec<f32>, wanted: &Selection) -> Query {
    let mut query = Query::default();
    let asked = query.bind(Vector(direction), "vector");
    let (seen, fulfilling) = (query.seen(&wanted.scope), query.fulfilling(&wanted.filter));
    let (limit, columns) = (query.limit(wanted.limit), columns(wanted.with_index));
    query.with_text(format!(
        "SELECT {columns}, (1 - best.distance)::float4 AS score FROM ( \
             SELECT r.n, r.vector <=> {asked} AS distance FROM records r \
             WHERE {seen} AND r.points AND {fulfilling} ORDER BY r.vector <=> {asked} \
             FETCH FIRST ({limit}) ROWS WITH TIES \
         ) best JOIN records r USING (n) ORDER BY score DESC, r.id LIMIT {limit}"
    ))
}

/// Those that have at least one of these words, by BM25.
pub(super) fn matching(words: &[String], wanted: &Selection) -> Query {
    let mut query = Query::default();
    let tenant = &wanted.scope.tenant;
    let mut keys: Vec<Digest> = words.iter().map(|word| word_key(tenant, word)).collect();
    keys.sort_unstable();
    keys.dedup();
    let (words, tenant) = (query.bind(keys, "uuid[]"), query.bind(tenant_key(tenant), "uuid"));
    let [k1, b] = [K1, B].map(|it| query.bind(f64::from(it), "float8"));
    let (seen, fulfilling) = (query.seen(&wanted.scope), query.fulfilling(&wanted.filter));
    let (limit, columns) = (query.limit(wanted.limit), columns(wanted.with_index));
    // Where all that is found fits, only the best are looked at. Equal ones come along: their order is that of their ids.
    let of_all =
        wanted.filter.all.is_empty() && wanted.scope.agent.is_none() && wanted.scope.session.is_none();
    let best = if of_all {
        format!("SELECT n, score FROM scored ORDER BY score DESC FETCH FIRST ({limit}) ROWS WITH TIES")
    } else {
        "SELECT n, score FROM scored".into()
    };
    query.with_text(format!(
        "WITH found AS MATERIALIZED (SELECT word, n, count, length FROM postings WHERE word = ANY ({words})), \
         tally AS (SELECT texts::float8, words::float8 / greatest(texts, 1) AS average FROM tallies WHERE tenant_key = {tenant}), \
         rarity AS ( \
             SELECT word, average, ln(1 + (texts - count(*) + 0.5::float8) / (count(*) + 0.5::float8)) AS rare \
             FROM found, tally GROUP BY word, texts, average), \
         scored AS ( \
             SELECT n, sum(rare * count * ({k1} + 1) / (count + {k1} * (1 - {b} + {b} * length / average)) ORDER BY word)::float4 \
                 AS score \
             FROM found JOIN rarity USING (word) GROUP BY n), \
         best AS ({best}) \
         SELECT {columns}, best.score FROM best JOIN records r USING (n) WHERE {seen} AND {fulfilling} \
         ORDER BY best.score DESC, r.id LIMIT {limit}"
    ))
}
