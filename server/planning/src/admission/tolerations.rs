//! Every pod stays a while on a node that is not ready or not reachable, unless it says how long.

use k8s_openapi::api::core::v1::Toleration;
use kinds::{AnyObject, cast_mut, pod::Pod};
use object::ApiError;

use super::Request;
use crate::World;

const KEYS: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const NO_EXECUTE: &str = "NoExecute";

pub(super) fn set_defaults(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    _: &World,
) -> Result<(), ApiError> {
    if !request.is_create() || !request.is_main() {
        return Ok(());
    }
    let Some(pod) = cast_mut::<Pod>(object) else { return Ok(()) };
    let tolerations = pod.spec.get_or_insert_default().tolerations.get_or_insert_default();
    for key in KEYS {
        if !tolerations.iter().any(|toleration| tolerates(toleration, key)) {
            tolerations.push(Toleration {
                key: Some(key.to_owned()),
                operator: Some("Exists".to_owned()),
                effect: Some(NO_EXECUTE.to_owned()),
                toleration_seconds: Some(request.settings.toleration_seconds),
                value: None,
            });
        }
    }
    Ok(())
}

/// Whether a toleration speaks of a key's eviction; one without a key or effect speaks of all.
fn tolerates(toleration: &Toleration, key: &str) -> bool {
    let speaks = |said: &Option<String>, wanted: &str| {
        said.as_deref().is_none_or(|said| said.is_empty() || said == wanted)
    };
    speaks(&toleration.key, key) && speaks(&toleration.effect, NO_EXECUTE)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::admission::{admit, testing::Bench};

    #[test]
    fn pods_tolerate_a_node_that_is_away_for_a_while() {
        let bench = Bench::new().with("namespaces", json!({"metadata": {"name": "d"}}));
        let keys = |tolerations: Value| {
            let mut pod = bench.object("pods", json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"tolerations": tolerations, "containers": []}}));
            admit(&bench.request("pods"), &mut *pod, &bench.world).unwrap();
            let tolerations = pod.to_value()["spec"]["tolerations"].clone();
            let keys = tolerations.as_array().unwrap().iter().map(|one| {
                format!("{} {}", one["key"].as_str().unwrap_or("*"), one["tolerationSeconds"])
            });
            keys.collect::<Vec<_>>()
        };
        let both = ["node.kubernetes.io/not-ready 30", "node.kubernetes.io/unreachable 30"];
        assert_eq!(keys(json!(null)), both);
        assert_eq!(keys(json!([{"operator": "Exists"}])), ["* null"]);
        let own = json!([{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]);
        assert_eq!(keys(own), ["node.kubernetes.io/not-ready 5", both[1]]);
    }
}
