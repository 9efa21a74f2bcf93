//! The variables that tell a container where services are.

use k8s_openapi::api::core::v1::Service;

/// Variables of the services that a pod of `namespace` sees. The API's own are always there: from
/// the service `kubernetes` in `default`, else from `api` (address, port).
pub(super) fn variables(
    services: &[Service],
    namespace: &str,
    enable_links: bool,
    api: (&str, u16),
) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    let is = |service: &Service, namespace: &str| {
        service.metadata.namespace.as_deref() == Some(namespace)
    };
    let is_api = |service: &Service| {
        is(service, "default") && service.metadata.name.as_deref() == Some("kubernetes")
    };
    match services.iter().find(|service| is_api(service)) {
        Some(service) => of_service(service, &mut variables),
        None => {
            variables.push(("KUBERNETES_SERVICE_HOST".to_owned(), api.0.to_owned()));
            variables.push(("KUBERNETES_SERVICE_PORT".to_owned(), api.1.to_string()));
            variables.push(("KUBERNETES_SERVICE_PORT_HTTPS".to_owned(), api.1.to_string()));
        }
    }
    if enable_links {
        let linked = services.iter().filter(|service| is(service, namespace) && !is_api(service));
        for service in linked {
            of_service(service, &mut variables);
        }
    }
    variables
}

fn of_service(service: &Service, variables: &mut Vec<(String, String)>) {
    let (Some(name), Some(spec)) = (&service.metadata.name, &service.spec) else { return };
    let (Some(ip), Some(ports)) = (&spec.cluster_ip, &spec.ports) else { return };
    let Some(first) = ports.first().filter(|_| !matches!(ip.as_str(), "" | "None")) else { return };
    let prefix = shout(name);
    let mut push = |suffix: &str, value: String| {
        variables.push((format!("{prefix}_{suffix}"), value));
    };
    push("SERVICE_HOST", ip.clone());
    push("SERVICE_PORT", first.port.to_string());
    for port in ports {
        if let Some(name) = port.name.as_ref().filter(|name| !name.is_empty()) {
            push(&format!("SERVICE_PORT_{}", shout(name)), port.port.to_string());
        }
    }
    for (index, port) in ports.iter().enumerate() {
        let protocol = port.protocol.as_deref().unwrap_or("TCP");
        let url = format!("{}://{ip}:{}", protocol.to_lowercase(), port.port);
        if index == 0 {
            push("PORT", url.clone());
        }
        let name = format!("PORT_{}_{}", port.port, protocol.to_uppercase());
        push(&name, url);
        push(&format!("{name}_PROTO"), protocol.to_lowercase());
        push(&format!("{name}_PORT"), port.port.to_string());
        push(&format!("{name}_ADDR"), ip.clone());
    }
}

fn shout(name: &str) -> String {
    name.to_uppercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_services_as_kubernetes_does() {
        let service = |namespace: &str, name: &str, ip: &str| -> Service {
            serde_json::from_value(json!({
                "metadata": {"name": name, "namespace": namespace},
                "spec": {"clusterIP": ip, "ports": [{"name": "http", "port": 80}]}}))
            .unwrap()
        };
        let services = [
            service("d", "my-web", "10.43.0.9"),
            service("d", "none", "None"),
            service("e", "x", "1"),
        ];
        let found = variables(&services, "d", true, ("10.43.0.1", 443));
        let text: Vec<_> = found.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            text,
            [
                "KUBERNETES_SERVICE_HOST=10.43.0.1",
                "KUBERNETES_SERVICE_PORT=443",
                "KUBERNETES_SERVICE_PORT_HTTPS=443",
                "MY_WEB_SERVICE_HOST=10.43.0.9",
                "MY_WEB_SERVICE_PORT=80",
                "MY_WEB_SERVICE_PORT_HTTP=80",
                "MY_WEB_PORT=tcp://10.43.0.9:80",
                "MY_WEB_PORT_80_TCP=tcp://10.43.0.9:80",
                "MY_WEB_PORT_80_TCP_PROTO=tcp",
                "MY_WEB_PORT_80_TCP_PORT=80",
                "MY_WEB_PORT_80_TCP_ADDR=10.43.0.9",
            ]
        );
        assert_eq!(variables(&services, "d", false, ("10.43.0.1", 443)).len(), 3);
    }
}
