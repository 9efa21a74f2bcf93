//! Where a container's volumes are mounted.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Container;

use super::{LaunchError, env::expand};

/// Where a volume's content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumePath {
    /// A path on the host that the agent has made.
    Path(String),
    /// A path that is the host's own; the runtime makes a folder there if it is missing.
    Host(String),
    /// A volume of the runtime.
    Named(String),
}

/// One mount of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPath {
    pub source: VolumePath,
    /// A path below the source that is made if it is missing.
    pub sub_path: String,
    pub target: String,
    pub read_only: bool,
    pub propagation: Propagation,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Propagation {
    #[default]
    Private,
    HostToContainer,
    Bidirectional,
}

impl MountPath {
    /// A file or folder of the host at a place in the container.
    pub fn new(source: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            source: VolumePath::Path(source.into()),
            sub_path: String::new(),
            target: target.into(),
            read_only: false,
            propagation: Propagation::Private,
        }
    }
}

pub(super) fn mounts(
    container: &Container,
    volumes: &BTreeMap<String, VolumePath>,
    env: &[(String, String)],
) -> Result<Vec<MountPath>, LaunchError> {
    let declared = container.volume_mounts.iter().flatten();
    declared
        .map(|mount| {
            let source = volumes.get(&mount.name).ok_or_else(|| {
                LaunchError(format!("cannot find volume \"{}\" to mount", mount.name))
            })?;
            let written = mount.sub_path_expr.as_ref().map(|expr| expand(expr, env));
            let sub_path = written.or_else(|| mount.sub_path.clone()).unwrap_or_default();
            if sub_path.starts_with('/') || sub_path.split('/').any(|part| part == "..") {
                let name = &mount.name;
                return Err(LaunchError(format!(
                    "subPath \"{sub_path}\" of volume \"{name}\" must stay inside the volume"
                )));
            }
            Ok(MountPath {
                source: source.clone(),
                sub_path,
                target: mount.mount_path.clone(),
                read_only: mount.read_only == Some(true),
                propagation: match mount.mount_propagation.as_deref() {
                    Some("HostToContainer") => Propagation::HostToContainer,
                    Some("Bidirectional") => Propagation::Bidirectional,
                    _ => Propagation::Private,
                },
            })
        })
        .collect()
}
