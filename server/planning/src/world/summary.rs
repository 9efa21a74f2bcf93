//! What plans need of an object again and again, kept so that they need not decode it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerPort, Pod, PodSpec, PodStatus, Taint, Volume};
use kinds::{AnyObject, Typed};
use object::selector::LabelSelector;
use serde::Deserialize;
use serde_json::Value;

use crate::resources::Resources;

#[derive(Debug)]
pub(super) enum Summary {
    None,
    Pod(Box<PodSummary>),
    Node(NodeSummary),
    /// Of the kinds that select pods.
    Selector(LabelSelector),
    /// Of a claim: whether it has no volume yet.
    Claim {
        is_unbound: bool,
    },
    /// Of a volume: its class if no claim has it, and the claim that it names.
    Volume {
        free_in_class: Option<String>,
        claim: Option<(String, String)>,
    },
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    #[default]
    Pending,
    Unknown,
    Running,
    Succeeded,
    Failed,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodSummary {
    /// Empty while the pod has no node.
    pub node: Arc<str>,
    pub phase: Phase,
    pub ip: Option<Arc<str>>,
    /// Since when the condition Ready is true, if it is.
    pub ready_since: Option<Timestamp>,
    /// Of the container that was restarted most often.
    pub restarts: i32,
    pub requests: Resources,
    /// CPU and memory as they count when nodes are compared.
    pub assumed: [i64; 2],
    pub host_ports: Vec<HostPort>,
    /// Ports of containers that Services may name.
    pub named_ports: Box<[NamedPort]>,
    /// The volume claims that it uses, its own among them.
    pub claims: Box<[String]>,
    /// Whether claims are to be made for it.
    pub has_ephemeral_claims: bool,
    /// Under which name of which headless Service the pod wants to be found.
    pub dns_name: Option<Box<DnsName>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPort {
    pub name: String,
    pub protocol: String,
    pub port: i32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsName {
    pub hostname: String,
    pub subdomain: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// Empty for every address of the host.
    pub ip: String,
    pub protocol: String,
    pub port: i32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct NodeSummary {
    pub is_ready: bool,
    pub pod_cidr: Option<String>,
    pub taints: Vec<Taint>,
}

impl PodSummary {
    pub fn is_ready(&self) -> bool {
        self.ready_since.is_some()
    }

    /// How long a ready pod takes until it counts as available: zero if it does, `None` if it is
    /// not ready.
    pub fn available_in(&self, min_ready: Duration, now: Timestamp) -> Option<Duration> {
        let since = self.ready_since?;
        let ready_for = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        Some(min_ready.saturating_sub(ready_for))
    }

    pub fn is_available(&self, min_ready: Duration, now: Timestamp) -> bool {
        self.available_in(min_ready, now) == Some(Duration::ZERO)
    }

    /// Whether its containers have ended for good.
    pub fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    fn of(pod: &Pod) -> Self {
        let spec = pod.spec.as_ref();
        let status = pod.status.as_ref();
        let containers = spec.into_iter().flat_map(|spec| &spec.containers);
        let ports: Vec<&ContainerPort> =
            containers.flat_map(|container| container.ports.iter().flatten()).collect();
        Self {
            node: spec.and_then(|spec| spec.node_name.as_deref()).unwrap_or_default().into(),
            phase: phase(status),
            ip: status
                .and_then(|status| status.pod_ip.as_deref())
                .filter(|ip| !ip.is_empty())
                .map(Into::into),
            ready_since: status.and_then(ready_since),
            restarts: status
                .into_iter()
                .flat_map(|status| status.container_statuses.iter().flatten())
                .map(|container| container.restart_count)
                .max()
                .unwrap_or(0),
            requests: Resources::requested_by(pod),
            assumed: Resources::assumed_of(pod),
            host_ports: ports.iter().filter_map(|port| host_port(port)).collect(),
            named_ports: ports.iter().filter_map(|port| named_port(port)).collect(),
            claims: claims(pod),
            has_ephemeral_claims: spec.is_some_and(|spec| {
                spec.volumes.iter().flatten().any(|volume| volume.ephemeral.is_some())
            }),
            dns_name: spec.and_then(dns_name),
        }
    }
}

fn claims(pod: &Pod) -> Box<[String]> {
    let volumes = pod.spec.iter().flat_map(|spec| spec.volumes.iter().flatten());
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let claim = |volume: &Volume| match (&volume.persistent_volume_claim, &volume.ephemeral) {
        (Some(source), _) => Some(source.claim_name.clone()),
        (None, Some(_)) => Some(format!("{name}-{}", volume.name)),
        (None, None) => None,
    };
    volumes.filter_map(claim).collect()
}

fn host_port(port: &ContainerPort) -> Option<HostPort> {
    Some(HostPort {
        ip: port.host_ip.clone().filter(|ip| ip != "0.0.0.0").unwrap_or_default(),
        protocol: protocol(port),
        port: port.host_port.filter(|port| *port > 0)?,
    })
}

fn named_port(port: &ContainerPort) -> Option<NamedPort> {
    let name = port.name.clone().filter(|name| !name.is_empty())?;
    Some(NamedPort { name, protocol: protocol(port), port: port.container_port })
}

fn protocol(port: &ContainerPort) -> String {
    port.protocol.clone().unwrap_or_else(|| "TCP".to_owned())
}

fn dns_name(spec: &PodSpec) -> Option<Box<DnsName>> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let (hostname, subdomain) = (given(&spec.hostname)?, given(&spec.subdomain)?);
    Some(Box::new(DnsName { hostname, subdomain }))
}

fn phase(status: Option<&PodStatus>) -> Phase {
    match status.and_then(|status| status.phase.as_deref()) {
        Some("Running") => Phase::Running,
        Some("Succeeded") => Phase::Succeeded,
        Some("Failed") => Phase::Failed,
        Some("Unknown") => Phase::Unknown,
        _ => Phase::Pending,
    }
}

fn ready_since(status: &PodStatus) -> Option<Timestamp> {
    let ready = status.conditions.iter().flatten().find(|condition| condition.type_ == "Ready")?;
    if ready.status != "True" {
        return None;
    }
    Some(ready.last_transition_time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0))
}

impl Summary {
    /// `decoded` is there for kinds with declared fields, as pods.
    pub(super) fn of(kind: &str, body: &[u8], decoded: Option<&dyn AnyObject>) -> Self {
        match kind {
            "pods" => {
                let pod = decoded.and_then(|object| object.as_any().downcast_ref());
                pod.map_or(Self::None, |pod: &Typed<kinds::pod::Pod>| {
                    Self::Pod(Box::new(PodSummary::of(&pod.0)))
                })
            }
            "nodes" => serde_json::from_slice(body)
                .map_or(Self::None, |node: NodePart| Self::Node(node.summary())),
            "persistentvolumeclaims" => {
                let part: StoragePart = serde_json::from_slice(body).unwrap_or_default();
                let name = part.spec.volume_name.unwrap_or_default();
                Self::Claim { is_unbound: name.is_empty() }
            }
            "persistentvolumes" => {
                let part: StoragePart = serde_json::from_slice(body).unwrap_or_default();
                let class = part.spec.storage_class_name.unwrap_or_default();
                let is_taken = part.spec.claim_ref["uid"].as_str().is_some_and(|u| !u.is_empty());
                let text = |name: &str| Some(part.spec.claim_ref[name].as_str()?.to_owned());
                let claim = text("namespace").zip(text("name"));
                Self::Volume { free_in_class: (!is_taken).then_some(class), claim }
            }
            "services" | "replicationcontrollers" => selector(body, |selector| {
                selector.as_object().filter(|labels| !labels.is_empty()).map_or(
                    Ok(LabelSelector::nothing()),
                    |labels| {
                        let labels = serde_json::json!({"matchLabels": labels});
                        LabelSelector::from_json(&labels)
                    },
                )
            }),
            "replicasets.apps"
            | "deployments.apps"
            | "statefulsets.apps"
            | "daemonsets.apps"
            | "jobs.batch"
            | "poddisruptionbudgets.policy" => selector(body, LabelSelector::from_json),
            _ => Self::None,
        }
    }
}

fn selector(body: &[u8], read: impl Fn(&Value) -> Result<LabelSelector, String>) -> Summary {
    #[derive(Deserialize)]
    struct Part {
        #[serde(default)]
        spec: Spec,
    }
    #[derive(Default, Deserialize)]
    struct Spec {
        #[serde(default)]
        selector: Value,
    }
    let part: Result<Part, _> = serde_json::from_slice(body);
    let selector = part.ok().and_then(|part| read(&part.spec.selector).ok());
    // One that can not be read, which the API refuses, selects nothing.
    Summary::Selector(selector.unwrap_or_else(LabelSelector::nothing))
}

#[derive(Default, Deserialize)]
struct StoragePart {
    #[serde(default)]
    spec: StorageSpecPart,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct StorageSpecPart {
    volume_name: Option<String>,
    storage_class_name: Option<String>,
    claim_ref: Value,
}

#[derive(Deserialize)]
struct NodePart {
    #[serde(default)]
    spec: NodeSpecPart,
    #[serde(default)]
    status: NodeStatusPart,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NodeSpecPart {
    #[serde(rename = "podCIDR")]
    pod_cidr: Option<String>,
    #[serde(default)]
    taints: Vec<Taint>,
}

#[derive(Default, Deserialize)]
struct NodeStatusPart {
    #[serde(default)]
    conditions: Vec<ConditionPart>,
}

#[derive(Deserialize)]
struct ConditionPart {
    r#type: String,
    status: String,
}

impl NodePart {
    fn summary(self) -> NodeSummary {
        let is_ready = |c: &ConditionPart| c.r#type == "Ready" && c.status == "True";
        NodeSummary {
            is_ready: self.status.conditions.iter().any(is_ready),
            pod_cidr: self.spec.pod_cidr.filter(|cidr| !cidr.is_empty()),
            taints: self.spec.taints,
        }
    }
}
