//! Host: a registered Docker engine.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use object::FieldErrors;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Kind, Post, Subresource, column, parts::cells};

/// How the server reaches a host's engine, and how other hosts reach the host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostSpec {
    /// Where the server reaches the engine: `unix:///var/run/docker.sock`, `tcp://10.0.0.7:2376`
    /// or `ssh://user@host`.
    #[serde(default)]
    pub docker: String,
    /// The engine's socket on the host itself, which the agent uses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub socket: Option<String>,
    /// The address under which other hosts reach this one; found out when it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// How far the registration of a host has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostStatus {
    /// `Pending`, `Ready` or `Failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Why it is in this phase, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The name of the host's Node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<Condition>>,
}

crate::parts::longshore::object! {
    /// A registered Docker engine.
    Host, "hosts", HostSpec, HostStatus
}

impl Kind for Host {
    type Object = Self;
    const SUBRESOURCES: &'static [Subresource<Self>] = &[
        Subresource::part("status", |stored: &mut Self, written| {
            stored.status.clone_from(&written.status);
        }),
        // By which an agent renews its own.
        Subresource::posted("token", ("authentication.k8s.io", "v1", "TokenRequest"), Post::Token),
    ];
    const COLUMNS: &'static [Column<Self>] = &[
        column("Status", |host: &Self, _| cells::or_none(status(host, |s| s.phase.as_deref()))),
        column("Node", |host: &Self, _| cells::or_none(status(host, |s| s.node.as_deref()))),
        column("Docker", |host: &Self, _| host.spec.docker.as_str().into()),
        cells::age(),
        column("Address", |host: &Self, _| cells::or_none(host.spec.address.as_deref())).wide(),
        column("Message", |host: &Self, _| cells::or_none(status(host, |s| s.message.as_deref())))
            .wide(),
    ];
    const GENERATION: bool = true;

    fn prepare_create(host: &mut Self) {
        host.status = None;
    }

    fn validate(host: &Self, errors: &mut FieldErrors) {
        const SCHEMES: [&str; 3] = ["unix://", "tcp://", "ssh://"];
        let docker = host.spec.docker.as_str();
        if docker.is_empty() {
            errors.required("spec.docker", "the engine's endpoint, as unix:///var/run/docker.sock");
        } else if !SCHEMES
            .iter()
            .any(|scheme| docker.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
        {
            errors.invalid(
                "spec.docker",
                docker,
                "must be unix:///PATH, tcp://ADDRESS:PORT or ssh://USER@ADDRESS",
            );
        }
        if let Some(socket) = host.spec.socket.as_deref()
            && !socket.starts_with('/')
        {
            errors.invalid("spec.socket", socket, "must be an absolute path on the host");
        }
        if let Some(address) = host.spec.address.as_deref()
            && address.parse::<std::net::IpAddr>().is_err()
        {
            errors.invalid("spec.address", address, "must be a valid IP address");
        }
    }

    /// The host's name becomes its node's name.
    fn validate_name(name: &str) -> Result<(), String> {
        object::name::label(name)
    }
}

fn status(host: &Host, read: fn(&HostStatus) -> Option<&str>) -> Option<&str> {
    host.status.as_ref().and_then(read)
}
