//! Events as people read them.

use jiff::Timestamp;
use k8s_openapi::{api::core::v1::Event, apimachinery::pkg::apis::meta::v1::Time};

use crate::view::age::since;

pub(crate) struct EventView {
    pub(crate) warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) about: String,
    pub(crate) count: i32,
    pub(crate) age: String,
    pub(crate) seconds: i64,
}

/// The newest first.
pub(crate) fn newest(events: &[Event], now: Timestamp, most: usize) -> Vec<EventView> {
    let mut shown: Vec<EventView> = events.iter().map(|event| view(event, now)).collect();
    shown.sort_by_key(|event| -event.seconds);
    shown.truncate(most);
    shown
}

fn view(event: &Event, now: Timestamp) -> EventView {
    let micro = event.event_time.as_ref().map(|time| Time(time.0));
    let created = event.metadata.creation_timestamp.clone();
    let last = event.last_timestamp.clone().or(micro).or(created);
    let object = &event.involved_object;
    let kind = object.kind.as_deref().unwrap_or_default();
    EventView {
        warning: event.type_.as_deref() == Some("Warning"),
        reason: event.reason.clone().unwrap_or_default(),
        message: event.message.clone().unwrap_or_default(),
        about: format!("{kind} {}", object.name.as_deref().unwrap_or_default()),
        count: event.count.unwrap_or(1),
        age: since(last.as_ref(), now),
        seconds: last.map_or(0, |time| time.0.as_second()),
    }
}
