//! Whose request runs next when there is more to do than the server does at once.
//!
//! A request is classified by the flow schemas: the first that matches names its priority level and
//! its flow. A level has a share of the server's seats; what it does not use, others may borrow as
//! far as it lends. Requests beyond that wait in queues, which flows are dealt to by their hash, so
//! that a flow that floods fills its own few queues; seats go round the queues in turn.
//!
//! Borrowing is simpler than in Kubernetes: seats are not moved ahead of demand every ten seconds but
//! lent at the moment at which a request comes, and come back when that request ends.

mod classify;
mod defaults;
mod gate;
mod queues;

use std::sync::Arc;

use k8s_openapi::api::flowcontrol::v1::{FlowSchema, PriorityLevelConfiguration};

use crate::World;

pub use classify::Class;
pub(crate) use defaults::{objects, renewed};
pub use gate::{Arrival, Gate, Ticket};

pub(crate) const SCHEMAS: &str = "flowschemas.flowcontrol.apiserver.k8s.io";
pub(crate) const LEVELS: &str = "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io";
/// The kinds that a configuration is read from.
pub const READS: &[&str] = &[SCHEMAS, LEVELS];

/// Levels and schemas, ready for use.
#[derive(Debug, Default)]
pub struct Config {
    /// In the order in which they are asked.
    schemas: Vec<(FlowSchema, Arc<Level>)>,
    levels: Vec<Arc<Level>>,
}

/// A priority level.
#[derive(Debug, PartialEq)]
pub struct Level {
    pub name: String,
    pub uid: String,
    /// `None`: its requests run at once, whatever else does.
    limits: Option<Limits>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    /// How many of its requests run at once.
    seats: u32,
    /// How many of these others may have while they are free.
    lendable: u32,
    /// How many of others' it may have.
    borrowing_max: u32,
    /// `None`: what does not run at once is refused.
    queuing: Option<Queuing>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Queuing {
    queues: u32,
    hand: u32,
    length_max: u32,
}

impl Config {
    /// Reads what is stored. `seats` is what the server does at once, over all levels.
    pub fn of(world: &World, seats: u32) -> Self {
        let stored = world.of_kind(LEVELS);
        let stored: Vec<PriorityLevelConfiguration> =
            stored.filter_map(|entry| entry.read()).collect();
        let shares: u64 = stored.iter().map(shares).sum();
        let levels: Vec<Arc<Level>> =
            stored.iter().map(|level| Arc::new(Level::of(level, seats, shares))).collect();
        let schemas = world.of_kind(SCHEMAS).filter_map(|entry| entry.read::<FlowSchema>());
        let mut schemas: Vec<(FlowSchema, Arc<Level>)> = schemas
            .filter_map(|schema| {
                let wanted = &schema.spec.priority_level_configuration.name;
                let level = levels.iter().find(|level| level.name == *wanted)?.clone();
                Some((schema, level))
            })
            .collect();
        schemas.sort_by_key(|(schema, _)| {
            (schema.spec.matching_precedence.unwrap_or(1000), schema.metadata.name.clone())
        });
        Self { schemas, levels }
    }
}

fn shares(level: &PriorityLevelConfiguration) -> u64 {
    let limited =
        level.spec.limited.as_ref().and_then(|limited| limited.nominal_concurrency_shares);
    let exempt = level.spec.exempt.as_ref().and_then(|exempt| exempt.nominal_concurrency_shares);
    let default = if level.spec.limited.is_some() { 30 } else { 0 };
    u64::try_from(limited.or(exempt).unwrap_or(default)).unwrap_or(0)
}

impl Level {
    fn of(stored: &PriorityLevelConfiguration, seats: u32, shares_all: u64) -> Self {
        let limits = stored.spec.limited.as_ref().map(|limited| {
            let own = (u64::from(seats) * shares(stored)).div_ceil(shares_all.max(1));
            let own = u32::try_from(own).unwrap_or(seats);
            let part = |percent: i32| {
                let percent = u64::try_from(percent).unwrap_or(0);
                u32::try_from((u64::from(own) * percent + 50) / 100).unwrap_or(own)
            };
            let number = |value: Option<i32>, default: u32| {
                value.and_then(|value| u32::try_from(value).ok()).unwrap_or(default).max(1)
            };
            let response = &limited.limit_response;
            let queuing = (response.type_ == "Queue").then(|| {
                let queuing = response.queuing.clone().unwrap_or_default();
                Queuing {
                    queues: number(queuing.queues, 64),
                    hand: number(queuing.hand_size, 8),
                    length_max: number(queuing.queue_length_limit, 50),
                }
            });
            Limits {
                seats: own,
                lendable: part(limited.lendable_percent.unwrap_or(0)).min(own),
                borrowing_max: limited.borrowing_limit_percent.map_or(u32::MAX, part),
                queuing,
            }
        });
        let meta = &stored.metadata;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self { name: text(&meta.name), uid: text(&meta.uid), limits }
    }
}

#[cfg(test)]
mod tests;
