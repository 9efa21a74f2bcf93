//! Volumes that pods have by claims: folders of this host that outlive them.
//!
//! Where a claim leads is asked once, when the pod comes, and written into the pod's folder: a
//! container can then be started again while the API is away.

use std::{fs, io, path::PathBuf};

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod, Volume};
use object::Key;
use planning::{
    node::VolumePath,
    storage::{CLAIMS, LOCAL_PROVISIONER, PROVISIONED_BY, VOLUMES},
};

use super::{Problem, host_path, ownership};
use crate::{AgentConfig, context::Context, folder::PodFolder};

/// Where this node keeps the volumes that were made for claims.
pub(crate) fn root(config: &AgentConfig) -> PathBuf {
    config.data().join("claims")
}

/// The claim that a volume of a pod stands for.
pub(super) fn name_of(pod: &Pod, volume: &Volume) -> Option<String> {
    if let Some(source) = &volume.persistent_volume_claim {
        return Some(source.claim_name.clone());
    }
    let pod = pod.metadata.name.as_deref().unwrap_or_default();
    volume.ephemeral.as_ref().map(|_| format!("{pod}-{}", volume.name))
}

/// Finds the folder that a claim leads to, makes it if it is ours, and notes it.
pub(super) async fn prepare(
    context: &Context,
    pod: &Pod,
    folder: &PodFolder,
    volume: &Volume,
    claim: &str,
) -> Result<(), Problem> {
    let (volume_name, found) = bound_volume(context, pod, volume, claim).await?;
    let annotations = found.metadata.annotations.unwrap_or_default();
    let spec = found.spec.unwrap_or_default();
    let local = spec.local.map(|local| local.path);
    let is_ours = annotations.get(PROVISIONED_BY).is_some_and(|name| name == LOCAL_PROVISIONER);
    let path = match (local, spec.host_path) {
        (Some(path), _) if is_ours => {
            let own = root(&context.config).join(&volume_name);
            if own != *path {
                return Err(Problem::Other(format!(
                    "the volume {volume_name} is on another node: {path}"
                )));
            }
            ownership::make_shared(&own, pod)?;
            path
        }
        (Some(path), _) => {
            host_path::check(&path, "Directory")?;
            path
        }
        (None, Some(source)) => {
            host_path::check(&source.path, source.type_.as_deref().unwrap_or_default())?;
            source.path
        }
        (None, None) => {
            let why = format!("the sort of volume of {volume_name} is not supported by this node");
            return Err(Problem::Other(why));
        }
    };
    let note = folder.claim(&volume.name);
    if let Some(parent) = note.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(note, path)?)
}

async fn bound_volume(
    context: &Context,
    pod: &Pod,
    volume: &Volume,
    name: &str,
) -> Result<(String, PersistentVolume), Problem> {
    let other = |why: String| Problem::Other(why);
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let key = Key::new(CLAIMS, namespace, name);
    let claim: Option<PersistentVolumeClaim> = context.objects.get(&key).await?;
    let claim =
        claim.ok_or_else(|| other(format!("persistentvolumeclaim \"{name}\" not found")))?;
    let owners = claim.metadata.owner_references.as_deref().unwrap_or_default();
    let is_pods = owners.iter().any(|owner| Some(&owner.uid) == pod.metadata.uid.as_ref());
    if volume.ephemeral.is_some() && !is_pods {
        return Err(other(format!("PVC {namespace}/{name} was not created for pod")));
    }
    let is_bound =
        claim.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Bound");
    let named = claim.spec.and_then(|spec| spec.volume_name).filter(|_| is_bound);
    let Some(volume_name) = named else {
        return Err(other(format!("persistentvolumeclaim \"{name}\" is not bound yet")));
    };
    let key = Key::new(VOLUMES, "", &volume_name);
    let found: Option<PersistentVolume> = context.objects.get(&key).await?;
    let found =
        found.ok_or_else(|| other(format!("persistentvolume \"{volume_name}\" not found")))?;
    Ok((volume_name, found))
}

/// Where a claim leads, as it was noted.
pub(super) fn noted(folder: &PodFolder, volume: &Volume) -> Option<VolumePath> {
    fs::read_to_string(folder.claim(&volume.name)).ok().map(VolumePath::Host)
}

/// The folders of volumes that are here, by the volume's name.
pub(crate) fn kept(config: &AgentConfig) -> io::Result<Vec<String>> {
    match fs::read_dir(root(config)) {
        Ok(entries) => {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
