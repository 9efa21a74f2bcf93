//! GET of a subresource that waits until its object has become what its spec says.

use std::time::Duration;

use futures::StreamExt;
use kinds::Progress;
use object::{ApiError, Reason};
use store::{Range, WatchEvent};
use tokio::time::{Instant, timeout_at};

use crate::{Api, admit, errors, resolve::Target};

/// How long such a GET waits that names no time.
const WAIT_SECONDS: u64 = 60;
const WAIT_SECONDS_MAX: u64 = 3600;

impl Api {
    /// What was done, or why it was not: the last reason to wait once the time is over.
    pub(crate) async fn wait(
        &self,
        target: &Target,
        seconds: Option<u64>,
    ) -> Result<String, ApiError> {
        let seconds = seconds.unwrap_or(WAIT_SECONDS).min(WAIT_SECONDS_MAX);
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let key = target.key();
        let range = Range {
            kind: Some(key.kind.clone()),
            namespace: Some(key.namespace.clone()),
            name: Some(key.name.clone()),
        };
        let mut stored = self.read(&key, false).await?;
        let mut changes = self.store.watch(range, stored.revision).map_err(errors::of_read)?;
        loop {
            let object = admit::decode_stored(&target.def, &stored.body)?;
            let why = match object.progress(&target.subresource) {
                Some(Progress::Waiting(why)) => why,
                Some(Progress::Failed(why)) => return Err(ApiError::new(Reason::Conflict, why)),
                Some(Progress::Done(what)) => return Ok(what),
                None => return Err(crate::resolve::nowhere()),
            };
            loop {
                match timeout_at(deadline, changes.next()).await {
                    Ok(Some(Ok(WatchEvent::Change(_)))) => break,
                    Ok(Some(Ok(WatchEvent::Progress(_)))) => {}
                    Ok(Some(Err(error))) => return Err(errors::of_read(error)),
                    Ok(None) | Err(_) => return Err(ApiError::new(Reason::Timeout, why)),
                }
            }
            stored = self.read(&key, true).await?;
        }
    }
}
