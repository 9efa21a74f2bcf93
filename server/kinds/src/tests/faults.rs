//! Valid and faulty objects of every kind, with the words in which they are refused.

use serde_json::{Value, json};

use super::{changes, decode, faults};

fn deployment(spec: Value) -> Value {
    let mut whole = json!({
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a", "image": "x"}]}},
    });
    whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    json!({"metadata": {"name": "web", "namespace": "d"}, "spec": whole})
}

fn service(spec: Value) -> Value {
    json!({"metadata": {"name": "web", "namespace": "d"}, "spec": spec})
}

fn check(kind: &str, table: &[(Value, &[&str])]) {
    for (body, expected) in table {
        assert_eq!(faults(kind, body), *expected, "{kind} {body}");
    }
}

#[test]
fn deployments() {
    let none: &[&str] = &[];
    let template = |fields: Value| {
        let mut spec = json!({"containers": [{"name": "a", "image": "x"}]});
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        deployment(json!({"template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}}))
    };
    check(
        "deployments.apps",
        &[
            (deployment(json!({})), none),
            (
                deployment(json!({"replicas": -1, "minReadySeconds": 600})),
                &[
                    "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
                    "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds",
                ],
            ),
            (deployment(json!({"selector": {}})), &["spec.selector: Required value"]),
            (
                deployment(json!({"selector": {"matchLabels": {"app": "api"}}})),
                &[
                    "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not match template `labels`",
                ],
            ),
            (
                deployment(
                    json!({"selector": {"matchExpressions": [{"key": "app", "operator": "In"}, {"key": "app", "operator": "Is"}]}}),
                ),
                &[
                    "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
                    "spec.selector.matchExpressions[1].operator: Invalid value: \"Is\": not a valid selector operator",
                ],
            ),
            (
                template(json!({"restartPolicy": "Never", "activeDeadlineSeconds": 5})),
                &[
                    "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"",
                    "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported",
                ],
            ),
            (
                template(json!({"containers": [{"name": "a"}]})),
                &["spec.template.spec.containers[0].image: Required value"],
            ),
            (
                deployment(
                    json!({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}}),
                ),
                &[
                    "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
                ],
            ),
            (
                deployment(json!({"strategy": {"type": "Blue"}})),
                &[
                    "spec.strategy.type: Unsupported value: \"Blue\": supported values: \"Recreate\", \"RollingUpdate\"",
                ],
            ),
            (
                deployment(
                    json!({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}}),
                ),
                &[
                    "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"0%\": may not be 0 when `maxSurge` is 0",
                ],
            ),
            (
                deployment(
                    json!({"strategy": {"rollingUpdate": {"maxSurge": "x", "maxUnavailable": "101%"}}}),
                ),
                &[
                    "spec.strategy.rollingUpdate.maxSurge: Invalid value: \"x\": a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
                    "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"101%\": must not be greater than 100%",
                ],
            ),
        ],
    );
    let other = json!({
        "selector": {"matchLabels": {"app": "api"}},
        "template": {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": []}},
    });
    assert_eq!(
        changes("deployments.apps", &deployment(json!({})), &deployment(other)),
        ["spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"api\"}}: field is immutable"]
    );
    let spec = decode("deployments.apps", &deployment(json!({}))).to_value()["spec"].clone();
    assert_eq!(
        json!([
            spec["replicas"],
            spec["strategy"],
            spec["revisionHistoryLimit"],
            spec["progressDeadlineSeconds"]
        ]),
        json!([1, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}, 10, 600])
    );
    assert_eq!(spec["template"]["spec"].get("enableServiceLinks"), None, "a default of pods only");
}

#[test]
fn replica_sets() {
    check(
        "replicasets.apps",
        &[
            (deployment(json!({})), &[]),
            (
                json!({"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "replicas": -2}}),
                &[
                    "spec.replicas: Invalid value: -2: must be greater than or equal to 0",
                    "spec.template: Required value",
                ],
            ),
        ],
    );
}

#[test]
fn pods_change_little() {
    let pod = |spec: Value| {
        let mut whole = json!({"containers": [{"name": "a", "image": "x"}], "nodeName": "one"});
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        json!({"metadata": {"name": "a", "namespace": "d", "labels": {"a": "b"}}, "spec": whole})
    };
    let refused = "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
    let tolerated = json!({"tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1}]});
    let longer = json!({"tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}, {"operator": "Exists"}]});
    for (old, new, expected) in [
        (json!({}), json!({}), vec![]),
        (
            json!({}),
            json!({"containers": [{"name": "a", "image": "y", "imagePullPolicy": "Always"}]}),
            vec![],
        ),
        (
            json!({}),
            json!({"containers": [{"name": "a", "image": "x", "command": ["y"]}]}),
            vec![refused],
        ),
        (json!({}), json!({"nodeName": "two"}), vec![refused]),
        (json!({"nodeName": null}), json!({"nodeName": "two"}), vec![]),
        (
            json!({}),
            json!({"containers": []}),
            vec!["spec.containers: Forbidden: pod updates may not add or remove containers"],
        ),
        (tolerated.clone(), longer, vec![]),
        (
            tolerated,
            json!({}),
            vec![
                "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds",
            ],
        ),
        (json!({}), json!({"activeDeadlineSeconds": 5}), vec![]),
        (
            json!({"activeDeadlineSeconds": 5}),
            json!({"activeDeadlineSeconds": 6}),
            vec![
                "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value 5",
            ],
        ),
        (json!({"schedulingGates": [{"name": "g"}]}), json!({}), vec![]),
        (json!({}), json!({"schedulingGates": [{"name": "g"}]}), vec![refused]),
    ] {
        assert_eq!(changes("pods", &pod(old.clone()), &pod(new.clone())), expected, "{old} {new}");
    }
}

#[test]
fn services() {
    let none: &[&str] = &[];
    check(
        "services",
        &[
            (service(json!({"ports": [{"port": 80}]})), none),
            (service(json!({"clusterIP": "None"})), none),
            (service(json!({"type": "ExternalName", "externalName": "a.example.com."})), none),
            (
                service(
                    json!({"ports": [{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}]}),
                ),
                none,
            ),
            (service(json!({})), &["spec.ports: Required value"]),
            (
                service(
                    json!({"ports": [{"port": 80}, {"name": "b", "port": 80}, {"name": "b", "port": 0, "protocol": "X"}]}),
                ),
                &[
                    "spec.ports[0].name: Required value",
                    "spec.ports[1]: Duplicate value: {\"port\":80,\"protocol\":\"TCP\",\"targetPort\":0}",
                    "spec.ports[2].name: Duplicate value: \"b\"",
                    "spec.ports[2].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                    "spec.ports[2].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
                ],
            ),
            (
                service(
                    json!({"ports": [{"port": 80, "targetPort": 0}, {"name": "x", "port": 81, "targetPort": "a--b", "nodePort": 30000}]}),
                ),
                &[
                    "spec.ports[0].name: Required value",
                    "spec.ports[1].targetPort: Invalid value: \"a--b\": must not contain consecutive hyphens",
                    "spec.ports[1].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
                ],
            ),
            (
                service(
                    json!({"type": "Free", "sessionAffinity": "Maybe", "ports": [{"port": 80}]}),
                ),
                &[
                    "spec.sessionAffinity: Unsupported value: \"Maybe\": supported values: \"ClientIP\", \"None\"",
                    "spec.type: Unsupported value: \"Free\": supported values: \"ClusterIP\", \"ExternalName\", \"LoadBalancer\", \"NodePort\"",
                ],
            ),
            (
                service(json!({"type": "NodePort", "clusterIP": "None", "ports": [{"port": 80}]})),
                &[
                    "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services",
                ],
            ),
            (
                service(json!({"clusterIP": "x", "externalIPs": ["y"], "ports": [{"port": 80}]})),
                &[
                    "spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                    "spec.externalIPs[0]: Invalid value: \"y\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                ],
            ),
            (service(json!({"type": "ExternalName"})), &["spec.externalName: Required value"]),
        ],
    );
    let at = |ip: &str, type_: &str| {
        service(
            json!({"type": type_, "clusterIP": ip, "externalName": "a", "ports": [{"port": 80}]}),
        )
    };
    for (old, new, expected) in [
        (at("10.43.0.1", "ClusterIP"), at("10.43.0.1", "NodePort"), vec![]),
        (at("10.43.0.1", "ClusterIP"), at("", "ExternalName"), vec![]),
        (
            at("10.43.0.1", "ClusterIP"),
            at("10.43.0.2", "ClusterIP"),
            vec!["spec.clusterIPs[0]: Invalid value: [\"10.43.0.2\"]: may not change once set"],
        ),
    ] {
        assert_eq!(changes("services", &old, &new), expected, "{new}");
    }
    let spec = decode(
        "services",
        &service(
            json!({"type": "NodePort", "sessionAffinity": "ClientIP", "ports": [{"port": 80}]}),
        ),
    )
    .to_value();
    assert_eq!(
        spec["spec"],
        json!({
            "type": "NodePort", "sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            "externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        })
    );
}

#[test]
fn config_maps_and_secrets() {
    let map = |fields: Value| {
        let mut whole = json!({"metadata": {"name": "a"}});
        whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        whole
    };
    let big = "x".repeat((1 << 20) + 1);
    check(
        "configmaps",
        &[
            (map(json!({"data": {"a.b": "c"}, "binaryData": {"d": "eA=="}})), &[]),
            (
                map(json!({"data": {"..a": "c", "d": ""}, "binaryData": {"d": "eA=="}})),
                &[
                    "data[..a]: Invalid value: \"..a\": must not start with '..'",
                    "data[d]: Invalid value: \"d\": duplicate of key present in binaryData",
                    "binaryData[d]: Invalid value: \"d\": duplicate of key present in data",
                ],
            ),
            (
                map(json!({"data": {"a": big}})),
                &["[]: Too long: may not be more than 1048576 bytes"],
            ),
        ],
    );
    let kept = map(json!({"data": {"a": "b"}, "immutable": true}));
    assert_eq!(
        changes("configmaps", &kept, &map(json!({"data": {"a": "c"}}))),
        [
            "immutable: Forbidden: field is immutable when `immutable` is set",
            "data: Forbidden: field is immutable when `immutable` is set",
        ]
    );
    check(
        "secrets",
        &[
            (map(json!({"stringData": {"a": "b"}})), &[]),
            (
                map(json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}})),
                &["data[tls.key]: Required value"],
            ),
            (
                map(json!({"type": "kubernetes.io/basic-auth"})),
                &["data[username]: Required value", "data[password]: Required value"],
            ),
            (
                map(
                    json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{"}}),
                ),
                &[
                    "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": not JSON at line 1 column 1",
                ],
            ),
            (
                map(json!({"type": "kubernetes.io/service-account-token"})),
                &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
            ),
        ],
    );
    let secret = decode(
        "secrets",
        &map(json!({"stringData": {"a": "b"}, "data": {"a": "eA==", "c": "eA=="}})),
    )
    .to_value();
    assert_eq!(
        (&secret["type"], &secret["data"]),
        (&json!("Opaque"), &json!({"a": "Yg==", "c": "eA=="}))
    );
    assert_eq!(secret.get("stringData"), None);
    assert_eq!(
        changes("secrets", &map(json!({})), &map(json!({"type": "x/y"}))),
        ["type: Invalid value: \"x/y\": field is immutable"]
    );
}

#[test]
fn roles_and_bindings() {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let rules = |rules: Value| json!({"metadata": {"name": "r", "namespace": "d"}, "rules": rules});
    check(
        "roles.rbac.authorization.k8s.io",
        &[
            (rules(json!([{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}])), &[]),
            (
                rules(json!([{"verbs": []}, {"nonResourceURLs": ["/x"], "verbs": ["get"]}])),
                &[
                    "rules[0].verbs: Required value: verbs must contain at least one value",
                    "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                    "rules[0].resources: Required value: resource rules must supply at least one resource",
                    "rules[1].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs",
                ],
            ),
        ],
    );
    check(
        "clusterroles.rbac.authorization.k8s.io",
        &[
            (rules(json!([{"nonResourceURLs": ["/x"], "verbs": ["get"]}])), &[]),
            (
                json!({"metadata": {"name": "r"}, "aggregationRule": {}}),
                &[
                    "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil",
                ],
            ),
        ],
    );
    let binding = |role: Value, subjects: Value| json!({"metadata": {"name": "b", "namespace": "d"}, "roleRef": role, "subjects": subjects});
    let role = || json!({"kind": "ClusterRole", "name": "view"});
    let account = json!([{"kind": "ServiceAccount", "name": "bot"}]);
    check(
        "rolebindings.rbac.authorization.k8s.io",
        &[
            (binding(role(), account.clone()), &[]),
            (
                binding(
                    json!({"apiGroup": "x", "kind": "X", "name": ""}),
                    json!([{"kind": "Robot", "name": ""}]),
                ),
                &[
                    "roleRef.apiGroup: Unsupported value: \"x\": supported values: \"rbac.authorization.k8s.io\"",
                    "roleRef.kind: Unsupported value: \"X\": supported values: \"Role\", \"ClusterRole\"",
                    "roleRef.name: Required value",
                    "subjects[0].name: Required value",
                    "subjects[0].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
                ],
            ),
        ],
    );
    check(
        "clusterrolebindings.rbac.authorization.k8s.io",
        &[(binding(role(), account), &["subjects[0].namespace: Required value"])],
    );
    let other = json!({"kind": "ClusterRole", "name": "admin"});
    assert_eq!(
        changes(
            "rolebindings.rbac.authorization.k8s.io",
            &binding(role(), json!([])),
            &binding(other, json!([]))
        ),
        [
            "roleRef: Invalid value: {\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"admin\"}: cannot change roleRef"
        ]
    );
    let user = decode(
        "rolebindings.rbac.authorization.k8s.io",
        &binding(role(), json!([{"kind": "User", "name": "x"}])),
    )
    .to_value();
    assert_eq!(
        (&user["roleRef"]["apiGroup"], &user["subjects"][0]["apiGroup"]),
        (&json!(GROUP), &json!(GROUP))
    );
}

#[test]
fn the_rest() {
    let named = |fields: Value| {
        let mut whole = json!({"metadata": {"name": "a", "namespace": "d"}});
        whole.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        whole
    };
    let taint = |key: &str, effect: &str| json!({"key": key, "effect": effect});
    let tables: &[(&str, Value, &[&str])] = &[
        (
            "nodes",
            named(json!({"spec": {"taints": [taint("a", "NoSchedule"), taint("a", "NoExecute")]}})),
            &[],
        ),
        (
            "nodes",
            named(json!({"spec": {"taints": [taint("", "No")]}})),
            &[
                "spec.taints[0].key: Required value",
                "spec.taints[0].effect: Unsupported value: \"No\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
            ],
        ),
        (
            "leases.coordination.k8s.io",
            named(json!({"spec": {"leaseDurationSeconds": 0, "leaseTransitions": -1}})),
            &[
                "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
                "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
            ],
        ),
        (
            "events",
            named(json!({"involvedObject": {"namespace": "x"}})),
            &["involvedObject.namespace: Invalid value: \"x\": does not match event.namespace"],
        ),
        (
            "endpoints",
            named(json!({"subsets": [{}, {"addresses": [{"ip": "x"}], "ports": [{"port": 0}]}]})),
            &[
                "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
                "subsets[1].addresses[0].ip: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
                "subsets[1].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
        (
            "endpointslices.discovery.k8s.io",
            named(
                json!({"addressType": "X", "endpoints": [{"addresses": []}], "ports": [{"port": 1}, {"port": 2}]}),
            ),
            &[
                "addressType: Unsupported value: \"X\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"",
                "endpoints[0].addresses: Required value: must contain at least 1 address",
                "ports[1].name: Duplicate value: \"\"",
            ],
        ),
        (
            "servicecidrs.networking.k8s.io",
            named(json!({"spec": {"cidrs": ["10.43.0.0/16", "10.43.0.0/33"]}})),
            &[
                "spec.cidrs[1]: Invalid value: \"10.43.0.0/33\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)",
            ],
        ),
        (
            "hosts.longshore.dev",
            named(json!({"spec": {"docker": "http://x", "socket": "x", "address": "x"}})),
            &[
                "spec.docker: Invalid value: \"http://x\": must be unix:///PATH, tcp://ADDRESS:PORT or ssh://USER@ADDRESS",
                "spec.socket: Invalid value: \"x\": must be an absolute path on the host",
                "spec.address: Invalid value: \"x\": must be a valid IP address",
            ],
        ),
        (
            "users.longshore.dev",
            named(json!({"spec": {"passwordHash": "secret"}})),
            &[
                "spec.passwordHash: Forbidden: must be an argon2 hash in PHC form ($argon2id$...), never the password",
            ],
        ),
        (
            "sessions.longshore.dev",
            named(json!({})),
            &["spec.user: Required value", "spec.password: Required value"],
        ),
        (
            "selfsubjectaccessreviews.authorization.k8s.io",
            named(json!({"spec": {}})),
            &[
                "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
            ],
        ),
        (
            "localsubjectaccessreviews.authorization.k8s.io",
            named(json!({"spec": {"resourceAttributes": {"namespace": "x"}}})),
            &[
                "spec.user: Invalid value: \"\": at least one of user or group must be specified",
                "spec.resourceAttributes.namespace: Invalid value: \"x\": must match metadata.namespace",
            ],
        ),
    ];
    for (kind, body, expected) in tables {
        assert_eq!(faults(kind, body), *expected, "{kind} {body}");
    }
}
