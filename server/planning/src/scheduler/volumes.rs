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
    /// How many pods that stand on nodes use a claim.
    users: BTreeMap<Key, usize>,
}

struct Claim {
    volume: Option<String>,
    class: Option<String>,
    /// Whether it is for one pod at a time.
    is_for_one: bool,
}

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

    /// A pod comes to a node, or goes.
    pub(super) fn use_claims(&mut self, pod: &Entry, adds: bool) {
        for name in pod.pod().map_or(&[][..], |pod| &pod.claims) {
            let key = Key::new(CLAIMS, &pod.key.namespace, name);
            let users = self.users.entry(key.clone()).or_insert(0);
            *users = if adds { *users + 1 } else { users.saturating_sub(1) };
            if *users == 0 {
                self.users.remove(&key);
            }
        }
    }

    /// Where a pod's volumes have to be, or why it has to wait.
    pub(super) fn places(&self, pod: &Entry) -> Result<Vec<NodeSelector>, Unready> {
        let names = pod.pod().map_or(&[][..], |pod| &pod.claims);
        let mut places = Vec::new();
        for name in names {
            let key = Key::new(CLAIMS, &pod.key.namespace, name);
            let lasting = |why: String| Err(Unready { why, is_final: true });
            let Some(claim) = self.claims.get(&key) else {
                return lasting(format!("persistentvolumeclaim \"{name}\" not found"));
            };
            if claim.is_for_one && self.users.contains_key(&key) {
                return Err(Unready { why: TAKEN.to_owned(), is_final: false });
            }
            let class = claim.class.as_ref().or(self.default_class.as_ref());
            match &claim.volume {
                Some(volume) => match self.volumes.get(volume) {
                    Some(place) => places.extend(place.clone()),
                    None => return lasting(format!("persistentvolume \"{volume}\" not found")),
                },
                None if class.is_some_and(|class| self.waiting.contains(class)) => {}
                None => {
                    return lasting("pod has unbound immediate PersistentVolumeClaims".to_owned());
                }
            }
        }
        Ok(places)
    }
}

/// Why a pod has to wait for its volumes, wherever it would go.
#[derive(Debug)]
pub(super) struct Unready {
    pub(super) why: String,
    pub(super) is_final: bool,
}

const TAKEN: &str = "node has pod using PersistentVolumeClaim with the same name and \
                     ReadWriteOncePod access mode";

fn claim(entry: &Entry) -> Option<Claim> {
    let spec = entry.read::<PersistentVolumeClaim>()?.spec?;
    let volume = spec.volume_name.filter(|name| !name.is_empty());
    let modes = spec.access_modes.unwrap_or_default();
    let is_for_one = modes.iter().any(|mode| mode == "ReadWriteOncePod");
    Some(Claim { volume, class: spec.storage_class_name, is_for_one })
}
