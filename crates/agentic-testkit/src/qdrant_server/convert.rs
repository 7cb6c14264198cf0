//! From the types of the gRPC interface to those of the engine, and back.

use std::collections::HashMap;

use qdrant_client::qdrant::{
    self as grpc, condition::ConditionOneOf, r#match::MatchValue, point_id::PointIdOptions, value::Kind,
};
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::external::uuid::Uuid;
use qdrant_edge::{
    Condition, Direction, FacetValue, FacetValueHit, FieldCondition, Filter, JsonPath, Match, OperationError,
    OrderBy, OrderByInterface, Payload, PayloadSelector, PayloadSelectorInclude, PointId, PointStruct,
    PointStructPersisted, Range, Record, ScoredPoint, SparseVector, VectorInternal, VectorStructInternal,
    Vectors, WithPayloadInterface, WithVector,
};
use serde_json::{Map, Value};
use tonic::Status;

/// What the engine says, as a real server would.
pub(super) fn failed(error: OperationError) -> Status {
    match error {
        OperationError::ServiceError { description, .. } => Status::internal(description),
        other => Status::invalid_argument(other.to_string()),
    }
}

fn wrong(what: &str) -> Status {
    Status::invalid_argument(format!("no such {what} here"))
}

pub(super) fn path(key: &str) -> Result<JsonPath, Status> {
    JsonPath::try_from(key).map_err(|()| wrong("path"))
}

// ---------------------------------------------------------------------------------------------------- points

pub(super) fn id(id: Option<grpc::PointId>) -> Result<PointId, Status> {
    match id.and_then(|id| id.point_id_options) {
        Some(PointIdOptions::Num(n)) => Ok(PointId::NumId(n)),
        Some(PointIdOptions::Uuid(text)) => {
            Ok(PointId::Uuid(Uuid::parse_str(&text).map_err(|_| wrong("id"))?))
        }
        None => Err(wrong("id")),
    }
}

pub(super) fn id_of(id: PointId) -> grpc::PointId {
    let options = match id {
        PointId::NumId(n) => PointIdOptions::Num(n),
        PointId::Uuid(uuid) => PointIdOptions::Uuid(uuid.to_string()),
    };
    grpc::PointId { point_id_options: Some(options) }
}

pub(super) fn point(point: grpc::PointStruct) -> Result<PointStructPersisted, Status> {
    use grpc::vectors::VectorsOptions;
    let named = match point.vectors.and_then(|it| it.vectors_options) {
        Some(VectorsOptions::Vectors(named)) => named.vectors,
        None => HashMap::new(),
        Some(VectorsOptions::Vector(_)) => return Err(wrong("vector without a name")),
    };
    let vector = |(name, vector): (String, grpc::Vector)| {
        let vector = match vector.vector {
            Some(grpc::vector::Vector::Dense(dense)) => VectorInternal::Dense(dense.data),
            Some(grpc::vector::Vector::Sparse(vector)) => sparse(vector)?,
            _ => return Err(wrong("vector")),
        };
        Ok((name.into(), vector))
    };
    let vectors = named.into_iter().map(vector).collect::<Result<_, Status>>()?;
    let vectors = Vectors(VectorStructInternal::Named(vectors));
    Ok(PointStruct::new(id(point.id)?, vectors, Value::Object(json(point.payload))).into())
}

pub(super) fn sparse(vector: grpc::SparseVector) -> Result<VectorInternal, Status> {
    let vector = SparseVector::new(vector.indices, vector.values);
    vector.map(VectorInternal::Sparse).map_err(|error| Status::invalid_argument(error.to_string()))
}

fn json(payload: HashMap<String, grpc::Value>) -> Map<String, Value> {
    payload.into_iter().map(|(name, value)| (name, json_of(value))).collect()
}

fn json_of(value: grpc::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(it)) => it.into(),
        Some(Kind::IntegerValue(it)) => it.into(),
        Some(Kind::DoubleValue(it)) => it.into(),
        Some(Kind::StringValue(it)) => it.into(),
        Some(Kind::ListValue(all)) => all.values.into_iter().map(json_of).collect(),
        Some(Kind::StructValue(it)) => Value::Object(json(it.fields)),
    }
}

fn payload(payload: Option<Payload>) -> HashMap<String, grpc::Value> {
    let entries = payload.unwrap_or_default().0;
    entries.into_iter().map(|(name, json)| (name, value_of(json))).collect()
}

fn value_of(json: Value) -> grpc::Value {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(it) => Kind::BoolValue(it),
        Value::Number(it) => match it.as_i64() {
            Some(it) => Kind::IntegerValue(it),
            None => Kind::DoubleValue(it.as_f64().unwrap_or_default()),
        },
        Value::String(it) => Kind::StringValue(it),
        Value::Array(all) => {
            Kind::ListValue(grpc::ListValue { values: all.into_iter().map(value_of).collect() })
        }
        Value::Object(all) => Kind::StructValue(grpc::Struct {
            fields: all.into_iter().map(|(name, json)| (name, value_of(json))).collect(),
        }),
    };
    grpc::Value { kind: Some(kind) }
}

fn vectors(vectors: Option<VectorStructInternal>) -> Option<grpc::VectorsOutput> {
    use grpc::vector_output::Vector;
    let VectorStructInternal::Named(named) = vectors? else { return None };
    let vector = |vector| {
        let vector = match vector {
            VectorInternal::Dense(data) => Vector::Dense(grpc::DenseVector { data }),
            VectorInternal::Sparse(SparseVector { indices, values, .. }) => {
                Vector::Sparse(grpc::SparseVector { indices, values })
            }
            VectorInternal::MultiDense(_) => return None,
        };
        Some(grpc::VectorOutput { vector: Some(vector), ..grpc::VectorOutput::default() })
    };
    let vectors = named.into_iter().filter_map(|(name, it)| Some((name.to_string(), vector(it)?)));
    let named = grpc::NamedVectorsOutput { vectors: vectors.collect() };
    Some(grpc::VectorsOutput { vectors_options: Some(grpc::vectors_output::VectorsOptions::Vectors(named)) })
}

pub(super) fn retrieved(point: Record) -> grpc::RetrievedPoint {
    grpc::RetrievedPoint {
        id: Some(id_of(point.id)),
        payload: payload(point.payload),
        vectors: vectors(point.vector),
        ..grpc::RetrievedPoint::default()
    }
}

pub(super) fn scored(point: ScoredPoint) -> grpc::ScoredPoint {
    grpc::ScoredPoint {
        id: Some(id_of(point.id)),
        payload: payload(point.payload),
        score: point.score,
        version: point.version,
        vectors: vectors(point.vector),
        ..grpc::ScoredPoint::default()
    }
}

pub(super) fn facet(hit: FacetValueHit) -> grpc::FacetHit {
    use grpc::facet_value::Variant;
    let variant = match hit.value {
        FacetValue::Keyword(text) => Variant::StringValue(text),
        FacetValue::Int(number) => Variant::IntegerValue(number),
        FacetValue::Bool(it) => Variant::BoolValue(it),
        FacetValue::Uuid(bits) => Variant::StringValue(Uuid::from_u128(bits).to_string()),
    };
    let value = Some(grpc::FacetValue { variant: Some(variant) });
    grpc::FacetHit { value, count: hit.count as u64 }
}

// ------------------------------------------------------------------------------------------------- questions

pub(super) fn with_payload(
    wanted: Option<grpc::WithPayloadSelector>,
) -> Result<WithPayloadInterface, Status> {
    use grpc::with_payload_selector::SelectorOptions;
    match wanted.and_then(|it| it.selector_options) {
        None => Ok(WithPayloadInterface::Bool(false)),
        Some(SelectorOptions::Enable(wanted)) => Ok(WithPayloadInterface::Bool(wanted)),
        Some(SelectorOptions::Include(keys)) => {
            let include = keys.fields.iter().map(|key| path(key)).collect::<Result<_, _>>()?;
            let selector = PayloadSelector::Include(PayloadSelectorInclude { include });
            Ok(WithPayloadInterface::Selector(selector))
        }
        Some(SelectorOptions::Exclude(_)) => Err(wrong("selector")),
    }
}

pub(super) fn with_vector(wanted: Option<grpc::WithVectorsSelector>) -> WithVector {
    use grpc::with_vectors_selector::SelectorOptions;
    match wanted.and_then(|it| it.selector_options) {
        None => WithVector::Bool(false),
        Some(SelectorOptions::Enable(wanted)) => WithVector::Bool(wanted),
        Some(SelectorOptions::Include(names)) => {
            WithVector::Selector(names.names.into_iter().map(Into::into).collect())
        }
    }
}

pub(super) fn order(order: grpc::OrderBy) -> Result<OrderByInterface, Status> {
    if order.start_from.is_some() {
        return Err(wrong("start of an order"));
    }
    let direction = match order.direction() {
        grpc::Direction::Asc => Direction::Asc,
        grpc::Direction::Desc => Direction::Desc,
    };
    let key = path(&order.key)?;
    Ok(OrderByInterface::Struct(OrderBy { key, direction: Some(direction), start_from: None }))
}

pub(super) fn filter(filter: grpc::Filter) -> Result<Filter, Status> {
    if filter.min_should.is_some() {
        return Err(wrong("filter"));
    }
    let all = |conditions: Vec<grpc::Condition>| {
        let conditions = conditions.into_iter().map(condition).collect::<Result<Vec<_>, _>>()?;
        Ok::<_, Status>(Some(conditions).filter(|it| !it.is_empty()))
    };
    Ok(Filter {
        should: all(filter.should)?,
        must: all(filter.must)?,
        must_not: all(filter.must_not)?,
        ..Filter::default()
    })
}

fn condition(condition: grpc::Condition) -> Result<Condition, Status> {
    match condition.condition_one_of {
        Some(ConditionOneOf::IsEmpty(empty)) => Ok(Condition::IsEmpty(path(&empty.key)?.into())),
        Some(ConditionOneOf::Filter(inner)) => Ok(Condition::Filter(filter(inner)?)),
        Some(ConditionOneOf::Field(field)) => {
            let key = path(&field.key)?;
            let wanted = match (field.r#match.and_then(|it| it.match_value), field.range) {
                (Some(MatchValue::Keyword(text)), None) => FieldCondition::new_match(key, Match::from(text)),
                (Some(MatchValue::Keywords(all)), None) => {
                    FieldCondition::new_match(key, Match::from(all.strings))
                }
                (Some(MatchValue::Integer(number)), None) => {
                    FieldCondition::new_match(key, Match::from(number))
                }
                (None, Some(grpc::Range { lt, gt, gte, lte })) => {
                    let [lt, gt, gte, lte] = [lt, gt, gte, lte].map(|number| number.map(OrderedFloat));
                    FieldCondition::new_range(key, Range { lt, gt, gte, lte })
                }
                _ => return Err(wrong("condition")),
            };
            Ok(Condition::Field(wanted))
        }
        _ => Err(wrong("condition")),
    }
}
