//! `qdrant://HOST[:PORT]/COLLECTION`: records in a collection of a Qdrant server.
//!
//! The server keeps and finds everything, by its gRPC interface (port 6334 unless the address has another): vectors by a
//! graph (HNSW), scopes and filters by payload indexes, times by an index of theirs. Nothing is held here, so several
//! processes on several machines may use a collection at the same time.
//!
//! Keywords are found by sparse vectors, and scored here by BM25 with the numbers of the tenant alone, which the server
//! counts exactly: scores and ranks are those of the other stores, and no tenant learns anything of another.
//!
//! An address may say more: `?api_key_env=NAME` is the environment variable with the API key (`QDRANT_API_KEY` unless it
//! is said), `tls=true|false` whether what is sent is encrypted (unless it is said: with a key, if the server is not this
//! machine), `timeout=SECONDS` how long a call may take (30 unless it is said).
//!
//! # What a server can't promise
//! A write is several calls: if one of them fails, a part of the changes is made (`atomic` is false). A
//! [revision](Record::revision) is compared before anything is written; what another process writes in this moment is
//! written over. It is made of what is written and of the revision before, so that it needs no number that all share.

mod address;
mod convert;
mod failure;
mod open;
mod order;
mod server;
mod sparse;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use agentic_core::{
    Beside, Cursor, EmbedderInfo, Filter, Hit, MemoryScope, Record, Selection, StoreError, StoreInfo,
    VectorStore, WriteBatch, async_trait,
};
use futures_util::future::try_join_all;
use qdrant_client::qdrant::{self as grpc, Direction, vector_input::Variant};

use self::server::Server;
use super::Backend;
use super::points::{self, Condition, VECTOR, conditions, direction, key};

/// `qdrant://HOST[:PORT]/COLLECTION`.
pub(super) const BACKEND: Backend = Backend {
    scheme: "qdrant",
    open: |url, embedder| {
        Box::pin(async move {
            let store = QdrantStore::open(&url, embedder.as_ref()).await?;
            Ok(Arc::new(store) as Arc<dyn VectorStore>)
        })
    },
};

/// How many candidates the graph is searched for: the more, the surer are the nearest found.
const CANDIDATES: usize = 128;

/// So many more than wanted are asked for, and at most so many, to see whether others are as good as the last.
const MORE: usize = 4;
const MOST_MORE: usize = 4_096;

/// Records in a collection of a Qdrant server, for any number of processes.
///
/// When a change returns, the server has it in its log. Needs a tokio runtime.
///
/// # Cancel safety
/// A part of the changes may be made after their future was dropped; the same changes can be made again.
#[derive(Debug)]
pub struct QdrantStore {
    info: StoreInfo,
    server: Server,
    /// The keys that have a payload index.
    ranges: Mutex<HashSet<String>>,
}

impl QdrantStore {
    /// Opens the collection at this address, with vectors of this model; without a model it has to be there. A missing one
    /// is made, with its payload indexes.
    ///
    /// # Errors
    /// [`Invalid`](agentic_core::StoreErrorKind::Invalid) if it is no such address,
    /// [`Unreachable`](agentic_core::StoreErrorKind::Unreachable) if the server does not answer in time,
    /// [`Unwritable`](agentic_core::StoreErrorKind::Unwritable) if the API key is missing or wrong,
    /// [`OtherEmbedder`](agentic_core::StoreErrorKind::OtherEmbedder),
    /// [`WrongDimension`](agentic_core::StoreErrorKind::WrongDimension),
    /// [`NotFound`](agentic_core::StoreErrorKind::NotFound), [`Newer`](agentic_core::StoreErrorKind::Newer),
    /// [`Corrupt`](agentic_core::StoreErrorKind::Corrupt) if the collection is another program's.
    pub async fn open(url: &str, embedder: Option<&EmbedderInfo>) -> Result<Self, StoreError> {
        open::open(url, embedder).await
    }

    /// What the points have to be, with an index for each range that is asked for; `None` if there can't be any.
    async fn asked(
        &self,
        scope: &MemoryScope,
        filter: &Filter,
    ) -> Result<Option<Vec<Condition>>, StoreError> {
        let Some(conditions) = conditions(scope, filter) else { return Ok(None) };
        for condition in &conditions {
            let Condition::Within(key, ..) = condition else { continue };
            let known = self.ranges.lock().unwrap_or_else(PoisonError::into_inner).contains(key);
            if !known {
                // Who may not make one finds the same, in more time.
                let _ = self.server.create_index(key, grpc::FieldType::Float, None).await;
                self.ranges.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
            }
        }
        Ok(Some(conditions))
    }

    fn damaged(&self) -> StoreError {
        failure::damaged(&self.server.url, "a point")
    }

    // --------------------------------------------------------------------------------------------- changes

    async fn change(&self, changes: WriteBatch) -> Result<usize, StoreError> {
        let name = |tenant: &str, id: &str| points::id(tenant, id);
        let of = |record: &Record| name(&record.scope.tenant, &record.id);
        let delete: HashSet<u128> = changes.delete.iter().map(|(tenant, id)| name(tenant, id)).collect();
        let all: HashSet<u128> = changes.upsert.iter().map(of).chain(delete.iter().copied()).collect();
        if all.is_empty() {
            return Ok(0);
        }
        let ids = all.into_iter().map(convert::id).collect();
        let found = self.server.get(ids, convert::only("revision"), false).await?;
        let revision = |id: &u128| {
            let revision = found.get(id)?.payload.get("revision")?.as_integer()?;
            Some(revision.cast_unsigned())
        };
        for record in &changes.upsert {
            self.info.check_revision(record, revision(&of(record)))?;
        }
        // Of several with one name the last one counts.
        let last: HashMap<u128, usize> = changes.upsert.iter().map(of).zip(0..).collect();
        let gone: Vec<u128> = delete.into_iter().filter(|id| found.contains_key(id)).collect();
        let dead: Vec<_> =
            gone.iter().filter(|id| !last.contains_key(id)).map(|id| convert::id(*id)).collect();
        if !dead.is_empty() {
            self.server.delete_points(dead).await?;
        }
        let counts = |(place, record): &(usize, &Record)| last.get(&of(record)) == Some(place);
        let new = changes.upsert.iter().enumerate().filter(counts);
        let new = new.map(|(_, record)| {
            convert::point(record, next_revision(record, revision(&of(record)).unwrap_or_default()))
        });
        self.server.upsert(new.collect()).await?;
        Ok(gone.len())
    }

    // --------------------------------------------------------------------------------------------- looking

    async fn find_nearest(&self, unit: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        let Some(conditions) = self.asked(&wanted.scope, &wanted.filter).await? else {
            return Ok(Vec::new());
        };
        let mut limit = wanted.limit;
        if limit > MOST_MORE {
            limit = limit.min(usize::try_from(self.server.count(&conditions).await?).unwrap_or(limit));
        }
        let mut more = MORE;
        loop {
            let asked = limit + more;
            let candidates = CANDIDATES.max(asked) as u64;
            let params = grpc::SearchParams { hnsw_ef: Some(candidates), ..grpc::SearchParams::default() };
            let vector = Variant::Dense(grpc::DenseVector { data: unit.to_vec() });
            let found = self
                .server
                .query(vector, VECTOR, &conditions, asked, Some(params), wanted.with_index)
                .await?;
            // All that are as near as the last one are needed: of equal ones the first by id are given.
            let cut = found.len() == asked && limit > 0 && found[asked - 1].score >= found[limit - 1].score;
            if cut && more < MOST_MORE {
                more *= 8;
                continue;
            }
            let hits = found.into_iter().map(|point| {
                let score = point.score.clamp(-1.0, 1.0);
                let record = convert::record(point.payload, point.vectors, wanted.with_index);
                Ok(Hit { record: record.ok_or_else(|| self.damaged())?.0, score })
            });
            return Ok(best(hits.collect::<Result<_, StoreError>>()?, limit));
        }
    }

    async fn find_matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        let Some(conditions) = self.asked(&wanted.scope, &wanted.filter).await? else {
            return Ok(Vec::new());
        };
        let Some(asked) = self.rarities(words, &wanted.scope.tenant).await? else { return Ok(Vec::new()) };
        let mut most = wanted.limit.saturating_add(MORE).clamp(32, MOST_MORE);
        loop {
            let vector = Variant::Sparse(asked.vector());
            let found =
                self.server.query(vector, convert::WORDS, &conditions, most, None, wanted.with_index).await?;
            let all = found.len() < most;
            let bar = found.last().map_or(0.0, |last| asked.most(last.score));
            let mut hits = Vec::with_capacity(found.len());
            for point in found {
                let record = convert::record(point.payload, point.vectors, wanted.with_index);
                let (record, words) = record.ok_or_else(|| self.damaged())?;
                let score = asked.score(&words);
                // Other words may have the same dimension.
                if score > 0.0 {
                    hits.push(Hit { record, score });
                }
            }
            let hits = best(hits, wanted.limit);
            // Nothing that was not given can be better than what was, or as good.
            if all || hits.len() == wanted.limit && hits.last().is_some_and(|last| last.score > bar) {
                return Ok(hits);
            }
            most = most.saturating_mul(4);
        }
    }

    /// How rare these words are in the tenant; `None` if it has none of them.
    async fn rarities(&self, words: &[String], tenant: &str) -> Result<Option<sparse::Asked>, StoreError> {
        let tenant = Condition::Has(key::TENANT.to_owned(), vec![tenant.to_owned()]);
        let words: HashSet<&String> = words.iter().collect();
        let having = words.into_iter().map(|word| {
            let conditions = [tenant.clone(), Condition::Has(convert::WORDS.to_owned(), vec![word.clone()])];
            async move { Ok::<_, StoreError>((word.clone(), self.server.count(&conditions).await?)) }
        });
        let having = try_join_all(having).await?;
        if having.iter().all(|(_, having)| *having == 0) {
            return Ok(None);
        }
        let lengths = self.server.values(convert::LENGTH, std::slice::from_ref(&tenant)).await?;
        let (mut n, mut total) = (0, 0);
        for (length, records) in lengths {
            if let grpc::facet_value::Variant::IntegerValue(length) = length {
                (n, total) = (n + records, total + records * length.cast_unsigned());
            }
        }
        Ok(sparse::Asked::of(having, n, total))
    }

    /// What stands beside this record, of exactly its scope.
    async fn neighbours(&self, record: &Record, wanted: &Selection) -> Result<Beside, StoreError> {
        let Some(mut conditions) = self.asked(&record.scope, &wanted.filter).await? else {
            return Ok(Beside::default());
        };
        let MemoryScope { agent, session, .. } = &record.scope;
        for (key, name) in [(key::AGENT, agent), (key::SESSION, session)] {
            if name.is_none() {
                conditions.push(Condition::Empty(key.to_owned()));
            }
        }
        let place = Cursor::of(record);
        let next = async |direction| {
            let found =
                order::ordered(&self.server, &conditions, direction, Some(&place), 1, wanted.with_index)
                    .await;
            found.map(|mut found| found.pop())
        };
        Ok(Beside { before: next(Direction::Desc).await?, after: next(Direction::Asc).await? })
    }

    /// The records with these ids in their order, as far as the scope sees them.
    async fn records(
        &self,
        scope: &MemoryScope,
        ids: &[String],
        with_index: bool,
    ) -> Result<Vec<Option<Record>>, StoreError> {
        let bits: Vec<u128> = ids.iter().map(|id| points::id(&scope.tenant, id)).collect();
        let each: HashSet<u128> = bits.iter().copied().collect();
        let each = each.into_iter().map(convert::id).collect::<Vec<_>>();
        if each.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.server.get(each, convert::whole(), with_index).await?;
        let mut records = HashMap::with_capacity(found.len());
        for (bits, point) in found {
            let record = convert::record(point.payload, point.vectors, with_index);
            let (record, _) = record.ok_or_else(|| self.damaged())?;
            if scope.sees(&record.scope) {
                records.insert(bits, record);
            }
        }
        Ok(bits.iter().map(|bits| records.get(bits).cloned()).collect())
    }
}

/// The best so many, equal ones in the order of their ids.
fn best(mut hits: Vec<Hit>, limit: usize) -> Vec<Hit> {
    hits.sort_by(|one, other| {
        other.score.total_cmp(&one.score).then_with(|| one.record.id.cmp(&other.record.id))
    });
    hits.truncate(limit);
    hits
}

/// The revision of a record that is written over this one: the same only if the same is written over the same.
fn next_revision(record: &Record, before: u64) -> u64 {
    let mut digest = blake3::Hasher::new();
    digest.update(&before.to_le_bytes());
    digest.update(points::Payload::of(record, 0).json().to_string().as_bytes());
    record.vector.iter().for_each(|number| {
        digest.update(&number.to_le_bytes());
    });
    let [a, b, c, d, e, f, g, h, ..] = *digest.finalize().as_bytes();
    // The server's whole numbers have a sign, and 0 is no revision.
    (u64::from_le_bytes([a, b, c, d, e, f, g, h]) >> 1).max(1)
}

#[async_trait]
impl VectorStore for QdrantStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn apply(&self, changes: WriteBatch) -> Result<usize, StoreError> {
        self.info.check_changes(&changes)?;
        self.change(changes).await
    }

    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info.check_vector(vector)?;
        self.info.check_filter(&wanted.filter)?;
        match direction(vector) {
            Some(unit) if wanted.limit > 0 => self.find_nearest(&unit, wanted).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        if wanted.limit == 0 || words.is_empty() {
            return Ok(Vec::new());
        }
        self.find_matching(words, wanted).await
    }

    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        let Some(conditions) = self.asked(&wanted.scope, &wanted.filter).await? else {
            return Ok(Vec::new());
        };
        let (limit, with_index) = (wanted.limit, wanted.with_index);
        order::ordered(&self.server, &conditions, Direction::Desc, after, limit, with_index).await
    }

    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        let records = self.records(&wanted.scope, ids, false).await?;
        let neighbours = records.iter().map(async |record| match record {
            Some(record) => self.neighbours(record, wanted).await,
            None => Ok(Beside::default()),
        });
        try_join_all(neighbours).await
    }

    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError> {
        Ok(self.records(scope, ids, true).await?.into_iter().flatten().collect())
    }

    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError> {
        self.info.check_filter(filter)?;
        match self.asked(scope, filter).await? {
            Some(conditions) => Ok(self.server.count(&conditions).await? as usize),
            None => Ok(0),
        }
    }

    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError> {
        let Some(conditions) = conditions(scope, &Filter::any()) else { return Ok(0) };
        let gone = self.server.count(&conditions).await?;
        if gone > 0 {
            self.server.delete_where(&conditions).await?;
        }
        Ok(gone as usize)
    }

    async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        let values = self.server.values(key::TENANT, &[]).await?.into_iter();
        let mut tenants: Vec<String> = values
            .filter_map(|(value, records)| match value {
                grpc::facet_value::Variant::StringValue(tenant) if records > 0 => Some(tenant),
                _ => None,
            })
            .collect();
        tenants.sort_unstable();
        Ok(tenants)
    }
}
