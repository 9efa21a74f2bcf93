//! Which groups and versions are served elsewhere: the APIServices that name a service. What is
//! served here has an APIService, too, so that there is one list of all.

mod availability;

pub use availability::{Outcome, availability};

use std::{collections::BTreeSet, sync::Arc};

use imbl::OrdMap;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use object::Key;
use serde_json::{Value, json};

use crate::access::Attributes;

/// The name of the kind.
pub const API_SERVICES: &str = "apiservices.apiregistration.k8s.io";
/// The mark on those that are kept for what is served here.
const AUTOMANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";

/// A group and version that a service of the cluster serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Remote {
    pub group: String,
    pub version: String,
    pub namespace: String,
    pub service: String,
    pub port: i32,
    /// Certificate authorities in PEM; empty for those that browsers believe.
    pub ca_bundle: Vec<u8>,
    pub is_insecure: bool,
    /// Greater ones are shown first.
    pub group_priority: i32,
    pub version_priority: i32,
    pub is_available: bool,
}

impl Remote {
    /// Reads an APIService; `None` for one that is served here.
    fn read(body: &[u8]) -> Option<Self> {
        let object: APIService = serde_json::from_slice(body).ok()?;
        let spec = object.spec?;
        let service = spec.service?;
        let conditions = object.status.and_then(|status| status.conditions).unwrap_or_default();
        let is_available =
            conditions.iter().any(|one| one.type_ == "Available" && one.status == "True");
        Some(Self {
            group: spec.group.unwrap_or_default(),
            version: spec.version.unwrap_or_default(),
            namespace: service.namespace.unwrap_or_default(),
            service: service.name.unwrap_or_default(),
            port: service.port.unwrap_or(443),
            ca_bundle: spec.ca_bundle.map(|bundle| bundle.0).unwrap_or_default(),
            is_insecure: spec.insecure_skip_tls_verify.unwrap_or(false),
            group_priority: spec.group_priority_minimum,
            version_priority: spec.version_priority,
            is_available,
        })
    }

    /// The name of its object.
    pub fn name(&self) -> String {
        format!("{}.{}", self.version, self.group)
    }
}

/// All that is served elsewhere, by the name of the APIService.
#[derive(Clone, Default)]
pub struct Remotes(OrdMap<String, Arc<Remote>>);

impl Remotes {
    pub fn apply(&mut self, key: &Key, body: Option<&[u8]>) {
        if &*key.kind != API_SERVICES {
            return;
        }
        match body.and_then(Remote::read) {
            Some(remote) => drop(self.0.insert(key.name.to_string(), Arc::new(remote))),
            None => drop(self.0.remove(&*key.name)),
        }
    }

    pub fn find(&self, group: &str, version: &str) -> Option<&Arc<Remote>> {
        self.0.get(&format!("{version}.{group}"))
    }

    /// In the order in which they are shown.
    pub fn all(&self) -> Vec<&Arc<Remote>> {
        let mut all: Vec<&Arc<Remote>> = self.0.values().collect();
        all.sort_by_key(|one| (-one.group_priority, &one.group, -one.version_priority));
        all
    }
}

/// The APIService of a group and version that is served here. The priorities are those by which
/// Kubernetes orders groups where it matters to clients.
pub fn local(group: &str, version: &str) -> Value {
    let group_priority = match group {
        "" => 18000,
        "apps" => 17800,
        "events.k8s.io" => 17750,
        "authentication.k8s.io" | "authorization.k8s.io" => 17700,
        group if group.ends_with(".k8s.io") || !group.contains('.') => 17000,
        _ => 1000,
    };
    let version_priority = if version.contains("alpha") {
        1
    } else if version.contains("beta") {
        9
    } else {
        15
    };
    json!({
        "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
        "metadata": {"name": format!("{version}.{group}"), "labels": {AUTOMANAGED: "true"}},
        "spec": {
            "group": group, "version": version, "groupPriorityMinimum": group_priority,
            "versionPriority": version_priority,
        },
    })
}

/// What has to change so that everything served here has its APIService: those to create, and the
/// names of those to delete. Those that people made stay.
pub fn local_changes<'b>(
    served: &BTreeSet<(String, String)>,
    stored: impl Iterator<Item = (&'b str, &'b [u8])>,
) -> (Vec<Value>, Vec<String>) {
    let mut missing: BTreeSet<String> =
        served.iter().map(|(group, version)| format!("{version}.{group}")).collect();
    let mut stale = Vec::new();
    for (name, body) in stored {
        let is_managed =
            object::Meta::read(body).is_ok_and(|meta| meta.labels.contains_key(AUTOMANAGED));
        if !missing.remove(name) && is_managed {
            stale.push(name.to_owned());
        }
    }
    let created = served
        .iter()
        .filter(|(group, version)| missing.contains(&format!("{version}.{group}")))
        .map(|(group, version)| local(group, version));
    (created.collect(), stale)
}

/// What a request for something that is served elsewhere wants: its path below `/apis` with the
/// kind's name, as RBAC rules name it.
pub fn wanted(method: &str, path: &str, is_watch: bool) -> Attributes {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let ["apis", group, _, rest @ ..] = segments.as_slice() else {
        return Attributes::path(&method.to_lowercase(), path);
    };
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
        rest => ("", rest),
    };
    let (resource, name, subresource) = match rest {
        [] => {
            let verb = if method == "HEAD" { "get" } else { &method.to_lowercase() };
            return Attributes::path(verb, path);
        }
        [resource] => (*resource, "", ""),
        [resource, name] => (*resource, *name, ""),
        [resource, name, subresource, ..] => (*resource, *name, *subresource),
    };
    let verb = match method {
        "GET" | "HEAD" if is_watch && name.is_empty() => "watch",
        "GET" | "HEAD" if name.is_empty() => "list",
        "GET" | "HEAD" => "get",
        "POST" => "create",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if name.is_empty() => "deletecollection",
        "DELETE" => "delete",
        _ => "",
    };
    Attributes {
        verb: verb.to_owned(),
        group: (*group).to_owned(),
        resource: resource.to_owned(),
        subresource: subresource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..Attributes::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_served_elsewhere() {
        let key = Key::new(API_SERVICES, "", "v1.metrics.k8s.io");
        let body = json!({"metadata": {}, "spec": {
            "group": "metrics.k8s.io", "version": "v1", "groupPriorityMinimum": 100,
            "versionPriority": 100, "insecureSkipTLSVerify": true,
            "service": {"namespace": "kube-system", "name": "metrics-server", "port": 443}}});
        let mut remotes = Remotes::default();
        remotes.apply(&key, Some(body.to_string().as_bytes()));
        let found = remotes.find("metrics.k8s.io", "v1").unwrap();
        assert_eq!(
            (&*found.service, found.port, found.is_available),
            ("metrics-server", 443, false)
        );
        remotes.apply(&key, Some(local("apps", "v1").to_string().as_bytes()));
        assert!(remotes.find("metrics.k8s.io", "v1").is_none());
    }

    #[test]
    fn keeps_an_object_for_everything_served_here() {
        let served = [("apps".to_owned(), "v1".to_owned()), ("x.io".to_owned(), "v2".to_owned())];
        let served = BTreeSet::from(served);
        let (old, apps) = (local("gone.io", "v1").to_string(), local("apps", "v1").to_string());
        let stored =
            [("v1.gone.io", &*old), ("v1.apps", &*apps), ("v1.mine.io", "{\"metadata\":{}}")];
        let stored = stored.into_iter().map(|(name, body)| (name, body.as_bytes()));
        let (created, stale) = local_changes(&served, stored);
        assert_eq!(created, [local("x.io", "v2")]);
        assert_eq!(stale, ["v1.gone.io"]);
    }

    #[test]
    fn reads_what_a_request_wants() {
        for (method, path, expected) in [
            ("GET", "/apis/a.io/v1/namespaces/n/pods/p", "get a.io pods  n p"),
            ("GET", "/apis/a.io/v1/nodes", "list a.io nodes   "),
            ("POST", "/apis/a.io/v1/namespaces/n/pods/p/exec", "create a.io pods exec n p"),
            ("GET", "/apis/a.io/v1/namespaces/n", "get a.io namespaces   n"),
            ("DELETE", "/apis/a.io/v1/nodes", "deletecollection a.io nodes   "),
        ] {
            let Attributes { verb, group, resource, subresource, namespace, name, .. } =
                wanted(method, path, false);
            let got = format!("{verb} {group} {resource} {subresource} {namespace} {name}");
            assert_eq!(got, expected, "{method} {path}");
        }
        assert_eq!(wanted("GET", "/apis/a.io/v1/x", true).verb, "watch");
        assert_eq!(wanted("GET", "/apis/a.io/v1", false), Attributes::path("get", "/apis/a.io/v1"));
    }
}
