//! What a node does not take, whoever bound it here: pods that do not fit.

use k8s_openapi::api::core::v1::Pod;

use super::containers::spec;
use crate::resources::Resources;

/// Why a node does not take a pod, as its status says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    pub message: String,
}

/// What a node has for pods.
#[derive(Clone, Debug, Default)]
pub struct Room {
    pub allocatable: Resources,
    pub pods_max: i64,
    pub labels: std::collections::BTreeMap<String, String>,
}

/// Decides about a pod that has not been started yet; `others` are the live pods of the node.
pub fn admit<'a>(
    pod: &Pod,
    others: impl IntoIterator<Item = &'a Resources>,
    room: &Room,
) -> Option<Refusal> {
    if let Some(refusal) = unmatched(pod, room) {
        return Some(refusal);
    }
    let mut used = Resources::default();
    let mut count = 0;
    for other in others {
        used.add(other);
        count += 1;
    }
    if count >= room.pods_max {
        return Some(out_of("pods", 1, count, room.pods_max));
    }
    let requested = Resources::requested_by(pod);
    requested.iter().filter(|(_, amount)| *amount > 0).find_map(|(name, amount)| {
        let (used, capacity) = (used.amount(name), room.allocatable.amount(name));
        (used.saturating_add(amount) > capacity).then(|| out_of(name, amount, used, capacity))
    })
}

fn unmatched(pod: &Pod, room: &Room) -> Option<Refusal> {
    let mut wanted = spec(pod).node_selector.iter().flatten();
    wanted.any(|(label, value)| room.labels.get(label) != Some(value)).then(|| Refusal {
        reason: "NodeAffinity".to_owned(),
        message:
            "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node \
                  affinity/selector"
                .to_owned(),
    })
}

fn out_of(name: &str, requested: i64, used: i64, capacity: i64) -> Refusal {
    Refusal {
        reason: format!("OutOf{name}"),
        message: format!(
            "Pod was rejected: Node didn't have enough resource: {name}, requested: {requested}, \
             used: {used}, capacity: {capacity}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refuses_what_does_not_fit() {
        let room = Room {
            allocatable: Resources {
                cpu_milli: 2000,
                memory_bytes: 1 << 30,
                ..Resources::default()
            },
            pods_max: 2,
            labels: [("disk".to_owned(), "ssd".to_owned())].into(),
        };
        let half = Resources { cpu_milli: 1000, memory_bytes: 1 << 20, ..Resources::default() };
        let one = std::slice::from_ref(&half);
        let two = [half.clone(), half.clone()];
        let small = json!({"cpu": "1"});
        for (requests, selector, others, reason) in [
            (&small, json!({"disk": "ssd"}), one, None),
            (&small, json!({"disk": "hdd"}), one, Some("NodeAffinity")),
            (&json!({"cpu": "1001m"}), json!({}), one, Some("OutOfcpu")),
            (&json!({"memory": "1Gi"}), json!({}), one, Some("OutOfmemory")),
            (&json!({"example.com/gpu": "1"}), json!({}), one, Some("OutOfexample.com/gpu")),
            (&json!({}), json!({}), &two, Some("OutOfpods")),
        ] {
            let pod: Pod = serde_json::from_value(json!({"metadata": {}, "spec": {
                "nodeSelector": selector,
                "containers": [{"name": "a", "resources": {"requests": requests}}]}}))
            .unwrap();
            let refusal = admit(&pod, others, &room);
            assert_eq!(refusal.as_ref().map(|r| r.reason.as_str()), reason);
        }
        let pod: Pod = serde_json::from_value(json!({"metadata": {}, "spec": {"containers": [
            {"name": "a", "resources": {"requests": {"cpu": "1500m"}}}]}}))
        .unwrap();
        assert_eq!(
            admit(&pod, one, &room).unwrap().message,
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"
        );
    }
}
