//! Which node reaches which object: through the pods bound to it, their claims, and the volumes of
//! those. Kept up change by change.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use object::Key;
use serde::Deserialize;

use super::{
    ACCOUNTS, CLAIMS,
    references::{Reference, bound_pod},
};
use crate::access::Attributes;

/// Which pods are bound to which node, and what they refer to.
#[derive(Clone, Default)]
pub(in crate::access) struct Nodes {
    /// By namespace and name.
    pods: OrdMap<(Arc<str>, Arc<str>), Arc<Bound>>,
    /// Node, reference, and the pod that makes it.
    reached: OrdSet<(Arc<str>, Reference, Arc<str>)>,
    /// By name: the claim that a volume is for, and the secrets that it is mounted with.
    volumes: OrdMap<Arc<str>, Arc<Volume>>,
    /// A secret's namespace and name, and the volume that is mounted with it.
    lent: OrdSet<(Arc<str>, Arc<str>, Arc<str>)>,
}

struct Bound {
    node: Arc<str>,
    refers_to: Vec<Reference>,
}

struct Volume {
    claim: (Arc<str>, Arc<str>),
    secrets: Vec<(Arc<str>, Arc<str>)>,
}

impl Nodes {
    /// Takes a changed pod in; `None`: deleted.
    pub(in crate::access) fn apply_pod(&mut self, key: &Key, body: Option<&[u8]>) {
        let id = (key.namespace.clone(), key.name.clone());
        if let Some(old) = self.pods.remove(&id) {
            for reference in &old.refers_to {
                self.reached.remove(&(old.node.clone(), reference.clone(), key.name.clone()));
            }
        }
        let bound = body.and_then(|body| bound_pod(body, &key.namespace, &key.name));
        let Some((node, refers_to)) = bound else { return };
        for reference in &refers_to {
            self.reached.insert((node.clone(), reference.clone(), key.name.clone()));
        }
        self.pods.insert(id, Arc::new(Bound { node, refers_to }));
    }

    /// Takes a changed persistent volume in; `None`: deleted.
    pub(in crate::access) fn apply_volume(&mut self, key: &Key, body: Option<&[u8]>) {
        if let Some(old) = self.volumes.remove(&key.name) {
            for (namespace, name) in &old.secrets {
                self.lent.remove(&(namespace.clone(), name.clone(), key.name.clone()));
            }
        }
        let parts = body.and_then(|body| serde_json::from_slice::<VolumeParts>(body).ok());
        let Some(spec) = parts.map(|parts| parts.spec) else { return };
        let Some(claim) = spec.claim_ref.filter(|claim| !claim.name.is_empty()) else { return };
        let secrets: Vec<_> = [spec.csi.node_publish_secret_ref, spec.csi.node_stage_secret_ref]
            .into_iter()
            .flatten()
            .map(|secret| (secret.namespace, secret.name))
            .collect();
        for (namespace, name) in &secrets {
            self.lent.insert((namespace.clone(), name.clone(), key.name.clone()));
        }
        let volume = Volume { claim: (claim.namespace, claim.name), secrets };
        self.volumes.insert(key.name.clone(), Arc::new(volume));
    }

    pub(in crate::access) fn node_of(&self, namespace: &str, pod: &str) -> Option<&str> {
        self.pods.get(&(namespace.into(), pod.into())).map(|bound| &*bound.node)
    }

    pub(in crate::access) fn runs_as(&self, namespace: &str, pod: &str, account: &str) -> bool {
        let reference: Reference = (ACCOUNTS, namespace.into(), account.into());
        let bound = self.pods.get(&(namespace.into(), pod.into()));
        bound.is_some_and(|bound| bound.refers_to.contains(&reference))
    }

    pub(super) fn reaches(
        &self,
        node: &str,
        kind: &'static str,
        namespace: &str,
        name: &str,
    ) -> bool {
        let reference: Reference = (kind, namespace.into(), name.into());
        let from = (Arc::from(node), reference.clone(), Arc::from(""));
        self.reached.range(from..).next().is_some_and(|(n, r, _)| **n == *node && *r == reference)
    }

    pub(super) fn reaches_volume(&self, node: &str, volume: &str) -> bool {
        self.volumes.get(volume).is_some_and(|volume| {
            let (namespace, claim) = &volume.claim;
            self.reaches(node, CLAIMS, namespace, claim)
        })
    }

    /// Whether a volume that was made for a claim, as its name says, is for none.
    pub(super) fn is_gone(&self, volume: &str) -> bool {
        volume.starts_with("pvc-") && !self.volumes.contains_key(volume)
    }

    /// Whether a volume that the node reaches is mounted with this secret.
    pub(super) fn lends_secret(&self, node: &str, wanted: &Attributes) -> bool {
        let (namespace, name): (Arc<str>, Arc<str>) =
            (wanted.namespace.as_str().into(), wanted.name.as_str().into());
        let from = (namespace.clone(), name.clone(), Arc::from(""));
        self.lent
            .range(from..)
            .take_while(|(n, s, _)| *n == namespace && *s == name)
            .any(|(_, _, volume)| self.reaches_volume(node, volume))
    }
}

/// The parts of a persistent volume that refer to other objects.
#[derive(Deserialize)]
struct VolumeParts {
    #[serde(default)]
    spec: VolumeSpec,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VolumeSpec {
    claim_ref: Option<Named>,
    csi: Csi,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Csi {
    node_publish_secret_ref: Option<Named>,
    node_stage_secret_ref: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    namespace: Arc<str>,
    name: Arc<str>,
}
