//! Changes.
//!
//! Whoever writes for a tenant shares a lock with all others who do, then locks the rows of the records, in the order of
//! their keys. A record that is new has no row to lock: if somebody else makes it in the same moment, this is noticed, all is
//! rolled back, and made again by one who does not share the lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use agentic_core::{MemoryScope, Record, StoreErrorKind as Kind, StoreInfo, WriteBatch};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::failure::Failure;
use super::marks::Marks;
use super::pool::Change;
use super::query::{Query, record_key, scope_key, session_key, tenant_key, word_key};
use super::schema;
use super::search::direction;
use super::values::{Digest, Vector, kept};

/// A batch, ready to be written as often as it takes.
#[derive(Debug)]
pub(super) struct Apply<'a> {
    info: &'a StoreInfo,
    changes: &'a WriteBatch,
    /// What is deleted, each once, by its tenant.
    delete: HashMap<Digest, &'a str>,
    /// What is written, each once, in the order of the keys.
    upsert: BTreeMap<Digest, &'a Record>,
    columns: Columns,
}

impl<'a> Apply<'a> {
    /// # Errors
    /// If a record can't be kept.
    pub(super) fn of(info: &'a StoreInfo, changes: &'a WriteBatch) -> Result<Self, Failure> {
        let key = |record: &Record| record_key(&record.scope.tenant, &record.id);
        let delete = changes.delete.iter().map(|(tenant, id)| (record_key(tenant, id), &**tenant)).collect();
        let upsert: BTreeMap<_, _> = changes.upsert.iter().map(|record| (key(record), record)).collect();
        let mut columns = Columns::default();
        for (key, record) in &upsert {
            columns.push(*key, record)?;
        }
        Ok(Self { info, changes, delete, upsert, columns })
    }
}

/// A record whose row is locked.
#[derive(Clone, Copy, Debug)]
struct Locked {
    n: i64,
    revision: u64,
    words: i64,
}

impl Locked {
    /// From the columns `n`, `revision`, `length`, which begin there.
    fn of(row: &Row, at: usize) -> Result<Self, Failure> {
        let (n, revision): (i64, i64) = (row.try_get(at)?, row.try_get(at + 1)?);
        Ok(Self { n, revision: revision.cast_unsigned(), words: row.try_get::<_, i32>(at + 2)?.into() })
    }
}

impl Change for Apply<'_> {
    type Made = usize;

    async fn make(&self, db: &Transaction<'_>, alone: bool) -> Result<usize, Failure> {
        let tenants =
            self.delete.values().copied().chain(self.upsert.values().map(|record| &*record.scope.tenant));
        let mut keys: Vec<Digest> = self.delete.keys().chain(self.upsert.keys()).copied().collect();
        keys.sort_unstable();
        keys.dedup();
        let lock =
            "SELECT key, n, revision, length FROM records WHERE key = ANY ($1) ORDER BY key FOR UPDATE";
        let rows = locked(db, tenants, alone, lock, &[&keys]).await?;
        let mut there = HashMap::new();
        for row in rows {
            there.insert(row.try_get::<_, Digest>(0)?, Locked::of(&row, 1)?);
        }
        for record in &self.changes.upsert {
            let found = there.get(&record_key(&record.scope.tenant, &record.id));
            self.info.check_revision(record, found.map(|it| it.revision))?;
        }

        let mut tallies = Tallies::default();
        let all: Vec<i64> = there.values().map(|it| it.n).collect();
        let (mut deleted, mut gone) = (0, Vec::new());
        for (key, tenant) in &self.delete {
            let Some(old) = there.get(key) else { continue };
            deleted += 1;
            // What is written again takes the row of the old one.
            if !self.upsert.contains_key(key) {
                gone.push(old.n);
                tallies.take(tenant, old);
            }
        }
        if !all.is_empty() {
            execute(db, "DELETE FROM postings WHERE n = ANY ($1)", &[&all]).await?;
        }
        if !gone.is_empty() {
            execute(db, "DELETE FROM records WHERE n = ANY ($1)", &[&gone]).await?;
        }
        if !self.upsert.is_empty() {
            let written = query(db, UPSERT, &self.columns.values()).await?;
            let mut postings = Postings::default();
            for row in written {
                let (key, n, revision): (Digest, i64, i64) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let Some(record) = self.upsert.get(&key) else { continue };
                match there.get(&key) {
                    Some(old) => tallies.take(&record.scope.tenant, old),
                    None if n != revision => return Err(Failure::Raced),
                    None => {}
                }
                tallies.give(record);
                postings.push(n, record);
            }
            postings.insert(db).await?;
        }
        tallies.write(db).await?;
        Ok(deleted)
    }
}

/// Deletes what a scope sees.
#[derive(Debug)]
pub(super) struct Clear<'a>(pub(super) &'a MemoryScope);

impl Change for Clear<'_> {
    type Made = usize;

    async fn make(&self, db: &Transaction<'_>, alone: bool) -> Result<usize, Failure> {
        let mut lock = Query::default();
        let seen = lock.seen(self.0);
        let lock = lock.with_text(format!(
            "SELECT r.n, r.revision, r.length FROM records r WHERE {seen} ORDER BY r.key FOR UPDATE"
        ));
        let rows = locked(db, [&*self.0.tenant], alone, lock.text(), &lock.values()).await?;
        let (mut all, mut tallies) = (Vec::with_capacity(rows.len()), Tallies::default());
        for row in &rows {
            let old = Locked::of(row, 0)?;
            all.push(old.n);
            tallies.take(&self.0.tenant, &old);
        }
        if !all.is_empty() {
            execute(db, "DELETE FROM postings WHERE n = ANY ($1)", &[&all]).await?;
            execute(db, "DELETE FROM records WHERE n = ANY ($1)", &[&all]).await?;
            tallies.write(db).await?;
        }
        Ok(all.len())
    }
}

/// Locks tenants, then rows. A newer version may have come to the tables since the store was opened; then nothing is
/// written.
async fn locked(
    db: &Transaction<'_>,
    tenants: impl IntoIterator<Item = &str>,
    alone: bool,
    lock: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let tenants: BTreeSet<i64> = tenants.into_iter().map(|tenant| tenant_key(tenant).half()).collect();
    let tenants: Vec<i64> = tenants.into_iter().collect();
    let together = if alone { LOCK_ALONE } else { LOCK_SHARED };
    let rows = async {
        query(db, together, &[&tenants]).await?;
        query(db, lock, values).await
    };
    let (version, rows) = futures_util::try_join!(query(db, "SELECT version FROM about", &[]), rows)?;
    version.first().map_or(Ok(()), |row| schema::check_version(row.try_get(0)?))?;
    Ok(rows)
}

const LOCK_SHARED: &str = "SELECT pg_advisory_xact_lock_shared(it) FROM unnest($1::int8[]) it";
const LOCK_ALONE: &str = "SELECT pg_advisory_xact_lock(it) FROM unnest($1::int8[]) it";

async fn query(
    db: &Transaction<'_>,
    text: &str,
    values: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    Ok(db.query(&db.prepare_cached(text).await?, values).await?)
}

async fn execute(db: &Transaction<'_>, text: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), Failure> {
    db.execute(&db.prepare_cached(text).await?, values).await?;
    Ok(())
}

// ------------------------------------------------------------------------------------------------ records

/// Records, column by column.
#[derive(Debug, Default)]
struct Columns {
    key: Vec<Digest>,
    tenant_key: Vec<Digest>,
    scope_key: Vec<Digest>,
    session_key: Vec<Option<Digest>>,
    agent: Vec<Option<String>>,
    session: Vec<Option<String>>,
    id: Vec<String>,
    at: Vec<i64>,
    fields: Vec<String>,
    marks: Vec<String>,
    number_keys: Vec<String>,
    numbers: Vec<String>,
    vector: Vec<Option<Vector>>,
    points: Vec<bool>,
    length: Vec<i32>,
    words: Vec<String>,
    body: Vec<String>,
}

/// In the order of the columns. A record that is new has a revision that is its number.
const UPSERT: &str = "\
    INSERT INTO records AS r (n, revision, key, tenant_key, scope_key, session_key, agent, session, id, at, fields, marks, \
        number_keys, numbers, vector, points, length, words, body) \
    SELECT revision, revision, key, tenant_key, scope_key, session_key, agent, session, id, at, fields, marks::uuid[], \
        number_keys::uuid[], numbers::float8[], vector, points, length, words, body \
    FROM (SELECT nextval('revisions') AS revision, new.* FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], \
        $5::text[], $6::text[], $7::text[], $8::int8[], $9::text[], $10::text[], $11::text[], $12::text[], $13::vector[], \
        $14::bool[], $15::int4[], $16::text[], $17::text[]) \
        AS new (key, tenant_key, scope_key, session_key, agent, session, id, at, fields, marks, number_keys, numbers, vector, \
        points, length, words, body) ORDER BY key) new \
    ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, scope_key = excluded.scope_key, \
        session_key = excluded.session_key, agent = excluded.agent, session = excluded.session, at = excluded.at, \
        fields = excluded.fields, marks = excluded.marks, number_keys = excluded.number_keys, numbers = excluded.numbers, \
        vector = excluded.vector, points = excluded.points, length = excluded.length, words = excluded.words, \
        body = excluded.body \
    RETURNING key, n, revision";

impl Columns {
    fn push(&mut self, key: Digest, record: &Record) -> Result<(), Failure> {
        let Record { id, scope, at, vector, words, fields, body, .. } = record;
        let invalid = |what: &str| Failure::Told(Kind::Invalid, format!("record {id} has {what}"));
        let at = i64::try_from(at.as_millis()).map_err(|_| invalid("a time that no calendar has"))?;
        let length = i32::try_from(words.len()).map_err(|_| invalid("too many words"))?;
        let json = serde_json::to_string(words).map_err(|_| invalid("words that have no JSON form"))?;
        let text = serde_json::to_string(fields).map_err(|_| invalid("fields that have no JSON form"))?;
        let Marks { marks, number_keys, numbers } = Marks::of(fields);
        let name = |name: &Option<String>| name.as_deref().map(|name| kept(name).into_owned());
        let session = scope.session.as_deref();
        self.key.push(key);
        self.tenant_key.push(tenant_key(&scope.tenant));
        self.scope_key.push(scope_key(scope));
        self.session_key.push(session.map(|session| session_key(&scope.tenant, session)));
        self.agent.push(name(&scope.agent));
        self.session.push(name(&scope.session));
        self.id.push(kept(id).into_owned());
        self.at.push(at);
        self.fields.push(text);
        self.marks.push(marks);
        self.number_keys.push(number_keys);
        self.numbers.push(numbers);
        self.vector.push((!vector.is_empty()).then(|| Vector(vector.clone())));
        self.points.push(points(vector));
        self.length.push(length);
        self.words.push(json);
        self.body.push(body.as_str().to_owned());
        Ok(())
    }

    fn values(&self) -> [&(dyn ToSql + Sync); 17] {
        [
            &self.key,
            &self.tenant_key,
            &self.scope_key,
            &self.session_key,
            &self.agent,
            &self.session,
            &self.id,
            &self.at,
            &self.fields,
            &self.marks,
            &self.number_keys,
            &self.numbers,
            &self.vector,
            &self.points,
            &self.length,
            &self.words,
            &self.body,
        ]
    }
}

/// Whether pgvector can tell the direction of a vector: it adds the squares as 32-bit numbers.
fn points(vector: &[f32]) -> bool {
    let square: f32 = vector.iter().map(|number| number * number).sum();
    direction(vector).is_some() && square.is_normal()
}

// ------------------------------------------------------------------------------------------------- words

/// Which records have which words, column by column.
#[derive(Debug, Default)]
struct Postings(Vec<(Digest, i64, i32, i32)>);

impl Postings {
    fn push(&mut self, n: i64, record: &Record) {
        let mut counts: HashMap<&str, i32> = HashMap::new();
        record.words.iter().for_each(|word| *counts.entry(word).or_default() += 1);
        let length = i32::try_from(record.words.len()).unwrap_or(i32::MAX);
        let posting = |(word, count)| (word_key(&record.scope.tenant, word), n, count, length);
        self.0.extend(counts.into_iter().map(posting));
    }

    async fn insert(mut self, db: &Transaction<'_>) -> Result<(), Failure> {
        if self.0.is_empty() {
            return Ok(());
        }
        // In the order of the index.
        self.0.sort_unstable();
        let words: Vec<Digest> = self.0.iter().map(|it| it.0).collect();
        let ns: Vec<i64> = self.0.iter().map(|it| it.1).collect();
        let [counts, lengths]: [Vec<i32>; 2] =
            [self.0.iter().map(|it| it.2).collect(), self.0.iter().map(|it| it.3).collect()];
        let insert = "INSERT INTO postings (word, n, count, length) \
                      SELECT * FROM unnest($1::uuid[], $2::int8[], $3::int4[], $4::int4[])";
        execute(db, insert, &[&words, &ns, &counts, &lengths]).await
    }
}

// ------------------------------------------------------------------------------------------------ tallies

/// By how much what each tenant has grows: records, those with words, words. In the order of their keys.
#[derive(Debug, Default)]
struct Tallies<'a>(BTreeMap<Digest, (&'a str, [i64; 3])>);

impl<'a> Tallies<'a> {
    fn add(&mut self, tenant: &'a str, by: i64, words: i64) {
        let (_, tally) = self.0.entry(tenant_key(tenant)).or_insert((tenant, [0; 3]));
        tally[0] += by;
        tally[1] += by * i64::from(words > 0);
        tally[2] += by * words;
    }

    fn take(&mut self, tenant: &'a str, old: &Locked) {
        self.add(tenant, -1, old.words);
    }

    fn give(&mut self, record: &'a Record) {
        self.add(&record.scope.tenant, 1, record.words.len() as i64);
    }

    /// Last of all, because the row of a tenant is locked from then on.
    async fn write(mut self, db: &Transaction<'_>) -> Result<(), Failure> {
        self.0.retain(|_, (_, tally)| *tally != [0; 3]);
        if self.0.is_empty() {
            return Ok(());
        }
        let keys: Vec<Digest> = self.0.keys().copied().collect();
        let names: Vec<String> = self.0.values().map(|(tenant, _)| kept(tenant).into_owned()).collect();
        let [records, texts, words] =
            [0, 1, 2].map(|at: usize| self.0.values().map(|(_, tally)| tally[at]).collect::<Vec<i64>>());
        let add = "INSERT INTO tallies AS t (tenant_key, tenant, records, texts, words) \
                   SELECT * FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::int8[], $5::int8[]) \
                   ON CONFLICT (tenant_key) DO UPDATE SET records = t.records + excluded.records, \
                       texts = t.texts + excluded.texts, words = t.words + excluded.words";
        execute(db, add, &[&keys, &names, &records, &texts, &words]).await?;
        if records.iter().any(|records| *records < 0) {
            execute(db, "DELETE FROM tallies WHERE tenant_key = ANY ($1) AND records = 0", &[&keys]).await?;
        }
        Ok(())
    }
}
