//! `postgres://USER:PASSWORD@HOST/DATABASE`: records in PostgreSQL, with the extension pgvector.
//!
//! Everything is asked of the database; nothing is held in memory here. A record is a row, with its vector; which words it
//! has, is a table of its own, from which BM25 is counted in SQL as the other stores count it, in the tenant alone.
//!
//! | option | meaning |
//! |---|---|
//! | `schema` | the schema that has the tables, made if it is missing; default `agentic_memory` |
//! | `index` | `hnsw`: vectors are found through pgvector's index, which is made if it is missing; default `none` |
//! | `sslmode` | `disable`, `prefer` (default), `require` (encrypts, with whoever answers), `verify-full` |
//! | `sslrootcert` | a PEM file with the authorities that may vouch for the server; then it is asked for its certificate |
//! | `connections` | the most connections of this store; default 8 |
//! | `connect_timeout` | seconds that connecting may take; default 10 |
//! | `statement_timeout` | seconds that a call may take; default 60 |
//!
//! # Exact, unless asked otherwise
//! Without an index all vectors that a scope sees are looked at: exact, and some 15 ms for 5,000 of 384 numbers on two
//! cores. With `index=hnsw` the store says `exact: false`. The index has the vectors of all tenants; it is asked on and on
//! until as many are found as are wanted, and where it gives up before that, all are looked at. Hundreds of records with one
//! and the same vector hide others in pgvector's graph: leave the index out where they are many. A handle without the option
//! searches exactly, also where there is an index.

mod address;
mod failure;
mod marks;
mod order;
mod pool;
mod query;
mod rows;
mod schema;
mod search;
mod tls;
mod values;
mod write;

use std::sync::Arc;

use agentic_core::{
    Beside, Cursor, EmbedderInfo, Filter, Hit, MemoryScope, Record, Selection, StoreCapabilities, StoreError,
    StoreErrorKind as Kind, StoreInfo, VectorStore, WriteBatch, async_trait,
};
use tokio_postgres::Row;

use self::address::Address;
use self::failure::{Failure, UNREACHABLE};
use self::pool::Pool;
use self::query::Query;
use self::schema::Opened;
use self::tls::Tls;
use self::write::{Apply, Clear};
use super::{Backend, Opening};

/// `postgres://…`.
pub(super) const BACKEND: Backend = Backend { scheme: "postgres", open };

/// `postgresql://…`, which is the same.
pub(super) const LONG_BACKEND: Backend = Backend { scheme: "postgresql", open };

fn open(url: String, embedder: Option<EmbedderInfo>) -> Opening {
    Box::pin(async move {
        let store = PostgresStore::open(&url, embedder.as_ref()).await?;
        Ok(Arc::new(store) as Arc<dyn VectorStore>)
    })
}

/// Records in PostgreSQL, for any number of processes and machines.
///
/// Each change is one transaction. When it returns, it is as durable as the server makes what is committed.
///
/// A vector whose length squared is no 32-bit number (longer than some 10^19, or shorter than 10^-19) comes back as it was
/// written and is found by words and lists alone. A time is at most 2^63 milliseconds.
///
/// Needs a tokio runtime, the one it was opened in.
#[derive(Debug)]
pub struct PostgresStore {
    info: StoreInfo,
    pool: Pool,
    hnsw: bool,
}

impl PostgresStore {
    /// Opens the records at this address, with vectors of this model; without a model they have to be there. Missing tables
    /// are made, with their schema, and so is the extension `vector` if the user may.
    ///
    /// # Errors
    /// [`Invalid`](Kind::Invalid) if the address can't be used: it can't be read, or the server does not take the user, or
    /// has no such database or no pgvector; [`OtherEmbedder`](Kind::OtherEmbedder), [`WrongDimension`](Kind::WrongDimension),
    /// [`NotFound`](Kind::NotFound), [`Newer`](Kind::Newer), [`Corrupt`](Kind::Corrupt) if the schema is another program's or
    /// damaged, [`Unwritable`](Kind::Unwritable) if the user may not make what is missing,
    /// [`Unreachable`](Kind::Unreachable) if the server does not answer. No error has the password in it.
    ///
    /// # Cancel safety
    /// Tables are made as a whole or not at all.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn open(url: &str, embedder: Option<&EmbedderInfo>) -> Result<Self, StoreError> {
        let address = Address::parse(url)?;
        let tls = Tls::of(&address)?;
        let opened = opened(&address, tls.clone(), embedder).await;
        let Opened { embedder, extension } = opened.map_err(|failure| failure.told("open", &address.url))?;
        let mut capabilities = StoreCapabilities::default();
        (capabilities.durable, capabilities.atomic) = (true, true);
        (capabilities.exact, capabilities.shared) = (!address.hnsw, true);
        let info = StoreInfo::new(&*address.url, embedder.id, embedder.dimensions, capabilities);
        let pool = Pool::new(&address, tls, settings(&address, &extension))?;
        Ok(Self { info, pool, hnsw: address.hnsw })
    }

    /// The answers to a question, each read from its row.
    async fn ask<T>(
        &self,
        query: &Query,
        read: impl Fn(&Row) -> Result<T, Failure>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.pool.ask(query).await?;
        rows.iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map_err(|failure| failure.told("read", &self.info.url))
    }

    async fn records(
        &self,
        query: &Query,
        scope: &MemoryScope,
        with_index: bool,
    ) -> Result<Vec<Record>, StoreError> {
        self.ask(query, |row| rows::record(row, &scope.tenant, with_index)).await
    }

    async fn hits(&self, query: &Query, wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.ask(query, |row| rows::hit(row, &wanted.scope.tenant, wanted.with_index)).await
    }
}

/// Connects once, and finds or makes the tables.
async fn opened(address: &Address, tls: Tls, embedder: Option<&EmbedderInfo>) -> Result<Opened, Failure> {
    let connect = tokio::time::timeout(address.connect_patience(), address.server.connect(tls));
    let unreachable = |_| Failure::Told(Kind::Unreachable, UNREACHABLE.into());
    let (mut client, connection) = connect.await.map_err(unreachable)??;
    // Its errors are those of the calls; it ends with the client.
    let connection = tokio::spawn(connection);
    let opened = async {
        client.batch_execute(&limits(address)).await?;
        schema::open(&mut client, address, embedder).await
    };
    let opened = opened.await;
    drop(client);
    drop(connection);
    opened
}

/// How long the server waits before it gives up by itself.
fn limits(address: &Address) -> String {
    let millis = address.patience.as_millis();
    format!("SET statement_timeout = {millis}; SET idle_in_transaction_session_timeout = {millis}")
}

/// What holds for each connection.
fn settings(address: &Address, extension: &str) -> String {
    let Address { schema, hnsw, .. } = address;
    // Tables of tenants of all sizes: a plan is made for each question. Compiling it would take longer than the question.
    let mut settings = format!(
        "{}; SET search_path = {schema}, {extension}; SET plan_cache_mode = force_custom_plan; SET jit = off; \
         SET default_transaction_isolation = 'read committed'; \
         SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        limits(address)
    );
    if *hnsw {
        settings.push_str(
            "; SET hnsw.ef_search = 100; SET hnsw.iterative_scan = strict_order; SET hnsw.max_scan_tuples = 2147483647",
        );
    }
    settings
}

#[async_trait]
impl VectorStore for PostgresStore {
    fn info(&self) -> &StoreInfo {
        &self.info
    }

    async fn apply(&self, changes: WriteBatch) -> Result<usize, StoreError> {
        self.info.check_changes(&changes)?;
        if changes == WriteBatch::default() {
            return Ok(0);
        }
        let apply =
            Apply::of(&self.info, &changes).map_err(|failure| failure.told("write", &self.info.url))?;
        self.pool.change(&apply).await
    }

    async fn nearest(&self, vector: &[f32], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info.check_vector(vector)?;
        self.info.check_filter(&wanted.filter)?;
        let Some(direction) = search::direction(vector) else { return Ok(Vec::new()) };
        if self.hnsw {
            let found = self.hits(&search::nearly_nearest(direction.clone(), wanted), wanted).await?;
            if found.len() == wanted.limit {
                return Ok(found);
            }
        }
        self.hits(&search::nearest(direction, wanted), wanted).await
    }

    async fn matching(&self, words: &[String], wanted: &Selection) -> Result<Vec<Hit>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        if words.is_empty() || wanted.limit == 0 {
            return Ok(Vec::new());
        }
        self.hits(&search::matching(words, wanted), wanted).await
    }

    async fn list(&self, wanted: &Selection, after: Option<&Cursor>) -> Result<Vec<Record>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        self.records(&order::list(wanted, after), &wanted.scope, wanted.with_index).await
    }

    async fn beside(&self, ids: &[String], wanted: &Selection) -> Result<Vec<Beside>, StoreError> {
        self.info.check_filter(&wanted.filter)?;
        let mut beside = vec![Beside::default(); ids.len()];
        let read = |row: &Row| {
            let record = rows::record(row, &wanted.scope.tenant, wanted.with_index)?;
            let place: i64 = row.try_get(row.len() - 2)?;
            Ok((record, place, row.try_get(row.len() - 1)?))
        };
        for (record, place, is_before) in self.ask(&order::beside(ids, wanted), read).await? {
            let Some(beside) = usize::try_from(place - 1).ok().and_then(|at| beside.get_mut(at)) else {
                continue;
            };
            *(if is_before { &mut beside.before } else { &mut beside.after }) = Some(record);
        }
        Ok(beside)
    }

    async fn get(&self, scope: &MemoryScope, ids: &[String]) -> Result<Vec<Record>, StoreError> {
        self.records(&order::get(scope, ids), scope, true).await
    }

    async fn count(&self, scope: &MemoryScope, filter: &Filter) -> Result<usize, StoreError> {
        self.info.check_filter(filter)?;
        let count = self.ask(&order::count(scope, filter), |row| Ok(row.try_get::<_, i64>(0)?)).await?;
        Ok(count.first().map_or(0, |count| usize::try_from(*count).unwrap_or(0)))
    }

    async fn clear(&self, scope: &MemoryScope) -> Result<usize, StoreError> {
        self.pool.change(&Clear(scope)).await
    }

    async fn tenants(&self) -> Result<Vec<String>, StoreError> {
        self.ask(&order::tenants(), |row| Ok(values::unkept(row.try_get(0)?))).await
    }
}
