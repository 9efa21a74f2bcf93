//! The request pipeline: resolve, authenticate, authorize, admit, store, render; and the same as a
//! client in process.
//!
//! **Invariant:** every write goes through here. Knows no HTTP server and no kind by name; what a
//! kind does differently is declared in its file, what is decided is decided in `planning`.

mod admit;
mod aggregation;
mod audit;
mod authenticate;
mod authorize;
mod body;
mod bootstrap;
mod certificate;
mod discovery;
mod dynamic_admission;
mod errors;
mod fairness;
mod health;
mod incoming_body;
mod listing;
mod local;
mod metrics;
mod negotiate;
pub mod oidc;
mod openapi;
mod pipeline;
mod query;
mod registry;
mod render;
mod resolve;
mod respond;
mod reviews;
mod select;
mod settings;
mod source;
mod tokens;
mod turns;
mod verbs;
mod versions;
mod watch_lines;
mod world;

pub mod streams;

use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use client::{Client, Connection};
use futures::stream::BoxStream;
use object::{ApiError, KindName};
use planning::access::User;
use store::Store;
use tokio::sync::Semaphore;

use crate::streams::{ByteStream, Tunnels};

pub use certificate::ClientCertificate;
pub use incoming_body::Body;
pub use oidc::SignInOption;
pub use reviews::hash_password;
pub use settings::{Settings, SigningKey};
pub use source::{Asked, Computed, Source};
pub use tokens::{Bound, Grant, Token, Tokens};

const LOG_INS_MAX: usize = 2;

/// The API over a store.
pub struct Api {
    store: Arc<dyn Store>,
    settings: Settings,
    tokens: Tokens,
    providers: oidc::Providers,
    feed: Arc<world::Feed>,
    tunnels: Tunnels,
    discovered: aggregation::Discovered,
    metrics: metrics::Metrics,
    sources: RwLock<source::Sources>,
    auditor: audit::Auditor,
    /// Compressed pieces of lists.
    members: Arc<listing::Members>,
    turns: turns::Turns,
    fairness: Arc<fairness::Fairness>,
    /// How many passwords are hashed at once; each takes memory and a core for a while.
    log_ins: Semaphore,
}

/// What a request is answered with.
pub enum Answer {
    Full(http::Response<Bytes>),
    /// A watch, a log or what a backend answers: the head, then chunks as they come.
    Stream(http::Response<()>, BoxStream<'static, Result<Bytes, ApiError>>),
    /// An upgrade to a stream of frames.
    Connect(Connection),
    /// An upgrade to a stream of bytes, which is kubectl's port-forward.
    Bytes(ByteStream),
    /// An upgrade that a backend has agreed to: its answer, and the bytes that follow.
    Upgraded(http::Response<()>, ByteStream),
}

impl Answer {
    /// Of an upgrade there are none that we could write.
    fn headers_mut(&mut self) -> Option<&mut http::HeaderMap> {
        match self {
            Self::Full(response) => Some(response.headers_mut()),
            Self::Stream(head, _) => Some(head.headers_mut()),
            Self::Connect(_) | Self::Bytes(_) | Self::Upgraded(..) => None,
        }
    }

    fn code(&self) -> u16 {
        match self {
            Self::Full(response) => response.status().as_u16(),
            Self::Stream(head, _) => head.status().as_u16(),
            Self::Connect(_) | Self::Bytes(_) | Self::Upgraded(..) => {
                http::StatusCode::SWITCHING_PROTOCOLS.as_u16()
            }
        }
    }
}

impl Api {
    /// An API that serves nobody yet: call [`Api::start`].
    ///
    /// # Errors
    /// When the token-signing key can not be used.
    pub fn new(store: Arc<dyn Store>, settings: Settings) -> Result<Arc<Self>, ApiError> {
        let tokens = Tokens::new(&settings.signing_key, &settings.issuer)?;
        let providers = oidc::Providers::new(&settings.issuers)?;
        let feed = world::Feed::new(settings.seats);
        let tunnels = Tunnels::default();
        let sources = RwLock::new(source::own(&store, &tunnels));
        Ok(Arc::new(Self {
            sources,
            auditor: audit::Auditor::default(),
            turns: turns::Turns::default(),
            fairness: Arc::default(),
            store,
            settings,
            tokens,
            providers,
            feed,
            tunnels,
            discovered: aggregation::Discovered::default(),
            metrics: metrics::Metrics::default(),
            members: Arc::default(),
            log_ins: Semaphore::new(LOG_INS_MAX),
        }))
    }

    /// The API as one user sees it, without HTTP.
    pub fn client_as(self: &Arc<Self>, user: User) -> Arc<dyn Client> {
        Arc::new(local::LocalClient::new(self.clone(), user))
    }

    /// Who signs tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Computes the objects of a kind from now on.
    pub fn add_source(&self, kind: &KindName, source: Arc<dyn Source>) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        sources.insert(kind.clone(), source);
    }

    fn source(&self, kind: &KindName) -> Option<Arc<dyn Source>> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner).get(kind).cloned()
    }

    /// The agents that are connected to this copy.
    pub fn tunnels(&self) -> &Tunnels {
        &self.tunnels
    }

    /// Waits until this copy's memory holds the newest write of any copy.
    async fn catch_up(&self) -> Result<u64, ApiError> {
        self.store.catch_up().await.map_err(errors::of_read)
    }

    /// Waits until this copy's memory holds a revision that a client has seen.
    async fn catch_up_to(&self, revision: u64) -> Result<(), ApiError> {
        if self.store.revision() >= revision {
            return Ok(());
        }
        match self.catch_up().await? {
            newest if newest < revision => Err(errors::too_large(revision, newest)),
            _ => Ok(()),
        }
    }
}
