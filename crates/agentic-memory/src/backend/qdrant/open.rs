//! From an address to a store.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use agentic_core::{EmbedderInfo, StoreCapabilities, StoreError, StoreErrorKind as Kind, StoreInfo};
use qdrant_client::qdrant::{self as grpc, FieldType, payload_index_params::IndexParams};
use serde_json::Value;
use tonic::metadata::{Ascii, MetadataValue};

use super::address::Address;
use super::server::Server;
use super::{QdrantStore, convert};
use crate::backend::points::{self, About, VECTOR, key};

/// The id of the point that says what the collection is. It is no UUID of a version that records have.
const ABOUT: u128 = 0;

/// Under which key of its payload that stands.
const ABOUT_KEY: &str = "about";

pub(super) async fn open(url: &str, embedder: Option<&EmbedderInfo>) -> Result<QdrantStore, StoreError> {
    let address = Address::read(url)?;
    let server = Server::at(&address, api_key(&address)?)?;
    let url = server.url.clone();
    let (about, indexed) = match (server.info().await?, embedder) {
        (Some(info), _) => (about(&server, info, embedder).await?, server.info().await?),
        (None, Some(embedder)) => {
            server.create(collection(embedder.dimensions)).await?;
            let Some(info) = server.info().await? else { return Err(points::absent(&url)) };
            (about(&server, info, Some(embedder)).await?, server.info().await?)
        }
        (None, None) => return Err(points::absent(&url)),
    };
    about.check(&url, embedder)?;
    let mut capabilities = StoreCapabilities::default();
    (capabilities.durable, capabilities.shared) = (true, true);
    let EmbedderInfo { id, dimensions, .. } = about.embedder();
    let info = StoreInfo::new(url, id, dimensions, capabilities);
    let ranges: HashSet<String> = indexed.unwrap_or_default().payload_schema.into_keys().collect();
    Ok(QdrantStore { info, server, ranges: Mutex::new(ranges) })
}

/// The API key, from the environment.
fn api_key(address: &Address) -> Result<Option<MetadataValue<Ascii>>, StoreError> {
    let (name, named) = &address.key;
    let wrong = |what: &str| Err(StoreError::new(Kind::Invalid, address.url(), format!("{what} `{name}`")));
    let mut key: MetadataValue<Ascii> = match std::env::var(name) {
        Ok(key) if key.is_empty() => return Ok(None),
        Ok(key) => match key.parse() {
            Ok(key) => key,
            Err(_) => return wrong("no API key has such characters; look at the environment variable"),
        },
        Err(_) if *named => return wrong("there is no API key; set the environment variable"),
        Err(_) => return Ok(None),
    };
    key.set_sensitive(true);
    Ok(Some(key))
}

/// What a collection says of itself; one that was made a moment ago, or not to its end, is made.
async fn about(
    server: &Server,
    info: grpc::CollectionInfo,
    embedder: Option<&EmbedderInfo>,
) -> Result<About, StoreError> {
    let found = server.get(vec![convert::id(ABOUT)], convert::whole(), false).await?.remove(&ABOUT);
    if let Some(point) = found {
        let json = convert::json(point.payload).remove(ABOUT_KEY).unwrap_or_default();
        return About::read(json, &server.url);
    }
    if info.points_count.unwrap_or_default() > 0 {
        let message = "the collection is of another program; name another";
        return Err(StoreError::new(Kind::Corrupt, &*server.url, message));
    }
    let Some(embedder) = embedder else { return Err(points::absent(&server.url)) };
    let found = dimensions(&info);
    if found != Some(embedder.dimensions as u64) {
        let message = "the collection has other vectors; name another, or delete it";
        return Err(StoreError::new(Kind::Corrupt, &*server.url, message));
    }
    let keyword = |is_tenant| {
        let params =
            grpc::KeywordIndexParams { is_tenant: Some(is_tenant), ..grpc::KeywordIndexParams::default() };
        Some(IndexParams::KeywordIndexParams(params))
    };
    server.create_index(key::TENANT, FieldType::Keyword, keyword(true)).await?;
    for key in [key::AGENT, key::SESSION, key::IS, convert::WORDS] {
        server.create_index(key, FieldType::Keyword, keyword(false)).await?;
    }
    for key in [convert::AT, convert::LENGTH] {
        server.create_index(key, FieldType::Integer, None).await?;
    }
    // Last: then the rest is there.
    let about = About::new(embedder);
    let mut payload = serde_json::Map::new();
    payload.insert(ABOUT_KEY.to_owned(), serde_json::to_value(&about).unwrap_or_default());
    let point = grpc::PointStruct {
        id: Some(convert::id(ABOUT)),
        payload: convert::payload(&Value::Object(payload)),
        vectors: Some(convert::named(HashMap::new())),
    };
    server.upsert(vec![point]).await?;
    Ok(about)
}

/// How many numbers the collection's vectors have, if they are like ours.
fn dimensions(info: &grpc::CollectionInfo) -> Option<u64> {
    let vectors = info.config.as_ref()?.params.as_ref()?.vectors_config.as_ref()?.config.as_ref()?;
    match vectors {
        grpc::vectors_config::Config::ParamsMap(named) => Some(named.map.get(VECTOR)?.size),
        grpc::vectors_config::Config::Params(_) => None,
    }
}

fn collection(dimensions: usize) -> grpc::CreateCollection {
    let vector = grpc::VectorParams {
        size: dimensions as u64,
        // Of length 1: then this is the cosine, and the server leaves them as they are.
        distance: grpc::Distance::Dot.into(),
        ..grpc::VectorParams::default()
    };
    let map = HashMap::from([(VECTOR.to_owned(), vector)]);
    let named = grpc::vectors_config::Config::ParamsMap(grpc::VectorParamsMap { map });
    let words = HashMap::from([(convert::WORDS.to_owned(), grpc::SparseVectorParams::default())]);
    grpc::CreateCollection {
        vectors_config: Some(grpc::VectorsConfig { config: Some(named) }),
        sparse_vectors_config: Some(grpc::SparseVectorConfig { map: words }),
        ..grpc::CreateCollection::default()
    }
}
