//! GET of a collection: consistent pages out of memory.

use std::{ops::Bound, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use object::{ApiError, Key, Reason};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Range, Snapshot, StoreError, Stored};

use crate::{
    Api, errors,
    query::{ListOptions, RevisionMatch},
    render::ListMeta,
    resolve::Target,
    select::Filter,
};

/// Where the next page begins, and as of which revision.
#[derive(Debug, Serialize, Deserialize, PartialEq)]
struct Continuation {
    #[serde(rename = "rv")]
    revision: u64,
    /// Namespace and name of the last object of the page before.
    after: (String, String),
}

impl Continuation {
    fn encode(&self) -> String {
        let json = serde_json::to_vec(self).expect("numbers and strings are JSON");
        BASE64_URL_SAFE_NO_PAD.encode(json)
    }

    fn decode(token: &str) -> Result<Self, ApiError> {
        let refuse = |why: &dyn std::fmt::Display| {
            let told = format!("invalid continue token: continue key is not valid: {why}");
            ApiError::bad_request(told)
        };
        let json = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|error| refuse(&error))?;
        serde_json::from_slice(&json).map_err(|error| refuse(&error))
    }
}

/// One page.
pub(crate) struct Page {
    pub(crate) meta: ListMeta,
    pub(crate) items: Vec<Arc<Stored>>,
}

pub(crate) fn range(target: &Target, filter: &Filter) -> Range {
    Range {
        kind: Some(target.def.name.clone()),
        namespace: (!target.namespace.is_empty()).then(|| target.namespace.as_str().into()),
        name: filter.name().map(Into::into),
    }
}

impl Api {
    pub(crate) async fn list(
        &self,
        target: &Target,
        options: &ListOptions,
    ) -> Result<Page, ApiError> {
        if target.def.computed {
            return self.compute_page(target, options).await;
        }
        let fields = options.fields.as_deref();
        let filter = Filter::new(&target.def, options.labels.as_deref(), fields)?;
        let range = range(target, &filter);
        let continuation = options.continuation.as_deref().map(Continuation::decode).transpose()?;
        let snapshot = self.snapshot(&range, options, continuation.as_ref()).await?;
        Ok(page(target, snapshot, &filter, options.limit, continuation.as_ref()))
    }

    async fn snapshot(
        &self,
        range: &Range,
        options: &ListOptions,
        continuation: Option<&Continuation>,
    ) -> Result<Snapshot, ApiError> {
        if let Some(continuation) = continuation {
            if options.revision.is_some_and(|revision| revision > 0) {
                return Err(ApiError::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            // The revision 0 of a token that we gave up on stands for "whatever is there now".
            if continuation.revision == 0 {
                self.catch_up().await?;
                return Ok(self.store.snapshot(range));
            }
            return match self.store.snapshot_at(range, continuation.revision).await {
                Err(StoreError::Compacted { .. }) => Err(expired(continuation)),
                other => other.map_err(errors::of_read),
            };
        }
        // Pages of a revision that is named alone are of that very revision, as they always were.
        let is_exact = match options.revision_match {
            Some(RevisionMatch::Exact) => true,
            Some(RevisionMatch::NotOlderThan) => false,
            None => options.limit.is_some(),
        };
        match (options.revision, is_exact) {
            (Some(0), _) => {}
            (Some(revision), true) => {
                self.catch_up_to(revision).await?;
                return self.store.snapshot_at(range, revision).await.map_err(errors::of_read);
            }
            (Some(revision), _) => self.catch_up_to(revision).await?,
            (None, _) => drop(self.catch_up().await?),
        }
        Ok(self.store.snapshot(range))
    }
}

/// The token is too old; its details carry one that goes on from what is there now.
fn expired(continuation: &Continuation) -> ApiError {
    let fresh = Continuation { revision: 0, after: continuation.after.clone() };
    ApiError {
        reason: Reason::Expired,
        message: "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list. Objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.".to_owned(),
        details: Some(Box::new(json!({"continue": fresh.encode()}))),
    }
}

fn page(
    target: &Target,
    snapshot: Snapshot,
    filter: &Filter,
    limit: Option<usize>,
    continuation: Option<&Continuation>,
) -> Page {
    let after = continuation.map(|c| Key::new(target.def.name.clone(), &c.after.0, &c.after.1));
    let from = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
    let start = match from {
        Bound::Excluded(key) => snapshot.items.partition_point(|item| item.key <= *key),
        _ => 0,
    };
    let mut items = Vec::new();
    let mut rest = snapshot.items.len() - start;
    let mut more = false;
    for item in snapshot.items.into_iter().skip(start) {
        if limit.is_some_and(|limit| items.len() >= limit) {
            more = true;
            break;
        }
        rest -= 1;
        if filter.matches(&item.key, &item.body) {
            items.push(item);
        }
    }
    let last = items.last().filter(|_| more);
    let continuation = last.map(|last| {
        let after = (last.key.namespace.to_string(), last.key.name.to_string());
        Continuation { revision: snapshot.revision, after }.encode()
    });
    let remaining = (continuation.is_some() && filter.is_everything()).then_some(rest);
    Page { meta: ListMeta { revision: snapshot.revision, continuation, remaining }, items }
}
