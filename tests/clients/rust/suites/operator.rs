//! A small operator made with kube-rs (`tests/clients/rust/src`): beside a server without hosts,
//! and as a pod of a real cluster.

use std::{fs, path::Path, process::Command, time::Duration};

use k8s_openapi::api::{apps::v1::Deployment, core::v1::ConfigMap, events::v1::Event};
use kube::{
    Api, Client, Config, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use rust_clients::{Site, SiteSpec, reconcile::FINALIZER, run as serve, site};
use serde_json::json;
use tests::{ControlPlane, TestCluster, eventually, run};
use tokio::{runtime::Runtime, sync::oneshot};

const PATIENCE: Duration = Duration::from_secs(30);

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Asks until the answer is there, as `eventually` does, on the runtime that the operator is on.
fn until<T>(runtime: &Runtime, what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    eventually(what, PATIENCE, || runtime.block_on(ask()))
}

#[test]
fn an_operator_serves_its_kind() {
    let plane = ControlPlane::start("operator");
    let runtime = Runtime::new().unwrap();
    let client = runtime.block_on(client(&plane.kubeconfig()));
    runtime.block_on(site::define(&client)).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = serve(client.clone(), async { drop(stopped.await) });
    let operator = runtime.spawn(serving);
    let sites: Api<Site> = Api::namespaced(client.clone(), "default");
    let spec = SiteSpec { page: "hello".to_owned(), replicas: 2, owner: None };
    runtime.block_on(sites.create(&PostParams::default(), &Site::new("blog", spec))).unwrap();

    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "default");
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let deployment = until(&runtime, "the deployment is applied", async || {
        deployments.get("blog").await.map_err(|error| error.to_string())
    });
    let owner = &deployment.owner_references()[0];
    assert_eq!((owner.kind.as_str(), owner.controller), ("Site", Some(true)));
    let applied = |entry: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry| {
        entry.operation.as_deref() == Some("Apply")
    };
    let manager = deployment.managed_fields().iter().find(applied).unwrap();
    assert_eq!(manager.manager.as_deref(), Some(site::MANAGER));
    let told = until(&runtime, "the status is told", async || {
        let site = sites.get("blog").await.map_err(|error| error.to_string())?;
        let seen = site.status.iter().flat_map(|status| &status.conditions).next().cloned();
        seen.map(|condition| (site, condition)).ok_or_else(|| "no condition".to_owned())
    });
    assert_eq!((told.1.status.as_str(), told.1.message.as_str()), ("False", "0 of 2 are ready"));
    assert_eq!(told.0.finalizers(), [FINALIZER]);

    // What somebody else does to its objects it puts right.
    runtime.block_on(maps.delete("blog", &DeleteParams::default())).unwrap();
    until(&runtime, "the page is back", async || {
        maps.get("blog").await.map(drop).map_err(|error| error.to_string())
    });
    // No host runs its pods: it is ready when none is wanted.
    let none = Patch::Merge(json!({"spec": {"replicas": 0}}));
    runtime.block_on(sites.patch_scale("blog", &PatchParams::default(), &none)).unwrap();
    until(&runtime, "the site is ready", async || {
        let site = sites.get("blog").await.map_err(|error| error.to_string())?;
        if site.is_ready() { Ok(()) } else { Err(format!("{:?}", site.status)) }
    });
    let scaled = runtime.block_on(deployments.get("blog")).unwrap();
    assert_eq!(scaled.spec.replicas, Some(0));
    let events: Api<Event> = Api::namespaced(client.clone(), "default");
    let reasons = async |wanted: &str| {
        let about = ListParams::default().fields(&format!("reason={wanted}"));
        let found = events.list(&about).await.map_err(|error| error.to_string())?;
        if found.items.is_empty() { Err(format!("no event {wanted}")) } else { Ok(()) }
    };
    until(&runtime, "it is told", async || reasons("Served").await);

    runtime.block_on(sites.delete("blog", &DeleteParams::default())).unwrap();
    until(&runtime, "all of it is gone", async || {
        let left = [
            sites.get_opt("blog").await.map(|found| found.is_some()),
            deployments.get_opt("blog").await.map(|found| found.is_some()),
            maps.get_opt("blog").await.map(|found| found.is_some()),
        ];
        if left.iter().all(|found| matches!(found, Ok(false))) {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    });
    until(&runtime, "that it goes is told", async || reasons("Removed").await);
    stop.send(()).unwrap();
    runtime.block_on(operator).unwrap();
}

/// The operator's image has nothing but the program.
fn import_operator(cluster: &TestCluster) {
    let folder = cluster.folder.join("operator");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_site-operator"), folder.join("operator")).unwrap();
    let archive = cluster.folder.join("operator.tar");
    run(Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&archive).arg("."), "").ok();
    cluster.engines[0].import_with(&archive, "site-operator:1", &["ENTRYPOINT [\"/operator\"]"]);
}

/// What an operator's install manifest has: an account, its rights, a Deployment.
const INSTALL: &str = include_str!("operator.yaml");
const SITE: &str = r#"
apiVersion: sites.example.com/v1
kind: Site
metadata: {name: blog}
spec: {page: hello from a site, replicas: 2}
"#;

#[test]
fn an_operator_serves_from_within_the_cluster() {
    let cluster = TestCluster::start("oper");
    import_operator(&cluster);
    cluster.kubectl_with("apply -f -", INSTALL).ok();
    cluster.kubectl("-n operator rollout status deployment/site-operator --timeout=60s").ok();
    eventually("the kind is served", PATIENCE, || {
        let log = || cluster.kubectl("-n operator logs deploy/site-operator").stdout;
        cluster.kubectl_with("apply -f -", SITE).result().map_err(|error| error + &log())
    });
    cluster.kubectl("wait --for=condition=Ready site/blog --timeout=60s").ok();
    let printed = cluster.kubectl("get sites").ok();
    assert!(printed.contains("hello from a site   True"), "{printed}");
    let pod = cluster.kubectl("get pods -l site=blog -o name").ok();
    let pod = pod.lines().next().unwrap();
    let page = cluster.kubectl(&format!("exec {pod} -- wget -qO- http://127.0.0.1:8080/")).ok();
    assert_eq!(page, "hello from a site\n");
    cluster.kubectl("scale site/blog --replicas=1").ok();
    eventually("one pod is left", PATIENCE, || {
        let pods = cluster.kubectl("get pods -l site=blog -o name").ok();
        if pods.lines().count() == 1 { Ok(()) } else { Err(pods) }
    });
    cluster.kubectl("delete site/blog --timeout=30s").ok();
    eventually("nothing is left", PATIENCE, || {
        let left = cluster.kubectl("get deployments,pods,configmaps -l site=blog -o name").ok();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    // It may do what its role says and no more.
    let account = "--as=system:serviceaccount:operator:site-operator";
    let refused = cluster.kubectl(&format!("auth can-i get secrets {account}"));
    assert_eq!(refused.stdout.trim(), "no");
}
