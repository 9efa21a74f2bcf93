//! Who did what: gathered while a request is served, kept with its write or after its refusal.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use object::Key;
use planning::{access::User, audit};
use serde::Serialize;
use store::{Audit, Expected, Store, Stored, Write};
use tokio::{sync::mpsc, time::sleep};

/// Acts that wait to be kept; more than that come only while Postgres is away.
const WAITING_MAX: usize = 16_384;
const BATCH_MAX: usize = 512;
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Where a request comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// Who sent it, if they act as somebody else.
    pub(crate) impersonator: Option<String>,
    pub(crate) address: Option<IpAddr>,
    pub(crate) agent: String,
}

/// What is known of one request.
#[derive(Debug)]
pub(crate) struct Trail {
    user: User,
    origin: Origin,
    verb: &'static str,
    subresource: String,
    /// Whether a write of it was kept.
    is_kept: AtomicBool,
    annotations: Mutex<BTreeMap<String, String>>,
}

/// What a row holds beside its columns.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Detail<'t> {
    groups: &'t [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    impersonator: Option<&'t str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "sourceIP")]
    source_ip: Option<IpAddr>,
    user_agent: &'t str,
    subresource: &'t str,
    annotations: &'t BTreeMap<String, String>,
}

impl Trail {
    pub(crate) fn new(
        user: &User,
        origin: &Origin,
        verb: &'static str,
        subresource: &str,
    ) -> Arc<Self> {
        Arc::new(Self {
            user: user.clone(),
            origin: origin.clone(),
            verb,
            subresource: subresource.to_owned(),
            is_kept: AtomicBool::new(false),
            annotations: Mutex::default(),
        })
    }

    pub(crate) fn annotate(&self, more: BTreeMap<String, String>) {
        if !more.is_empty() {
            self.annotations.lock().unwrap_or_else(PoisonError::into_inner).extend(more);
        }
    }

    fn act(&self, key: &Key, code: u16) -> Audit {
        let annotations = self.annotations.lock().unwrap_or_else(PoisonError::into_inner);
        let detail = Detail {
            groups: &self.user.groups,
            impersonator: self.origin.impersonator.as_deref(),
            source_ip: self.origin.address,
            user_agent: &self.origin.agent,
            subresource: &self.subresource,
            annotations: &annotations,
        };
        let detail = serde_json::to_vec(&detail).expect("texts and lists are JSON").into();
        let user = self.user.name.clone();
        Audit { user, verb: self.verb, key: key.clone(), code, before: None, detail, diff: None }
    }

    /// The act that a write is, if it is more than a heartbeat.
    pub(crate) fn act_of(&self, own: &Write, old: Option<&Stored>) -> Option<Audit> {
        self.is_kept.store(true, Ordering::Relaxed);
        let code = if own.expected == Expected::Absent { 201 } else { 200 };
        // The store has what is created, and shows it as the difference to nothing.
        let Some(old) = old else { return Some(self.act(&own.key, code)) };
        let diff = audit::difference(&old.body, own.body.as_deref());
        if audit::is_heartbeat(&own.key.kind, &diff) {
            return None;
        }
        let diff = Some(diff.to_string().into());
        Some(Audit { before: Some(old.revision), diff, ..self.act(&own.key, code) })
    }

    /// Notes that a write was not accepted after all.
    pub(crate) fn forget(&self) {
        self.is_kept.store(false, Ordering::Relaxed);
    }
}

/// Keeps the acts that wrote nothing, a batch at a time.
#[derive(Default)]
pub(crate) struct Auditor {
    waiting: OnceLock<mpsc::Sender<Audit>>,
}

impl Auditor {
    pub(crate) fn start(&self, store: Arc<dyn Store>) {
        let (waiting, acts) = mpsc::channel(WAITING_MAX);
        if self.waiting.set(waiting).is_ok() {
            tokio::spawn(keep(store, acts));
        }
    }

    /// Keeps what a request came to, unless a write has told it already.
    pub(crate) fn note(&self, trail: &Trail, key: &Key, code: u16) {
        if trail.is_kept.load(Ordering::Relaxed) {
            return;
        }
        let Some(waiting) = self.waiting.get() else { return };
        if waiting.try_send(trail.act(key, code)).is_err() {
            let user = &trail.user.name;
            tracing::error!(%user, %key, code, "the audit is full and lost an act");
        }
    }
}

/// Until the API is dropped and everything is kept.
async fn keep(store: Arc<dyn Store>, mut acts: mpsc::Receiver<Audit>) {
    let mut batch = Vec::new();
    while acts.recv_many(&mut batch, BATCH_MAX).await > 0 {
        while let Err(error) = store.record(batch.clone()).await {
            tracing::warn!(%error, count = batch.len(), "the audit waits for the store");
            sleep(RETRY_DELAY).await;
        }
        batch.clear();
    }
}
