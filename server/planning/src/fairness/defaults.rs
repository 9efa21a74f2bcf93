//! The levels and schemas that every cluster starts with, as Kubernetes has them.

use serde_json::{Value, json};

const API_VERSION: &str = "flowcontrol.apiserver.k8s.io/v1";
/// Kubernetes' mark on those that a new version may change.
const AUTOUPDATE: &str = "apf.kubernetes.io/autoupdate-spec";
/// What is always as it is here, whatever users make of it.
const MANDATORY: &[&str] = &["exempt", "catch-all"];

pub(crate) fn objects() -> Vec<Value> {
    let exempt =
        json!({"type": "Exempt", "exempt": {"nominalConcurrencyShares": 0, "lendablePercent": 0}});
    let catch_all = json!({"type": "Limited", "limited": {"nominalConcurrencyShares": 5,
        "lendablePercent": 0, "limitResponse": {"type": "Reject"}}});
    let levels = [
        ("exempt", exempt),
        ("catch-all", catch_all),
        ("system", level(30, 33, 64, 6)),
        ("node-high", level(40, 25, 64, 6)),
        ("leader-election", level(10, 0, 16, 4)),
        ("workload-high", level(40, 50, 128, 6)),
        ("workload-low", level(100, 90, 128, 6)),
        ("global-default", level(20, 50, 128, 6)),
    ];
    let levels = levels.map(|(name, spec)| object("PriorityLevelConfiguration", name, spec));
    levels.into_iter().chain(schemas()).collect()
}

/// Our version of an object that is there, if it is to be written: the mandatory ones always, the
/// others unless somebody has taken them over.
pub(crate) fn renewed(stored: &Value, mut ours: Value) -> Option<Value> {
    let name = ours["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let is_mandatory = MANDATORY.contains(&name.as_str());
    let mark = stored["metadata"]["annotations"][AUTOUPDATE].as_str();
    let is_untouched = mark.is_none() && stored["metadata"]["generation"] == 1;
    if !is_mandatory && mark != Some("true") && !is_untouched {
        return None;
    }
    // How much the exempt level leaves to others is the operator's choice.
    if name == "exempt" && !stored["spec"]["exempt"].is_null() {
        ours["spec"]["exempt"] = stored["spec"]["exempt"].clone();
    }
    let is_same = contains(&stored["spec"], &ours["spec"]) && mark == Some("true");
    (!is_same).then_some(ours)
}

/// Whether everything that one value says is said by the other too, which may have more defaults.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|own| contains(own, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len()
                && whole.iter().zip(part).all(|(own, part)| contains(own, part))
        }
        (whole, part) => whole == part,
    }
}

fn object(kind: &str, name: &str, spec: Value) -> Value {
    json!({"apiVersion": API_VERSION, "kind": kind,
        "metadata": {"name": name, "annotations": {AUTOUPDATE: "true"}}, "spec": spec})
}

fn level(shares: u32, lendable: u32, queues: u32, hand: u32) -> Value {
    let queuing = json!({"queues": queues, "handSize": hand, "queueLengthLimit": 50});
    json!({"type": "Limited", "limited": {"nominalConcurrencyShares": shares,
        "lendablePercent": lendable, "limitResponse": {"type": "Queue", "queuing": queuing}}})
}

fn schemas() -> Vec<Value> {
    let everyone = || groups(&["system:unauthenticated", "system:authenticated"]);
    let users = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({"kind": "User", "user": {"name": name}})).collect()
    };
    let accounts = || json!({"kind": "ServiceAccount", "serviceAccount": {"name": "*", "namespace": "kube-system"}});
    let managers = || users(&["system:kube-controller-manager", "system:kube-scheduler"]);
    let leases = || {
        json!([resources(
            &["get", "create", "update"],
            "coordination.k8s.io",
            &["leases"],
            &["*"],
            false
        )])
    };
    let probes = json!([{"verbs": ["get"], "nonResourceURLs": ["/healthz", "/readyz", "/livez"]}]);
    let leaders: Vec<Value> = managers().into_iter().chain([accounts()]).collect();
    let endpoints =
        json!([resources(&["get", "create", "update"], "", &["endpoints"], &["*"], false)]);
    let heartbeats = json!([
        resources(&["*"], "", &["nodes", "nodes/status"], &["*"], true),
        resources(&["*"], "coordination.k8s.io", &["leases"], &["*"], false),
    ]);
    let all = |subjects: Vec<Value>| {
        json!([{"subjects": subjects,
            "resourceRules": [resources(&["*"], "*", &["*"], &["*"], true)],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}])
    };
    let some = |subjects: Vec<Value>, rules: Value| json!([{"subjects": subjects, "resourceRules": rules}]);
    let schema = |name: &str, level: &str, precedence: u32, method: &str, rules: Value| {
        let mut spec = json!({"priorityLevelConfiguration": {"name": level},
            "matchingPrecedence": precedence, "rules": rules});
        if !method.is_empty() {
            spec["distinguisherMethod"] = json!({"type": method});
        }
        object("FlowSchema", name, spec)
    };
    vec![
        schema("exempt", "exempt", 1, "", all(groups(&["system:masters"]))),
        schema(
            "probes",
            "exempt",
            2,
            "",
            json!([{"subjects": everyone(), "nonResourceRules": probes}]),
        ),
        schema("system-leader-election", "leader-election", 100, "ByUser", some(leaders, leases())),
        schema("endpoint-controller", "workload-high", 150, "ByUser", some(managers(), endpoints)),
        schema(
            "workload-leader-election",
            "leader-election",
            200,
            "ByUser",
            some(vec![accounts()], leases()),
        ),
        schema(
            "system-node-high",
            "node-high",
            400,
            "ByUser",
            some(groups(&["system:nodes"]), heartbeats),
        ),
        schema("system-nodes", "system", 500, "ByUser", all(groups(&["system:nodes"]))),
        schema(
            "kube-controller-manager",
            "workload-high",
            800,
            "ByNamespace",
            all(users(&["system:kube-controller-manager"])),
        ),
        schema(
            "kube-scheduler",
            "workload-high",
            800,
            "ByNamespace",
            all(users(&["system:kube-scheduler"])),
        ),
        schema(
            "kube-system-service-accounts",
            "workload-high",
            900,
            "ByNamespace",
            all(vec![accounts()]),
        ),
        schema(
            "service-accounts",
            "workload-low",
            9000,
            "ByUser",
            all(groups(&["system:serviceaccounts"])),
        ),
        schema("global-default", "global-default", 9900, "ByUser", all(everyone())),
        schema("catch-all", "catch-all", 10000, "ByUser", all(everyone())),
    ]
}

fn groups(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| json!({"kind": "Group", "group": {"name": name}})).collect()
}

fn resources(
    verbs: &[&str],
    group: &str,
    names: &[&str],
    namespaces: &[&str],
    cluster: bool,
) -> Value {
    json!({"verbs": verbs, "apiGroups": [group], "resources": names, "namespaces": namespaces,
        "clusterScope": cluster})
}
