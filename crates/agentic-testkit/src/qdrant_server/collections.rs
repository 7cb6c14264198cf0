//! Collections.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use qdrant_client::qdrant::{self as grpc, collections_server::Collections};
use qdrant_edge::{Distance, EdgeConfig, EdgeShard, EdgeSparseVectorParams, EdgeVectorParams};
use tonic::{Request, Response, Status, async_trait};

use super::convert::failed;
use super::{Collection, State};

/// Methods that the server does not have.
macro_rules! none {
    ($($method:ident: $request:ident -> $response:ident;)*) => {
        $(
            fn $method<'a: 't, 't>(
                &'a self,
                _: Request<grpc::$request>,
            ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response<grpc::$response>, Status>> + Send + 't>>
            where
                Self: 't,
            {
                Box::pin(async { Err(Status::unimplemented(concat!(stringify!($method), " is not part of this server"))) })
            }
        )*
    };
}
pub(super) use none;

#[async_trait]
impl Collections for State {
    async fn get(
        &self,
        request: Request<grpc::GetCollectionInfoRequest>,
    ) -> Result<Response<grpc::GetCollectionInfoResponse>, Status> {
        let collection = self.collection(&request.into_inner().collection_name)?;
        let info = collection.engine.info().map_err(failed)?;
        let schema = info.payload_schema.keys();
        let map = collection.dimensions.iter().map(|(name, size)| {
            let params = grpc::VectorParams { size: *size, ..grpc::VectorParams::default() };
            (name.clone(), params)
        });
        let named = grpc::vectors_config::Config::ParamsMap(grpc::VectorParamsMap { map: map.collect() });
        let params = grpc::CollectionParams {
            vectors_config: Some(grpc::VectorsConfig { config: Some(named) }),
            ..grpc::CollectionParams::default()
        };
        let config = grpc::CollectionConfig { params: Some(params), ..grpc::CollectionConfig::default() };
        let result = grpc::CollectionInfo {
            status: grpc::CollectionStatus::Green.into(),
            config: Some(config),
            payload_schema: schema.map(|key| (key.to_string(), grpc::PayloadSchemaInfo::default())).collect(),
            points_count: Some(info.points_count as u64),
            ..grpc::CollectionInfo::default()
        };
        Ok(Response::new(grpc::GetCollectionInfoResponse { result: Some(result), time: 0.0 }))
    }

    async fn create(
        &self,
        request: Request<grpc::CreateCollection>,
    ) -> Result<Response<grpc::CollectionOperationResponse>, Status> {
        let request = request.into_inner();
        let mut collections = self.0.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let name = request.collection_name;
        if collections.contains_key(&name) {
            return Err(Status::already_exists(format!("Collection `{name}` already exists!")));
        }
        let named = match request.vectors_config.and_then(|it| it.config) {
            Some(grpc::vectors_config::Config::ParamsMap(named)) => named.map,
            _ => return Err(Status::invalid_argument("vectors have names here")),
        };
        let mut config = EdgeConfig::builder();
        let mut dimensions = HashMap::new();
        for (name, params) in named {
            if params.distance() != grpc::Distance::Dot {
                return Err(Status::invalid_argument("vectors are compared by their products here"));
            }
            let vectors = EdgeVectorParams::builder(params.size as usize, Distance::Dot).build();
            config = config.vector(name.as_str(), vectors);
            dimensions.insert(name, params.size);
        }
        for name in request.sparse_vectors_config.unwrap_or_default().map.into_keys() {
            config = config.sparse_vector(name.as_str(), EdgeSparseVectorParams::builder().build());
        }
        let folder = self.0.folder.path().join(format!("{}", collections.len()));
        let engine = EdgeShard::new(&folder, config.build()).map_err(failed)?;
        collections.insert(name, Arc::new(Collection { engine, dimensions }));
        Ok(Response::new(grpc::CollectionOperationResponse { result: true, time: 0.0 }))
    }

    async fn collection_exists(
        &self,
        request: Request<grpc::CollectionExistsRequest>,
    ) -> Result<Response<grpc::CollectionExistsResponse>, Status> {
        let exists = self.collection(&request.into_inner().collection_name).is_ok();
        let result = Some(grpc::CollectionExists { exists });
        Ok(Response::new(grpc::CollectionExistsResponse { result, time: 0.0 }))
    }

    async fn delete(
        &self,
        request: Request<grpc::DeleteCollection>,
    ) -> Result<Response<grpc::CollectionOperationResponse>, Status> {
        let mut collections = self.0.collections.lock().unwrap_or_else(PoisonError::into_inner);
        let result = collections.remove(&request.into_inner().collection_name).is_some();
        Ok(Response::new(grpc::CollectionOperationResponse { result, time: 0.0 }))
    }

    none! {
        list: ListCollectionsRequest -> ListCollectionsResponse;
        update: UpdateCollection -> CollectionOperationResponse;
        update_aliases: ChangeAliases -> CollectionOperationResponse;
        list_collection_aliases: ListCollectionAliasesRequest -> ListAliasesResponse;
        list_aliases: ListAliasesRequest -> ListAliasesResponse;
        collection_cluster_info: CollectionClusterInfoRequest -> CollectionClusterInfoResponse;
        update_collection_cluster_setup:
            UpdateCollectionClusterSetupRequest -> UpdateCollectionClusterSetupResponse;
        create_shard_key: CreateShardKeyRequest -> CreateShardKeyResponse;
        delete_shard_key: DeleteShardKeyRequest -> DeleteShardKeyResponse;
        list_shard_keys: ListShardKeysRequest -> ListShardKeysResponse;
    }
}
