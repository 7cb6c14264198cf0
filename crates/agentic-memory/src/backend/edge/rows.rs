//! Points, and what they stand for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use agentic_core::{Hit, Record, Selection, StoreErrorKind as Kind};
use qdrant_edge::{
    EdgeShard, NamedQuery, PointId, QueryEnum, QueryRequest, RetrieveRequest, ScoringQuery, ScrollRequest,
    SearchParams, UpdateOperation, VectorInternal, WithPayloadInterface, WithVector,
};

use super::convert;
use super::failure::Failure;
use crate::backend::points::{Condition, Payload, VECTOR};
use crate::index::{Content, Fields, Found, Index, Indexed, Words};

/// A tenant and an id.
pub(super) type Name<'a> = (&'a str, &'a str);

/// How many points are read in one go.
const PAGE: usize = 1_000;

/// How many candidates the graph is searched for: the more, the surer are the nearest found.
const CANDIDATES: usize = 128;

/// So many more than wanted are asked for, to see whether others are as near as the last; and at most so many.
const MORE: usize = 4;
const MOST_MORE: usize = 4_096;

// ------------------------------------------------------------------------------------------------ changes

/// What is written in one go.
#[derive(Debug)]
pub(super) struct Change<'a> {
    /// Keys in the index of what is deleted or replaced.
    pub(super) gone: Vec<u64>,
    /// How many of them are deleted.
    pub(super) deleted: usize,
    /// What is deleted and not written again.
    dead: Vec<Name<'a>>,
    /// What is written, with its revisions.
    new: Vec<(&'a Record, u64)>,
}

impl<'a> Change<'a> {
    /// Deletes what is named, then writes, with revisions after the last one.
    pub(super) fn of(index: &Index, mut last: u64, delete: HashSet<Name<'a>>, new: &'a [Record]) -> Self {
        let deleted: Vec<(Name<'a>, u64)> =
            delete.iter().filter_map(|name| Some((*name, index.key(name.0, name.1)?))).collect();
        let name = |record: &'a Record| (record.scope.tenant.as_str(), record.id.as_str());
        // Of several with one name the last one counts.
        let places: HashMap<Name<'a>, usize> = new.iter().map(name).zip(0..).collect();
        let counts = |(place, record): (usize, &'a Record)| {
            (places.get(&name(record)) == Some(&place)).then(|| {
                last += 1;
                (record, last)
            })
        };
        let new: Vec<_> = new.iter().enumerate().filter_map(counts).collect();
        let replaced = new.iter().map(|(record, _)| name(record)).filter(|name| !delete.contains(name));
        let replaced = replaced.filter_map(|(tenant, id)| index.key(tenant, id));
        let gone = deleted.iter().map(|(_, key)| *key).chain(replaced).collect();
        let dead = deleted.iter().map(|(name, _)| *name).filter(|name| !places.contains_key(name)).collect();
        Self { gone, deleted: deleted.len(), dead, new }
    }

    pub(super) fn len(&self) -> usize {
        self.dead.len() + self.new.len()
    }

    /// The last revision that it gives, if it gives any.
    pub(super) fn last(&self) -> Option<u64> {
        self.new.last().map(|(_, revision)| *revision)
    }

    /// What the engine does. The first of them decides: when it is in the log, all of the change will be done. So what is
    /// deleted beside what is written is first marked in the same operation.
    pub(super) fn operations(&self) -> Vec<UpdateOperation> {
        let dead: Vec<PointId> = self.dead.iter().map(|(tenant, id)| convert::id(tenant, id)).collect();
        let mut operations = Vec::new();
        if !self.new.is_empty() {
            let points = self.new.iter().map(|(record, revision)| convert::point(record, *revision));
            operations.push(convert::upsert(points.chain(dead.iter().copied().map(convert::gone)).collect()));
        }
        if !dead.is_empty() {
            operations.push(convert::delete(dead));
        }
        operations
    }

    /// What comes into the index.
    pub(super) fn indexed(&self) -> impl Iterator<Item = Indexed<'_>> {
        self.new.iter().map(|(Record { id, scope, at, words, fields, .. }, key)| Indexed {
            key: *key,
            id: id.as_str().into(),
            scope: Arc::new(scope.clone()),
            at: *at,
            fields: Fields::of(fields),
            code: None,
            words: Words::Spelled(words.iter().map(String::as_str).collect()),
        })
    }
}

// ------------------------------------------------------------------------------------------------ opening

/// What was found in the engine.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) index: Index,
    /// The number fields that have a payload index.
    pub(super) ranges: HashSet<String>,
    /// About how many vectors are not in the graph.
    pub(super) unindexed: usize,
}

/// Reads all that records are found by, and does to its end what was being deleted.
pub(super) fn read(engine: &EdgeShard, dimensions: usize) -> Result<Read, Failure> {
    let (mut index, mut gone) = (Index::new(dimensions), Vec::new());
    let mut request = ScrollRequest::new();
    (request.limit, request.with_payload) = (Some(PAGE), Some(WithPayloadInterface::Bool(true)));
    loop {
        let (points, next) = engine.scroll(request.clone())?;
        for point in points {
            let payload = point.payload.unwrap_or_default().0;
            if payload.contains_key(convert::GONE) {
                gone.push(point.id);
                continue;
            }
            let payload = Payload::read(payload).ok_or_else(|| damaged(point.id))?;
            let (key, scope, at) = (payload.revision, Arc::new(payload.scope()), payload.at());
            let words = Words::Spelled(payload.words.iter().map(String::as_str).collect());
            let fields = Fields::read(&payload.fields);
            index.put(Indexed { key, id: payload.id.as_str().into(), scope, at, fields, code: None, words });
        }
        match next {
            Some(next) => request.offset = Some(next),
            None => break,
        }
    }
    if !gone.is_empty() {
        engine.update(convert::delete(gone))?;
    }
    index.settle();
    let info = engine.info()?;
    let ranges = info.payload_schema.keys().map(ToString::to_string).collect();
    let unindexed = info.points_count.saturating_sub(info.indexed_vectors_count);
    Ok(Read { index, ranges, unindexed })
}

// ------------------------------------------------------------------------------------------------ looking

/// The records that were found, in their order.
pub(super) fn records(
    engine: &EdgeShard,
    found: &[Found<'_>],
    with_index: bool,
) -> Result<Vec<Record>, Failure> {
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<PointId> = found.iter().map(|found| convert::id(found.tenant(), found.id())).collect();
    let mut request = RetrieveRequest::new(ids.clone());
    (request.with_payload, request.with_vector) =
        (Some(WithPayloadInterface::Bool(true)), Some(WithVector::Bool(with_index)));
    let mut contents = HashMap::with_capacity(ids.len());
    for point in engine.retrieve(request)? {
        let read = || {
            let payload = Payload::read(point.payload?.0)?;
            let vector = match with_index {
                true => payload.vector(convert::vector(point.vector))?,
                false => Vec::new(),
            };
            Some((payload.revision, Content { vector, body: payload.body()? }))
        };
        contents.insert(point.id, read().ok_or_else(|| damaged(point.id))?);
    }
    let record = |(id, found): (PointId, &Found<'_>)| {
        let content = contents.get(&id).filter(|(revision, _)| *revision == found.key);
        let (_, content) = content.ok_or_else(|| damaged(id))?;
        Ok(found.record(content.clone(), with_index))
    };
    ids.into_iter().zip(found).map(record).collect()
}

/// The nearest to a vector of length 1, of at most so many that there are.
pub(super) fn nearest(
    engine: &EdgeShard,
    unit: &[f32],
    conditions: &[Condition],
    wanted: &Selection,
    most: usize,
) -> Result<Vec<Hit>, Failure> {
    let limit = wanted.limit.min(most);
    if limit == 0 {
        return Ok(Vec::new());
    }
    let filter = convert::filter(conditions)?;
    let mut more = MORE;
    loop {
        let mut request = QueryRequest::new((limit + more).min(most));
        let query = NamedQuery { query: VectorInternal::Dense(unit.to_vec()), using: Some(VECTOR.into()) };
        request.query = Some(ScoringQuery::Vector(QueryEnum::Nearest(query)));
        request.filter.clone_from(&filter);
        let candidates = CANDIDATES.max(request.limit);
        request.params = Some(SearchParams { hnsw_ef: Some(candidates), ..SearchParams::default() });
        let asked = request.limit;
        let found = engine.query(request)?;
        // All that are as near as the last one are needed: of equal ones the first by id are given.
        let cut = found.len() == asked && asked < most && found[asked - 1].score == found[limit - 1].score;
        if cut && more < MOST_MORE {
            more *= 8;
            continue;
        }
        return hits(engine, found, wanted, limit);
    }
}

fn hits(
    engine: &EdgeShard,
    found: Vec<qdrant_edge::ScoredPoint>,
    wanted: &Selection,
    limit: usize,
) -> Result<Vec<Hit>, Failure> {
    // Those that may be given, by their scores alone.
    let bar = found.get(limit.saturating_sub(1)).map_or(f32::MIN, |last| last.score);
    let scores: HashMap<PointId, f32> =
        found.into_iter().filter(|point| point.score >= bar).map(|point| (point.id, point.score)).collect();
    let mut request = RetrieveRequest::new(scores.keys().copied().collect());
    (request.with_payload, request.with_vector) =
        (Some(WithPayloadInterface::Bool(true)), Some(WithVector::Bool(wanted.with_index)));
    let mut hits = Vec::with_capacity(scores.len());
    for point in engine.retrieve(request)? {
        let index = wanted.with_index.then(|| convert::vector(point.vector));
        let record = point.payload.and_then(|payload| Payload::read(payload.0)?.record(index));
        let record = record.ok_or_else(|| damaged(point.id))?;
        let score = scores.get(&point.id).copied().unwrap_or_default().clamp(-1.0, 1.0);
        hits.push(Hit { record, score });
    }
    hits.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| one.record.id.cmp(&other.record.id))
    });
    hits.truncate(limit);
    Ok(hits)
}

fn damaged(id: PointId) -> Failure {
    Failure::Told(Kind::Corrupt, format!("point {id} is damaged; bring it back from a backup"))
}
