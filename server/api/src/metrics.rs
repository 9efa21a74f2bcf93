//! `/metrics`: what this copy of the server does, as Prometheus reads it. Requests have the names that
//! Kubernetes gives them.

use std::{
    fmt::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::StreamExt;
use object::ApiError;
use prometheus_client::{
    encoding::{
        EncodeLabelSet,
        text::{encode_eof, encode_registry},
    },
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::{Answer, resolve::Target, streams::BodyStream};

pub(crate) const MEDIA: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// In seconds.
const BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// A number that is read when it is asked for.
type Read = Box<dyn Fn() -> u64 + Send + Sync>;

#[derive(Clone, Debug, Default, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Asked {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    verb: String,
    group: String,
    version: String,
    resource: String,
    subresource: String,
    code: String,
}

/// A number of another room.
pub(crate) struct Published {
    name: &'static str,
    help: &'static str,
    /// Whether it only grows.
    is_counter: bool,
    read: Read,
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Asked, Histogram>,
    inflight: Gauge,
    streams: Gauge,
    published: Mutex<Vec<Published>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let requests = Family::default();
        let durations =
            Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let (inflight, streams) = (Gauge::<i64>::default(), Gauge::<i64>::default());
        registry.register("apiserver_request", "Requests answered", requests.clone());
        registry.register(
            "apiserver_request_duration_seconds",
            "Time until a request's head is answered",
            durations.clone(),
        );
        registry.register(
            "apiserver_current_inflight_requests",
            "Requests under way",
            inflight.clone(),
        );
        registry.register(
            "apiserver_longrunning_requests",
            "Watches, logs and other answers that go on",
            streams.clone(),
        );
        Self { registry, requests, durations, inflight, streams, published: Mutex::default() }
    }
}

/// Counts for as long as it lives.
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(crate) fn begin(&self) -> Counted {
        Counted::new(&self.inflight)
    }

    /// Counts an answer. One that goes on is counted until it ends.
    pub(crate) fn end(
        &self,
        target: Option<&Target>,
        verb: &str,
        elapsed: Duration,
        answer: Answer,
    ) -> Answer {
        let asked = target.map(|target| Asked {
            verb: verb.to_owned(),
            group: target.def.group.to_string(),
            version: target.def.version.to_string(),
            resource: target.def.plural.to_string(),
            subresource: target.subresource.clone(),
        });
        let asked = asked.unwrap_or_else(|| Asked { verb: verb.to_owned(), ..Asked::default() });
        let Asked { verb, group, version, resource, subresource } = asked.clone();
        let code = answer.code().to_string();
        let answered = Answered { verb, group, version, resource, subresource, code };
        self.requests.get_or_create(&answered).inc();
        match answer {
            Answer::Stream(head, chunks) => Answer::Stream(head, self.follow(chunks)),
            answer => {
                self.durations.get_or_create(&asked).observe(elapsed.as_secs_f64());
                answer
            }
        }
    }

    fn follow(&self, chunks: BodyStream) -> BodyStream {
        let counted = Counted::new(&self.streams);
        let chunks = chunks.map(move |chunk| {
            // Held by the stream.
            let _ = &counted;
            chunk
        });
        chunks.boxed()
    }

    pub(crate) fn publish(&self, published: Published) {
        self.published.lock().unwrap_or_else(PoisonError::into_inner).push(published);
    }

    /// Everything as text; `gauges` are read by the caller.
    pub(crate) fn render(&self, gauges: &[(&str, &str, u64)]) -> Result<String, ApiError> {
        let mut out = String::new();
        let failed = |_| ApiError::internal("the metrics can not be written");
        encode_registry(&mut out, &self.registry).map_err(failed)?;
        for (name, help, value) in gauges {
            writeln!(out, "# HELP {name} {help}.\n# TYPE {name} gauge\n{name} {value}")
                .map_err(failed)?;
        }
        for one in &*self.published.lock().unwrap_or_else(PoisonError::into_inner) {
            let Published { name, help, is_counter, read } = one;
            let (sort, end) = if *is_counter { ("counter", "_total") } else { ("gauge", "") };
            let value = read();
            writeln!(out, "# HELP {name} {help}.\n# TYPE {name} {sort}\n{name}{end} {value}")
                .map_err(failed)?;
        }
        encode_eof(&mut out).map_err(failed)?;
        Ok(out)
    }
}

/// The verb of a request, as Kubernetes' own metrics name it.
pub(crate) fn verb<'m>(
    method: &'m http::Method,
    target: Option<&Target>,
    watches: bool,
) -> &'m str {
    let is_stream = |sub: &kinds::SubresourceDef| sub.connects || sub.proxies.is_some();
    match (target, method.as_str()) {
        (Some(target), _) if target.sub().is_some_and(is_stream) => "CONNECT",
        (Some(target), "GET" | "HEAD") if target.name.is_empty() => {
            if watches {
                "WATCH"
            } else {
                "LIST"
            }
        }
        (Some(target), "DELETE") if target.name.is_empty() => "DELETECOLLECTION",
        (_, method) => method,
    }
}

/// What this process holds of memory.
pub(crate) fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: Option<u64> = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0) * 4096
}

impl crate::Api {
    /// Shows a counter of another room in `/metrics`.
    pub fn publish_counter(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let read = Box::new(read);
        self.metrics.publish(Published { name, help, is_counter: true, read });
    }

    /// Shows a number of another room that rises and falls in `/metrics`.
    pub fn publish_gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let read = Box::new(read);
        self.metrics.publish(Published { name, help, is_counter: false, read });
    }

    pub(crate) fn render_metrics(&self) -> Result<String, ApiError> {
        let tunnels = u64::try_from(self.tunnels.count()).unwrap_or(u64::MAX);
        self.metrics.render(&[
            ("longshore_store_revision", "The newest revision here", self.store.revision()),
            ("longshore_tunnels", "Agents that are connected to this server", tunnels),
            ("process_resident_memory_bytes", "Memory of this process", resident_bytes()),
        ])
    }
}
