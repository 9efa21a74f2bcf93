//! Puts agents on hosts, with credentials of their own.

use std::{net::SocketAddr, sync::Arc};

use api::{Api, Bound, Grant};
use base64::{Engine, prelude::BASE64_STANDARD};
use client::{Client, WriteOptions};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kinds::host::Host;
use node::{AgentConfig, install};
use object::{ApiError, Key, Reason};
use planning::access::{MASTERS, User};
use serde_json::{Value, json};

/// How long an agent's token lives, and when a new one is made.
const TOKEN_SECONDS: u64 = 365 * 24 * 3600;
const TOKEN_RENEWAL_SECONDS: i64 = 60 * 24 * 3600;

/// Carries out what the host controller plans.
pub struct Hosts {
    api: Arc<Api>,
    ca_pem: String,
    /// Where agents reach the API.
    server: String,
    /// Whether only this machine reaches it.
    is_loopback: bool,
}

impl Hosts {
    pub fn new(api: Arc<Api>, ca_pem: &str, advertised: &str) -> Self {
        let is_loopback =
            advertised.parse::<SocketAddr>().is_ok_and(|address| address.ip().is_loopback());
        let server = format!("https://{advertised}");
        Self { api, ca_pem: ca_pem.to_owned(), server, is_loopback }
    }

    fn client(&self) -> Arc<dyn Client> {
        self.api.client_as(User::new("system:hosts", &[MASTERS]))
    }

    /// The agent's token: the one that it has, as long as it is good, so that an agent is not
    /// started anew without cause.
    async fn token(&self, host: &Host) -> Result<String, ApiError> {
        let name = host.metadata.name.as_deref().unwrap_or_default();
        let uid = host.metadata.uid.as_deref().unwrap_or_default();
        let key = Key::new("secrets", "kube-system", &format!("longshore-agent-{name}"));
        let client = self.client();
        let kept = match client.get(&key).await {
            Ok(object) => Some(object.decode::<Secret>()?),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        if let Some(token) = kept.as_ref().and_then(|secret| good_token(secret, uid)) {
            return Ok(token);
        }
        let bound = Bound {
            kind: "hosts.longshore.dev".to_owned(),
            namespace: String::new(),
            name: name.to_owned(),
            uid: uid.to_owned(),
        };
        let user = User::new(&format!("system:node:{name}"), &["system:nodes"]);
        let token = self.api.tokens().issue(&Grant::new(user, vec![bound], TOKEN_SECONDS))?;
        let body = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": &*key.name, "namespace": &*key.namespace},
            "data": {
                "token": BASE64_STANDARD.encode(&token.text),
                "host-uid": BASE64_STANDARD.encode(uid),
                "expires": BASE64_STANDARD.encode(token.expires.as_second().to_string()),
            },
        });
        let options = WriteOptions::default();
        let body = body.to_string().into();
        match kept {
            Some(_) => client.update(&key, "", body, &options).await?,
            None => client.create(&key, "", body, &options).await?,
        };
        Ok(token.text)
    }
}

/// A kept token, unless it is another host's of the same name or will end soon.
fn good_token(secret: &Secret, uid: &str) -> Option<String> {
    let text = |name: &str| {
        let bytes = secret.data.as_ref()?.get(name)?.0.clone();
        String::from_utf8(bytes).ok()
    };
    let expires: i64 = text("expires")?.parse().ok()?;
    let is_good =
        text("host-uid")? == uid && expires > Timestamp::now().as_second() + TOKEN_RENEWAL_SECONDS;
    is_good.then(|| text("token")).flatten()
}

impl Hosts {
    /// Starts the host's agent, or brings it up to date.
    pub async fn install(&self, host: &Value) -> Result<(), ApiError> {
        let host = decode(host)?;
        let docker = &host.spec.docker;
        if self.is_loopback && !docker.starts_with("unix://") {
            return Err(ApiError::new(
                Reason::Invalid,
                format!(
                    "{docker} is another machine, which can not reach the API at {}: start the server with --api ADDRESS:6443, an address of this machine that the host reaches",
                    self.server
                ),
            ));
        }
        let name = host.metadata.name.as_deref().unwrap_or_default();
        let token = self.token(&host).await?;
        let mut config =
            AgentConfig::new(name, vec![self.server.clone()], self.ca_pem.clone(), token);
        match (&host.spec.socket, docker.strip_prefix("unix://")) {
            (Some(socket), _) => config.socket.clone_from(socket),
            (None, Some(path)) => config.socket = path.to_owned(),
            (None, None) => {}
        }
        config.address = match &host.spec.address {
            Some(address) => Some(address.parse().map_err(|_| {
                ApiError::new(
                    Reason::Invalid,
                    format!("spec.address: {address} is no IPv4 address"),
                )
            })?),
            None => None,
        };
        let installed = install::install(docker, &config).await;
        installed.map(drop).map_err(|error| ApiError::new(Reason::Invalid, error.to_string()))
    }

    /// Removes everything that is ours from the host.
    pub async fn remove(&self, host: &Value) -> Result<(), ApiError> {
        let host = decode(host)?;
        let name = host.metadata.name.as_deref().unwrap_or_default();
        let removed = install::remove(&host.spec.docker, name, true).await;
        removed.map_err(|error| ApiError::new(Reason::Invalid, error.to_string()))
    }
}

fn decode(host: &Value) -> Result<Host, ApiError> {
    serde_json::from_value(host.clone())
        .map_err(|error| ApiError::internal(format!("the host does not decode: {error}")))
}
