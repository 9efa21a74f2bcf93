//! What is scaled: its size, its pods, and how ready they are.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Container, Pod},
};
use object::{quantity::Quantity, selector::LabelSelector};
use serde_json::{Value, json};

use crate::{Action, Entry, World, pods::PODS, world::Phase};

/// CPU is not judged while a pod starts.
const START_MAX: SignedDuration = SignedDuration::from_secs(300);
const READINESS_DELAY: SignedDuration = SignedDuration::from_secs(30);

pub(super) struct Target<'w> {
    entry: &'w Arc<Entry>,
    pub(super) replicas: i32,
    pub(super) selector: LabelSelector,
    /// Of the target: all that are not about to go, and have not failed.
    pub(super) pods: Vec<(&'w Arc<Entry>, Pod)>,
}

/// Whether a pod's usage counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Yes,
    Unready,
    Ignored,
}

impl<'w> Target<'w> {
    pub(super) fn of(
        world: &'w World,
        entry: &Entry,
        scaler: &HorizontalPodAutoscaler,
    ) -> Result<Self, String> {
        let namespace = &entry.key.namespace;
        let reference = &scaler.spec.scale_target_ref;
        let shown = format!("{} {:?}", reference.kind, reference.name);
        let failed = |why: &str| {
            format!(
                "the HPA controller was unable to get the target's current scale: {shown} {why}"
            )
        };
        let key = super::target_key(scaler, namespace).ok_or_else(|| failed("has no such kind"))?;
        let target = world.entry(&key).ok_or_else(|| failed("not found"))?;
        let object: Value = target.read().ok_or_else(|| failed("can not be read"))?;
        let replicas = object["spec"]["replicas"].as_i64().ok_or_else(|| failed("has no size"))?;
        let selector = match &*key.kind {
            "replicationcontrollers" => json!({"matchLabels": object["spec"]["selector"]}),
            _ => object["spec"]["selector"].clone(),
        };
        let selector = LabelSelector::from_json(&selector).map_err(|why| failed(&why))?;
        if selector.requirements().is_empty() {
            return Err(failed("has no selector, which is required"));
        }
        let is_ours = |pod: &&Arc<Entry>| {
            !pod.meta.is_deleting() && pod.pod().is_some_and(|pod| pod.phase != Phase::Failed)
        };
        let pods = world.selected(PODS, namespace, &selector).into_iter().filter(is_ours);
        let pods = pods.filter_map(|pod| Some((pod, pod.read::<Pod>()?))).collect();
        let replicas = i32::try_from(replicas).unwrap_or(i32::MAX);
        Ok(Self { entry: target, replicas, selector, pods })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.entry.key.namespace
    }

    pub(super) fn resize(&self, size: i32) -> Action {
        Action::Patch {
            key: self.entry.key.clone(),
            subresource: "",
            patch: json!({
                "metadata": {"uid": self.entry.meta.uid,
                    "resourceVersion": self.entry.revision.to_string()},
                "spec": {"replicas": size},
            }),
        }
    }

    /// How many pods are ready.
    pub(super) fn ready(&self) -> usize {
        let is_ready = |(entry, _): &&(&Arc<Entry>, Pod)| {
            entry.pod().is_some_and(|pod| pod.phase == Phase::Running && pod.is_ready())
        };
        self.pods.iter().filter(is_ready).count()
    }
}

/// Whether a pod's measure at `at` counts for a resource.
pub(super) fn counts(
    entry: &Entry,
    pod: &Pod,
    resource: Option<&str>,
    measured: Option<(Timestamp, SignedDuration)>,
    now: Timestamp,
) -> Counts {
    let Some(summary) = entry.pod() else { return Counts::Ignored };
    match summary.phase {
        Phase::Failed | Phase::Succeeded => return Counts::Ignored,
        Phase::Pending => return Counts::Unready,
        Phase::Running | Phase::Unknown => {}
    }
    let Some((at, window)) = measured.filter(|_| resource == Some("cpu")) else {
        return Counts::Yes;
    };
    let status = pod.status.as_ref();
    let start = status.and_then(|status| status.start_time.as_ref()).map(|time| time.0);
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let ready = conditions.and_then(|all| all.iter().find(|one| one.type_ == "Ready"));
    let (Some(start), Some(ready)) = (start, ready) else { return Counts::Unready };
    let is_ready = ready.status == "True";
    let changed = ready.last_transition_time.as_ref().map_or(start, |time| time.0);
    let unready = if now.duration_since(start) < START_MAX {
        !is_ready || at.duration_since(changed) < window
    } else {
        !is_ready && changed.duration_since(start) < READINESS_DELAY
    };
    if unready { Counts::Unready } else { Counts::Yes }
}

/// What a pod, or one of its containers, requests of a resource, in thousandths.
pub(super) fn request(pod: &Pod, resource: &str, container: Option<&str>) -> Option<i64> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec.init_containers.iter().flatten();
    let sidecars = sidecars.filter(|one| one.restart_policy.as_deref() == Some("Always"));
    let all: Vec<&Container> = spec
        .containers
        .iter()
        .chain(sidecars)
        .filter(|one| container.is_none_or(|name| one.name == name))
        .collect();
    let amount = |one: &&Container| {
        let requests = one.resources.as_ref()?.requests.as_ref()?;
        let quantity: Quantity = requests.get(resource)?.0.parse().ok()?;
        Some(quantity.milli_value())
    };
    // One without a request makes a percentage of it meaningless.
    let amounts: Option<Vec<i64>> = all.iter().map(amount).collect();
    Some(amounts?.into_iter().sum()).filter(|_| !all.is_empty())
}
