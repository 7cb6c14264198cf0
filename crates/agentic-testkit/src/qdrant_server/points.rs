//! Points.

use qdrant_client::qdrant::{self as grpc, points_selector::PointsSelectorOneOf, points_server::Points};
use qdrant_edge::{
    CountRequest, CreateIndex, FacetRequest, FieldIndexOperations, NamedQuery, PayloadFieldSchema,
    PayloadSchemaType, PointInsertOperations, PointOperations, QueryEnum, QueryRequest, RetrieveRequest,
    ScoringQuery, ScrollRequest, SearchParams, UpdateOperation, VectorInternal,
};
use tonic::{Request, Response, Status, async_trait};

use super::State;
use super::collections::none;
use super::convert::{self, failed};

fn done() -> Response<grpc::PointsOperationResponse> {
    let result = grpc::UpdateResult { operation_id: None, status: grpc::UpdateStatus::Completed.into() };
    Response::new(grpc::PointsOperationResponse { result: Some(result), ..Default::default() })
}

#[async_trait]
impl Points for State {
    async fn upsert(
        &self,
        request: Request<grpc::UpsertPoints>,
    ) -> Result<Response<grpc::PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let points = request.points.into_iter().map(convert::point).collect::<Result<_, _>>()?;
        let points = PointOperations::UpsertPoints(PointInsertOperations::PointsList(points));
        collection.engine.update(UpdateOperation::PointOperation(points)).map_err(failed)?;
        Ok(done())
    }

    async fn delete(
        &self,
        request: Request<grpc::DeletePoints>,
    ) -> Result<Response<grpc::PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let delete = match request.points.and_then(|it| it.points_selector_one_of) {
            Some(PointsSelectorOneOf::Points(list)) => PointOperations::DeletePoints {
                ids: list.ids.into_iter().map(|id| convert::id(Some(id))).collect::<Result<_, _>>()?,
            },
            Some(PointsSelectorOneOf::Filter(filter)) => {
                PointOperations::DeletePointsByFilter(convert::filter(filter)?)
            }
            None => return Err(Status::invalid_argument("which points?")),
        };
        collection.engine.update(UpdateOperation::PointOperation(delete)).map_err(failed)?;
        Ok(done())
    }

    async fn create_field_index(
        &self,
        request: Request<grpc::CreateFieldIndexCollection>,
    ) -> Result<Response<grpc::PointsOperationResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let of = match request.field_type() {
            grpc::FieldType::Keyword => PayloadSchemaType::Keyword,
            grpc::FieldType::Integer => PayloadSchemaType::Integer,
            grpc::FieldType::Float => PayloadSchemaType::Float,
            _ => return Err(Status::unimplemented("no such index here")),
        };
        let field_schema = Some(PayloadFieldSchema::FieldType(of));
        let index = CreateIndex { field_name: convert::path(&request.field_name)?, field_schema };
        let index = UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(index));
        collection.engine.update(index).map_err(failed)?;
        Ok(done())
    }

    async fn get(&self, request: Request<grpc::GetPoints>) -> Result<Response<grpc::GetResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let ids = request.ids.into_iter().map(|id| convert::id(Some(id))).collect::<Result<_, _>>()?;
        let mut wanted = RetrieveRequest::new(ids);
        wanted.with_payload = Some(convert::with_payload(request.with_payload)?);
        wanted.with_vector = Some(convert::with_vector(request.with_vectors));
        let points = collection.engine.retrieve(wanted).map_err(failed)?;
        let result = points.into_iter().map(convert::retrieved).collect();
        Ok(Response::new(grpc::GetResponse { result, ..Default::default() }))
    }

    async fn scroll(
        &self,
        request: Request<grpc::ScrollPoints>,
    ) -> Result<Response<grpc::ScrollResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let mut wanted = ScrollRequest::new();
        wanted.offset = request.offset.map(|id| convert::id(Some(id))).transpose()?;
        wanted.limit = request.limit.map(|limit| limit as usize);
        wanted.filter = request.filter.map(convert::filter).transpose()?;
        wanted.with_payload = Some(convert::with_payload(request.with_payload)?);
        wanted.with_vector = convert::with_vector(request.with_vectors);
        wanted.order_by = request.order_by.map(convert::order).transpose()?;
        let (points, next) = collection.engine.scroll(wanted).map_err(failed)?;
        let result = points.into_iter().map(convert::retrieved).collect();
        let next_page_offset = next.map(convert::id_of);
        Ok(Response::new(grpc::ScrollResponse { result, next_page_offset, ..Default::default() }))
    }

    async fn count(
        &self,
        request: Request<grpc::CountPoints>,
    ) -> Result<Response<grpc::CountResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let mut wanted = CountRequest::new();
        wanted.filter = request.filter.map(convert::filter).transpose()?;
        let count = collection.engine.count(wanted).map_err(failed)? as u64;
        let result = Some(grpc::CountResult { count });
        Ok(Response::new(grpc::CountResponse { result, ..Default::default() }))
    }

    async fn query(
        &self,
        request: Request<grpc::QueryPoints>,
    ) -> Result<Response<grpc::QueryResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let mut wanted = QueryRequest::new(request.limit.unwrap_or(10) as usize);
        let query = match request.query.and_then(|it| it.variant) {
            Some(grpc::query::Variant::Nearest(input)) => match input.variant {
                Some(grpc::vector_input::Variant::Dense(dense)) => VectorInternal::Dense(dense.data),
                Some(grpc::vector_input::Variant::Sparse(sparse)) => convert::sparse(sparse)?,
                _ => return Err(Status::unimplemented("no such vector here")),
            },
            _ => return Err(Status::unimplemented("no such query here")),
        };
        let using = request.using.map(Into::into);
        wanted.query = Some(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery { query, using })));
        wanted.filter = request.filter.map(convert::filter).transpose()?;
        let hnsw_ef = request.params.and_then(|it| it.hnsw_ef).map(|ef| ef as usize);
        wanted.params = Some(SearchParams { hnsw_ef, ..SearchParams::default() });
        wanted.with_payload = convert::with_payload(request.with_payload)?;
        wanted.with_vector = convert::with_vector(request.with_vectors);
        let points = collection.engine.query(wanted).map_err(failed)?;
        let result = points.into_iter().map(convert::scored).collect();
        Ok(Response::new(grpc::QueryResponse { result, ..Default::default() }))
    }

    async fn facet(
        &self,
        request: Request<grpc::FacetCounts>,
    ) -> Result<Response<grpc::FacetResponse>, Status> {
        let request = request.into_inner();
        let collection = self.collection(&request.collection_name)?;
        let mut wanted = FacetRequest::new(convert::path(&request.key)?);
        wanted.limit = request.limit.unwrap_or(10) as usize;
        wanted.filter = request.filter.map(convert::filter).transpose()?;
        wanted.exact = request.exact.unwrap_or_default();
        let found = collection.engine.facet(wanted).map_err(failed)?;
        let hits = found.hits.into_iter().map(convert::facet).collect();
        Ok(Response::new(grpc::FacetResponse { hits, ..Default::default() }))
    }

    none! {
        update_vectors: UpdatePointVectors -> PointsOperationResponse;
        delete_vectors: DeletePointVectors -> PointsOperationResponse;
        set_payload: SetPayloadPoints -> PointsOperationResponse;
        overwrite_payload: SetPayloadPoints -> PointsOperationResponse;
        delete_payload: DeletePayloadPoints -> PointsOperationResponse;
        clear_payload: ClearPayloadPoints -> PointsOperationResponse;
        delete_field_index: DeleteFieldIndexCollection -> PointsOperationResponse;
        create_vector_name: CreateVectorNameRequest -> PointsOperationResponse;
        delete_vector_name: DeleteVectorNameRequest -> PointsOperationResponse;
        search: SearchPoints -> SearchResponse;
        search_batch: SearchBatchPoints -> SearchBatchResponse;
        search_groups: SearchPointGroups -> SearchGroupsResponse;
        recommend: RecommendPoints -> RecommendResponse;
        recommend_batch: RecommendBatchPoints -> RecommendBatchResponse;
        recommend_groups: RecommendPointGroups -> RecommendGroupsResponse;
        discover: DiscoverPoints -> DiscoverResponse;
        discover_batch: DiscoverBatchPoints -> DiscoverBatchResponse;
        update_batch: UpdateBatchPoints -> UpdateBatchResponse;
        query_batch: QueryBatchPoints -> QueryBatchResponse;
        query_groups: QueryPointGroups -> QueryGroupsResponse;
        search_matrix_pairs: SearchMatrixPoints -> SearchMatrixPairsResponse;
        search_matrix_offsets: SearchMatrixPoints -> SearchMatrixOffsetsResponse;
    }
}
