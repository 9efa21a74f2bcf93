//! Apps: a Deployment with its pods, releases and service.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet},
        core::v1::{Container, ContainerStatus, Node, Pod, PodTemplateSpec, Service},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use crate::view::{Health, age::since};

pub(crate) const REVISION: &str = "deployment.kubernetes.io/revision";

/// Reasons for which a container waits that do not mend by waiting.
const STUCK: &[&str] = &[
    "CrashLoopBackOff",
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
];

pub(crate) struct AppView {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) health: Health,
    /// Why it is not simply running.
    pub(crate) why: String,
    pub(crate) wanted: i32,
    pub(crate) ready: i32,
    pub(crate) age: String,
}

pub(crate) struct ReplicaView {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) class: &'static str,
    pub(crate) ready: bool,
    pub(crate) restarts: i32,
    pub(crate) node: String,
    pub(crate) ip: String,
    pub(crate) age: String,
}

pub(crate) struct ReleaseView {
    pub(crate) number: i64,
    pub(crate) image: String,
    pub(crate) current: bool,
    pub(crate) pods: i32,
    pub(crate) age: String,
}

pub(crate) struct AddressView {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    /// Where a browser can go.
    pub(crate) link: bool,
}

/// An app for lists and as the head of its page. `pods` are those of its namespace.
pub(crate) fn app(deployment: &Deployment, pods: &[Pod], now: Timestamp) -> AppView {
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = deployment.spec.replicas.unwrap_or(1);
    let ready = status.ready_replicas.unwrap_or(0);
    let updated = status.updated_replicas.unwrap_or(0);
    let total = status.replicas.unwrap_or(0);
    let observed = status.observed_generation >= deployment.metadata.generation;
    let stuck = pods_of(deployment, pods).find_map(stuck_reason);
    let failed = status.conditions.iter().flatten().find(|condition| {
        let said = (condition.type_.as_deref(), condition.status.as_deref());
        matches!(
            said,
            (Some("Progressing"), Some("False")) | (Some("ReplicaFailure"), Some("True"))
        )
    });
    let settled = observed && ready >= wanted && updated >= wanted && total == wanted;
    let (health, why) = match (stuck, failed) {
        (Some(reason), _) => (Health::Failing, reason),
        (None, Some(condition)) => (
            Health::Failing,
            condition.message.clone().or_else(|| condition.type_.clone()).unwrap_or_default(),
        ),
        _ if settled && wanted == 0 => (Health::Stopped, String::new()),
        _ if settled => (Health::Healthy, String::new()),
        _ => (Health::Progressing, format!("{ready} of {wanted} ready")),
    };
    AppView {
        namespace: deployment.metadata.namespace.clone().unwrap_or_default(),
        name: deployment.metadata.name.clone().unwrap_or_default(),
        image: image(&deployment.spec.template),
        health,
        why,
        wanted,
        ready,
        age: since(deployment.metadata.creation_timestamp.as_ref(), now),
    }
}

fn image(template: &PodTemplateSpec) -> String {
    let containers = template.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
    let images: Vec<&str> =
        containers.iter().filter_map(|c: &Container| c.image.as_deref()).collect();
    images.join(", ")
}

/// The pods of the deployment's namespace that its selector matches.
pub(crate) fn pods_of<'p>(
    deployment: &Deployment,
    pods: &'p [Pod],
) -> impl Iterator<Item = &'p Pod> {
    let namespace = deployment.metadata.namespace.clone();
    let wanted: BTreeMap<String, String> =
        deployment.spec.selector.match_labels.clone().unwrap_or_default();
    pods.iter().filter(move |pod| {
        let labels = pod.metadata.labels.as_ref();
        let has = |(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value);
        pod.metadata.namespace == namespace && !wanted.is_empty() && wanted.iter().all(has)
    })
}

fn container_statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        init.chain(status.container_statuses.iter().flatten())
    })
}

/// `web-1: ImagePullBackOff: …` for a pod that does not mend by waiting.
fn stuck_reason(pod: &Pod) -> Option<String> {
    let waiting = container_statuses(pod)
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref())
        .find(|waiting| waiting.reason.as_deref().is_some_and(|reason| STUCK.contains(&reason)))?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let message = waiting.message.as_deref().unwrap_or_default();
    Some(if message.is_empty() { reason.to_owned() } else { format!("{reason}: {message}") })
}

/// The app's pods, in order of name.
pub(crate) fn replicas(deployment: &Deployment, pods: &[Pod], now: Timestamp) -> Vec<ReplicaView> {
    let mut views: Vec<ReplicaView> =
        pods_of(deployment, pods).map(|pod| replica(pod, now)).collect();
    views.sort_by(|a, b| a.name.cmp(&b.name));
    views
}

fn replica(pod: &Pod, now: Timestamp) -> ReplicaView {
    let status = pod.status.as_ref();
    let ready = status
        .and_then(|status| status.conditions.as_ref())
        .is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
    let waiting = container_statuses(pod)
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone())
        .next();
    let phase = status.and_then(|status| status.phase.clone()).unwrap_or_default();
    let stuck = stuck_reason(pod).is_some();
    let (state, class) = if pod.metadata.deletion_timestamp.is_some() {
        ("Stopping".to_owned(), "idle")
    } else if ready {
        ("Ready".to_owned(), "good")
    } else {
        (waiting.unwrap_or(phase), if stuck { "bad" } else { "busy" })
    };
    ReplicaView {
        name: pod.metadata.name.clone().unwrap_or_default(),
        state,
        class,
        ready,
        restarts: container_statuses(pod).map(|status| status.restart_count).sum(),
        node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default(),
        ip: status.and_then(|status| status.pod_ip.clone()).unwrap_or_default(),
        age: since(pod.metadata.creation_timestamp.as_ref(), now),
    }
}

pub(crate) fn owner_uid(meta: &ObjectMeta) -> Option<&str> {
    let owners = meta.owner_references.as_ref()?;
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

pub(crate) fn revision(meta: &ObjectMeta) -> i64 {
    let text = meta.annotations.as_ref().and_then(|annotations| annotations.get(REVISION));
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The app's releases, newest first.
pub(crate) fn releases(
    deployment: &Deployment,
    sets: &[ReplicaSet],
    now: Timestamp,
) -> Vec<ReleaseView> {
    let uid = deployment.metadata.uid.as_deref();
    let mut views: Vec<ReleaseView> = sets
        .iter()
        .filter(|set| uid.is_some() && owner_uid(&set.metadata) == uid)
        .map(|set| ReleaseView {
            number: revision(&set.metadata),
            image: set.spec.template.as_ref().map_or_else(String::new, image),
            current: revision(&set.metadata) == revision(&deployment.metadata),
            pods: set.status.as_ref().map_or(0, |status| status.replicas),
            age: since(set.metadata.creation_timestamp.as_ref(), now),
        })
        .collect();
    views.sort_by_key(|release| -release.number);
    views
}

/// Where the app answers: inside the cluster, and on each host for a node port.
pub(crate) fn addresses(services: &[Service], name: &str, nodes: &[Node]) -> Vec<AddressView> {
    let mut addresses = Vec::new();
    let Some(service) = services.iter().find(|s| s.metadata.name.as_deref() == Some(name)) else {
        return addresses;
    };
    let spec = service.spec.clone().unwrap_or_default();
    let ip = spec.cluster_ip.unwrap_or_default();
    for port in spec.ports.iter().flatten() {
        addresses.push(AddressView {
            label: "In the cluster",
            text: format!("http://{ip}:{}", port.port),
            link: false,
        });
        let Some(node_port) = port.node_port else { continue };
        for address in nodes.iter().filter_map(internal_ip) {
            let text = format!("http://{address}:{node_port}");
            addresses.push(AddressView { label: "On a host", text, link: true });
        }
    }
    addresses
}

fn internal_ip(node: &Node) -> Option<String> {
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    addresses.iter().find(|a| a.type_ == "InternalIP").map(|a| a.address.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(replicas: i32, ready: i32) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "d", "generation": 2, "uid": "u",
                         "annotations": {REVISION: "2"}},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
                     "template": {"spec": {"containers": [{"name": "c", "image": "busybox:1"}]}}},
            "status": {"observedGeneration": 2, "replicas": replicas, "readyReplicas": ready, "updatedReplicas": replicas},
        }))
        .unwrap()
    }

    fn pod(reason: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "web-1", "namespace": "d", "labels": {"app": "web"}},
            "spec": {"containers": []},
            "status": {"phase": "Pending", "containerStatuses": [{"name": "c", "ready": false, "restartCount": 3,
                "image": "", "imageID": "", "state": {"waiting": {"reason": reason, "message": "why"}}}]},
        }))
        .unwrap()
    }

    #[test]
    fn health_leads_with_what_is_wrong() {
        let now = Timestamp::UNIX_EPOCH;
        let health = |app: AppView| (app.health, app.why);
        assert_eq!(health(app(&deployment(2, 2), &[], now)).0, Health::Healthy);
        assert_eq!(health(app(&deployment(0, 0), &[], now)).0, Health::Stopped);
        let updating = health(app(&deployment(2, 1), &[pod("ContainerCreating")], now));
        assert_eq!(updating, (Health::Progressing, "1 of 2 ready".to_owned()));
        let failing = health(app(&deployment(2, 1), &[pod("ImagePullBackOff")], now));
        assert_eq!(failing, (Health::Failing, "ImagePullBackOff: why".to_owned()));
    }

    #[test]
    fn releases_are_newest_first() {
        let set = |number: i32| -> ReplicaSet {
            serde_json::from_value(json!({
                "metadata": {"name": format!("web-{number}"), "annotations": {REVISION: number.to_string()},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "u", "controller": true}]},
                "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "c", "image": format!("i:{number}")}]}}},
            }))
            .unwrap()
        };
        let views = releases(&deployment(1, 1), &[set(1), set(2)], Timestamp::UNIX_EPOCH);
        let shown: Vec<_> = views.iter().map(|v| (v.number, v.image.as_str(), v.current)).collect();
        assert_eq!(shown, [(2, "i:2", true), (1, "i:1", false)]);
    }

    #[test]
    fn replicas_show_restarts_and_state() {
        let shown = replicas(&deployment(1, 0), &[pod("CrashLoopBackOff")], Timestamp::UNIX_EPOCH);
        assert_eq!(
            (shown[0].state.as_str(), shown[0].restarts, shown[0].class),
            ("CrashLoopBackOff", 3, "bad")
        );
    }
}
