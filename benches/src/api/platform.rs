//! `longshore server` against a private Postgres, and what is asked of it.

use std::{
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use serde_json::{Value, json};
use store::embedded::EmbeddedPostgres;

use super::{
    load::Target,
    wire::{Answer, Wire},
};
use crate::process::{cpu_ticks, descendants};

const API: &str = "127.0.0.1:26443";
const DASHBOARD: &str = "127.0.0.1:26480";

/// Ends with its holder, also when a measurement fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

pub struct Platform {
    server: Server,
    postgres: EmbeddedPostgres,
    folder: PathBuf,
    tls: Arc<ClientConfig>,
    token: String,
}

impl Platform {
    pub async fn start() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("longshore-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let postgres = EmbeddedPostgres::start(&folder.join("postgres")).await?;
        let data = folder.join("data");
        let server = run_server(&folder, &postgres)?;
        let (tls, token) = credentials(&data.join("kubeconfig")).await?;
        let platform = Self { server, postgres, folder, tls, token };
        for _ in 0..300 {
            if let Ok(client) = platform.client(1).await
                && let Ok(answer) = client.ask(Method::GET, "/readyz", Bytes::new()).await
                && answer.head.status() == 200
            {
                return Ok(platform);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("the server is not ready after 30 s; see {}", platform.folder.display())
    }

    pub async fn client(&self, connections: usize) -> Result<Client> {
        let address: SocketAddr = API.parse()?;
        let wire = Wire::open(address, Some(self.tls.clone()), connections).await?;
        Ok(Client { wire, authorization: format!("Bearer {}", self.token) })
    }

    pub async fn target(&self, clients: usize) -> Result<Target> {
        Ok(Target::Platform(Arc::new(self.client(super::load::connections(clients)).await?)))
    }

    /// Of the server and of Postgres.
    pub fn cpu_us(&self) -> u64 {
        self.server_cpu_us() + self.postgres_pids().into_iter().map(cpu_ticks).sum::<u64>() * 10_000
    }

    pub fn server_cpu_us(&self) -> u64 {
        cpu_ticks(self.server.0.id()) * 10_000
    }

    /// The private Postgres is the one child of this process that is not the server or etcd.
    fn postgres_pids(&self) -> Vec<u32> {
        let own = descendants(std::process::id());
        let is_postgres = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.starts_with("postgres"))
        };
        own.into_iter().filter(is_postgres).collect()
    }

    /// Ends the server and starts it again: how long until its controllers have looked at everything.
    pub async fn restart(&mut self) -> Result<Duration> {
        let pid = self.server.0.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status()?;
        self.server.0.wait()?;
        let started = Instant::now();
        self.server = run_server(&self.folder, &self.postgres)?;
        while started.elapsed() < Duration::from_secs(120) {
            if let Ok(client) = self.client(1).await
                && let Ok(answer) = client.ask(Method::GET, "/metrics", Bytes::new()).await
                && let text = String::from_utf8_lossy(&answer.body)
                && number(&text, "longshore_engine_rounds_total").is_some_and(|rounds| rounds > 0)
                && number(&text, "longshore_engine_lag_milliseconds").is_some_and(|lag| lag < 20)
            {
                return Ok(started.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::bail!("the controllers were not through after two minutes")
    }

    pub async fn stop(mut self) -> Result<()> {
        let pid = self.server.0.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status()?;
        self.server.0.wait()?;
        self.postgres.stop().await;
        std::fs::remove_dir_all(&self.folder)?;
        Ok(())
    }
}

fn run_server(folder: &Path, postgres: &EmbeddedPostgres) -> Result<Server> {
    let log = File::options().create(true).append(true).open(folder.join("server.log"))?;
    let server = Command::new(tests::binary())
        .args(["server", "--api", API, "--dashboard", DASHBOARD, "--data"])
        .arg(folder.join("data"))
        .env("DATABASE_URL", postgres.url())
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("the server can not be run")?;
    Ok(Server(server))
}

/// The value of a metric that has no labels.
fn number(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.parse().ok()
}

/// Waits until the server has written its kubeconfig.
async fn credentials(path: &Path) -> Result<(Arc<ClientConfig>, String)> {
    for _ in 0..300 {
        if let Ok(text) = std::fs::read_to_string(path) {
            let config: Value = serde_norway::from_str(&text)?;
            let ca = config["clusters"][0]["cluster"]["certificate-authority-data"].as_str();
            let ca = BASE64_STANDARD.decode(ca.context("no CA in the kubeconfig")?)?;
            let token = config["users"][0]["user"]["token"].as_str();
            return Ok((tls(&ca)?, token.context("no token in the kubeconfig")?.to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("no kubeconfig at {} after 30 s", path.display())
}

fn tls(ca_pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

pub struct Client {
    wire: Wire,
    authorization: String,
}

impl Client {
    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(format!("https://{API}{path}"))
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
    }

    pub async fn ask(&self, method: Method, path: &str, body: Bytes) -> Result<Answer> {
        self.wire.ask(self.request(method, path).body(Full::new(body).boxed())?).await
    }

    pub async fn get_compressed(&self, path: &str) -> Result<Answer> {
        let request = self.request(Method::GET, path).header("accept-encoding", "gzip");
        self.wire.ask(request.body(Full::new(Bytes::new()).boxed())?).await
    }

    pub async fn open(&self, path: &str) -> Result<hyper::body::Incoming> {
        let request = self.request(Method::GET, path).body(Full::new(Bytes::new()).boxed())?;
        let answer = self.wire.send(request).await?;
        ensure!(answer.status() == 200, "{path}: {}", answer.status());
        Ok(answer.into_body())
    }

    pub async fn make_namespace(&self, name: &str) -> Result<()> {
        let body = json!({"metadata": {"name": name}}).to_string();
        let answer = self.ask(Method::POST, "/api/v1/namespaces", body.into()).await?;
        ensure!(answer.head.status() == 201, "namespace {name}: {}", answer.head.status());
        // Pods need the namespace's service account, which a controller makes.
        for _ in 0..1200 {
            let path = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
            if self.ask(Method::GET, &path, Bytes::new()).await?.head.status() == 200 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        anyhow::bail!("the namespace {name} got no service account")
    }
}
