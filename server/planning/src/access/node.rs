//! What the agent of a node may: its own node, the pods bound to it and what those refer to, and
//! the services that it routes.

mod graph;
mod references;

use object::selector::FieldSelector;

use super::{Attributes, Verdict};

pub(super) use graph::Nodes;
pub(crate) use references::references;

const ACCOUNTS: &str = "serviceaccounts";
const CLAIMS: &str = "persistentvolumeclaims";
const RESOURCE_CLAIMS: &str = "resourceclaims.resource.k8s.io";
const LEASES: &str = "kube-node-lease";

impl Nodes {
    /// May the agent of `node` do that?
    pub(super) fn authorize(&self, node: &str, wanted: &Attributes) -> Verdict {
        let no_relation = || {
            Verdict::Denied(format!("no relationship found between node '{node}' and this object"))
        };
        let allowed = |yes: bool| if yes { Verdict::Allowed } else { no_relation() };
        let verb = wanted.verb.as_str();
        let reads = matches!(verb, "get" | "list" | "watch");
        let gets = verb == "get";
        let writes = matches!(verb, "update" | "patch");
        let own = wanted.name == node;
        let referred = |kind| self.reaches(node, kind, &wanted.namespace, &wanted.name);
        let own_pod = || self.node_of(&wanted.namespace, &wanted.name) == Some(node);
        let resource = wanted.full_resource();
        match (wanted.group.as_str(), resource.as_str()) {
            ("", "nodes") if reads || verb == "create" => Verdict::Allowed,
            ("", "nodes") => allowed(own && writes),
            ("", "nodes/status") => allowed(own && (gets || writes)),
            ("longshore.dev", "nodes/tunnel") => allowed(own),
            ("longshore.dev", "hosts/token") => allowed(own && verb == "create"),
            ("", "pods") if verb == "list" || verb == "watch" => {
                allowed(own_pod() || selects_node(&wanted.fields, node))
            }
            // Mirrors of what it runs by itself: admission sees to that.
            ("", "pods") if verb == "create" => Verdict::Allowed,
            ("", "pods") => allowed(matches!(verb, "get" | "delete") && own_pod()),
            ("", "pods/status") => allowed((gets || writes) && own_pod()),
            ("", "pods/eviction") => allowed(verb == "create" && own_pod()),
            ("", "configmaps") => allowed(reads && referred("configmaps")),
            ("", "secrets") => {
                allowed(reads && (referred("secrets") || self.lends_secret(node, wanted)))
            }
            ("", "serviceaccounts") => allowed(reads && referred(ACCOUNTS)),
            // Bound to a pod of the node: admission sees to that.
            ("", "serviceaccounts/token") => allowed(verb == "create" && referred(ACCOUNTS)),
            ("", CLAIMS) => allowed(gets && referred(CLAIMS)),
            ("", "persistentvolumeclaims/status") => allowed((gets || writes) && referred(CLAIMS)),
            // Of one that is gone the folder has to go, too.
            ("", "persistentvolumes") => allowed(
                gets && (self.reaches_volume(node, &wanted.name) || self.is_gone(&wanted.name)),
            ),
            ("resource.k8s.io", "resourceclaims") => allowed(gets && referred(RESOURCE_CLAIMS)),
            ("", "services") | ("discovery.k8s.io", "endpointslices") if reads => Verdict::Allowed,
            ("node.k8s.io", "runtimeclasses") | ("storage.k8s.io", "csidrivers") if reads => {
                Verdict::Allowed
            }
            ("", "events") if matches!(verb, "create" | "update" | "patch" | "get") => {
                Verdict::Allowed
            }
            // For its own certificates: a request's content is checked where it is approved.
            ("certificates.k8s.io", "certificatesigningrequests") if reads || verb == "create" => {
                Verdict::Allowed
            }
            // It asks on behalf of those who ask it.
            ("authentication.k8s.io", "tokenreviews")
            | ("authorization.k8s.io", "subjectaccessreviews" | "localsubjectaccessreviews")
                if verb == "create" =>
            {
                Verdict::Allowed
            }
            ("coordination.k8s.io", "leases") if wanted.namespace == LEASES => {
                allowed(keeps_own(verb, own))
            }
            ("storage.k8s.io", "csinodes") => allowed(keeps_own(verb, own)),
            _ => Verdict::Denied(String::new()),
        }
    }
}

/// Objects of a node's own name, which admission compares at their creation.
fn keeps_own(verb: &str, own: bool) -> bool {
    verb == "create" || (own && matches!(verb, "get" | "update" | "patch" | "delete"))
}

/// Whether a field selector asks for the pods of one node only.
fn selects_node(fields: &str, node: &str) -> bool {
    FieldSelector::parse(fields).is_ok_and(|selector| selector.exact("spec.nodeName") == Some(node))
}
