//! `/healthz`, `/livez` and `/readyz`, with `?verbose` and single checks.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::{
    Api,
    negotiate::Format,
    query::Query,
    resolve::nowhere,
    respond::{failure, text},
};

impl Api {
    /// Every check of a probe, or the one that the path names.
    pub(crate) async fn probe(
        &self,
        probe: &str,
        check: Option<&str>,
        query: &Query,
    ) -> Response<Bytes> {
        let mut checks = vec![("ping", true)];
        if probe != "livez" {
            checks.push(("store", self.catch_up().await.is_ok()));
        }
        if let Some(check) = check {
            return match checks.iter().find(|(name, _)| *name == check) {
                None => failure(&nowhere(), Format::Json),
                Some((_, true)) => text(StatusCode::OK, "ok"),
                Some((name, false)) => {
                    text(StatusCode::SERVICE_UNAVAILABLE, &format!("{name} failed\n"))
                }
            };
        }
        checks.retain(|(name, _)| !query.all("exclude").any(|excluded| excluded == *name));
        let healthy = checks.iter().all(|(_, ok)| *ok);
        if healthy && !query.contains("verbose") {
            return text(StatusCode::OK, "ok");
        }
        let mut report: String = checks
            .iter()
            .map(|(name, ok)| format!("[{}]{name} {}\n", mark(*ok), word(*ok)))
            .collect();
        let status = if healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        report.push_str(&format!("{probe} check {}\n", if healthy { "passed" } else { "failed" }));
        text(status, &report)
    }
}

fn mark(ok: bool) -> char {
    if ok { '+' } else { '-' }
}

fn word(ok: bool) -> &'static str {
    if ok { "ok" } else { "failed" }
}
