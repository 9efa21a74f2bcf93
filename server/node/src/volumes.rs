//! The volumes of pods.
//!
//! Folders on disk are the pod's own; volumes that live in memory belong to the engine and exist
//! while the sandbox holds them; what shows ConfigMaps, Secrets and tokens is written to the host's
//! memory, each change at once by the swap of a symbolic link. What claims lead to is the host's.

mod atomic;
pub(crate) mod claims;
mod content;
mod host_path;
mod ownership;
mod sources;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{EmptyDirVolumeSource, Pod, Volume};
use object::{ApiError, Key, quantity::Quantity};
use planning::node::{VolumePath, labels};
use thiserror::Error;

use crate::{context::Context, folder::PodFolder, runtime::MemoryVolume};
pub(crate) use sources::Tokens;

/// Why a volume can't be set up, in Kubernetes' words: the message of a `FailedMount` event.
#[derive(Debug, Error)]
#[error("MountVolume.SetUp failed for volume \"{volume}\" : {why}")]
pub(crate) struct VolumeError {
    pub(crate) volume: String,
    pub(crate) why: Problem,
}

#[derive(Debug, Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    Api(#[from] ApiError),
    #[error("{0}")]
    Runtime(#[from] crate::RuntimeError),
    #[error("{0}")]
    Other(String),
}

/// The volumes of a pod, taken apart by what they need.
enum Sort<'a> {
    Disk,
    Memory(&'a EmptyDirVolumeSource),
    Content,
    Host { path: &'a str, kind: &'a str },
    Claim,
    Unsupported,
}

fn sort(volume: &Volume) -> Sort<'_> {
    if let Some(source) = &volume.empty_dir {
        match source.medium.as_deref() {
            Some("Memory") => Sort::Memory(source),
            _ => Sort::Disk,
        }
    } else if let Some(source) = &volume.host_path {
        Sort::Host { path: &source.path, kind: source.type_.as_deref().unwrap_or_default() }
    } else if volume.config_map.is_some()
        || volume.secret.is_some()
        || volume.downward_api.is_some()
        || volume.projected.is_some()
    {
        Sort::Content
    } else if volume.persistent_volume_claim.is_some() || volume.ephemeral.is_some() {
        Sort::Claim
    } else {
        Sort::Unsupported
    }
}

fn declared(pod: &Pod) -> impl Iterator<Item = &Volume> {
    pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten())
}

/// Where each volume is, by name: the same for every agent that asks.
pub(crate) fn paths(pod: &Pod, folder: &PodFolder) -> BTreeMap<String, VolumePath> {
    let text = |path: std::path::PathBuf| VolumePath::Path(path.to_string_lossy().into_owned());
    let path = |volume: &Volume| match sort(volume) {
        Sort::Disk => Some(text(folder.empty_dir(&volume.name))),
        Sort::Memory(_) => Some(VolumePath::Named(engine_name(pod, &volume.name))),
        Sort::Content => Some(text(folder.content(&volume.name))),
        Sort::Host { path, .. } => Some(VolumePath::Host(path.to_owned())),
        Sort::Claim => claims::noted(folder, volume),
        Sort::Unsupported => None,
    };
    declared(pod).filter_map(|volume| Some((volume.name.clone(), path(volume)?))).collect()
}

/// The engine's volumes that the sandbox has to hold.
pub(crate) fn held(pod: &Pod) -> Vec<String> {
    let in_memory = declared(pod).filter(|volume| matches!(sort(volume), Sort::Memory(_)));
    in_memory.map(|volume| engine_name(pod, &volume.name)).collect()
}

fn engine_name(pod: &Pod, volume: &str) -> String {
    format!("ls-{}-{volume}", pod.metadata.uid.as_deref().unwrap_or_default())
}

/// The objects that a pod's volumes show.
pub(crate) fn watched(pod: &Pod) -> BTreeSet<Key> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    declared(pod).flat_map(|volume| sources::keys(volume, namespace)).collect()
}

/// Makes every volume of a pod; answers when their content has to be made anew.
pub(crate) async fn prepare(
    context: &Context,
    pod: &Pod,
    folder: &PodFolder,
    tokens: &mut Tokens,
) -> Result<Option<Timestamp>, VolumeError> {
    for volume in declared(pod) {
        let failed = |why| VolumeError { volume: volume.name.clone(), why };
        match sort(volume) {
            Sort::Disk => {
                let path = folder.empty_dir(&volume.name);
                ownership::make_shared(&path, pod).map_err(|error| failed(error.into()))?;
            }
            Sort::Memory(source) => {
                let request = memory_volume(pod, &volume.name, source);
                let made = context.runtime.create_volume(&request).await;
                made.map_err(|error| failed(error.into()))?;
            }
            Sort::Host { path, kind } => host_path::check(path, kind).map_err(failed)?,
            Sort::Content => {}
            Sort::Claim => {
                let claim = claims::name_of(pod, volume).unwrap_or_default();
                let prepared = claims::prepare(context, pod, folder, volume, &claim).await;
                prepared.map_err(failed)?;
            }
            Sort::Unsupported => {
                let why = "this kind of volume is not supported by this node".to_owned();
                return Err(failed(Problem::Other(why)));
            }
        }
    }
    refresh(context, pod, folder, tokens).await
}

/// Brings the content of ConfigMaps, Secrets, tokens and fields up to date.
pub(crate) async fn refresh(
    context: &Context,
    pod: &Pod,
    folder: &PodFolder,
    tokens: &mut Tokens,
) -> Result<Option<Timestamp>, VolumeError> {
    let mut again: Option<Timestamp> = None;
    for volume in declared(pod).filter(|volume| matches!(sort(volume), Sort::Content)) {
        let failed = |why| VolumeError { volume: volume.name.clone(), why };
        let (payload, until) =
            sources::payload(context, pod, volume, tokens).await.map_err(failed)?;
        let path = folder.content(&volume.name);
        atomic::write(&path, &payload, ownership::group(pod))
            .map_err(|error| failed(error.into()))?;
        again = again.into_iter().chain(until).min();
    }
    Ok(again)
}

fn memory_volume(pod: &Pod, name: &str, source: &EmptyDirVolumeSource) -> MemoryVolume {
    let uid = pod.metadata.uid.clone().unwrap_or_default();
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
    let limit: Option<Quantity> = source.size_limit.as_ref().and_then(|limit| limit.0.parse().ok());
    MemoryVolume {
        name: engine_name(pod, name),
        labels: [(labels::POD_UID.to_owned(), uid), (labels::NODE.to_owned(), node)].into(),
        size_bytes: limit.map_or(0, Quantity::value),
    }
}
