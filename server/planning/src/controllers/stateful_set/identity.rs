//! The pod with a number: its name, hostname, labels and volumes.

use k8s_openapi::api::core::v1::{PersistentVolumeClaimVolumeSource, Volume};

use super::{claims, set::Set};
use crate::{Severity, pods, revisions::HASH_LABEL};

pub(crate) const NAME_LABEL: &str = "statefulset.kubernetes.io/pod-name";
const INDEX_LABEL: &str = "apps.kubernetes.io/pod-index";

pub(super) fn create(set: &mut Set<'_>, ordinal: i32) {
    let name = format!("{}-{ordinal}", set.entry.key.name);
    let (revision, template) = set.revision_of(ordinal);
    let mut pod = pods::from_template(Some(template), set.entry, &name);
    pod.metadata.generate_name = Some(format!("{}-", set.entry.key.name));
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(HASH_LABEL.to_owned(), revision.to_owned());
    labels.insert(NAME_LABEL.to_owned(), name.clone());
    labels.insert(INDEX_LABEL.to_owned(), ordinal.to_string());
    let spec = pod.spec.get_or_insert_default();
    spec.hostname = Some(name.clone());
    spec.subdomain = set.object.spec.service_name.clone().filter(|name| !name.is_empty());
    let claims = claims::names(set, ordinal);
    let volumes = spec.volumes.get_or_insert_default();
    // A template's volume of the same name gives way to the claim.
    volumes.retain(|volume| claims.iter().all(|(name, _)| *name != volume.name));
    volumes.extend(claims.into_iter().map(|(name, claim_name)| Volume {
        name,
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name,
            read_only: None,
        }),
        ..Volume::default()
    }));
    if volumes.is_empty() {
        spec.volumes = None;
    }
    set.actions.push(pods::create(&pod));
    let message = format!("create Pod {name} in StatefulSet {} successful", set.entry.key.name);
    let event = set.event(Severity::Normal, "SuccessfulCreate", message);
    set.actions.push(event);
}
