//! The HTTP server: one catch-all that hands requests to the API or to the dashboard, over HTTP/2,
//! HTTP/1.1 and WebSocket on one port.
//!
//! **Invariant:** the only place that names actix. It decides nothing: it translates.

mod documents;
mod listener;
mod page;
mod passage;
mod request;
mod respond;
mod routes;
mod service;
mod sign_in;
mod tunnel;
mod websocket;

use std::time::Duration;

pub use listener::{Listeners, Running, start};
pub use service::Service;

/// The largest body of a request, as in Kubernetes.
const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// How long a request may take until its head is answered; what streams may take longer. The API
/// waits for a minute at most by itself, and then says what it waited for.
const ANSWER_PATIENCE: Duration = Duration::from_secs(65);
/// How much longer, for one that asks to wait with `timeoutSeconds`.
const WAIT_SECONDS_MAX: u64 = 3600;

#[cfg(test)]
mod tests;
