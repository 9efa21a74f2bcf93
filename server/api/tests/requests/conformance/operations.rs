//! "Should support API operations": what every kind can do, asked of one after the other.

use serde_json::{Value, json};

use crate::harness::Harness;

const MERGE: &str = "application/merge-patch+json";

/// A kind with an object of it to try. `path` is the collection's; objects get names of their own.
pub(super) struct Tried {
    pub(super) path: &'static str,
    pub(super) sample: Value,
    /// A status to write, for kinds whose status is a subresource.
    pub(super) status: Option<Value>,
}

impl Tried {
    pub(super) fn new(path: &'static str, sample: Value) -> Self {
        Self { path, sample, status: None }
    }

    fn plural(&self) -> &str {
        self.path.rsplit('/').next().expect("a path has segments")
    }

    /// `/apis/GROUP/VERSION` of the collection.
    fn group_version(&self) -> String {
        let segments: Vec<&str> = self.path.split('/').collect();
        segments[..if segments[1] == "api" { 3 } else { 4 }].join("/")
    }

    fn named(&self, name: &str) -> Value {
        let mut object = self.sample.clone();
        // A sample with a name of its own can only be there once.
        if object["metadata"]["name"].is_null() {
            object["metadata"]["name"] = name.into();
        }
        object["metadata"]["labels"] = json!({"conformance": "tried"});
        object
    }

    /// Discovery, create, get, list, watch, update, patch, status, delete, deletecollection.
    pub(super) async fn operate(&self, api: &Harness) {
        self.discover(api).await;
        let start = api.get(self.path).await["metadata"]["resourceVersion"].clone();
        let first = self.create(api, "tried-1").await;
        let one = format!("{}/{}", self.path, first);
        let read = api.get(&one).await;
        self.list(api).await;
        self.change(api, &one, read).await;
        if let Some(status) = &self.status {
            change_status(api, &one, status).await;
        }
        let (code, gone) = api.ask("DELETE", &one, json!({"gracePeriodSeconds": 0})).await;
        assert!(code == 200 || code == 202, "{one}: {gone}");
        self.settle(api, &one).await;
        assert_eq!(api.ask("GET", &one, Value::Null).await.0, 404, "{one}");
        self.watch(api, start.as_str().unwrap()).await;
        if self.sample["metadata"]["name"].is_null() {
            self.create(api, "tried-2").await;
            self.create(api, "tried-3").await;
            self.delete_all(api).await;
        }
    }

    /// What holds a deleted object until a controller has looked at it is taken away.
    async fn settle(&self, api: &Harness, one: &str) {
        if api.ask("GET", one, Value::Null).await.0 == 200 {
            let free = json!({"metadata": {"finalizers": null}});
            api.ask_as("PATCH", one, MERGE, free).await;
        }
    }

    async fn discover(&self, api: &Harness) {
        let resources = api.get(&self.group_version()).await;
        let found = resources["resources"].as_array().unwrap().iter();
        let own = found.clone().find(|one| one["name"] == self.plural()).unwrap_or_else(|| {
            panic!("{} is not discovered in {resources}", self.plural());
        });
        for verb in
            ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
        {
            assert!(own["verbs"].as_array().unwrap().contains(&verb.into()), "{verb}: {own}");
        }
        let status = format!("{}/status", self.plural());
        let has_status = found.clone().any(|one| one["name"] == *status);
        assert!(has_status || self.status.is_none(), "{status} is not discovered");
    }

    async fn create(&self, api: &Harness, name: &str) -> String {
        let (code, created) = api.ask("POST", self.path, self.named(name)).await;
        assert_eq!(code, 201, "{}: {created}", self.path);
        created["metadata"]["name"].as_str().unwrap().to_owned()
    }

    async fn list(&self, api: &Harness) {
        let labelled = format!("{}?labelSelector=conformance%3Dtried", self.path);
        let here = api.get(&labelled).await["items"].as_array().unwrap().len();
        assert_eq!(here, 1, "{labelled}");
        if let Some((head, rest)) = self.path.split_once("/namespaces/") {
            let everywhere = format!("{head}/{}", rest.split_once('/').unwrap().1);
            let all = api.get(&format!("{everywhere}?labelSelector=conformance%3Dtried")).await;
            assert_eq!(all["items"].as_array().unwrap().len(), 1, "{everywhere}");
        }
    }

    async fn change(&self, api: &Harness, one: &str, mut object: Value) {
        object["metadata"]["annotations"]["updated"] = "yes".into();
        let (code, updated) = api.ask("PUT", one, object).await;
        assert_eq!((code, &updated["metadata"]["annotations"]["updated"]), (200, &json!("yes")));
        let patch = json!({"metadata": {"annotations": {"patched": "yes"}}});
        let (code, patched) = api.ask_as("PATCH", one, MERGE, patch).await;
        let annotations = &patched["metadata"]["annotations"];
        assert_eq!((code, &annotations["patched"]), (200, &json!("yes")), "{patched}");
        assert_eq!(annotations["updated"], "yes");
    }

    /// The watch tells the life of the first object in its order.
    async fn watch(&self, api: &Harness, start: &str) {
        let path = format!(
            "{}?watch=true&resourceVersion={start}&labelSelector=conformance%3Dtried",
            self.path
        );
        let mut lines = api.watch(&path).await;
        let mut seen = Vec::new();
        while seen.last().is_none_or(|last| last != "DELETED") {
            seen.push(lines.next().await["type"].as_str().unwrap().to_owned());
        }
        assert_eq!(&seen[..3], ["ADDED", "MODIFIED", "MODIFIED"], "{seen:?}");
    }

    async fn delete_all(&self, api: &Harness) {
        let labelled = format!("{}?labelSelector=conformance%3Dtried", self.path);
        let (code, gone) = api.ask("DELETE", &labelled, Value::Null).await;
        assert_eq!(code, 200, "{gone}");
        for name in ["tried-2", "tried-3"] {
            self.settle(api, &format!("{}/{name}", self.path)).await;
        }
        let left = api.get(&labelled).await;
        assert_eq!(left["items"], json!([]), "{labelled}");
    }
}

/// A status is read, patched and replaced; a write to it changes nothing else, and no other write
/// changes it.
async fn change_status(api: &Harness, one: &str, status: &Value) {
    let path = format!("{one}/status");
    let mut object = api.get(&path).await;
    let patch = json!({"metadata": {"annotations": {"patchedstatus": "true"}}, "status": status});
    let (code, patched) = api.ask_as("PATCH", &path, MERGE, patch).await;
    assert_eq!(code, 200, "{path}: {patched}");
    assert!(contains(&patched["status"], status), "{path}: {patched}");
    object = {
        assert_eq!(patched["spec"], object["spec"], "{path}");
        patched
    };
    object["metadata"]["annotations"]["updatedstatus"] = "true".into();
    let (code, updated) = api.ask("PUT", &path, object).await;
    assert_eq!(code, 200, "{path}: {updated}");
    assert!(contains(&updated["status"], status), "{path}: {updated}");
    let mut without = updated.clone();
    without.as_object_mut().unwrap().remove("status");
    let (code, kept) = api.ask("PUT", one, without).await;
    assert_eq!((code, &kept["status"]), (200, &updated["status"]), "{one}");
}

/// Whether all of `part` stands in `whole`.
fn contains(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, value)| whole.get(key).is_some_and(|w| contains(w, value)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            whole.len() == part.len() && whole.iter().zip(part).all(|(w, p)| contains(w, p))
        }
        _ => whole == part,
    }
}

/// Conformance: [sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations [Conformance]
#[tokio::test]
async fn service_cidr_supports_api_operations() {
    let api = Harness::start().await;
    let mut tried = Tried::new(
        "/apis/networking.k8s.io/v1/servicecidrs",
        json!({"spec": {"cidrs": ["10.99.0.0/16"]}}),
    );
    tried.status = Some(json!({"conditions": [{"type": "Ready", "status": "True",
        "reason": "Tried", "message": "set by a test",
        "lastTransitionTime": "2026-01-02T03:04:05Z"}]}));
    tried.operate(&api).await;
}

/// Conformance: [sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations [Conformance]
#[tokio::test]
async fn ip_address_supports_api_operations() {
    let api = Harness::start().await;
    let parent = json!({"group": "", "resource": "services", "namespace": "default", "name": "a"});
    let sample = json!({"metadata": {"name": "10.43.7.7"}, "spec": {"parentRef": parent}});
    Tried::new("/apis/networking.k8s.io/v1/ipaddresses", sample).operate(&api).await;
}

/// Conformance: [sig-network] EndpointSlice should support creating EndpointSlice API operations [Conformance]
#[tokio::test]
async fn endpoint_slice_supports_api_operations() {
    let api = Harness::start().await;
    let path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices";
    let sample = json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.42.0.9"]}],
        "ports": [{"name": "http", "protocol": "TCP", "port": 80}]});
    Tried::new(path, sample).operate(&api).await;
}

/// Conformance: [sig-node] Lease lease API should be available [Conformance]
#[tokio::test]
async fn lease_api_is_available() {
    let api = Harness::start().await;
    let path = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
    let sample = json!({"spec": {"holderIdentity": "me", "leaseDurationSeconds": 30,
        "acquireTime": "2026-01-02T03:04:05.678901Z", "renewTime": "2026-01-02T03:04:06.678901Z",
        "leaseTransitions": 0}});
    Tried::new(path, sample).operate(&api).await;
}
