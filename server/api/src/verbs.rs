//! What a request does to objects, whoever sends it: HTTP or a client in process.

pub(crate) mod apply;
mod computed;
pub(crate) mod connect;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod delete_collection;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod owners;
pub(crate) mod patch;
pub(crate) mod post;
pub(crate) mod scale;
mod token;
pub(crate) mod update;
pub(crate) mod wait;
pub(crate) mod watch;

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use object::{ApiError, Key, patch::apply as field_ownership};
use planning::{access::User, admission::Notes};
use serde_json::Value;
use store::{Stored, Write};

use crate::{Api, errors, query::WriteOptions, resolve::Target};

/// The field manager of what the server writes on its own.
const OWN_MANAGER: &str = "longshore";

/// Who writes, how, and what they are to be warned of.
pub(crate) struct Writer<'r> {
    pub(crate) user: &'r User,
    pub(crate) options: &'r WriteOptions,
    pub(crate) warnings: Vec<String>,
    /// What admission warns of.
    told: Mutex<Vec<String>>,
}

impl<'r> Writer<'r> {
    pub(crate) fn new(user: &'r User, options: &'r WriteOptions) -> Self {
        Self { user, options, warnings: Vec::new(), told: Mutex::default() }
    }

    /// Keeps what admission says; a write that is tried again hears it again.
    pub(crate) fn note(&self, notes: Notes) {
        let mut kept = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for warning in notes.warnings {
            if !kept.contains(&warning) {
                kept.push(warning);
            }
        }
        if let Some(trail) = &self.options.trail {
            trail.annotate(notes.annotations);
        }
    }

    /// All that the client is to be warned of.
    pub(crate) fn all_warnings(&self) -> Vec<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.warnings.iter().chain(&*told).cloned().collect()
    }

    /// Whose the written fields become.
    fn ownership<'w>(&'w self, target: &'w Target, now: Timestamp) -> field_ownership::Write<'w> {
        field_ownership::Write {
            manager: self.options.field_manager.as_deref().unwrap_or(OWN_MANAGER),
            api_version: &target.def.api_version,
            subresource: &target.subresource,
            now,
        }
    }
}

/// What a write answers.
#[derive(Debug)]
pub(crate) enum Written {
    Created(Stored),
    Changed(Stored),
    /// An answer that is no stored object: a review, a `Scale`, a token.
    Answered(Value),
}

impl Api {
    /// Commits the writes, of which the first is the object's own, and gives its revision.
    pub(crate) async fn commit(
        &self,
        key: &Key,
        writes: Vec<Write>,
        options: &WriteOptions,
    ) -> Result<u64, store::StoreError> {
        if options.dry_run {
            return Ok(self.store.get(key).map_or(0, |stored| stored.revision));
        }
        let fence = options.fence.clone();
        let audit = options
            .trail
            .as_ref()
            .zip(writes.first())
            .and_then(|(trail, own)| trail.act_of(own, self.store.get(&own.key).as_deref()));
        let committed = self.store.commit(store::Transaction { writes, fence, audit }).await;
        if let (Err(_), Some(trail)) = (&committed, &options.trail) {
            trail.forget();
        }
        committed
    }
}

/// The error of a write that is not tried again.
pub(crate) fn failed(error: store::StoreError, key: &Key) -> ApiError {
    errors::of_write(error, key)
}
