//! Event, of the core group.

use jiff::Timestamp;
use k8s_openapi::{
    api::core::v1,
    apimachinery::pkg::apis::meta::v1::{MicroTime, Time},
};
use object::FieldErrors;
use serde_json::Value;

use crate::{Column, Field, Kind, column, field, parts::cells};

pub struct Event;

impl Kind for Event {
    type Object = v1::Event;
    const SHORT_NAMES: &'static [&'static str] = &["ev"];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Last Seen", last_seen),
        column("Type", |event: &v1::Event, _| text(&event.type_)),
        column("Reason", |event: &v1::Event, _| text(&event.reason)),
        column("Object", |event: &v1::Event, _| {
            let about = &event.involved_object;
            let kind = about.kind.as_deref().unwrap_or_default().to_lowercase();
            format!("{kind}/{}", about.name.as_deref().unwrap_or_default()).into()
        }),
        column("Subobject", |event: &v1::Event, _| text(&event.involved_object.field_path)).wide(),
        column("Source", source).wide(),
        column("Message", |event: &v1::Event, _| {
            event.message.as_deref().unwrap_or_default().trim().into()
        }),
        column("First Seen", first_seen).wide(),
        column("Count", count).wide(),
        column("Name", |event: &v1::Event, _| text(&event.metadata.name)).wide(),
    ];
    const FIELDS: &'static [Field<Self::Object>] = &[
        field("involvedObject.kind", |event: &v1::Event| owned(&event.involved_object.kind)),
        field("involvedObject.namespace", |event: &v1::Event| {
            owned(&event.involved_object.namespace)
        }),
        field("involvedObject.name", |event: &v1::Event| owned(&event.involved_object.name)),
        field("involvedObject.uid", |event: &v1::Event| owned(&event.involved_object.uid)),
        field("involvedObject.apiVersion", |event: &v1::Event| {
            owned(&event.involved_object.api_version)
        }),
        field("involvedObject.resourceVersion", |event: &v1::Event| {
            owned(&event.involved_object.resource_version)
        }),
        field("involvedObject.fieldPath", |event: &v1::Event| {
            owned(&event.involved_object.field_path)
        }),
        field("reason", |event: &v1::Event| owned(&event.reason)),
        field("reportingComponent", |event: &v1::Event| owned(&event.reporting_component)),
        field("source", |event: &v1::Event| {
            let source = event.source.as_ref().and_then(|source| source.component.clone());
            source.or_else(|| event.reporting_component.clone()).unwrap_or_default()
        }),
        field("type", |event: &v1::Event| owned(&event.type_)),
    ];

    fn validate(event: &v1::Event, errors: &mut FieldErrors) {
        let about = event.involved_object.namespace.as_deref().unwrap_or_default();
        let own = event.metadata.namespace.as_deref().unwrap_or_default();
        // Events about objects of the cluster are kept in the default namespace.
        if about != own && !(about.is_empty() && own == "default") {
            errors.invalid("involvedObject.namespace", about, "does not match event.namespace");
        }
    }
}

fn owned(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

fn text(text: &Option<String>) -> Value {
    text.as_deref().unwrap_or_default().into()
}

fn last_seen(event: &v1::Event, now: Timestamp) -> Value {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let last = series.map(of_micro).or_else(|| event.last_timestamp.clone());
    cells::since(last.or_else(|| first(event)).as_ref(), now).into()
}

fn first_seen(event: &v1::Event, now: Timestamp) -> Value {
    cells::since(first(event).as_ref(), now).into()
}

fn first(event: &v1::Event) -> Option<Time> {
    event.first_timestamp.clone().or_else(|| event.event_time.as_ref().map(of_micro))
}

fn of_micro(time: &MicroTime) -> Time {
    Time(time.0)
}

fn count(event: &v1::Event, _: Timestamp) -> Value {
    let series = event.series.as_ref().and_then(|series| series.count);
    series.or(event.count).filter(|count| *count > 0).unwrap_or(1).into()
}

fn source(event: &v1::Event, _: Timestamp) -> Value {
    let source = event.source.as_ref();
    let part = |old: Option<&String>, new: &Option<String>| {
        old.filter(|old| !old.is_empty()).or(new.as_ref()).cloned().unwrap_or_default()
    };
    let component =
        part(source.and_then(|source| source.component.as_ref()), &event.reporting_component);
    let host = part(source.and_then(|source| source.host.as_ref()), &event.reporting_instance);
    if host.is_empty() { component.into() } else { format!("{component}, {host}").into() }
}
