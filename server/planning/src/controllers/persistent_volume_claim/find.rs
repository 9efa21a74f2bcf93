//! The volume that fits a claim best.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaimSpec};
use object::selector::LabelSelector;
use serde_json::json;

use super::Draft;
use crate::{Entry, scheduler, storage};

pub(super) struct Found<'w> {
    pub(super) entry: &'w Arc<Entry>,
    /// Whether the volume names this claim with its uid.
    pub(super) knows_us: bool,
}

/// One that names the claim, else the smallest that is large enough. While a claim waits for its
/// first consumer, only the former counts.
pub(super) fn best<'w>(
    draft: &Draft<'w>,
    class_name: &str,
    consumer: Option<&Arc<Entry>>,
) -> Option<Found<'w>> {
    let spec = draft.claim.spec.as_ref()?;
    let class = storage::class(draft.world, class_name);
    let waits = class.as_ref().is_some_and(storage::waits_for_consumer) && consumer.is_none();
    let key = &draft.entry.key;
    let named = draft.world.volumes_for(&key.namespace, &key.name);
    let mut fitting = Vec::new();
    for entry in named.chain(draft.world.volumes_of_class(class_name)) {
        if entry.meta.is_deleting() {
            continue;
        }
        let Some(volume) = entry.read::<PersistentVolume>() else { continue };
        let claim_ref = volume.spec.as_ref().and_then(|spec| spec.claim_ref.as_ref());
        let names_us = storage::is_for(&volume, draft.entry);
        let knows_us = claim_ref.is_some_and(|c| c.uid.as_deref() == Some(&*draft.entry.meta.uid));
        if names_us {
            return Some(Found { entry, knows_us });
        }
        if claim_ref.is_none() && !waits && fits(draft, spec, entry, &volume, consumer) {
            fitting.push((storage::capacity(&volume), entry));
        }
    }
    let smallest =
        fitting.into_iter().min_by(|(a, x), (b, y)| a.cmp(b).then_with(|| x.key.cmp(&y.key)))?;
    Some(Found { entry: smallest.1, knows_us: false })
}

fn fits(
    draft: &Draft<'_>,
    wanted: &PersistentVolumeClaimSpec,
    entry: &Entry,
    volume: &PersistentVolume,
    consumer: Option<&Arc<Entry>>,
) -> bool {
    let Some(spec) = &volume.spec else { return false };
    let mode = |mode: &Option<String>| mode.clone().unwrap_or_else(|| "Filesystem".to_owned());
    let offered = spec.access_modes.as_deref().unwrap_or_default();
    let asked = wanted.access_modes.as_deref().unwrap_or_default();
    let selector = wanted.selector.as_ref();
    let selector = selector.and_then(|selector| LabelSelector::from_json(&json!(selector)).ok());
    let affinity = spec.node_affinity.as_ref().and_then(|affinity| affinity.required.as_ref());
    storage::capacity(volume) >= storage::requested(&draft.claim)
        && mode(&spec.volume_mode) == mode(&wanted.volume_mode)
        && asked.iter().all(|one| offered.contains(one))
        && selector.is_none_or(|selector| selector.matches(&entry.meta.labels))
        && match (affinity, consumer) {
            (Some(affinity), Some(node)) => {
                scheduler::is_in(affinity, &node.key.name, &node.meta.labels)
            }
            _ => true,
        }
}
