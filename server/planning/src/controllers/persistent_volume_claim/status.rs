//! A claim that names its volume: its phase, and its growth.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaimStatus};
use object::Key;
use serde_json::json;

use super::Draft;
use crate::{
    Action, Severity, pods,
    storage::{self, VOLUMES},
};

pub(super) fn follow(draft: &mut Draft<'_>, name: &str) {
    let was_bound = phase(draft) == "Bound";
    let Some(entry) = draft.world.entry(&Key::new(VOLUMES, "", name)) else {
        if was_bound || phase(draft) == "Lost" {
            let message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
            draft.event(Severity::Warning, "ClaimLost", message.to_owned());
            return set_phase(draft, "Lost");
        }
        return set_phase(draft, "Pending");
    };
    let Some(volume) = entry.read::<PersistentVolume>() else { return };
    let claim_ref = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
    let knows_us = claim_ref.is_some_and(|c| c.uid.as_deref() == Some(&*draft.entry.meta.uid));
    if claim_ref.is_none() || (storage::is_for(&volume, draft.entry) && !knows_us) {
        set_phase(draft, "Pending");
        return super::take(draft, &super::find::Found { entry, knows_us: false });
    }
    if !knows_us {
        let message = format!("volume \"{name}\" already bound to a different claim.");
        return draft.wait(Severity::Warning, "FailedBinding", message);
    }
    if grow(draft, entry, &volume) {
        return;
    }
    let spec = volume.spec.unwrap_or_default();
    let old = draft.claim.status.clone().unwrap_or_default();
    let status = PersistentVolumeClaimStatus {
        phase: Some("Bound".to_owned()),
        access_modes: spec.access_modes,
        capacity: spec.capacity,
        ..old
    };
    if draft.claim.status.as_ref() != Some(&status) {
        draft.actions.extend(pods::set_status(draft.entry, &status));
    }
}

/// A larger claim makes a volume of ours larger at once: folders have no size of their own.
fn grow(draft: &mut Draft<'_>, entry: &crate::Entry, volume: &PersistentVolume) -> bool {
    let wanted = storage::requested(&draft.claim);
    let is_ours = entry.meta.annotations.get(storage::PROVISIONED_BY).map(String::as_str)
        == Some(storage::LOCAL_PROVISIONER);
    if !is_ours || wanted <= storage::capacity(volume) {
        return false;
    }
    let patch = json!({
        "metadata": {"uid": entry.meta.uid, "resourceVersion": entry.revision.to_string()},
        "spec": {"capacity": {"storage": wanted.to_string()}},
    });
    draft.actions.push(Action::Patch { key: entry.key.clone(), subresource: "", patch });
    let message = format!("The volume {} grew to {wanted}", entry.key.name);
    draft.event(Severity::Normal, "VolumeResizeSuccessful", message);
    true
}

fn phase(draft: &Draft<'_>) -> String {
    let status = draft.claim.status.as_ref();
    status.and_then(|status| status.phase.clone()).unwrap_or_default()
}

pub(super) fn set_phase(draft: &mut Draft<'_>, name: &str) {
    if phase(draft) == name {
        return;
    }
    let mut status = draft.claim.status.clone().unwrap_or_default();
    status.phase = Some(name.to_owned());
    draft.actions.extend(pods::set_status(draft.entry, &status));
}
