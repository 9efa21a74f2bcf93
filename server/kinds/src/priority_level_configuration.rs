//! PriorityLevelConfiguration: how many requests of a priority run at once, and how the rest waits.

use jiff::Timestamp;
use k8s_openapi::api::flowcontrol::v1;
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, flow},
};

pub struct PriorityLevelConfiguration;

impl Kind for PriorityLevelConfiguration {
    type Object = v1::PriorityLevelConfiguration;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::PriorityLevelConfiguration, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Type", |level: &v1::PriorityLevelConfiguration, _| {
            level.spec.type_.as_str().into()
        }),
        column("NominalConcurrencyShares", |level: &v1::PriorityLevelConfiguration, _| {
            let limited = level.spec.limited.as_ref();
            let exempt = level.spec.exempt.as_ref();
            number(
                limited
                    .and_then(|limited| limited.nominal_concurrency_shares)
                    .or_else(|| exempt.and_then(|exempt| exempt.nominal_concurrency_shares)),
            )
        }),
        column("Queues", |level, now| queuing(level, now, |queuing| queuing.queues)),
        column("HandSize", |level, now| queuing(level, now, |queuing| queuing.hand_size)),
        column("QueueLengthLimit", |level, now| {
            queuing(level, now, |queuing| queuing.queue_length_limit)
        }),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(level: &mut v1::PriorityLevelConfiguration) {
        flow::set_level_defaults(&mut level.spec);
    }

    fn prepare_create(level: &mut v1::PriorityLevelConfiguration) {
        level.status = Some(v1::PriorityLevelConfigurationStatus::default());
    }

    fn validate(level: &v1::PriorityLevelConfiguration, errors: &mut FieldErrors) {
        flow::validate_level(level, errors);
    }
}

fn number(value: Option<i32>) -> Value {
    value.map_or(cells::NONE.into(), Value::from)
}

fn queuing(
    level: &v1::PriorityLevelConfiguration,
    _: Timestamp,
    read: fn(&v1::QueuingConfiguration) -> Option<i32>,
) -> Value {
    let limited = level.spec.limited.as_ref();
    let queuing = limited.and_then(|limited| limited.limit_response.queuing.as_ref());
    number(queuing.and_then(read))
}
