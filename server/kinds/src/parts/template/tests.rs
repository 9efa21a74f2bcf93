use k8s_openapi::api::core::v1::PodSpec;
use object::FieldErrors;
use serde_json::{Value, json};

use super::*;

fn with_defaults(spec: Value) -> PodSpec {
    let mut spec: PodSpec = serde_json::from_value(spec).unwrap();
    set_defaults(&mut spec);
    set_pod_defaults(&mut spec);
    spec
}

fn errors_of(spec: Value) -> Vec<String> {
    let mut errors = FieldErrors::default();
    validate(&with_defaults(spec), "spec", &mut errors);
    errors.0.iter().map(ToString::to_string).collect()
}

/// A pod with one container that has these fields too.
fn container(fields: Value) -> Value {
    let mut container = json!({"name": "a", "image": "x"});
    container.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"containers": [container]})
}

/// A valid pod whose spec has these fields too.
fn pod(fields: Value) -> Value {
    let mut spec = container(json!({}));
    spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    spec
}

#[test]
fn fills_in_what_kubernetes_does() {
    let spec = with_defaults(json!({
        "serviceAccount": "bot",
        "volumes": [{"name": "e"}, {"name": "s", "secret": {"secretName": "x"}}],
        "containers": [{
            "name": "a", "image": "nginx", "ports": [{"containerPort": 80}],
            "readinessProbe": {"httpGet": {"port": 80}},
            "env": [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
            "resources": {"limits": {"cpu": "0.5", "memory": "1024Ki"}},
        }],
    }));
    assert_eq!(
        serde_json::to_value(spec).unwrap(),
        json!({
            "containers": [{
                "env": [{"name": "IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}],
                "image": "nginx", "imagePullPolicy": "Always", "name": "a",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "readinessProbe": {
                    "failureThreshold": 3, "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
                    "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
                },
                "resources": {"limits": {"cpu": "500m", "memory": "1Mi"}, "requests": {"cpu": "500m", "memory": "1Mi"}},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always",
            "schedulerName": "default-scheduler", "securityContext": {},
            "serviceAccount": "bot", "serviceAccountName": "bot", "terminationGracePeriodSeconds": 30,
            "volumes": [{"emptyDir": {}, "name": "e"}, {"name": "s", "secret": {"defaultMode": 420, "secretName": "x"}}],
        })
    );
}

#[test]
fn accepts_valid_pods() {
    for spec in [
        container(json!({})),
        container(json!({"command": ["sh"], "env": [{"name": "A.b-c d", "value": "1"}]})),
        container(
            json!({"livenessProbe": {"exec": {"command": ["true"]}}, "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}),
        ),
        container(
            json!({"ports": [{"name": "http", "containerPort": 80}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}]}),
        ),
        container(
            json!({"resources": {"requests": {"cpu": "1", "example.com/gpu": "2"}, "limits": {"cpu": "1.5", "example.com/gpu": "2"}}}),
        ),
        pod(
            json!({"hostNetwork": true, "initContainers": [{"name": "i", "image": "x", "restartPolicy": "Always", "startupProbe": {"tcpSocket": {"port": 1}}}]}),
        ),
        pod(
            json!({"tolerations": [{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoExecute", "tolerationSeconds": 3}]}),
        ),
        pod(
            json!({"ephemeralContainers": [{"name": "debug", "image": "x", "targetContainerName": "a"}]}),
        ),
        pod(json!({"volumes": [{"name": "p", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token"}}, {"configMap": {"name": "m", "items": [{"key": "k", "path": "a/b"}]}},
            {"downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}}]})),
    ] {
        assert_eq!(errors_of(spec.clone()), Vec::<String>::new(), "{spec}");
    }
}

#[test]
fn names_every_fault_of_a_container() {
    const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
    for (fields, faults) in [
        (json!({"name": ""}), vec!["name: Required value".to_owned()]),
        (json!({"name": "A"}), vec![format!("name: Invalid value: \"A\": {LABEL}")]),
        (json!({"image": ""}), vec!["image: Required value".to_owned()]),
        (
            json!({"image": " x"}),
            vec!["image: Invalid value: \" x\": must not have leading or trailing whitespace".to_owned()],
        ),
        (
            json!({"imagePullPolicy": "Sometimes"}),
            vec!["imagePullPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"IfNotPresent\", \"Never\"".to_owned()],
        ),
        (
            json!({"ports": [{"containerPort": 0}, {"containerPort": 70000, "name": "a"}, {"containerPort": 1, "name": "a", "protocol": "X"}]}),
            vec![
                "ports[0].containerPort: Required value".to_owned(),
                "ports[1].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive".to_owned(),
                "ports[2].name: Duplicate value: \"a\"".to_owned(),
                "ports[2].protocol: Unsupported value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"".to_owned(),
            ],
        ),
        (
            json!({"env": [{"name": ""}, {"name": "A=B"}, {"name": "C", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, {"name": "D", "valueFrom": {}}, {"name": "E", "valueFrom": {"configMapKeyRef": {"key": "a b"}}}]}),
            vec![
                "env[0].name: Required value".to_owned(),
                "env[1].name: Invalid value: \"A=B\": a valid environment variable name must consist only of printable ASCII characters other than '='".to_owned(),
                "env[2].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty".to_owned(),
                "env[3].valueFrom: Invalid value: \"\": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`".to_owned(),
                "env[4].valueFrom.configMapKeyRef.name: Required value".to_owned(),
                "env[4].valueFrom.configMapKeyRef.key: Invalid value: \"a b\": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')".to_owned(),
            ],
        ),
        (
            json!({"volumeMounts": [{"name": "no", "mountPath": "/a"}, {"name": "no", "mountPath": "/a", "subPath": "../b"}]}),
            vec![
                "volumeMounts[0].name: Not found: \"no\"".to_owned(),
                "volumeMounts[1].name: Not found: \"no\"".to_owned(),
                "volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique".to_owned(),
                "volumeMounts[1].subPath: Invalid value: \"../b\": must not contain '..'".to_owned(),
            ],
        ),
        (
            json!({"resources": {"limits": {"cpu": "1", "memory": "-1"}, "requests": {"cpu": "2", "gpu": "1", "memory": "x"}}}),
            vec![
                "resources.limits[memory]: Invalid value: \"-1\": must be greater than or equal to 0".to_owned(),
                "resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource type or fully qualified".to_owned(),
                "resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource for containers".to_owned(),
                "resources.requests[memory]: Invalid value: \"x\": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned(),
                "resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1".to_owned(),
            ],
        ),
        (
            json!({"livenessProbe": {"successThreshold": 2}, "readinessProbe": {"httpGet": {"port": "-"}, "tcpSocket": {"port": 1}, "periodSeconds": -1}}),
            vec![
                "livenessProbe: Required value: must specify a handler type".to_owned(),
                "livenessProbe.successThreshold: Invalid value: 2: must be 1".to_owned(),
                "readinessProbe.httpGet.port: Invalid value: \"-\": must contain at least one letter (a-z)".to_owned(),
                "readinessProbe.httpGet.port: Invalid value: \"-\": must not begin or end with a hyphen".to_owned(),
                "readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type".to_owned(),
                "readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0".to_owned(),
            ],
        ),
    ] {
        let expected: Vec<String> =
            faults.into_iter().map(|fault| format!("spec.containers[0].{fault}")).collect();
        assert_eq!(errors_of(container(fields.clone())), expected, "{fields}");
    }
}

#[test]
fn names_every_fault_of_a_pod() {
    for (spec, faults) in [
        (json!({"containers": []}), vec!["containers: Required value"]),
        (
            json!({"containers": [{"name": "a", "image": "x"}, {"name": "a", "image": "x"}]}),
            vec!["containers[1].name: Duplicate value: \"a\""],
        ),
        (
            pod(
                json!({"initContainers": [{"name": "a", "image": "x", "readinessProbe": {"tcpSocket": {"port": 1}}}]}),
            ),
            vec![
                "initContainers[0].name: Duplicate value: \"a\"",
                "initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
            ],
        ),
        (
            pod(json!({"restartPolicy": "Maybe", "dnsPolicy": "None"})),
            vec![
                "restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"OnFailure\", \"Never\"",
                "dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
            ],
        ),
        (
            pod(
                json!({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/a/../b"}}, {"name": "v", "configMap": {}}, {"secret": {"defaultMode": 999999}}]}),
            ),
            vec![
                "volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
                "volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
                "volumes[1].name: Duplicate value: \"v\"",
                "volumes[1].configMap.name: Required value",
                "volumes[2].name: Required value",
                "volumes[2].secret.secretName: Required value",
                "volumes[2].secret.defaultMode: Invalid value: 999999: must be a number between 0 and 0777 (octal), both inclusive",
            ],
        ),
        (
            pod(
                json!({"tolerations": [{"operator": "Equal"}, {"key": "a", "operator": "Exists", "tolerationSeconds": 1}], "terminationGracePeriodSeconds": -1, "activeDeadlineSeconds": 0}),
            ),
            vec![
                "activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
                "terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0",
                "tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
                "tolerations[1].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set",
            ],
        ),
        (
            pod(
                json!({"ephemeralContainers": [{"name": "a", "image": "x", "targetContainerName": "z", "ports": [{"containerPort": 1, "protocol": "TCP"}]}]}),
            ),
            vec![
                "ephemeralContainers[0].name: Duplicate value: \"a\"",
                "ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container: ports",
                "ephemeralContainers[0].targetContainerName: Not found: \"z\"",
            ],
        ),
        (
            pod(
                json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}, "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": ""}]}}}),
            ),
            vec![
                "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
                "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty",
            ],
        ),
    ] {
        let expected: Vec<String> =
            faults.into_iter().map(|fault| format!("spec.{fault}")).collect();
        assert_eq!(errors_of(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn sorts_pods_by_what_they_reserve() {
    let class = |resources: &[Value]| {
        let containers: Vec<Value> = resources
            .iter()
            .enumerate()
            .map(
                |(index, one)| json!({"name": format!("c{index}"), "image": "x", "resources": one}),
            )
            .collect();
        qos_class(&serde_json::from_value(json!({"containers": containers})).unwrap())
    };
    let both = json!({"limits": {"cpu": "1", "memory": "1Gi"}});
    assert_eq!(class(&[json!({})]), "BestEffort");
    assert_eq!(class(std::slice::from_ref(&both)), "Guaranteed");
    assert_eq!(class(&[both, json!({})]), "Burstable");
    assert_eq!(class(&[json!({"limits": {"cpu": "1"}})]), "Burstable");
    let less = json!({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m", "memory": "1Gi"}});
    assert_eq!(class(&[less]), "Burstable");
}

#[test]
fn names_the_faults_of_what_is_rare() {
    for (spec, faults) in [
        (
            pod(
                json!({"volumes": [{"name": "v", "nfs": {"server": "", "path": "x"}}, {"name": "e", "ephemeral": {}}, {"name": "i", "image": {}}]}),
            ),
            vec![
                "volumes[0].nfs.server: Required value",
                "volumes[0].nfs.path: Invalid value: \"x\": must be an absolute path",
                "volumes[1].ephemeral.volumeClaimTemplate: Required value",
                "volumes[2].image.reference: Required value",
            ],
        ),
        (
            json!({"volumes": [{"name": "v", "emptyDir": {}}], "containers": [{"name": "a", "image": "x",
                "volumeMounts": [{"name": "v", "mountPath": "/v", "mountPropagation": "Bidirectional", "recursiveReadOnly": "Enabled"}],
                "volumeDevices": [{"name": "v", "devicePath": "/v"}], "resizePolicy": [{"resourceName": "gpu", "restartPolicy": "NotRequired"}]}]}),
            vec![
                "containers[0].volumeMounts[0].mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers",
                "containers[0].volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when readOnly is true",
                "containers[0].volumeMounts[0].recursiveReadOnly: Forbidden: may only be specified when mountPropagation is None or not specified",
                "containers[0].volumeDevices[0].devicePath: Invalid value: \"/v\": must not already exist in volumeMounts",
                "containers[0].resizePolicy[0]: Unsupported value: \"gpu\": supported values: \"cpu\", \"memory\"",
            ],
        ),
        (
            pod(
                json!({"schedulingGates": [{"name": "a b"}], "preemptionPolicy": "X", "os": {"name": "plan9"},
                "resourceClaims": [{"name": "c"}], "securityContext": {"seccompProfile": {"type": "Localhost"}}}),
            ),
            vec![
                "securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
                "schedulingGates[0]: Invalid value: \"a b\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
                "preemptionPolicy: Unsupported value: \"X\": supported values: \"Never\", \"PreemptLowerPriority\"",
                "os.name: Unsupported value: \"plan9\": supported values: \"linux\", \"windows\"",
                "resourceClaims[0]: Required value: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`",
            ],
        ),
        (
            pod(json!({"topologySpreadConstraints": [
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2},
                {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway", "nodeTaintsPolicy": "X"}],
                "dnsConfig": {"searches": ["_sip._tcp.a", "a b"]}})),
            vec![
                "dnsConfig.searches[1]: Invalid value: \"a b\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
                "topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
                "topologySpreadConstraints[1].nodeTaintsPolicy: Unsupported value: \"X\": supported values: \"Honor\", \"Ignore\"",
                "topologySpreadConstraints[1].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{zone, ScheduleAnyway}\"",
            ],
        ),
    ] {
        let expected: Vec<String> =
            faults.into_iter().map(|fault| format!("spec.{fault}")).collect();
        assert_eq!(errors_of(spec.clone()), expected, "{spec}");
    }
}
