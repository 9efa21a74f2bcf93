//! Helm with a chart of our own: install, upgrade, roll back, uninstall.

use tests::{Output, TestCluster, run};

fn helm(cluster: &TestCluster, arguments: &str) -> Output {
    let chart = tests::cluster::root().join("tests/fixtures/chart");
    let arguments = arguments.replace("CHART", chart.to_str().expect("a path in UTF-8"));
    run(cluster.tool("helm").args(arguments.split(' ')), "")
}

fn greeting(cluster: &TestCluster) -> String {
    let ip = cluster.kubectl("get service shop -o jsonpath={.spec.clusterIP}").ok();
    cluster.curl(&[&format!("http://{ip}/")]).ok()
}

#[test]
fn a_chart_is_installed_upgraded_and_rolled_back() {
    let cluster = TestCluster::start("helm");
    helm(&cluster, "install shop CHART --wait --timeout 60s").ok();
    assert_eq!(greeting(&cluster), "hello from helm");
    helm(&cluster, "upgrade shop CHART --set greeting=again --set replicas=3 --wait --timeout 60s")
        .ok();
    assert_eq!(greeting(&cluster), "again");
    assert!(helm(&cluster, "list").ok().contains("deployed"));
    let status = helm(&cluster, "status shop").ok();
    assert!(status.contains("REVISION: 2"), "{status}");
    helm(&cluster, "rollback shop 1 --wait --timeout 60s").ok();
    assert_eq!(greeting(&cluster), "hello from helm");
    assert_eq!(helm(&cluster, "history shop").ok().lines().count(), 4);
    helm(&cluster, "uninstall shop --wait --timeout 60s").ok();
    assert!(cluster.kubectl("get deployment shop").fails().contains("not found"));
}
