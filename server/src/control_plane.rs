//! The control plane of one server copy: store, API, HTTP, engine.

use std::{
    fs,
    net::IpAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use api::{Api, Bound, Grant, Settings};
use client::Client;
use engine::Counters;
use object::{Key, Meta};
use planning::access::{MASTERS, User};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::{Value, json};
use store::{Limits, OpenError, Postgres, PostgresOptions, Store};
use tokio::{sync::oneshot, task::JoinHandle, time::sleep};

use crate::{
    config::{Listen, Rules},
    effects::Effects,
    folder::DataFolder,
    hosts::Hosts,
    http::{self, Listeners, Running},
    identity_providers,
    kubeconfig::{Kubeconfig, write_private},
    leases::StoreLeases,
    pki,
};

/// How long a start waits for a Postgres that does not answer yet.
const POSTGRES_PATIENCE: Duration = Duration::from_secs(60);
const ADMIN: &str = "admin";
const ADMIN_TOKEN_SECONDS: u64 = 365 * 24 * 3600;
const PASSWORD_LENGTH: usize = 20;
/// The service `kubernetes`.
const API_SERVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 43, 0, 1));

/// A running control plane.
pub struct ControlPlane {
    pub api: Arc<Api>,
    http: Running,
    engine: JoinHandle<()>,
    stop_engine: oneshot::Sender<()>,
}

impl ControlPlane {
    /// Opens the store and serves.
    ///
    /// # Errors
    /// When Postgres, a key, a port or the folder can not be used; the message says what to do.
    pub async fn start(
        folder: &DataFolder,
        listen: &Listen,
        rules: &Rules,
        database_url: &str,
        key: [u8; 32],
    ) -> anyhow::Result<Self> {
        let store: Arc<dyn Store> = Arc::new(open_store(database_url, key).await?);
        let authority = pki::Authority::load(&*store).await?;
        let mut settings = Settings::new(pki::signing_key(&*store).await?);
        settings.admission.pod_security = rules.pod_security;
        if let Some(path) = &rules.authentication_config {
            settings.issuers = identity_providers::read(path)?;
        }
        let front_proxy = pki::FrontProxy::load(&*store).await?;
        settings.front_proxy = Some(front_proxy.identity.clone());
        let api = Api::new(store.clone(), settings)?;
        let ca_pem = authority.certificate_pem().to_owned();
        let mut more = vec![root_ca(&ca_pem), front_proxy.config_map(&ca_pem)];
        more.extend(own_services());
        more.extend(admin(&*store, folder)?);
        api.start(more).await?;

        let advertised = advertised(listen);
        let host = advertised.rsplit_once(':').map_or(advertised.as_str(), |(host, _)| host);
        let names = vec![host.to_owned()];
        let addresses: Vec<IpAddr> =
            host.parse().ok().into_iter().chain([listen.api.ip()]).collect();
        let listeners = Listeners {
            api: listen.api,
            tls: authority.server_config(&names, &addresses, API_SERVICE)?,
            dashboard: Some(listen.dashboard),
            workers: 2,
        };
        let http = http::start(Arc::new(api.clone()), listeners)?;
        write_files(folder, &api, &*store, &ca_pem, &advertised)?;

        let hosts = Hosts::new(api.clone(), &ca_pem, &advertised);
        let effects = Effects { hosts, authority: authority.clone() };
        let client = api.client_as(User::new("system:longshore-engine", &[MASTERS]));
        let counters = Arc::new(Counters::default());
        publish(&api, &counters);
        let (stop_engine, stopped) = oneshot::channel();
        let engine = tokio::spawn(engine::run(
            client,
            Arc::new(StoreLeases::new(store)),
            Arc::new(effects),
            counters,
            async { drop(stopped.await) },
        ));
        Ok(Self { api, http, engine, stop_engine })
    }

    /// The API with an administrator's rights.
    pub fn client(&self) -> Arc<dyn Client> {
        self.api.client_as(User::new(ADMIN, &[MASTERS]))
    }

    /// Ends the engine, then every connection.
    pub async fn stop(self) {
        // The engine may have ended already; then nobody listens.
        self.stop_engine.send(()).ok();
        if let Err(error) = self.engine.await {
            tracing::error!(%error, "the engine panicked");
        }
        self.http.stop().await;
    }
}

/// Where others reach the API.
pub fn advertised(listen: &Listen) -> String {
    match &listen.advertise {
        Some(advertise) => advertise.clone(),
        None if listen.api.ip().is_unspecified() => {
            let address = first_address().unwrap_or(IpAddr::from([127, 0, 0, 1]));
            format!("{address}:{}", listen.api.port())
        }
        None => listen.api.to_string(),
    }
}

/// The first address of this machine that is not loopback.
/// Shows what the engine counts: a key that is planned again and again is seen here.
fn publish(api: &Api, counters: &Arc<Counters>) {
    type Counted = fn(&Counters) -> &AtomicU64;
    let counted: [(&str, &str, Counted); 4] = [
        ("longshore_engine_rounds", "Plans that were made", |c| &c.rounds),
        ("longshore_engine_actions", "Actions that were carried out", |c| &c.actions),
        ("longshore_engine_failures", "Actions that were refused", |c| &c.failures),
        ("longshore_engine_stale", "Rounds that a newer state made void", |c| &c.stale),
    ];
    for (name, help, counter) in counted {
        let counters = counters.clone();
        api.publish_counter(name, help, move || counter(&counters).load(Ordering::Relaxed));
    }
    let (name, help) = ("longshore_engine_lag_milliseconds", "How far plans are behind");
    let counters = counters.clone();
    api.publish_gauge(name, help, move || counters.lag_ms.load(Ordering::Relaxed));
}

fn first_address() -> Option<IpAddr> {
    let addresses = nix::ifaddrs::getifaddrs().ok()?;
    let mut found = addresses.filter_map(|interface| {
        let address = interface.address?;
        address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()))
    });
    found.find(|address| !address.is_loopback())
}

pub(crate) async fn open_store(url: &str, key: [u8; 32]) -> anyhow::Result<Postgres> {
    let deadline = tokio::time::Instant::now() + POSTGRES_PATIENCE;
    loop {
        let options = PostgresOptions {
            url: url.to_owned(),
            limits: Limits::default(),
            key,
            is_secret: |kind| kinds::find(kind).is_some_and(|def| def.secret),
        };
        match Postgres::open(options).await {
            Err(OpenError::Away(why)) if tokio::time::Instant::now() < deadline => {
                tracing::info!(why, "waiting for Postgres");
                sleep(Duration::from_secs(1)).await;
            }
            opened => return opened.context("cannot open the database"),
        }
    }
}

/// The authority's certificate, where controllers find it for the namespaces.
fn root_ca(ca_pem: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "kube-root-ca.crt", "namespace": "kube-system"},
        "data": {"ca.crt": ca_pem},
    })
}

/// The services that every node's agent answers itself: their names and addresses are what clients
/// in pods expect.
fn own_services() -> [Value; 2] {
    let service = |namespace: &str, name: &str, ip: &str, ports: Value| {
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterIP": ip, "ports": ports},
        })
    };
    let https = json!([{"name": "https", "port": 443, "targetPort": 6443}]);
    let dns = json!([
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]);
    [
        service("default", "kubernetes", &API_SERVICE.to_string(), https),
        service("kube-system", "kube-dns", &crate::data_plane::DNS_SERVICE.to_string(), dns),
    ]
}

fn admin_key() -> Key {
    Key::new("users.longshore.dev", "", ADMIN)
}

/// The first user with a password of our making, unless there is one.
fn admin(store: &dyn Store, folder: &DataFolder) -> anyhow::Result<Option<Value>> {
    if store.get(&admin_key()).is_some() {
        return Ok(None);
    }
    let password = Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH);
    let hash = api::hash_password(&password)?;
    // The file comes first: a password that nobody has read is no loss, an unknown one is.
    write_private(&folder.admin_password(), &format!("{password}\n"))?;
    Ok(Some(json!({
        "apiVersion": "longshore.dev/v1", "kind": "User", "metadata": {"name": ADMIN},
        "spec": {"passwordHash": hash, "groups": [MASTERS]},
    })))
}

/// Writes what operators need beside the database.
fn write_files(
    folder: &DataFolder,
    api: &Api,
    store: &dyn Store,
    ca_pem: &str,
    advertised: &str,
) -> anyhow::Result<()> {
    let stored = store.get(&admin_key()).context("the user admin is missing")?;
    let bound = Bound {
        kind: "users.longshore.dev".to_owned(),
        namespace: String::new(),
        name: ADMIN.to_owned(),
        uid: Meta::read(&stored.body)?.uid.to_string(),
    };
    let user = User::new(ADMIN, &[MASTERS]);
    let token = api.tokens().issue(&Grant::new(user, vec![bound], ADMIN_TOKEN_SECONDS))?;
    let server = format!("https://{advertised}");
    let config = Kubeconfig { server, ca_pem: ca_pem.to_owned(), token: token.text };
    write_private(&folder.kubeconfig(), &config.to_yaml()?)?;
    write_public(&folder.ca(), ca_pem)
}

fn write_public(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
