//! What a pod refers to, read without the rest of it.

use std::sync::Arc;

use serde::Deserialize;

use super::{ACCOUNTS, CLAIMS, RESOURCE_CLAIMS};

/// What a pod refers to: kind, namespace, name.
pub(crate) type Reference = (&'static str, Arc<str>, Arc<str>);

/// The node of a pod that has one, and what the pod refers to.
pub(super) fn bound_pod(
    body: &[u8],
    namespace: &Arc<str>,
    name: &str,
) -> Option<(Arc<str>, Vec<Reference>)> {
    let pod: PodParts = serde_json::from_slice(body).ok()?;
    let bound = !pod.spec.node_name.is_empty();
    bound.then(|| (pod.spec.node_name.clone(), pod.references(namespace, name)))
}

/// What a pod refers to, whether it has a node or not.
pub(crate) fn references(body: &[u8], namespace: &str, name: &str) -> Vec<Reference> {
    let pod = serde_json::from_slice::<PodParts>(body);
    pod.map(|pod| pod.references(&namespace.into(), name)).unwrap_or_default()
}

/// The parts of a pod that refer to other objects, read without the rest.
#[derive(Deserialize)]
struct PodParts {
    #[serde(default)]
    spec: SpecParts,
    #[serde(default)]
    status: StatusParts,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StatusParts {
    resource_claim_statuses: Vec<ResourceClaim>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourceClaim {
    resource_claim_name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SpecParts {
    node_name: Arc<str>,
    service_account_name: Arc<str>,
    image_pull_secrets: Vec<Named>,
    volumes: Vec<VolumeParts>,
    containers: Vec<ContainerParts>,
    init_containers: Vec<ContainerParts>,
    ephemeral_containers: Vec<ContainerParts>,
    resource_claims: Vec<ResourceClaim>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Named {
    /// Secrets' volumes have a word of their own for it.
    #[serde(alias = "secretName")]
    name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct VolumeParts {
    name: Arc<str>,
    persistent_volume_claim: Option<Claim>,
    /// Its claim is called after the pod and the volume.
    ephemeral: Option<serde::de::IgnoredAny>,
    secret: Option<Named>,
    config_map: Option<Named>,
    projected: Projected,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Claim {
    claim_name: Arc<str>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Projected {
    sources: Vec<Source>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    secret: Option<Named>,
    config_map: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerParts {
    env: Vec<Env>,
    env_from: Vec<EnvFrom>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Env {
    value_from: EnvSource,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvSource {
    secret_key_ref: Option<Named>,
    config_map_key_ref: Option<Named>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvFrom {
    secret_ref: Option<Named>,
    config_map_ref: Option<Named>,
}

impl PodParts {
    fn references(&self, namespace: &Arc<str>, pod: &str) -> Vec<Reference> {
        let mut all = self.spec.references(namespace, pod);
        let claims = self.spec.resource_claims.iter().chain(&self.status.resource_claim_statuses);
        all.extend(
            claims.map(|claim| {
                (RESOURCE_CLAIMS, namespace.clone(), claim.resource_claim_name.clone())
            }),
        );
        all.retain(|(_, _, name)| !name.is_empty());
        all.sort();
        all.dedup();
        all
    }
}

impl SpecParts {
    fn references(&self, namespace: &Arc<str>, pod: &str) -> Vec<Reference> {
        let mut secrets: Vec<&Named> = self.image_pull_secrets.iter().collect();
        let mut maps: Vec<&Named> = Vec::new();
        let mut claims: Vec<Arc<str>> = Vec::new();
        for volume in &self.volumes {
            secrets.extend(&volume.secret);
            maps.extend(&volume.config_map);
            claims.extend(volume.persistent_volume_claim.iter().map(|one| one.claim_name.clone()));
            if volume.ephemeral.is_some() {
                claims.push(format!("{pod}-{}", volume.name).into());
            }
            for source in &volume.projected.sources {
                secrets.extend(&source.secret);
                maps.extend(&source.config_map);
            }
        }
        let containers =
            self.containers.iter().chain(&self.init_containers).chain(&self.ephemeral_containers);
        for container in containers {
            for env in &container.env {
                secrets.extend(&env.value_from.secret_key_ref);
                maps.extend(&env.value_from.config_map_key_ref);
            }
            for from in &container.env_from {
                secrets.extend(&from.secret_ref);
                maps.extend(&from.config_map_ref);
            }
        }
        let named = |kind: &'static str, name: Arc<str>| (kind, namespace.clone(), name);
        let secrets = secrets.iter().map(|one| named("secrets", one.name.clone()));
        let maps = maps.iter().map(|one| named("configmaps", one.name.clone()));
        let claims = claims.into_iter().map(|one| named(CLAIMS, one));
        let account = named(ACCOUNTS, self.service_account_name.clone());
        secrets.chain(maps).chain(claims).chain([account]).collect()
    }
}
