//! Where the volumes of pods are: a pod goes only where all of its volumes can be.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use k8s_openapi::api::{
    core::v1::{NodeSelector, PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use object::Key;

use super::{filters, node::Node};
use crate::{
    Change, Entry,
    storage::{self, CLAIMS, CLASSES, VOLUMES},
};

#[derive(Default)]
pub(super) struct Volumes {
    claims: BTreeMap<Key, Claim>,
    /// By name: where a volume can be used; `None` for everywhere.
    volumes: BTreeMap<String, Option<NodeSelector>>,
    /// Classes whose claims wait for their first consumer.
    waiting: BTreeSet<String>,
    /// The class of claims that name none.
    default_class: Option<String>,
}

struct Claim {
    volume: Option<String>,
    class: Option<String>,
}

/// Where a pod can go, as far as its volumes are concerned.
pub(super) struct Places<'v>(Vec<&'v NodeSelector>);

impl Volumes {
    /// Takes a change in; whether it may help a pod that waits.
    pub(super) fn apply(&mut self, kind: &str, change: &Change) -> bool {
        let new = change.new.as_deref();
        match kind {
            CLAIMS => match new.and_then(claim) {
                Some(claim) => drop(self.claims.insert(change.key.clone(), claim)),
                None => drop(self.claims.remove(&change.key)),
            },
            VOLUMES => {
                let name = change.key.name.to_string();
                match new.and_then(|entry| entry.read::<PersistentVolume>()) {
                    Some(volume) => {
                        let affinity = volume.spec.and_then(|spec| spec.node_affinity);
                        self.volumes.insert(name, affinity.and_then(|a| a.required));
                    }
                    None => drop(self.volumes.remove(&name)),
                }
            }
            CLASSES => self.apply_class(&change.key.name, new),
            _ => return false,
        }
        true
    }

    fn apply_class(&mut self, name: &Arc<str>, new: Option<&Entry>) {
        let class = new.and_then(|entry| entry.read::<StorageClass>());
        if class.as_ref().is_some_and(storage::waits_for_consumer) {
            self.waiting.insert(name.to_string());
        } else {
            self.waiting.remove(&**name);
        }
        let is_default = new.is_some_and(storage::is_default_class);
        if is_default {
            self.default_class = Some(name.to_string());
        } else if self.default_class.as_deref() == Some(&**name) {
            self.default_class = None;
        }
    }

    /// Where a pod's volumes let it go, or why it has to wait.
    pub(super) fn places(&self, pod: &Entry) -> Result<Places<'_>, String> {
        let names = pod.pod().map_or(&[][..], |pod| &pod.claims);
        let mut places = Vec::new();
        for name in names {
            let key = Key::new(CLAIMS, &pod.key.namespace, name);
            let Some(claim) = self.claims.get(&key) else {
                return Err(format!("persistentvolumeclaim \"{name}\" not found"));
            };
            let class = claim.class.as_ref().or(self.default_class.as_ref());
            match &claim.volume {
                Some(volume) => match self.volumes.get(volume) {
                    Some(place) => places.extend(place),
                    None => return Err(format!("persistentvolume \"{volume}\" not found")),
                },
                None if class.is_some_and(|class| self.waiting.contains(class)) => {}
                None => return Err("pod has unbound immediate PersistentVolumeClaims".to_owned()),
            }
        }
        Ok(Places(places))
    }
}

impl Places<'_> {
    pub(super) fn check(&self, node: &Node) -> Result<(), Vec<String>> {
        if self.0.iter().all(|place| filters::is_in(place, &node.name, &node.labels)) {
            return Ok(());
        }
        Err(vec!["node(s) had volume node affinity conflict".to_owned()])
    }
}

fn claim(entry: &Entry) -> Option<Claim> {
    let spec = entry.read::<PersistentVolumeClaim>()?.spec?;
    let volume = spec.volume_name.filter(|name| !name.is_empty());
    Some(Claim { volume, class: spec.storage_class_name })
}
