//! What the store could not do, as the API's errors. Each is logged here, where it stops being one
//! of the store, and its source is never sent.

use object::{ApiError, Key, Reason};
use serde_json::json;
use store::StoreError;

/// A failed read or watch.
pub(crate) fn of_read(error: StoreError) -> ApiError {
    match error {
        StoreError::Compacted { asked, oldest } => expired(asked, oldest),
        StoreError::Future { asked, newest } => too_large(asked, newest),
        error => of_store(error),
    }
}

/// A failed write of a key; a broken precondition is the caller's to word.
pub(crate) fn of_write(error: StoreError, key: &Key) -> ApiError {
    match error {
        StoreError::Precondition { key: refused, .. } => {
            ApiError::modified(&refused.kind, &refused.name)
        }
        StoreError::Refused(why) => {
            let message = format!("{} \"{}\" can not be stored: {why}", key.kind, key.name);
            ApiError::new(Reason::RequestEntityTooLarge, message)
        }
        error => of_store(error),
    }
}

fn of_store(error: StoreError) -> ApiError {
    match error {
        StoreError::Fenced(lease) => ApiError::new(
            Reason::Conflict,
            format!("another copy of the server holds the lease {lease}"),
        ),
        StoreError::Unavailable { message, maybe_written } => {
            tracing::warn!(%message, maybe_written, "the database is away");
            let mut error = ApiError::unavailable(if maybe_written {
                "the database is away, and the write may have happened; read before you try again"
            } else {
                "the database is away; please try again later"
            });
            error.details = Some(Box::new(json!({"retryAfterSeconds": 1})));
            error
        }
        StoreError::Refused(why) => ApiError::new(Reason::RequestEntityTooLarge, why),
        error => {
            tracing::error!(%error, "the store refused what the API asked for");
            ApiError::internal("the store refused the request")
        }
    }
}

/// A revision that the log has no longer.
pub(crate) fn expired(asked: u64, oldest: u64) -> ApiError {
    ApiError::new(Reason::Expired, format!("too old resource version: {asked} ({oldest})"))
}

/// A revision that is not there yet; the client tries again.
pub(crate) fn too_large(asked: u64, newest: u64) -> ApiError {
    let message = format!("Timeout: Too large resource version: {asked}, current: {newest}");
    let cause =
        json!({"reason": "ResourceVersionTooLarge", "message": "Too large resource version"});
    ApiError {
        reason: Reason::Timeout,
        message,
        details: Some(Box::new(json!({"causes": [cause], "retryAfterSeconds": 1}))),
    }
}
