//! What the roles of every cluster allow, as tables. The facts are Kubernetes'.

/// Groups, resources, verbs, each as a list of words; the core group is written `core`.
pub(super) type Line = (&'static str, &'static str, &'static str);

const GROUP: &str = "rbac.authorization.k8s.io";
const READ: &str = "get list watch";
const WRITE: &str = "create delete deletecollection patch update";
const ALL: &str = "create delete deletecollection get list patch update watch";
const EVENTS: Line = ("core events.k8s.io", "events", "create patch update");
const ASK_WHO: Line = ("authentication.k8s.io", "tokenreviews", "create");
const ASK_WHETHER: Line = ("authorization.k8s.io", "subjectaccessreviews", "create");

pub(super) const VIEW: &[Line] = &[
    (
        "core",
        "bindings configmaps endpoints events limitranges namespaces namespaces/status \
         persistentvolumeclaims persistentvolumeclaims/status pods pods/log pods/status \
         replicationcontrollers replicationcontrollers/scale replicationcontrollers/status \
         resourcequotas resourcequotas/status serviceaccounts services services/status",
        READ,
    ),
    ("discovery.k8s.io", "endpointslices", READ),
    (
        "apps",
        "controllerrevisions daemonsets daemonsets/status deployments deployments/rollout \
         deployments/scale deployments/status replicasets replicasets/scale replicasets/status \
         statefulsets statefulsets/scale statefulsets/status",
        READ,
    ),
    ("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", READ),
    ("batch", "cronjobs cronjobs/status jobs jobs/status", READ),
    ("policy", "poddisruptionbudgets poddisruptionbudgets/status", READ),
    ("networking.k8s.io", "ingresses ingresses/status networkpolicies", READ),
    ("resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates", READ),
    // What `kubectl top` shows.
    ("metrics.k8s.io", "nodes pods", READ),
    ("longshore.dev", "placements", READ),
];

pub(super) const EDIT: &[Line] = &[
    ("core", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", READ),
    ("core", "serviceaccounts", "impersonate"),
    ("core", "pods pods/attach pods/exec pods/portforward pods/proxy", WRITE),
    ("core", "pods/eviction serviceaccounts/token", "create"),
    (
        "core",
        "configmaps events persistentvolumeclaims replicationcontrollers \
         replicationcontrollers/scale secrets serviceaccounts services services/proxy",
        WRITE,
    ),
    (
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets \
         replicasets/scale statefulsets statefulsets/scale",
        WRITE,
    ),
    ("autoscaling", "horizontalpodautoscalers", WRITE),
    ("batch", "cronjobs jobs", WRITE),
    ("policy", "poddisruptionbudgets", WRITE),
    ("networking.k8s.io", "ingresses networkpolicies", WRITE),
    ("coordination.k8s.io", "leases", ALL),
    ("resource.k8s.io", "resourceclaims resourceclaimtemplates", WRITE),
];

pub(super) const ADMIN: &[Line] = &[
    ("authorization.k8s.io", "localsubjectaccessreviews", "create"),
    (GROUP, "rolebindings roles", ALL),
];

/// What the agents of nodes may is decided by their node; this role tells it to people.
const NODE: &[Line] = &[
    ASK_WHO,
    ("authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews", "create"),
    ("core", "nodes", "create get list patch update watch"),
    ("core", "nodes/status", "get patch update"),
    ("core", "services", READ),
    ("discovery.k8s.io", "endpointslices", READ),
    ("core", "pods", "create delete get list watch"),
    ("core", "pods/status", "get patch update"),
    ("core", "pods/eviction", "create"),
    ("core", "serviceaccounts/token", "create"),
    ("core", "configmaps secrets serviceaccounts", READ),
    ("core", "persistentvolumeclaims persistentvolumes", "get"),
    ("core", "persistentvolumeclaims/status", "get patch update"),
    ("core", "events", "create get patch update"),
    ("certificates.k8s.io", "certificatesigningrequests", "create get list watch"),
    ("coordination.k8s.io", "leases", "create delete get patch update"),
    ("node.k8s.io", "runtimeclasses", READ),
    ("resource.k8s.io", "resourceclaims", "get"),
    ("storage.k8s.io", "csidrivers", READ),
    ("storage.k8s.io", "csinodes", "create delete get patch update"),
    ("longshore.dev", "nodes/tunnel", "create get"),
    ("longshore.dev", "hosts/token", "create"),
];

/// Roles of objects by name, beside those that aggregate.
pub(super) const ROLES: &[(&str, &[Line])] = &[
    (
        "system:basic-user",
        &[
            ("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
            ("authentication.k8s.io", "selfsubjectreviews", "create"),
        ],
    ),
    ("system:node", NODE),
    ("longshore:login", &[("longshore.dev", "sessions", "create")]),
    ("system:auth-delegator", &[ASK_WHO, ASK_WHETHER]),
    (
        "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
        &[("certificates.k8s.io", "certificatesigningrequests/nodeclient", "create")],
    ),
    (
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        &[("certificates.k8s.io", "certificatesigningrequests/selfnodeclient", "create")],
    ),
    ("system:kube-aggregator", &[("core", "endpoints services", READ)]),
    (
        "system:kube-controller-manager",
        &[
            EVENTS,
            ("coordination.k8s.io", "leases", "create"),
            ("core", "secrets serviceaccounts", "create get update"),
            ("core", "secrets", "delete"),
            ("core", "configmaps namespaces", "get"),
            ASK_WHO,
            ASK_WHETHER,
            ("*", "*", "list watch"),
            ("core", "serviceaccounts/token", "create"),
        ],
    ),
    ("system:kube-dns", &[("core", "endpoints services", "list watch")]),
    (
        "system:kube-scheduler",
        &[
            EVENTS,
            ("coordination.k8s.io", "leases", "create"),
            ("core", "nodes replicationcontrollers services namespaces", READ),
            ("core", "persistentvolumeclaims persistentvolumes", READ),
            ("core", "pods", "delete get list watch"),
            ("core", "bindings pods/binding", "create"),
            ("core", "pods/status", "patch update"),
            ("apps", "replicasets statefulsets", READ),
            ("policy", "poddisruptionbudgets", READ),
            ASK_WHO,
            ASK_WHETHER,
            ("storage.k8s.io", "csidrivers csinodes csistoragecapacities", READ),
        ],
    ),
    (
        "system:kubelet-api-admin",
        &[
            ("core", "nodes", "get list proxy watch"),
            ("core", "nodes/log nodes/metrics nodes/proxy nodes/stats", "*"),
        ],
    ),
    (
        "system:node-bootstrapper",
        &[("certificates.k8s.io", "certificatesigningrequests", "create get list watch")],
    ),
    (
        "system:node-problem-detector",
        &[("core", "nodes", "get"), ("core", "nodes/status", "patch"), EVENTS],
    ),
    (
        "system:node-proxier",
        &[
            ("core", "endpoints services", "list watch"),
            ("core", "nodes", READ),
            EVENTS,
            ("discovery.k8s.io", "endpointslices", "list watch"),
        ],
    ),
    (
        "system:persistent-volume-provisioner",
        &[
            ("core", "persistentvolumes", "create delete get list watch"),
            ("core", "persistentvolumeclaims", "get list update watch"),
            ("storage.k8s.io", "storageclasses", READ),
            ("core", "events", "watch"),
            EVENTS,
        ],
    ),
    (
        "system:volume-scheduler",
        &[
            ("core", "persistentvolumeclaims persistentvolumes", "get list patch update watch"),
            ("storage.k8s.io", "storageclasses", READ),
        ],
    ),
];

/// Roles of paths by name.
pub(super) const PATHS: &[(&str, &str)] = &[
    (
        "system:discovery",
        "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/",
    ),
    (
        "system:monitoring",
        "/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*",
    ),
    ("system:public-info-viewer", "/healthz /livez /readyz /version /version/"),
    (
        "system:service-account-issuer-discovery",
        "/.well-known/openid-configuration /openid/v1/jwks",
    ),
];

/// Whose requests for certificates the role `system:certificates.k8s.io:NAME-approver` approves.
pub(super) const SIGNERS: &[&str] = &[
    "kube-apiserver-client",
    "kube-apiserver-client-kubelet",
    "kubelet-serving",
    "legacy-unknown",
];

/// Role and the groups that are bound to it.
pub(super) const BINDINGS: &[(&str, &[&str])] = &[
    ("cluster-admin", &["system:masters"]),
    ("system:discovery", &["system:authenticated"]),
    ("system:basic-user", &["system:authenticated"]),
    ("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
    ("system:monitoring", &["system:monitoring"]),
    ("system:service-account-issuer-discovery", &["system:serviceaccounts"]),
    ("longshore:login", &["system:authenticated", "system:unauthenticated"]),
    ("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", &["system:nodes"]),
];

/// Role and the one user that is bound to it: components of Kubernetes that people run beside us.
pub(super) const USERS: &[(&str, &str)] = &[
    ("system:kube-controller-manager", "system:kube-controller-manager"),
    ("system:kube-scheduler", "system:kube-scheduler"),
    ("system:volume-scheduler", "system:kube-scheduler"),
    ("system:node-proxier", "system:kube-proxy"),
];
