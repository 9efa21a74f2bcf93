//! Every pod runs as a service account: the namespace's `default` unless it says, with that
//! account's secrets for pulling images unless it has its own, and a token of it.

use kinds::{AnyObject, cast_mut, pod::Pod, service_account::ServiceAccount};
use object::ApiError;

use super::{Request, name_of, namespace_of, node_restriction::is_mirror, token_volume};
use crate::World;

const DEFAULT: &str = "default";

pub(super) fn set_default(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    // What a node shows of a pod of its own is no pod that the API gives rights to.
    if !request.is_create() || !request.is_main() || is_mirror(object.metadata()) {
        return Ok(());
    }
    let (namespace, own_name) = (namespace_of(object).to_owned(), name_of(object).to_owned());
    let Some(pod) = cast_mut::<Pod>(object) else { return Ok(()) };
    let spec = pod.spec.get_or_insert_default();
    let name = spec.service_account_name.get_or_insert_default();
    if name.is_empty() {
        DEFAULT.clone_into(name);
    }
    let name = name.clone();
    spec.service_account = Some(name.clone());
    let account = world.get::<ServiceAccount>(&namespace, &name);
    // A namespace's default account is made just after the namespace: a pod need not wait.
    if account.is_none() && name != DEFAULT {
        let why = format!(
            "error looking up service account {namespace}/{name}: serviceaccount {name:?} not found"
        );
        return Err(request.forbid(object, why));
    }
    if token_volume::is_wanted(spec, account.as_ref()) {
        token_volume::mount(spec, &own_name);
    }
    if spec.image_pull_secrets.as_ref().is_none_or(Vec::is_empty) {
        spec.image_pull_secrets = account.and_then(|account| account.image_pull_secrets);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::admission::{admit, testing::Bench};

    #[test]
    fn pods_run_as_an_account() {
        let bench = Bench::new().with("namespaces", json!({"metadata": {"name": "d"}})).with(
            "serviceaccounts",
            json!({"metadata": {"name": "bot", "namespace": "d"}, "imagePullSecrets": [{"name": "pull"}]}),
        );
        let pod = |account: Option<&str>| {
            bench.object("pods", json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"serviceAccountName": account, "containers": []}}))
        };
        for (account, expected) in [(None, "default"), (Some("bot"), "bot")] {
            let mut pod = pod(account);
            admit(&bench.request("pods"), &mut *pod, &bench.world).unwrap();
            let spec = pod.to_value()["spec"].clone();
            assert_eq!(spec["serviceAccountName"], expected);
            assert_eq!(spec["serviceAccount"], expected);
            assert_eq!(spec["imagePullSecrets"][0]["name"] == "pull", account.is_some());
        }
        let error = admit(&bench.request("pods"), &mut *pod(Some("x")), &bench.world).unwrap_err();
        assert_eq!(
            error.message,
            "pods \"a\" is forbidden: error looking up service account d/x: serviceaccount \"x\" not found"
        );
    }
}
