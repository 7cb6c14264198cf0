//! The engine's own types.

use std::collections::HashMap;

use agentic_core::Record;
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{
    Condition as EngineCondition, CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeVectorParams,
    FieldCondition, FieldIndexOperations, Filter as EngineFilter, FloatIndexParams, HnswIndexConfig,
    JsonPath, KeywordIndexParams, Match, PayloadFieldSchema, PayloadSchemaParams, PointId,
    PointInsertOperations, PointOperations, PointStruct, PointStructPersisted, Range, UpdateOperation,
    VectorInternal, VectorStructInternal, Vectors, WalOptions,
};
use serde_json::json;

use super::failure::Failure;
use crate::backend::points::{self, Condition, Payload, VECTOR, direction, key};

/// Bytes of vectors that may be out of the graph.
pub(super) const UNINDEXED: usize = 16 << 20;

/// Marks the point of a record that is being deleted.
pub(super) const GONE: &str = "gone";

/// The engine's settings for vectors with so many numbers.
pub(super) fn config(dimensions: usize) -> EdgeConfig {
    // Of length 1: then this is the cosine, and the engine leaves them as they are.
    let vectors = EdgeVectorParams::builder(dimensions, Distance::Dot).build();
    let mut optimizers = EdgeOptimizersConfig::default();
    // One graph: several would have to be searched one after the other.
    optimizers.default_segment_number = Some(1);
    optimizers.max_segment_size = Some(usize::MAX >> 10);
    optimizers.indexing_threshold = Some(UNINDEXED >> 11);
    let log = WalOptions { segment_capacity: 8 << 20, ..WalOptions::default() };
    EdgeConfig::builder()
        .vector(VECTOR, vectors)
        .hnsw_config(HnswIndexConfig { m: 16, ef_construct: 100, ..HnswIndexConfig::default() })
        .optimizers(optimizers)
        .wal_options(log)
        // Questions come from several threads already.
        .max_search_threads(1)
        .build()
}

/// What makes the payload indexes of a new folder.
pub(super) fn indexes() -> Result<Vec<UpdateOperation>, Failure> {
    let keyword = |key: &str| {
        let tenant = key == key::TENANT;
        // Only tenants have graphs of their own: what else is asked for differs from question to question.
        let params = KeywordIndexParams {
            is_tenant: Some(tenant),
            enable_hnsw: Some(tenant),
            ..KeywordIndexParams::default()
        };
        index(key, PayloadSchemaParams::Keyword(params))
    };
    [key::TENANT, key::AGENT, key::SESSION, key::IS].into_iter().map(keyword).collect()
}

/// What makes an index of the numbers under this key.
pub(super) fn number_index(key: &str) -> Result<UpdateOperation, Failure> {
    let params = FloatIndexParams { enable_hnsw: Some(false), ..FloatIndexParams::default() };
    index(key, PayloadSchemaParams::Float(params))
}

fn index(key: &str, params: PayloadSchemaParams) -> Result<UpdateOperation, Failure> {
    let field_schema = Some(PayloadFieldSchema::FieldParams(params));
    let index = CreateIndex { field_name: path(key)?, field_schema };
    Ok(UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(index)))
}

fn path(key: &str) -> Result<JsonPath, Failure> {
    let wrong = |()| {
        let message = format!("`{key}` is no path into a payload");
        Failure::Told(agentic_core::StoreErrorKind::Failed, message)
    };
    JsonPath::try_from(key).map_err(wrong)
}

/// The id of the point of a record.
pub(super) fn id(tenant: &str, id: &str) -> PointId {
    PointId::Uuid(Uuid::from_u128(points::id(tenant, id)))
}

/// The point of a record with this revision.
pub(super) fn point(record: &Record, revision: u64) -> PointStructPersisted {
    let mut named = HashMap::new();
    if let Some(unit) = direction(&record.vector) {
        named.insert(VECTOR.into(), VectorInternal::Dense(unit.into_owned()));
    }
    let vectors = Vectors(VectorStructInternal::Named(named));
    let id = id(&record.scope.tenant, &record.id);
    PointStruct::new(id, vectors, Payload::of(record, revision).json()).into()
}

/// What is written over the point of a record that is being deleted.
pub(super) fn gone(point: PointId) -> PointStructPersisted {
    let none = Vectors(VectorStructInternal::Named(HashMap::new()));
    PointStruct::new(point, none, json!({ GONE: true })).into()
}

/// Writes these points.
pub(super) fn upsert(points: Vec<PointStructPersisted>) -> UpdateOperation {
    let points = PointInsertOperations::PointsList(points);
    UpdateOperation::PointOperation(PointOperations::UpsertPoints(points))
}

/// Deletes these points.
pub(super) fn delete(ids: Vec<PointId>) -> UpdateOperation {
    UpdateOperation::PointOperation(PointOperations::DeletePoints { ids })
}

/// The engine's filter for these conditions.
pub(super) fn filter(conditions: &[Condition]) -> Result<Option<EngineFilter>, Failure> {
    let (mut must, mut must_not) = (Vec::new(), Vec::new());
    let any = |key: &str, texts: &[String]| {
        let wanted = match texts {
            [one] => Match::from(one.clone()),
            several => Match::from(several.to_vec()),
        };
        Ok::<_, Failure>(EngineCondition::Field(FieldCondition::new_match(path(key)?, wanted)))
    };
    for condition in conditions {
        match condition {
            Condition::Has(key, texts) => must.push(any(key, texts)?),
            Condition::HasNot(key, texts) => must_not.push(any(key, texts)?),
            Condition::Empty(key) => must.push(EngineCondition::IsEmpty(path(key)?.into())),
            Condition::Within(key, least, limit) => {
                let [gte, lt] = [least, limit].map(|number| number.map(OrderedFloat));
                let range = Range { gte, lt, ..Range::default() };
                must.push(EngineCondition::Field(FieldCondition::new_range(path(key)?, range)));
            }
        }
    }
    let some = |conditions: Vec<_>| Some(conditions).filter(|it| !it.is_empty());
    let filter = EngineFilter { must: some(must), must_not: some(must_not), ..EngineFilter::default() };
    Ok((!conditions.is_empty()).then_some(filter))
}

/// The vector of a point; empty for none.
pub(super) fn vector(of: Option<VectorStructInternal>) -> Vec<f32> {
    match of {
        Some(VectorStructInternal::Named(mut named)) => match named.remove(VECTOR) {
            Some(VectorInternal::Dense(vector)) => vector,
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}
