//! A server that speaks Qdrant's gRPC interface, on a port of this machine: for tests where there is no Qdrant.
//!
//! Behind it is Qdrant's own engine, so searches, filters and counts are those of a real one. It knows what a store of
//! memories asks for: collections, payload indexes, points, queries, scrolling, counts and facets; anything else it says
//! that it can't do. What it keeps is gone with it.

mod collections;
mod convert;
mod points;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use qdrant_client::qdrant::collections_server::CollectionsServer;
use qdrant_client::qdrant::points_server::PointsServer;
use qdrant_edge::EdgeShard;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct QdrantServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl QdrantServer {
    /// Starts a server without collections, on a port that is free. Needs a tokio runtime.
    ///
    /// # Errors
    /// If there is no such port, or no temporary folder.
    pub async fn start() -> io::Result<Self> {
        Self::start_with_key(None).await
    }

    /// The same, for who has this API key alone.
    ///
    /// # Errors
    /// If there is no such port, or no temporary folder.
    pub async fn start_with_key(key: Option<&str>) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = State(Arc::new(Shared { folder: TempDir::new()?, collections: Mutex::default() }));
        let key = key.map(str::to_owned);
        let check = move |request: Request<()>| {
            let given = request.metadata().get("api-key").and_then(|key| key.to_str().ok());
            match &key {
                Some(key) if given != Some(key.as_str()) => {
                    Err(Status::unauthenticated("Must provide an API key or an Authorization bearer token"))
                }
                _ => Ok(request),
            }
        };
        let points = PointsServer::new(state.clone()).max_decoding_message_size(usize::MAX);
        let points = tonic::service::interceptor::InterceptedService::new(points, check.clone());
        let collections = CollectionsServer::with_interceptor(state, check);
        let router = tonic::transport::Server::builder().add_service(points).add_service(collections);
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let task = tokio::spawn(async move {
            // It ends with its task.
            let _ = router.serve_with_incoming(incoming).await;
        });
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a store in a collection of it.
    pub fn url(&self, collection: &str) -> String {
        format!("qdrant://{}/{collection}", self.address)
    }
}

impl Drop for QdrantServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the server knows.
#[derive(Clone, Debug)]
struct State(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: TempDir,
    collections: Mutex<HashMap<String, Arc<Collection>>>,
}

#[derive(Debug)]
struct Collection {
    engine: EdgeShard,
    dimensions: HashMap<String, u64>,
}

impl State {
    fn collection(&self, name: &str) -> Result<Arc<Collection>, Status> {
        let collections = self.0.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let absent = || Status::not_found(format!("Not found: Collection `{name}` doesn't exist!"));
        collections.get(name).cloned().ok_or_else(absent)
    }
}
