//! What a StatefulSet must say, and what may change.

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSetSpec, StatefulSetUpdateStrategy},
        core::v1::{PersistentVolumeClaimVolumeSource, PodTemplateSpec, Volume},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use object::FieldErrors;

use crate::parts::{check, selector, template};

const CHANGES: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

pub(super) fn validate(spec: &StatefulSetSpec, errors: &mut FieldErrors) {
    match spec.pod_management_policy.as_deref().unwrap_or_default() {
        "OrderedReady" | "Parallel" => {}
        "" => errors.required("spec.podManagementPolicy", ""),
        other => errors.invalid(
            "spec.podManagementPolicy",
            other,
            "must be 'OrderedReady' or 'Parallel'",
        ),
    }
    if let Some(strategy) = &spec.update_strategy {
        validate_strategy(strategy, errors);
    }
    if let Some(policy) = &spec.persistent_volume_claim_retention_policy {
        let path = "spec.persistentVolumeClaimRetentionPolicy";
        for (field, word) in
            [("whenDeleted", &policy.when_deleted), ("whenScaled", &policy.when_scaled)]
        {
            let word = word.as_deref().unwrap_or_default();
            if !matches!(word, "Retain" | "Delete") {
                errors.not_supported(format!("{path}.{field}"), word, &["Delete", "Retain"]);
            }
        }
    }
    for (field, value) in [
        ("replicas", spec.replicas),
        ("minReadySeconds", spec.min_ready_seconds),
        ("revisionHistoryLimit", spec.revision_history_limit),
        ("ordinals.start", spec.ordinals.as_ref().and_then(|ordinals| ordinals.start)),
    ] {
        check::nonnegative(value, &format!("spec.{field}"), errors);
    }
    selector::validate_owner(&spec.selector, Some(&spec.template), "statefulset", errors);
    template::validate_template(&with_claims(spec), "StatefulSet", errors);
}

/// The template as its pods will be: each claim becomes a volume that containers may mount.
fn with_claims(spec: &StatefulSetSpec) -> PodTemplateSpec {
    let mut template = spec.template.clone();
    let volumes = template.spec.get_or_insert_default().volumes.get_or_insert_default();
    for claim in spec.volume_claim_templates.iter().flatten() {
        let name = claim.metadata.name.clone().unwrap_or_default();
        if volumes.iter().all(|volume| volume.name != name) {
            let source = PersistentVolumeClaimVolumeSource {
                claim_name: name.clone(),
                ..PersistentVolumeClaimVolumeSource::default()
            };
            let persistent_volume_claim = Some(source);
            volumes.push(Volume { name, persistent_volume_claim, ..Volume::default() });
        }
    }
    template
}

fn validate_strategy(strategy: &StatefulSetUpdateStrategy, errors: &mut FieldErrors) {
    const ROLLING: &str = "spec.updateStrategy.rollingUpdate";
    match (strategy.type_.as_deref().unwrap_or_default(), &strategy.rolling_update) {
        ("", _) => errors.required("spec.updateStrategy", ""),
        ("OnDelete", Some(rolling)) => errors.invalid(
            ROLLING,
            check::shown(rolling),
            "only allowed for updateStrategy 'RollingUpdate'",
        ),
        ("RollingUpdate", Some(rolling)) => {
            check::nonnegative(rolling.partition, &format!("{ROLLING}.partition"), errors);
            if let Some(amount) = &rolling.max_unavailable {
                let path = format!("{ROLLING}.maxUnavailable");
                check::int_or_percent(amount, &path, errors);
                check::at_most_all(amount, &path, errors);
                if *amount == IntOrString::Int(0) {
                    errors.invalid(path, 0, "cannot be 0");
                }
            }
        }
        ("OnDelete" | "RollingUpdate", None) => {}
        _ => errors.invalid(
            "spec.updateStrategy",
            check::shown(strategy),
            "must be 'RollingUpdate' or 'OnDelete'",
        ),
    }
}

pub(super) fn validate_update(
    new: &StatefulSetSpec,
    old: &StatefulSetSpec,
    errors: &mut FieldErrors,
) {
    let kept = StatefulSetSpec {
        replicas: old.replicas,
        ordinals: old.ordinals.clone(),
        template: old.template.clone(),
        update_strategy: old.update_strategy.clone(),
        revision_history_limit: old.revision_history_limit,
        persistent_volume_claim_retention_policy: old
            .persistent_volume_claim_retention_policy
            .clone(),
        min_ready_seconds: old.min_ready_seconds,
        ..new.clone()
    };
    if kept != *old {
        errors.forbidden("spec", CHANGES);
    }
}
