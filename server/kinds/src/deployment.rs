//! Deployment.

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1, core::v1::PodSpec};
use serde_json::Value;

use crate::{Column, Kind, ScaleFns, Subresource, column, parts::cells};

pub struct Deployment;

impl Kind for Deployment {
    type Object = v1::Deployment;
    const SHORT_NAMES: &'static [&'static str] = &["deploy"];
    const CATEGORIES: &'static [&'static str] = &["all"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::scale(ScaleFns {
            replicas,
            set_replicas: |deployment: &mut v1::Deployment, replicas| {
                deployment.spec.replicas = Some(replicas);
            },
            status_replicas: |deployment| status(deployment, |status| status.replicas),
            selector,
        }),
        Subresource::part("status", |stored: &mut v1::Deployment, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Ready", ready).described("Number of the pod with ready state"),
        column("Up-to-date", |deployment: &v1::Deployment, _| {
            status(deployment, |status| status.updated_replicas).into()
        }),
        column("Available", |deployment: &v1::Deployment, _| {
            status(deployment, |status| status.available_replicas).into()
        }),
        cells::age(),
        column("Containers", |deployment: &v1::Deployment, _| {
            cells::container_names(pod(deployment))
        })
        .wide()
        .described("Names of each container in the template."),
        column("Images", |deployment: &v1::Deployment, _| cells::container_images(pod(deployment)))
            .wide()
            .described("Images referenced by each container in the template."),
        column("Selector", |deployment: &v1::Deployment, _| {
            cells::or_none(Some(&selector(deployment)))
        })
        .wide(),
    ];
    const GENERATION: bool = true;

    fn prepare_create(deployment: &mut v1::Deployment) {
        deployment.status = Some(v1::DeploymentStatus::default());
    }
}

fn replicas(deployment: &v1::Deployment) -> i32 {
    deployment.spec.replicas.unwrap_or_default()
}

fn status(deployment: &v1::Deployment, read: fn(&v1::DeploymentStatus) -> Option<i32>) -> i32 {
    deployment.status.as_ref().and_then(read).unwrap_or_default()
}

fn ready(deployment: &v1::Deployment, _: Timestamp) -> Value {
    let ready = status(deployment, |status| status.ready_replicas);
    format!("{ready}/{}", replicas(deployment)).into()
}

fn pod(deployment: &v1::Deployment) -> Option<&PodSpec> {
    deployment.spec.template.spec.as_ref()
}

fn selector(deployment: &v1::Deployment) -> String {
    cells::selector(&deployment.spec.selector)
}
