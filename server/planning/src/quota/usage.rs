//! What one object uses.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{
    api::core::v1::{Container, PersistentVolumeClaim, Pod, Service},
    apimachinery::pkg::api::resource::Quantity as Text,
};
use kinds::{AnyObject, cast};
use object::quantity::Quantity;

use crate::amounts::{Amounts, Side};

/// Core kinds that a quota may also count without `count/`.
const PLAIN: &[&str] = &[
    "configmaps",
    "persistentvolumeclaims",
    "pods",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "services",
];

const OF_PODS: &[&str] = &[
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// If a quota limits one of these, each container must say how much it wants.
const DEMANDED: &[&str] =
    &["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"];

const CLASS: &str = ".storageclass.storage.k8s.io/";

/// An object as quotas look at it.
pub(crate) struct Counted<'o> {
    kind: &'o str,
    pub(super) subject: Subject<'o>,
}

#[expect(clippy::large_enum_variant, reason = "one at a time, on the stack")]
pub(super) enum Subject<'o> {
    Pod(std::borrow::Cow<'o, Pod>),
    Service(std::borrow::Cow<'o, Service>),
    Claim(std::borrow::Cow<'o, PersistentVolumeClaim>),
    Other,
}

impl<'o> Counted<'o> {
    pub(crate) fn of(kind: &'o str, object: &'o dyn AnyObject) -> Self {
        use std::borrow::Cow::Borrowed;
        let subject = match kind {
            "pods" => cast::<kinds::pod::Pod>(object).map(|pod| Subject::Pod(Borrowed(pod))),
            "services" => {
                cast::<kinds::service::Service>(object).map(|one| Subject::Service(Borrowed(one)))
            }
            "persistentvolumeclaims" => {
                cast::<kinds::persistent_volume_claim::PersistentVolumeClaim>(object)
                    .map(|claim| Subject::Claim(Borrowed(claim)))
            }
            _ => None,
        };
        Self { kind, subject: subject.unwrap_or(Subject::Other) }
    }

    pub(crate) fn stored(kind: &'o str, body: &[u8]) -> Self {
        use std::borrow::Cow::Owned;
        let subject = match kind {
            "pods" => serde_json::from_slice(body).ok().map(|pod| Subject::Pod(Owned(pod))),
            "services" => serde_json::from_slice(body).ok().map(|it| Subject::Service(Owned(it))),
            "persistentvolumeclaims" => {
                serde_json::from_slice(body).ok().map(|claim| Subject::Claim(Owned(claim)))
            }
            _ => None,
        };
        Self { kind, subject: subject.unwrap_or(Subject::Other) }
    }

    /// Whether a resource is one that objects of this kind use.
    pub(super) fn knows(&self, resource: &str) -> bool {
        kind_of(resource) == self.kind
    }

    /// What the object uses; of a pod, at a time after which it may be past its grace period.
    pub(crate) fn usage(&self, now: Option<Timestamp>) -> Amounts {
        let mut used = Amounts::one(format!("count/{}", self.kind));
        if PLAIN.contains(&self.kind) && self.kind != "pods" {
            used.add(&Amounts::one(self.kind));
        }
        match &self.subject {
            Subject::Pod(pod) if is_live(pod, now) => {
                used.add(&Amounts::one("pods"));
                if let Some(spec) = &pod.spec {
                    let (requests, limits) =
                        (Side::Requests.of_pod(spec), Side::Limits.of_pod(spec));
                    used.add(&computed(&requests, &limits));
                }
            }
            Subject::Service(service) => used.add(&of_service(service)),
            Subject::Claim(claim) => used.add(&of_claim(claim)),
            _ => {}
        }
        used
    }

    /// What the containers of a pod must say, as a quota limits it, and do not: `cpu for: a,b`.
    pub(crate) fn unsaid(&self, limited: &[String]) -> Option<String> {
        let Subject::Pod(pod) = &self.subject else { return None };
        let spec = pod.spec.as_ref()?;
        // What is said of the pod as a whole is said of its containers.
        let whole = spec.resources.as_ref();
        let whole = computed(&Side::Requests.of(whole), &Side::Limits.of(whole));
        let lacks = |container: &&Container, name: &str| {
            let sides =
                (Side::Requests.of_container(container), Side::Limits.of_container(container));
            computed(&sides.0, &sides.1).get(name).is_none() && whole.get(name).is_none()
        };
        let mut names: Vec<&str> =
            DEMANDED.iter().copied().filter(|name| limited.iter().any(|l| l == name)).collect();
        names.sort_unstable();
        let missing: Vec<String> = names
            .into_iter()
            .filter_map(|name| {
                let all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
                let mut without: Vec<&str> =
                    all.filter(|one| lacks(one, name)).map(|one| one.name.as_str()).collect();
                without.sort_unstable();
                without.dedup();
                (!without.is_empty()).then(|| format!("{name} for: {}", without.join(",")))
            })
            .collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }
}

/// The kind whose objects use a resource: `pods` for `requests.cpu`.
pub(super) fn kind_of(resource: &str) -> String {
    if let Some(kind) = resource.strip_prefix("count/") {
        return kind.to_owned();
    }
    let of_claims = resource == "requests.storage" || resource.contains(CLASS);
    match resource {
        _ if of_claims => "persistentvolumeclaims".to_owned(),
        "services.nodeports" | "services.loadbalancers" => "services".to_owned(),
        plain if PLAIN.contains(&plain) => plain.to_owned(),
        name if OF_PODS.contains(&name) || is_huge(name) || is_extended(name) => "pods".to_owned(),
        // No object uses it.
        other => format!("?{other}"),
    }
}

fn is_huge(name: &str) -> bool {
    name.strip_prefix("requests.").unwrap_or(name).starts_with("hugepages-")
}

/// `requests.nvidia.com/gpu`: extended resources are limited by what is requested.
fn is_extended(name: &str) -> bool {
    name.strip_prefix("requests.").is_some_and(|name| name.contains('/'))
}

/// A pod that has ended, or that should be gone since its grace period is over, uses nothing.
fn is_live(pod: &Pod, now: Option<Timestamp>) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Failed" | "Succeeded")) {
        return false;
    }
    let meta = &pod.metadata;
    let (Some(now), Some(at), Some(grace)) =
        (now, &meta.deletion_timestamp, meta.deletion_grace_period_seconds)
    else {
        return true;
    };
    let gone = at.0.saturating_add(SignedDuration::from_secs(grace)).unwrap_or(Timestamp::MAX);
    now <= gone
}

/// Requests and limits under the names by which quotas limit them.
fn computed(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut used = Amounts::default();
    for (name, amount) in requests.iter() {
        if matches!(name, "cpu" | "memory" | "ephemeral-storage") || is_huge(name) {
            used.set(name, amount);
            used.set(format!("requests.{name}"), amount);
        } else if name.contains('/') && !name.contains("kubernetes.io/") {
            used.set(format!("requests.{name}"), amount);
        }
    }
    for (name, amount) in limits.iter() {
        if matches!(name, "cpu" | "memory" | "ephemeral-storage") {
            used.set(format!("limits.{name}"), amount);
        }
    }
    used
}

fn of_service(service: &Service) -> Amounts {
    let mut used = Amounts::default();
    let Some(spec) = &service.spec else { return used };
    let ports = spec.ports.as_deref().unwrap_or_default();
    let count = |count: usize| Quantity::new(i64::try_from(count).unwrap_or(i64::MAX));
    let node_ports = match spec.type_.as_deref() {
        Some("NodePort") => ports.len(),
        Some("LoadBalancer") => {
            used.set("services.loadbalancers", Quantity::new(1));
            match spec.allocate_load_balancer_node_ports {
                Some(false) => {
                    ports.iter().filter(|port| port.node_port.unwrap_or_default() != 0).count()
                }
                _ => ports.len(),
            }
        }
        _ => return used,
    };
    used.set("services.nodeports", count(node_ports));
    used
}

fn of_claim(claim: &PersistentVolumeClaim) -> Amounts {
    let mut used = Amounts::default();
    let Some(spec) = &claim.spec else { return used };
    let class = spec.storage_class_name.as_deref().filter(|class| !class.is_empty());
    let requests = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    let asked = requests.and_then(|requests| requests.get("storage"));
    let status = claim.status.as_ref().and_then(|status| status.allocated_resources.as_ref());
    let allocated = status.and_then(|list| list.get("storage"));
    let read = |text: &Text| text.0.parse::<Quantity>().ok();
    let size = asked.and_then(read).into_iter().chain(allocated.and_then(read)).max();
    if let Some(class) = class {
        used.set(format!("{class}{CLASS}persistentvolumeclaims"), Quantity::new(1));
    }
    if let Some(size) = size {
        used.set("requests.storage", size);
        if let Some(class) = class {
            used.set(format!("{class}{CLASS}requests.storage"), size);
        }
    }
    used
}
