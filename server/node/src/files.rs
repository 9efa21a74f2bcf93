//! The files about names that every container of a pod sees.

use std::{fmt::Write as _, fs, io};

use k8s_openapi::api::core::v1::{Pod, PodDNSConfig};
use planning::node::MountPath;

use crate::{AgentConfig, folder::PodFolder};

const SEARCHES_MAX: usize = 32;
const OWN_HOSTS: &str = "/etc/hosts";
const OWN_RESOLV_CONF: &str = "/etc/resolv.conf";

/// Writes a pod's `/etc/hosts` and `/etc/resolv.conf`.
pub(crate) fn write(
    config: &AgentConfig,
    folder: &PodFolder,
    pod: &Pod,
    address: &str,
    hostname: &str,
) -> io::Result<()> {
    let host_network = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
    let own = if host_network { fs::read_to_string(OWN_HOSTS)? } else { String::new() };
    fs::write(folder.hosts(), hosts(pod, &own, address, hostname, &config.domain))?;
    let hosts_servers = fs::read_to_string(OWN_RESOLV_CONF).unwrap_or_default();
    fs::write(folder.resolv_conf(), resolv_conf(config, pod, &hosts_servers))
}

/// Where a container finds them.
pub(crate) fn mounts(folder: &PodFolder) -> Vec<MountPath> {
    let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    vec![
        MountPath::new(text(folder.hosts()), "/etc/hosts"),
        MountPath::new(text(folder.resolv_conf()), "/etc/resolv.conf"),
    ]
}

fn hosts(pod: &Pod, own: &str, address: &str, hostname: &str, domain: &str) -> String {
    let spec = pod.spec.clone().unwrap_or_default();
    let mut text = String::from("# Kubernetes-managed hosts file.\n");
    if own.is_empty() {
        text.push_str("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
        text.push_str("fe00::0\tip6-localnet\nfe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\n");
        text.push_str("fe00::2\tip6-allrouters\n");
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let full = spec.subdomain.as_ref().filter(|subdomain| !subdomain.is_empty());
        let full = full.map(|subdomain| format!("{hostname}.{subdomain}.{namespace}.svc.{domain}"));
        let names: Vec<&str> = full.as_deref().into_iter().chain([hostname]).collect();
        writeln!(text, "{address}\t{}", names.join("\t")).expect("a string takes any text");
    } else {
        text.push_str(own);
    }
    let aliases = spec.host_aliases.unwrap_or_default();
    if !aliases.is_empty() {
        text.push_str("\n# Entries added by HostAliases.\n");
    }
    for alias in aliases {
        let names = alias.hostnames.unwrap_or_default().join("\t");
        writeln!(text, "{}\t{names}", alias.ip).expect("a string takes any text");
    }
    text
}

/// What a resolver is told.
#[derive(Default)]
struct Resolver {
    servers: Vec<String>,
    searches: Vec<String>,
    options: Vec<String>,
}

fn resolv_conf(config: &AgentConfig, pod: &Pod, of_host: &str) -> String {
    let spec = pod.spec.clone().unwrap_or_default();
    let host_network = spec.host_network == Some(true);
    let mut resolver = match (spec.dns_policy.as_deref(), config.dns) {
        (Some("None"), _) => Resolver::default(),
        (Some("ClusterFirstWithHostNet"), Some(server)) => of_cluster(config, pod, server, of_host),
        (Some("ClusterFirst") | None, Some(server)) if !host_network => {
            of_cluster(config, pod, server, of_host)
        }
        _ => parse(of_host),
    };
    if let Some(own) = &spec.dns_config {
        add_own(&mut resolver, own);
    }
    resolver.searches.truncate(SEARCHES_MAX);
    let mut text = String::new();
    if !resolver.searches.is_empty() {
        writeln!(text, "search {}", resolver.searches.join(" ")).expect("a string takes any text");
    }
    for server in &resolver.servers {
        writeln!(text, "nameserver {server}").expect("a string takes any text");
    }
    if !resolver.options.is_empty() {
        writeln!(text, "options {}", resolver.options.join(" ")).expect("a string takes any text");
    }
    text
}

fn of_cluster(
    config: &AgentConfig,
    pod: &Pod,
    server: std::net::Ipv4Addr,
    of_host: &str,
) -> Resolver {
    let (namespace, domain) =
        (pod.metadata.namespace.as_deref().unwrap_or_default(), &config.domain);
    let own = [format!("{namespace}.svc.{domain}"), format!("svc.{domain}"), domain.clone()];
    Resolver {
        servers: vec![server.to_string()],
        searches: own.into_iter().chain(parse(of_host).searches).collect(),
        options: vec!["ndots:5".to_owned()],
    }
}

fn parse(text: &str) -> Resolver {
    let mut resolver = Resolver::default();
    for line in text.lines() {
        let mut words = line.split_whitespace().map(str::to_owned);
        match words.next().as_deref() {
            Some("nameserver") => resolver.servers.extend(words),
            Some("search") => resolver.searches = words.collect(),
            Some("options") => resolver.options.extend(words),
            _ => {}
        }
    }
    resolver
}

fn add_own(resolver: &mut Resolver, own: &PodDNSConfig) {
    let add = |list: &mut Vec<String>, more: &[String]| {
        for entry in more {
            if !list.contains(entry) {
                list.push(entry.clone());
            }
        }
    };
    add(&mut resolver.servers, own.nameservers.as_deref().unwrap_or_default());
    add(&mut resolver.searches, own.searches.as_deref().unwrap_or_default());
    for option in own.options.iter().flatten() {
        let Some(name) = &option.name else { continue };
        let is_same = |known: &String| known.split(':').next() == Some(name);
        resolver.options.retain(|known| !is_same(known));
        resolver.options.push(match &option.value {
            Some(value) => format!("{name}:{value}"),
            None => name.clone(),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn follows_dns_policies() {
        let mut config = AgentConfig::new("one", Vec::new(), String::new(), String::new());
        let conf = |config: &AgentConfig, spec: serde_json::Value| {
            let pod: Pod = serde_json::from_value(json!({
                "metadata": {"namespace": "d"}, "spec": spec}))
            .unwrap();
            resolv_conf(config, &pod, "search lan\nnameserver 9.9.9.9\n")
        };
        let of_host = "search lan\nnameserver 9.9.9.9\n";
        assert_eq!(conf(&config, json!({"containers": []})), of_host);
        config.dns = Some("10.43.0.10".parse().unwrap());
        let cluster = "search d.svc.cluster.local svc.cluster.local cluster.local lan\n\
                       nameserver 10.43.0.10\noptions ndots:5\n";
        assert_eq!(conf(&config, json!({"containers": []})), cluster);
        assert_eq!(conf(&config, json!({"containers": [], "hostNetwork": true})), of_host);
        assert_eq!(conf(&config, json!({"containers": [], "dnsPolicy": "Default"})), of_host);
        let own = json!({"containers": [], "dnsPolicy": "None", "dnsConfig": {
            "nameservers": ["1.1.1.1"], "options": [{"name": "ndots", "value": "2"}]}});
        assert_eq!(conf(&config, own), "nameserver 1.1.1.1\noptions ndots:2\n");
    }

    #[test]
    fn names_the_pod() {
        let pod: Pod = serde_json::from_value(json!({"metadata": {"namespace": "d"}, "spec": {
            "containers": [], "subdomain": "s", "hostAliases": [{"ip": "1.2.3.4", "hostnames": ["a", "b"]}]}}))
        .unwrap();
        let text = hosts(&pod, "", "10.42.0.2", "web", "cluster.local");
        assert!(text.contains("10.42.0.2\tweb.s.d.svc.cluster.local\tweb\n"), "{text}");
        assert!(text.ends_with("1.2.3.4\ta\tb\n"), "{text}");
    }
}
