//! The behaviours of Kubernetes' conformance suite that the API alone decides, one test for each,
//! named after it. `tests/conformance.md` lists them.

mod admission_policies;
mod batch;
mod certificates;
mod configuration;
mod custom;
mod custom_fields;
mod custom_webhooks;
mod devices;
mod discovery;
mod events;
mod fields;
mod lists;
mod namespaces;
mod nodes;
mod operations;
mod policies;
mod published;
mod routing;
mod services;
mod storage;
mod watchers;
mod webhooks;
mod workloads;
