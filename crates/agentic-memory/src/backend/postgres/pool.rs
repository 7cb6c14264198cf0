//! Connections, and how long they are waited for.

use std::time::Duration;

use agentic_core::{StoreError, StoreErrorKind as Kind};
use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, RecyclingMethod, Runtime, Transaction,
};
use tokio_postgres::{Error, Row};

use super::address::Address;
use super::failure::{Failure, UNREACHABLE};
use super::query::Query;
use super::tls::Tls;

/// After so much idle time a connection is asked whether it still is one, and has so long to answer.
const IDLE: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);

/// How often what others were in the way of is tried.
const TRIES: usize = 4;

/// Some connections to one server.
#[derive(Debug)]
pub(super) struct Pool {
    inner: deadpool_postgres::Pool,
    patience: Duration,
    url: String,
}

/// What changes the database.
pub(super) trait Change: Sync {
    /// What comes of it.
    type Made: Send;

    /// Makes the change in this transaction, which is committed afterwards. It may be made several times, each after the
    /// one before was rolled back: from the second time on `alone`, so that nobody else writes for the same tenants.
    fn make(
        &self,
        transaction: &Transaction<'_>,
        alone: bool,
    ) -> impl Future<Output = Result<Self::Made, Failure>> + Send;
}

/// A connection that is closed unless its work came to an end: it may be in the middle of something.
#[derive(Debug)]
struct Lease(Option<Client>);

impl Lease {
    /// The connection can be used again, unless it is gone.
    fn end<T>(mut self, worked: &Result<T, Failure>) {
        let lost = worked.as_ref().is_err_and(|failure| failure.is_lost() || failure.is_unknown());
        if !lost {
            drop(self.0.take());
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.0.take() {
            drop(Client::take(client));
        }
    }
}

impl Pool {
    /// Connections, on each of which `settings` are made once. None is there yet.
    pub(super) fn new(address: &Address, tls: Tls, settings: String) -> Result<Self, StoreError> {
        let fast = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let inner = deadpool_postgres::Pool::builder(Manager::from_config(address.server.clone(), tls, fast))
            .max_size(address.connections)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(address.patience))
            .create_timeout(Some(address.connect_patience()))
            .recycle_timeout(Some(ANSWER))
            .post_create(Hook::async_fn(move |client, _| {
                let settings = settings.clone();
                Box::pin(async move { run(client, &settings).await })
            }))
            .pre_recycle(Hook::async_fn(|client, used| {
                let idle = used.last_used() > IDLE;
                Box::pin(async move { if idle { run(client, "").await } else { Ok(()) } })
            }))
            .build();
        let inner = inner.map_err(|error| StoreError::new(Kind::Failed, &*address.url, error.to_string()))?;
        Ok(Self { inner, patience: address.patience, url: address.url.clone() })
    }

    async fn lease(&self) -> Result<Lease, Failure> {
        let client = self.inner.get().await;
        client.map(|client| Lease(Some(client))).map_err(|error| Failure::of_pool(error, self.patience))
    }

    /// Asks, once more if the connection was gone.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub(super) async fn ask(&self, query: &Query) -> Result<Vec<Row>, StoreError> {
        let mut answer = self.bounded(self.ask_once(query)).await;
        if answer.as_ref().is_err_and(Failure::is_lost) {
            answer = self.bounded(self.ask_once(query)).await;
        }
        answer.map_err(|failure| failure.told("read", &self.url))
    }

    async fn ask_once(&self, query: &Query) -> Result<Vec<Row>, Failure> {
        let lease = self.lease().await?;
        let Some(client) = &lease.0 else { return Err(Failure::Raced) };
        let answer = rows(client, query).await.map_err(Failure::Sql);
        lease.end(&answer);
        answer
    }

    /// Changes, as a whole or not at all; again if others were in the way, or if the connection was gone before it was
    /// confirmed.
    ///
    /// # Cancel safety
    /// All of it is changed, or nothing.
    pub(super) async fn change<C: Change>(&self, change: &C) -> Result<C::Made, StoreError> {
        let (mut lost, mut tried) = (false, 1);
        loop {
            match self.bounded(self.change_once(change, tried > 1)).await {
                Err(failure) if failure.is_collision() && tried < TRIES => tried += 1,
                Err(failure) if failure.is_lost() && !lost => lost = true,
                changed => return changed.map_err(|failure| failure.told("write", &self.url)),
            }
        }
    }

    async fn change_once<C: Change>(&self, change: &C, alone: bool) -> Result<C::Made, Failure> {
        let mut lease = self.lease().await?;
        let Some(client) = &mut lease.0 else { return Err(Failure::Raced) };
        let changed = committed(client, change, alone).await;
        lease.end(&changed);
        changed
    }

    /// Gives up what takes longer than the server allows: then the network is gone, or the server.
    async fn bounded<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let most = self.patience + ANSWER + ANSWER;
        let unreachable = |_| Err(Failure::Told(Kind::Unreachable, UNREACHABLE.into()));
        tokio::time::timeout(most, work).await.unwrap_or_else(unreachable)
    }
}

async fn committed<C: Change>(client: &mut Client, change: &C, alone: bool) -> Result<C::Made, Failure> {
    let transaction = client.transaction().await?;
    match change.make(&transaction, alone).await {
        Ok(made) => transaction.commit().await.map(|()| made).map_err(Failure::of_commit),
        Err(failure) if failure.is_lost() => Err(failure),
        Err(failure) => transaction.rollback().await.map_err(Failure::Sql).and(Err(failure)),
    }
}

async fn rows(client: &Client, query: &Query) -> Result<Vec<Row>, Error> {
    let statement = client.prepare_cached(query.text()).await?;
    client.query(&statement, &query.values()).await
}

/// Runs this, for so long as an answer may take.
async fn run(client: &ClientWrapper, text: &str) -> Result<(), HookError> {
    match tokio::time::timeout(ANSWER, client.batch_execute(text)).await {
        Ok(ran) => ran.map_err(HookError::Backend),
        Err(_) => Err(HookError::message("no answer")),
    }
}
