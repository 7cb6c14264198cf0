//! The tables, and how a database gets them.

use agentic_core::{EmbedderInfo, StoreError, StoreErrorKind as Kind};
use tokio_postgres::{Client, Transaction};

use super::address::Address;
use super::failure::Failure;

/// The version of the tables that this code reads and writes.
const VERSION: i32 = STEPS.len() as i32;

/// Whoever makes or changes tables holds this lock, as does whoever adds the extension: one at a time in a database.
const LOCK: i64 = 0x6167_656e_7469_634d;

/// The most numbers that pgvector keeps in a vector, and that its index takes.
const DIMENSIONS: usize = 16_000;
const INDEXED: usize = 2_000;

/// How the tables get from each version to the next; the first makes them. `DIMENSIONS` stands for the numbers in a vector.
/// A step is never changed once it was released.
///
/// Texts are in the order of their bytes, and U+0000 and U+0001 in them are written as U+0001 U+0001 and U+0001 U+0002.
/// Keys are digests: rows of an index are limited to some 2,700 bytes, and names and words are not.
const STEPS: &[&str] = &[r#"
-- Which version the tables have, and which embedding model the vectors are of.
CREATE TABLE about (
    version    int  NOT NULL,
    embedder   text NOT NULL,
    dimensions int  NOT NULL
);

-- Each writing has a number of its own. A record's `n` is that of its first one.
CREATE SEQUENCE revisions;

CREATE TABLE records (
    n           int8   PRIMARY KEY,
    revision    int8   NOT NULL,
    key         uuid   NOT NULL UNIQUE,               -- of tenant and id
    tenant_key  uuid   NOT NULL,
    scope_key   uuid   NOT NULL,                      -- of tenant, agent and session
    session_key uuid,                                 -- of tenant and session
    agent       text   COLLATE "C",
    session     text   COLLATE "C",
    id          text   COLLATE "C" NOT NULL,
    at          int8   NOT NULL,                      -- milliseconds since 1970
    fields      text   NOT NULL,                      -- JSON
    marks       uuid[] NOT NULL,                      -- which fields are there, and what they are
    number_keys uuid[] NOT NULL,                      -- the fields of
    numbers     float8[] NOT NULL,                    -- these numbers
    vector      vector(DIMENSIONS),
    points      bool   NOT NULL,                      -- whether the vector has a direction
    length      int    NOT NULL,                      -- how many words
    words       text   NOT NULL,                      -- a JSON array, in their order
    body        text   NOT NULL                       -- JSON
);
-- A search reads many vectors and few of the other values: these are moved out of the row first.
ALTER TABLE records ALTER COLUMN vector SET STORAGE MAIN;
CREATE INDEX records_of_tenant ON records (tenant_key, at);
CREATE INDEX records_of_scope ON records (scope_key, at);
CREATE INDEX records_of_session ON records (session_key, at) WHERE session_key IS NOT NULL;

-- Which record has which word, and how often.
CREATE TABLE postings (
    word   uuid NOT NULL,                             -- of tenant and word
    n      int8 NOT NULL,
    count  int  NOT NULL,
    length int  NOT NULL,                             -- of the record
    PRIMARY KEY (word, n) INCLUDE (count, length)
);
CREATE INDEX postings_of_record ON postings (n);

-- What each tenant has. One without records has no row.
CREATE TABLE tallies (
    tenant_key uuid PRIMARY KEY,
    tenant     text COLLATE "C" NOT NULL,
    records    int8 NOT NULL,
    texts      int8 NOT NULL,                         -- records with words
    words      int8 NOT NULL                          -- in all of them
) WITH (fillfactor = 50);
"#];

/// A store that was found or made.
#[derive(Debug)]
pub(super) struct Opened {
    /// The model that its vectors are of.
    pub(super) embedder: EmbedderInfo,
    /// The schema of pgvector, as it is written in SQL.
    pub(super) extension: String,
}

/// Finds the tables of this address, for this model, or makes them; without a model they have to be there.
pub(super) async fn open(
    db: &mut Client,
    address: &Address,
    embedder: Option<&EmbedderInfo>,
) -> Result<Opened, Failure> {
    let Address { schema, .. } = address;
    let encoding: String = db.query_one("SELECT current_setting('server_encoding')", &[]).await?.get(0);
    if encoding != "UTF8" {
        let message = format!(
            "the database keeps texts as {encoding}, which is not all of Unicode; make one with `ENCODING 'UTF8'`"
        );
        return Err(Failure::Told(Kind::Invalid, message));
    }
    let transaction = db.transaction().await?;
    let found = fits(&transaction, address, embedder).await?;
    if let (Found::Store { version: VERSION, embedder }, false) = (&found, address.hnsw) {
        let (embedder, extension) = (embedder.clone(), extension(&transaction).await?.0);
        return Ok(Opened { embedder, extension });
    }
    // Building an index takes as long as it takes.
    transaction.batch_execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0").await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    // Again: another process may have been faster.
    let (from, embedder) = match (fits(&transaction, address, embedder).await?, embedder) {
        (Found::Store { version, embedder }, _) => (version, embedder),
        (Found::Nothing, Some(embedder)) => (0, embedder.clone()),
        (Found::Nothing, None) => return Err(absent(address).into()),
    };
    if from == 0 {
        transaction.batch_execute(&format!("CREATE SCHEMA IF NOT EXISTS {schema}")).await?;
        add_extension(&transaction).await?;
    }
    let (extension, version) = extension(&transaction).await?;
    transaction.batch_execute(&format!("SET LOCAL search_path = {schema}, {extension}")).await?;
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
        transaction.batch_execute(&step.replace("DIMENSIONS", &embedder.dimensions.to_string())).await?;
    }
    if from == 0 {
        let about = "INSERT INTO about (version, embedder, dimensions) VALUES ($1, $2, $3)";
        let dimensions = i32::try_from(embedder.dimensions).unwrap_or(i32::MAX);
        transaction.execute(about, &[&VERSION, &&*embedder.id, &dimensions]).await?;
    } else if from < VERSION {
        transaction.execute("UPDATE about SET version = $1", &[&VERSION]).await?;
    }
    if address.hnsw {
        index(&transaction, &embedder, &version).await?;
    }
    transaction.commit().await?;
    Ok(Opened { embedder, extension })
}

/// What a schema has.
#[derive(Debug)]
enum Found {
    /// Nothing yet.
    Nothing,
    /// A store of this version, with vectors of this model.
    Store { version: i32, embedder: EmbedderInfo },
}

/// Looks whether the schema fits this version and model, and changes nothing.
async fn fits(
    db: &Transaction<'_>,
    address: &Address,
    expected: Option<&EmbedderInfo>,
) -> Result<Found, Failure> {
    let told = |kind, message: String| Err(Failure::Told(kind, message));
    let Address { schema, .. } = address;
    if let Some(EmbedderInfo { dimensions, .. }) = expected
        && !(1..=DIMENSIONS).contains(dimensions)
    {
        return told(
            Kind::Invalid,
            format!("pgvector keeps vectors of 1 to {DIMENSIONS} numbers, not {dimensions}"),
        );
    }
    let tables = "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'v')";
    let tables: Vec<String> = db.query(tables, &[schema]).await?.iter().map(|row| row.get(0)).collect();
    if tables.is_empty() && expected.is_none() {
        return Err(absent(address).into());
    }
    if tables.is_empty() {
        return Ok(Found::Nothing);
    }
    if !["about", "records", "postings", "tallies"]
        .iter()
        .all(|ours| tables.iter().any(|table| table == ours))
    {
        let message =
            format!("the schema `{schema}` holds the tables of another program; name another schema");
        return told(Kind::Corrupt, message);
    }
    let about =
        db.query_opt(&format!("SELECT version, embedder, dimensions FROM {schema}.about"), &[]).await?;
    let about = about.and_then(|row| {
        Some((row.get(0), row.get::<_, String>(1), usize::try_from(row.get::<_, i32>(2)).ok()?))
    });
    let Some((version, id, dimensions)) = about else {
        let message = "it does not say which vectors it has; bring it back from a backup";
        return told(Kind::Corrupt, message.into());
    };
    check_version(version)?;
    let found = EmbedderInfo::new(id, dimensions);
    match expected {
        Some(EmbedderInfo { id, .. }) if *id != found.id => told(
            Kind::OtherEmbedder,
            format!(
                "its vectors are of `{}`, not of `{id}`; open it with that model, or embed all again",
                found.id
            ),
        ),
        Some(EmbedderInfo { dimensions, .. }) if *dimensions != found.dimensions => told(
            Kind::WrongDimension,
            format!(
                "its vectors of `{}` have {} numbers, not {dimensions}; open it with that model, or embed all again",
                found.id, found.dimensions
            ),
        ),
        _ => Ok(Found::Store { version, embedder: found }),
    }
}

/// Refuses tables of a higher version.
pub(super) fn check_version(version: i32) -> Result<(), Failure> {
    if version <= VERSION {
        return Ok(());
    }
    let message = format!("it has format {version}, this version reads up to {VERSION}; use a newer one");
    Err(Failure::Told(Kind::Newer, message))
}

fn absent(address: &Address) -> StoreError {
    StoreError::new(
        Kind::NotFound,
        &*address.url,
        "there are no memories; name the embedding model to make some",
    )
}

/// Where pgvector is, and which version.
async fn extension(db: &Transaction<'_>) -> Result<(String, String), Failure> {
    let find = "SELECT quote_ident(nspname), extversion FROM pg_extension JOIN pg_namespace s ON s.oid = extnamespace \
                WHERE extname = 'vector'";
    match db.query_opt(find, &[]).await? {
        Some(row) => Ok((row.get(0), row.get(1))),
        None => Err(Failure::Told(
            Kind::Corrupt,
            "the extension `vector` is gone from the database, and the vectors with it; bring it back from a backup".into(),
        )),
    }
}

/// Adds pgvector to the database, if it is not there.
async fn add_extension(db: &Transaction<'_>) -> Result<(), Failure> {
    let told = |kind, message: &str| Err(Failure::Told(kind, message.into()));
    let available = "SELECT FROM pg_available_extensions WHERE name = 'vector'";
    if db.query_opt("SELECT FROM pg_extension WHERE extname = 'vector'", &[]).await?.is_some() {
        return Ok(());
    }
    if db.query_opt(available, &[]).await?.is_none() {
        return told(
            Kind::Invalid,
            "the server does not have the extension `vector`; install pgvector there (Debian: postgresql-17-pgvector), or \
             name another server",
        );
    }
    match db.batch_execute("CREATE EXTENSION IF NOT EXISTS vector").await {
        Err(error) if error.code().is_some_and(|code| code.code() == "42501") => told(
            Kind::Unwritable,
            "this user may not add the extension `vector`; as a superuser, type `CREATE EXTENSION vector` in this database",
        ),
        added => Ok(added?),
    }
}

/// Makes the approximate index, if it is not there.
async fn index(db: &Transaction<'_>, embedder: &EmbedderInfo, version: &str) -> Result<(), Failure> {
    let told = |message: String| Err(Failure::Told(Kind::Invalid, message));
    if embedder.dimensions > INDEXED {
        let message = format!(
            "pgvector's index takes vectors of at most {INDEXED} numbers, these have {}; leave out index=hnsw",
            embedder.dimensions
        );
        return told(message);
    }
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0_u32));
    if (numbers.next(), numbers.next()) < (Some(0), Some(8)) {
        let message = format!(
            "pgvector {version} loses what a filter wants; get 0.8 and type `ALTER EXTENSION vector UPDATE`, or leave out index=hnsw"
        );
        return told(message);
    }
    let make = "CREATE INDEX IF NOT EXISTS records_near ON records USING hnsw (vector vector_cosine_ops)";
    Ok(db.batch_execute(make).await?)
}
