//! FlowSchema: which requests go to which priority level.

use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1;
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, flow},
};

pub struct FlowSchema;

impl Kind for FlowSchema {
    type Object = v1::FlowSchema;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::FlowSchema, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("PriorityLevel", |schema: &v1::FlowSchema, _| {
            schema.spec.priority_level_configuration.name.as_str().into()
        }),
        column("MatchingPrecedence", |schema: &v1::FlowSchema, _| {
            schema.spec.matching_precedence.unwrap_or_default().into()
        })
        .integer(),
        column("DistinguisherMethod", |schema: &v1::FlowSchema, _| {
            let method = schema.spec.distinguisher_method.as_ref();
            cells::or_none(method.map(|method| method.type_.as_str()))
        }),
        cells::age(),
        column("MissingPL", missing),
    ];
    const GENERATION: bool = true;

    fn set_defaults(schema: &mut v1::FlowSchema) {
        if schema.spec.matching_precedence.unwrap_or_default() == 0 {
            schema.spec.matching_precedence = Some(1000);
        }
        for rule in schema.spec.rules.iter_mut().flatten() {
            for rule in rule.resource_rules.iter_mut().flatten() {
                rule.namespaces.get_or_insert_default();
            }
        }
    }

    fn prepare_create(schema: &mut v1::FlowSchema) {
        schema.status = Some(v1::FlowSchemaStatus::default());
    }

    fn validate(schema: &v1::FlowSchema, errors: &mut FieldErrors) {
        flow::validate_schema(schema, errors);
    }
}

fn missing(schema: &v1::FlowSchema, _: Timestamp) -> Value {
    let conditions = schema.status.as_ref().and_then(|status| status.conditions.as_deref());
    let mut dangling =
        conditions.unwrap_or_default().iter().filter(|condition| condition.type_ == "Dangling");
    dangling.next().and_then(|condition| condition.status.as_deref()).unwrap_or("?").into()
}
