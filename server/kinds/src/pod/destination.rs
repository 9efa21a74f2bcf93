//! Where a stream to a pod leads: its node, and the container that is meant.

use k8s_openapi::api::core::v1::Pod;
use object::ApiError;

use super::{has_ended, phase};
use crate::Destination;

/// Finds the container that was asked for; one that is named by nobody is the only one.
pub(super) fn destination(
    pod: &Pod,
    subresource: &str,
    asked: &str,
) -> Result<Destination, ApiError> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap_or_default();
    if subresource == "proxy" {
        return address(pod, asked);
    }
    let container = match subresource {
        "portforward" => String::new(),
        _ => container(pod, name, asked)?,
    };
    if node.is_empty() {
        return Err(ApiError::bad_request(format!("pod {name} does not have a host assigned")));
    }
    if subresource != "log" && has_ended(pod) {
        return Err(ApiError::bad_request(format!(
            "cannot {subresource} into a container in a completed pod; current phase is {}",
            phase(pod)
        )));
    }
    Ok(Destination { node, container, ..Destination::default() })
}

/// The pod's address with the port that is asked for, else the first one that it declares.
fn address(pod: &Pod, port: &str) -> Result<Destination, ApiError> {
    let spec = pod.spec.as_ref();
    let ip = pod.status.as_ref().and_then(|status| status.pod_ip.clone()).unwrap_or_default();
    if ip.is_empty() {
        return Err(ApiError::bad_request("address not allowed"));
    }
    let containers = spec.iter().flat_map(|spec| &spec.containers);
    let declared = containers.flat_map(|one| one.ports.iter().flatten()).next();
    let port = match declared {
        Some(declared) if port.is_empty() => declared.container_port.to_string(),
        _ => port.to_owned(),
    };
    let node = spec.and_then(|spec| spec.node_name.clone()).unwrap_or_default();
    Ok(Destination { node, address: (ip, port), ..Destination::default() })
}

fn container(pod: &Pod, name: &str, asked: &str) -> Result<String, ApiError> {
    let Some(spec) = &pod.spec else { return Ok(String::new()) };
    let own: Vec<&str> = spec.containers.iter().map(|one| one.name.as_str()).collect();
    let init: Vec<&str> =
        spec.init_containers.iter().flatten().map(|one| one.name.as_str()).collect();
    let mut ephemeral = spec.ephemeral_containers.iter().flatten().map(|one| one.name.as_str());
    if !asked.is_empty() {
        if own.contains(&asked) || init.contains(&asked) || ephemeral.any(|one| one == asked) {
            return Ok(asked.to_owned());
        }
        return Err(ApiError::bad_request(format!(
            "container {asked} is not valid for pod {name}"
        )));
    }
    if let [only] = own.as_slice() {
        return Ok((*only).to_owned());
    }
    let mut why = format!("a container name must be specified for pod {name}");
    if !own.is_empty() {
        why.push_str(&format!(", choose one of: [{}]", own.join(" ")));
    }
    if !init.is_empty() {
        why.push_str(&format!(" or one of the init containers: [{}]", init.join(" ")));
    }
    Err(ApiError::bad_request(why))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(containers: &[&str], node: &str, phase: &str) -> Pod {
        let containers: Vec<_> = containers.iter().map(|name| json!({"name": name})).collect();
        let spec =
            json!({"nodeName": node, "containers": containers, "initContainers": [{"name": "i"}]});
        let pod = json!({"metadata": {"name": "p"}, "spec": spec, "status": {"phase": phase}});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn finds_addresses_for_requests_that_are_passed_on() {
        let mut pod = pod(&["a", "b"], "one", "Running");
        assert_eq!(destination(&pod, "proxy", "").unwrap_err().message, "address not allowed");
        pod.status.get_or_insert_default().pod_ip = Some("10.42.0.2".to_owned());
        let port = |pod: &Pod, asked: &str| destination(pod, "proxy", asked).unwrap().address.1;
        assert_eq!(port(&pod, ""), "");
        let ports = json!([{"containerPort": 8080}, {"containerPort": 8081}]);
        let second = &mut pod.spec.as_mut().unwrap().containers[1];
        second.ports = serde_json::from_value(ports).unwrap();
        assert_eq!(port(&pod, ""), "8080");
        assert_eq!(port(&pod, "9"), "9");
    }

    #[test]
    fn finds_containers_as_kubernetes_does() {
        for (containers, node, phase, subresource, asked, expected) in [
            (&["a"][..], "one", "Running", "exec", "", Ok("a")),
            (&["a"], "one", "Running", "log", "i", Ok("i")),
            (&["a", "b"], "one", "Running", "portforward", "", Ok("")),
            (
                &["a", "b"],
                "one",
                "Running",
                "log",
                "",
                Err(
                    "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [i]",
                ),
            ),
            (&["a"], "one", "Running", "log", "x", Err("container x is not valid for pod p")),
            (&["a"], "", "Pending", "log", "", Err("pod p does not have a host assigned")),
            (&["a"], "one", "Succeeded", "log", "", Ok("a")),
            (
                &["a"],
                "one",
                "Succeeded",
                "exec",
                "",
                Err("cannot exec into a container in a completed pod; current phase is Succeeded"),
            ),
        ] {
            let found = destination(&pod(containers, node, phase), subresource, asked);
            let found = found.map(|found| found.container).map_err(|error| error.message);
            assert_eq!(found.as_deref().map_err(String::as_str), expected);
        }
    }
}
