//! What the API says of itself.

use serde_json::{Value, json};

use crate::harness::Harness;

const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// Conformance: [sig-api-machinery] server version should find the server version [Conformance]
#[tokio::test]
async fn the_server_version_is_in_plain_integers() {
    let version = Harness::start().await.get("/version").await;
    for part in ["major", "minor"] {
        assert!(version[part].as_str().unwrap().parse::<u32>().is_ok(), "{version}");
    }
    let named = format!("v{}.{}.", version["major"], version["minor"]).replace('"', "");
    assert!(version["gitVersion"].as_str().unwrap().starts_with(&named), "{version}");
}

/// Conformance: [sig-api-machinery] Discovery should validate PreferredVersion for each APIGroup [Conformance]
#[tokio::test]
async fn every_group_prefers_a_version_that_it_has() {
    let api = Harness::start().await;
    let groups = api.get("/apis").await;
    for group in groups["groups"].as_array().unwrap() {
        let name = group["name"].as_str().unwrap();
        let own = api.get(&format!("/apis/{name}")).await;
        let versions = own["versions"].as_array().unwrap();
        assert!(versions.contains(&own["preferredVersion"]), "{own}");
        assert_eq!(group["preferredVersion"], own["preferredVersion"]);
    }
}

/// Conformance: [sig-api-machinery] Discovery should locate the groupVersion and a resource within each APIGroup [Conformance]
#[tokio::test]
async fn every_group_version_lists_its_resources() {
    let api = Harness::start().await;
    for (group_version, resource) in [
        ("apps/v1", "deployments"),
        ("authentication.k8s.io/v1", "tokenreviews"),
        ("authorization.k8s.io/v1", "selfsubjectaccessreviews"),
        ("coordination.k8s.io/v1", "leases"),
        ("discovery.k8s.io/v1", "endpointslices"),
        ("networking.k8s.io/v1", "servicecidrs"),
        ("rbac.authorization.k8s.io/v1", "clusterroles"),
    ] {
        let (group, version) = group_version.split_once('/').unwrap();
        let own = api.get(&format!("/apis/{group}")).await;
        let versions = own["versions"].as_array().unwrap().iter();
        let expected = json!({"groupVersion": group_version, "version": version});
        assert!(versions.into_iter().any(|one| *one == expected), "{own}");
        let listed = api.get(&format!("/apis/{group_version}")).await;
        assert_eq!(listed["groupVersion"], group_version);
        let found = listed["resources"].as_array().unwrap().iter();
        assert!(found.into_iter().any(|one| one["name"] == resource), "{resource}: {listed}");
    }
    // Each group that is told has each version that it tells.
    for group in api.get("/apis").await["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            let group_version = version["groupVersion"].as_str().unwrap();
            let listed = api.get(&format!("/apis/{group_version}")).await;
            assert_eq!(listed["kind"], "APIResourceList");
            assert!(!listed["resources"].as_array().unwrap().is_empty(), "{group_version}");
        }
    }
}

async fn aggregated(api: &Harness, path: &str) -> (String, Value) {
    let request = api.request("GET", path).header("accept", AGGREGATED);
    let response = api.full(request.body(bytes::Bytes::new()).unwrap()).await;
    let media = response.headers()["content-type"].to_str().unwrap().to_owned();
    (media, serde_json::from_slice(response.body()).unwrap())
}

/// Conformance: [sig-api-machinery] AggregatedDiscovery should support raw aggregated discovery endpoint Accept headers [Conformance]
#[tokio::test]
async fn aggregated_discovery_answers_its_accept_header() {
    let api = Harness::start().await;
    for path in ["/api", "/apis"] {
        let (media, list) = aggregated(&api, path).await;
        assert_eq!(media, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
        assert_eq!(list["kind"], "APIGroupDiscoveryList");
        assert_eq!(list["apiVersion"], "apidiscovery.k8s.io/v2");
        assert_ne!(api.get(path).await["kind"], list["kind"], "plain JSON is another document");
    }
}

/// Conformance: [sig-api-machinery] AggregatedDiscovery should support aggregated discovery interface [Conformance]
#[tokio::test]
async fn aggregated_discovery_has_all_that_plain_discovery_has() {
    let api = Harness::start().await;
    let mut told = Vec::new();
    for path in ["/api", "/apis"] {
        for group in aggregated(&api, path).await.1["items"].as_array().unwrap() {
            let name = group["metadata"]["name"].as_str().unwrap_or_default();
            for version in group["versions"].as_array().unwrap() {
                let version_name = version["version"].as_str().unwrap();
                for resource in version["resources"].as_array().unwrap() {
                    let resource = resource["resource"].as_str().unwrap();
                    told.push(format!("{name}/{version_name}/{resource}"));
                }
            }
        }
    }
    for expected in [
        "/v1/namespaces",
        "/v1/pods",
        "apps/v1/deployments",
        "rbac.authorization.k8s.io/v1/roles",
        "networking.k8s.io/v1/ipaddresses",
    ] {
        assert!(told.iter().any(|one| one == expected), "{expected} in {told:?}");
    }
    for group in api.get("/apis").await["groups"].as_array().unwrap() {
        for version in group["versions"].as_array().unwrap() {
            let group_version = version["groupVersion"].as_str().unwrap();
            for one in
                api.get(&format!("/apis/{group_version}")).await["resources"].as_array().unwrap()
            {
                let name = one["name"].as_str().unwrap();
                let path = format!("{group_version}/{name}");
                assert!(name.contains('/') || told.contains(&path), "{path} is not aggregated");
            }
        }
    }
}
