//! Removes the folders of volumes that are gone from the API.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::PersistentVolume;
use object::Key;
use planning::storage::VOLUMES;

use crate::{context::Context, volumes::claims};

/// A volume has to be gone for so long: data is not removed on one answer.
const GONE_FOR: Duration = Duration::from_secs(100);

/// Volumes that were not found, and since when.
#[derive(Default)]
pub(crate) struct Reclaim(BTreeMap<String, Instant>);

impl Reclaim {
    /// Looks at every folder that is kept, and removes those whose volume is gone.
    pub(crate) async fn sweep(&mut self, context: &Context) {
        let kept = match claims::kept(&context.config) {
            Ok(kept) => kept,
            Err(error) => return tracing::debug!(%error, "cannot list the folders of volumes"),
        };
        self.0.retain(|name, _| kept.contains(name));
        for name in kept {
            let key = Key::new(VOLUMES, "", &name);
            match context.objects.get::<PersistentVolume>(&key).await {
                Ok(None) => {}
                Ok(Some(_)) => {
                    self.0.remove(&name);
                    continue;
                }
                Err(error) => {
                    tracing::debug!(volume = %name, %error, "cannot ask for a volume");
                    self.0.remove(&name);
                    continue;
                }
            }
            if self.0.entry(name.clone()).or_insert_with(Instant::now).elapsed() < GONE_FOR {
                continue;
            }
            let path = claims::root(&context.config).join(&name);
            match fs::remove_dir_all(&path) {
                Ok(()) => tracing::info!(volume = %name, "removed the folder of a deleted volume"),
                Err(error) => tracing::warn!(volume = %name, %error, "cannot remove a folder"),
            }
        }
    }
}
