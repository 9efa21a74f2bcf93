//! Deployment.

mod strategy;

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1, core::v1::PodSpec};
use object::FieldErrors;
use serde_json::Value;

use crate::{
    Column, Kind, Progress, ScaleFns, Subresource, column,
    parts::{cells, check, selector, template},
};

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
            selector: selector_text,
        }),
        Subresource::part("status", |stored: &mut v1::Deployment, written| {
            stored.status.clone_from(&written.status);
        }),
        Subresource::awaited("rollout", rollout),
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
            cells::or_none(Some(&selector_text(deployment)))
        })
        .wide(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(deployment: &mut v1::Deployment) {
        let spec = &mut deployment.spec;
        spec.replicas.get_or_insert(1);
        spec.revision_history_limit.get_or_insert(10);
        spec.progress_deadline_seconds.get_or_insert(600);
        strategy::set_defaults(spec.strategy.get_or_insert_default());
        template::set_defaults(spec.template.spec.get_or_insert_default());
    }

    fn prepare_create(deployment: &mut v1::Deployment) {
        deployment.status = Some(v1::DeploymentStatus::default());
    }

    fn validate(deployment: &v1::Deployment, errors: &mut FieldErrors) {
        let spec = &deployment.spec;
        for (field, value) in [
            ("replicas", spec.replicas),
            ("minReadySeconds", spec.min_ready_seconds),
            ("revisionHistoryLimit", spec.revision_history_limit),
            ("progressDeadlineSeconds", spec.progress_deadline_seconds),
        ] {
            check::nonnegative(value, &format!("spec.{field}"), errors);
        }
        selector::validate_owner(&spec.selector, Some(&spec.template), "deployment", errors);
        template::validate_template(&spec.template, "ReplicaSet", errors);
        strategy::validate(spec.strategy.as_ref(), errors);
        let ready = spec.min_ready_seconds.unwrap_or_default();
        if let Some(deadline) = spec.progress_deadline_seconds.filter(|deadline| *deadline <= ready)
        {
            errors.invalid(
                "spec.progressDeadlineSeconds",
                deadline,
                "must be greater than minReadySeconds",
            );
        }
    }

    fn validate_update(new: &v1::Deployment, old: &v1::Deployment, errors: &mut FieldErrors) {
        if new.spec.selector != old.spec.selector {
            let selector = check::shown(&new.spec.selector);
            errors.invalid("spec.selector", selector, check::IMMUTABLE);
        }
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

fn selector_text(deployment: &v1::Deployment) -> String {
    cells::selector(&deployment.spec.selector)
}

/// How far a rollout is, in the words of `kubectl rollout status`.
fn rollout(deployment: &v1::Deployment) -> Progress {
    let name = deployment.metadata.name.as_deref().unwrap_or_default();
    let observed = deployment.status.as_ref().and_then(|status| status.observed_generation);
    if observed < deployment.metadata.generation {
        return Progress::Waiting("Waiting for deployment spec update to be observed".to_owned());
    }
    let conditions = deployment.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let late = conditions
        .filter(|condition| condition.type_.as_deref() == Some("Progressing"))
        .any(|condition| condition.reason.as_deref() == Some("ProgressDeadlineExceeded"));
    if late {
        return Progress::Failed(format!("deployment \"{name}\" exceeded its progress deadline"));
    }
    let wanted = replicas(deployment);
    let updated = status(deployment, |status| status.updated_replicas);
    let old = status(deployment, |status| status.replicas) - updated;
    let available = status(deployment, |status| status.available_replicas);
    let waiting = |why: String| {
        Progress::Waiting(format!("Waiting for deployment \"{name}\" rollout to finish: {why}"))
    };
    if updated < wanted {
        waiting(format!("{updated} out of {wanted} new replicas have been updated"))
    } else if old > 0 {
        waiting(format!("{old} old replicas are pending termination"))
    } else if available < updated {
        waiting(format!("{available} of {updated} updated replicas are available"))
    } else {
        Progress::Done(format!("deployment \"{name}\" successfully rolled out"))
    }
}

#[cfg(test)]
mod rollout_tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_is_done_when_all_new_replicas_are_available() {
        let said = |status: Value| {
            let deployment = json!({
                "metadata": {"name": "web", "generation": 2},
                "spec": {"replicas": 2, "selector": {}, "template": {}}, "status": status,
            });
            rollout(&serde_json::from_value(deployment).unwrap())
        };
        let waits = |status, part: &str| match said(status) {
            Progress::Waiting(why) => assert!(why.contains(part), "{why}"),
            other => panic!("{other:?}"),
        };
        waits(json!({"observedGeneration": 1}), "to be observed");
        waits(json!({"observedGeneration": 2, "updatedReplicas": 1, "replicas": 3}), "1 out of 2");
        waits(json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 3}), "1 old");
        waits(
            json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 1}),
            "1 of 2 updated",
        );
        let done = json!({"observedGeneration": 2, "updatedReplicas": 2, "replicas": 2, "availableReplicas": 2});
        assert!(matches!(said(done), Progress::Done(_)));
        let late = json!({"observedGeneration": 2, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]});
        assert!(matches!(said(late), Progress::Failed(_)));
    }
}
