//! A collection of a server, and the calls to it.

use std::collections::HashMap;
use std::fmt;

use agentic_core::StoreError;
use qdrant_client::qdrant::{
    self as grpc, collections_client::CollectionsClient, points_client::PointsClient,
};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};

use super::address::Address;
use super::{convert, failure};
use crate::backend::points::Condition;

/// So much is sent in one call, in points and about in bytes.
const POINTS: usize = 500;
const BYTES: usize = 8 << 20;

/// So many points are read in one call.
pub(super) const PAGE: u32 = 1_000;

/// At most so many different values are counted: tenants, and lengths of records.
const ALL: u64 = 1_000_000;

/// Adds the API key to each call.
#[derive(Clone)]
pub(super) struct Key(Option<MetadataValue<Ascii>>);

impl tonic::service::Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(key) = &self.0 {
            request.metadata_mut().insert("api-key", key.clone());
        }
        Ok(request)
    }
}

type Line = InterceptedService<Channel, Key>;

/// A collection of a server. Nothing is sent before the first call; who is not there any more is called again.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) url: String,
    pub(super) collection: String,
    points: PointsClient<Line>,
    collections: CollectionsClient<Line>,
}

/// Without its key.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("url", &self.url).finish_non_exhaustive()
    }
}

/// How a call ended.
type Called<T> = Result<T, StoreError>;

impl Server {
    /// The collection at this address, with this API key.
    pub(super) fn at(address: &Address, key: Option<MetadataValue<Ascii>>) -> Called<Self> {
        let url = address.url();
        let tls = address.tls(key.is_some());
        let failed = |error: tonic::transport::Error| {
            StoreError::new(agentic_core::StoreErrorKind::Invalid, &*url, format!("can't call it: {error}"))
        };
        let endpoint = Endpoint::from_shared(address.endpoint(tls)).map_err(failed)?;
        let mut endpoint = endpoint.timeout(address.timeout).connect_timeout(address.timeout);
        if tls {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(failed)?;
        }
        let (channel, key) = (endpoint.connect_lazy(), Key(key));
        let points = PointsClient::with_interceptor(channel.clone(), key.clone());
        let points = points.max_decoding_message_size(usize::MAX);
        let collections = CollectionsClient::with_interceptor(channel, key);
        Ok(Self { url, collection: address.collection.clone(), points, collections })
    }

    fn told<T>(&self, doing: &str, answer: Result<Response<T>, Status>) -> Called<T> {
        answer.map(Response::into_inner).map_err(|status| failure::of(doing, &self.url, &status))
    }

    // ----------------------------------------------------------------------------------------- collection

    /// What the server knows of the collection; `None` if there is none.
    pub(super) async fn info(&self) -> Called<Option<grpc::CollectionInfo>> {
        let collection_name = self.collection.clone();
        let request = grpc::GetCollectionInfoRequest { collection_name };
        match self.collections.clone().get(request).await {
            Err(status) if status.code() == tonic::Code::NotFound => Ok(None),
            answer => Ok(self.told("open", answer)?.result),
        }
    }

    /// Makes the collection; whether somebody else did so is found out afterwards.
    pub(super) async fn create(&self, mut request: grpc::CreateCollection) -> Called<()> {
        request.collection_name.clone_from(&self.collection);
        match self.collections.clone().create(request).await {
            Err(status) if status.code() == tonic::Code::AlreadyExists => Ok(()),
            // Versions of the server differ in what they say then.
            Err(status) if status.code() == tonic::Code::InvalidArgument && self.info().await?.is_some() => {
                Ok(())
            }
            answer => self.told("make", answer).map(drop),
        }
    }

    /// Makes an index of what is under this key.
    pub(super) async fn create_index(
        &self,
        key: &str,
        of: grpc::FieldType,
        params: Option<grpc::payload_index_params::IndexParams>,
    ) -> Called<()> {
        let request = grpc::CreateFieldIndexCollection {
            collection_name: self.collection.clone(),
            wait: Some(true),
            field_name: key.to_owned(),
            field_type: Some(of.into()),
            field_index_params: params.map(|it| grpc::PayloadIndexParams { index_params: Some(it) }),
            ordering: strong(),
            ..grpc::CreateFieldIndexCollection::default()
        };
        let answer = self.points.clone().create_field_index(request).await;
        self.told("index", answer).map(drop)
    }

    // -------------------------------------------------------------------------------------------- changes

    /// Writes these points; some of them, if a call fails.
    pub(super) async fn upsert(&self, points: Vec<grpc::PointStruct>) -> Called<()> {
        let (mut some, mut bytes) = (Vec::new(), 0);
        for point in points {
            let size = prost_size(&point);
            if !some.is_empty() && (some.len() >= POINTS || bytes + size > BYTES) {
                self.upsert_some(std::mem::take(&mut some)).await?;
                bytes = 0;
            }
            bytes += size;
            some.push(point);
        }
        match some.is_empty() {
            true => Ok(()),
            false => self.upsert_some(some).await,
        }
    }

    async fn upsert_some(&self, points: Vec<grpc::PointStruct>) -> Called<()> {
        let request = grpc::UpsertPoints {
            collection_name: self.collection.clone(),
            wait: Some(true),
            points,
            ordering: strong(),
            ..grpc::UpsertPoints::default()
        };
        let answer = self.points.clone().upsert(request).await;
        self.told("write", answer).map(drop)
    }

    async fn delete(&self, of: grpc::points_selector::PointsSelectorOneOf) -> Called<()> {
        let request = grpc::DeletePoints {
            collection_name: self.collection.clone(),
            wait: Some(true),
            points: Some(grpc::PointsSelector { points_selector_one_of: Some(of) }),
            ordering: strong(),
            ..grpc::DeletePoints::default()
        };
        let answer = self.points.clone().delete(request).await;
        self.told("write", answer).map(drop)
    }

    pub(super) async fn delete_points(&self, ids: Vec<grpc::PointId>) -> Called<()> {
        let list = grpc::PointsIdsList { ids };
        self.delete(grpc::points_selector::PointsSelectorOneOf::Points(list)).await
    }

    pub(super) async fn delete_where(&self, conditions: &[Condition]) -> Called<()> {
        let filter = convert::filter(conditions);
        self.delete(grpc::points_selector::PointsSelectorOneOf::Filter(filter)).await
    }

    // -------------------------------------------------------------------------------------------- looking

    /// The points with these ids that there are, by the bits of their ids.
    pub(super) async fn get(
        &self,
        ids: Vec<grpc::PointId>,
        payload: Option<grpc::WithPayloadSelector>,
        with_vectors: bool,
    ) -> Called<HashMap<u128, grpc::RetrievedPoint>> {
        let mut found = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(PAGE as usize) {
            let request = grpc::GetPoints {
                collection_name: self.collection.clone(),
                ids: ids.to_vec(),
                with_payload: payload.clone(),
                with_vectors: convert::vectors(with_vectors),
                ..grpc::GetPoints::default()
            };
            let answer = self.points.clone().get(request).await;
            let points = self.told("read", answer)?.result.into_iter();
            found.extend(points.filter_map(|point| Some((convert::bits(point.id.as_ref())?, point))));
        }
        Ok(found)
    }

    /// The points with the largest products with this vector.
    pub(super) async fn query(
        &self,
        vector: grpc::vector_input::Variant,
        using: &str,
        conditions: &[Condition],
        limit: usize,
        params: Option<grpc::SearchParams>,
        with_vectors: bool,
    ) -> Called<Vec<grpc::ScoredPoint>> {
        let nearest = grpc::query::Variant::Nearest(grpc::VectorInput { variant: Some(vector) });
        let request = grpc::QueryPoints {
            collection_name: self.collection.clone(),
            query: Some(grpc::Query { variant: Some(nearest) }),
            using: Some(using.to_owned()),
            filter: Some(convert::filter(conditions)),
            params,
            limit: Some(limit as u64),
            with_payload: convert::whole(),
            with_vectors: convert::vectors(with_vectors),
            ..grpc::QueryPoints::default()
        };
        let answer = self.points.clone().query(request).await;
        Ok(self.told("search", answer)?.result)
    }

    /// At most so many points, in the order of their ids from this one on, or of their times; and the id of the next one.
    pub(super) async fn scroll(
        &self,
        conditions: &[Condition],
        limit: u32,
        offset: Option<grpc::PointId>,
        order: Option<grpc::Direction>,
        with_vectors: bool,
    ) -> Called<(Vec<grpc::RetrievedPoint>, Option<grpc::PointId>)> {
        let order_by = order.map(|direction| grpc::OrderBy {
            key: convert::AT.to_owned(),
            direction: Some(direction.into()),
            start_from: None,
        });
        let request = grpc::ScrollPoints {
            collection_name: self.collection.clone(),
            filter: Some(convert::filter(conditions)),
            offset,
            limit: Some(limit),
            with_payload: convert::whole(),
            with_vectors: convert::vectors(with_vectors),
            order_by,
            ..grpc::ScrollPoints::default()
        };
        let answer = self.points.clone().scroll(request).await;
        let page = self.told("read", answer)?;
        Ok((page.result, page.next_page_offset))
    }

    /// How many points there are.
    pub(super) async fn count(&self, conditions: &[Condition]) -> Called<u64> {
        let request = grpc::CountPoints {
            collection_name: self.collection.clone(),
            filter: Some(convert::filter(conditions)),
            exact: Some(true),
            ..grpc::CountPoints::default()
        };
        let answer = self.points.clone().count(request).await;
        Ok(self.told("count", answer)?.result.unwrap_or_default().count)
    }

    /// How many points have which value under this key.
    pub(super) async fn values(
        &self,
        key: &str,
        conditions: &[Condition],
    ) -> Called<Vec<(grpc::facet_value::Variant, u64)>> {
        let request = grpc::FacetCounts {
            collection_name: self.collection.clone(),
            key: key.to_owned(),
            filter: Some(convert::filter(conditions)),
            limit: Some(ALL),
            exact: Some(true),
            ..grpc::FacetCounts::default()
        };
        let answer = self.points.clone().facet(request).await;
        let hits = self.told("count", answer)?.hits.into_iter();
        Ok(hits.filter_map(|hit| Some((hit.value?.variant?, hit.count))).collect())
    }
}

/// In the same order on all replicas.
fn strong() -> Option<grpc::WriteOrdering> {
    Some(grpc::WriteOrdering { r#type: grpc::WriteOrderingType::Strong.into() })
}

/// About how many bytes a point is.
fn prost_size(point: &grpc::PointStruct) -> usize {
    prost::Message::encoded_len(point)
}
