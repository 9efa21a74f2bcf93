//! Event as `events.k8s.io/v1` serves it: the events of the core group under newer names.

use k8s_openapi::api::{
    core::v1 as core,
    events::v1::{Event as Object, EventSeries},
};
use object::FieldErrors;

use crate::{Column, Field, Kind, Version, column, event::Event, field, hub_cell};

const NAME_LENGTH_MAX: usize = 128;
const NOTE_LENGTH_MAX: usize = 1024;

pub struct EventV1;

impl Kind for EventV1 {
    type Object = Object;
    const SHORT_NAMES: &'static [&'static str] = &["ev"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Last Seen", |event: &Object, now| hub_cell::<Self>(event, now, "Last Seen")),
        column("Type", |event: &Object, now| hub_cell::<Self>(event, now, "Type")),
        column("Reason", |event: &Object, now| hub_cell::<Self>(event, now, "Reason")),
        column("Object", |event: &Object, now| hub_cell::<Self>(event, now, "Object")),
        column("Subobject", |event: &Object, now| hub_cell::<Self>(event, now, "Subobject")).wide(),
        column("Source", |event: &Object, now| hub_cell::<Self>(event, now, "Source")).wide(),
        column("Message", |event: &Object, now| hub_cell::<Self>(event, now, "Message")),
        column("First Seen", |event: &Object, now| hub_cell::<Self>(event, now, "First Seen"))
            .wide(),
        column("Count", |event: &Object, now| hub_cell::<Self>(event, now, "Count")).wide(),
        column("Name", |event: &Object, now| hub_cell::<Self>(event, now, "Name")).wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] = &[
        field("regarding.kind", |event: &Object| of_regarding(event, |about| &about.kind)),
        field("regarding.namespace", |event: &Object| {
            of_regarding(event, |about| &about.namespace)
        }),
        field("regarding.name", |event: &Object| of_regarding(event, |about| &about.name)),
        field("regarding.uid", |event: &Object| of_regarding(event, |about| &about.uid)),
        field("regarding.apiVersion", |event: &Object| {
            of_regarding(event, |about| &about.api_version)
        }),
        field("regarding.resourceVersion", |event: &Object| {
            of_regarding(event, |about| &about.resource_version)
        }),
        field("regarding.fieldPath", |event: &Object| {
            of_regarding(event, |about| &about.field_path)
        }),
        field("reason", |event: &Object| event.reason.clone().unwrap_or_default()),
        field("reportingController", |event: &Object| {
            event.reporting_controller.clone().unwrap_or_default()
        }),
        field("type", |event: &Object| event.type_.clone().unwrap_or_default()),
    ];

    fn validate(event: &Object, errors: &mut FieldErrors) {
        if event.event_time.is_none() {
            errors.required("eventTime", "");
        }
        let kind = event.type_.as_deref().unwrap_or_default();
        if !["Normal", "Warning"].contains(&kind) {
            errors.invalid("type", "", format!("has invalid value: {kind}"));
        }
        for (field, is_set) in [
            ("firstTimestamp", event.deprecated_first_timestamp.is_some()),
            ("lastTimestamp", event.deprecated_last_timestamp.is_some()),
            ("count", event.deprecated_count.is_some_and(|count| count != 0)),
            ("source", event.deprecated_source.as_ref().is_some_and(|s| *s != Default::default())),
        ] {
            if is_set {
                errors.invalid(field, "", "needs to be unset");
            }
        }
        for (field, text) in [
            ("reportingController", &event.reporting_controller),
            ("reportingInstance", &event.reporting_instance),
            ("action", &event.action),
            ("reason", &event.reason),
        ] {
            check_name(field, text.as_deref().unwrap_or_default(), errors);
        }
        if event.note.as_ref().is_some_and(|note| note.len() > NOTE_LENGTH_MAX) {
            errors.invalid("message", "", format!("can have at most {NOTE_LENGTH_MAX} characters"));
        }
        if let Some(series) = event.series.as_ref().filter(|series| series.count < 2) {
            errors.invalid("series.count", series.count, "should be at least 2");
        }
    }
}

fn check_name(field: &str, text: &str, errors: &mut FieldErrors) {
    if text.is_empty() {
        errors.required(field, "");
    } else if text.len() > NAME_LENGTH_MAX {
        errors.invalid(field, "", format!("can have at most {NAME_LENGTH_MAX} characters"));
    } else if field == "reportingController"
        && let Err(why) = object::name::qualified(text)
    {
        errors.invalid(field, text, why);
    }
}

impl Version for EventV1 {
    type Hub = Event;

    fn to_hub(event: Object) -> core::Event {
        core::Event {
            action: event.action,
            count: event.deprecated_count,
            event_time: event.event_time,
            first_timestamp: event.deprecated_first_timestamp,
            involved_object: event.regarding.unwrap_or_default(),
            last_timestamp: event.deprecated_last_timestamp,
            message: event.note,
            metadata: event.metadata,
            reason: event.reason,
            related: event.related,
            reporting_component: event.reporting_controller,
            reporting_instance: event.reporting_instance,
            series: event.series.map(|series| core::EventSeries {
                count: Some(series.count),
                last_observed_time: Some(series.last_observed_time),
            }),
            source: event.deprecated_source,
            type_: event.type_,
        }
    }

    fn from_hub(event: core::Event) -> Object {
        Object {
            action: event.action,
            deprecated_count: event.count,
            deprecated_first_timestamp: event.first_timestamp,
            deprecated_last_timestamp: event.last_timestamp,
            deprecated_source: event.source,
            event_time: event.event_time,
            metadata: event.metadata,
            note: event.message,
            reason: event.reason,
            regarding: Some(event.involved_object),
            related: event.related,
            reporting_controller: event.reporting_component,
            reporting_instance: event.reporting_instance,
            series: event.series.and_then(|series| {
                let last_observed_time = series.last_observed_time?;
                Some(EventSeries { count: series.count.unwrap_or_default(), last_observed_time })
            }),
            type_: event.type_,
        }
    }
}

fn of_regarding(event: &Object, read: fn(&core::ObjectReference) -> &Option<String>) -> String {
    event.regarding.as_ref().and_then(|about| read(about).clone()).unwrap_or_default()
}
