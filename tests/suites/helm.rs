//! Helm 4 and Helm 3 with a chart of our own, with hooks, tests and a CRD: install, upgrade, roll
//! back, fail, uninstall.

use tests::{Output, TestCluster, contains, run, try_each};

/// One of the two, on one cluster.
struct Helm<'c> {
    cluster: &'c TestCluster,
    program: &'static str,
}

impl Helm<'_> {
    fn run(&self, arguments: &str) -> Output {
        let chart = tests::cluster::root().join("tests/fixtures/chart");
        let arguments = arguments.replace("CHART", chart.to_str().expect("a path in UTF-8"));
        let mut helm = self.cluster.tool(self.program);
        run(helm.args(arguments.split(' ')).args(["-n", self.program]), "")
    }

    #[track_caller]
    fn shows(&self, arguments: &str, parts: &[&str]) {
        contains(&format!("{} {arguments}", self.program), &self.run(arguments).ok(), parts);
    }

    fn kubectl(&self, arguments: &str) -> Output {
        self.cluster.kubectl(&format!("-n {} {arguments}", self.program))
    }

    fn greeting(&self) -> String {
        let ip = self.kubectl("get service shop -o jsonpath={.spec.clusterIP}").ok();
        self.cluster.curl(&[&format!("http://{ip}/")]).ok()
    }
}

#[test]
fn charts_are_installed_upgraded_rolled_back_and_removed() {
    try_each(
        &TestCluster::start("helm"),
        &[
            ("helm 4", |cluster| live("helm", cluster)),
            ("helm 3", |cluster| live("helm3", cluster)),
        ],
    );
}

/// The life of a release.
fn live(program: &'static str, cluster: &TestCluster) {
    let helm = Helm { cluster, program };
    helm.shows("install shop CHART --create-namespace --wait --timeout 90s", &["deployed"]);
    assert_eq!(helm.greeting(), "hello from helm");
    assert_eq!(helm.kubectl("get gadget shop -o jsonpath={.spec.size}").ok(), "3");
    helm.kubectl("get job shop-prepare").ok();
    helm.shows("test shop --timeout 60s", &["Succeeded"]);
    let again = "--set greeting=again --set replicas=3 --set size=4";
    helm.run(&format!("upgrade shop CHART {again} --wait --timeout 90s")).ok();
    assert_eq!(helm.greeting(), "again");
    assert_eq!(helm.kubectl("get gadget shop -o jsonpath={.spec.size}").ok(), "4");
    helm.shows("list", &["shop", "deployed"]);
    helm.shows("status shop", &["REVISION: 2", "STATUS: deployed"]);
    helm.shows("get values shop", &["greeting: again"]);
    helm.shows("get manifest shop", &["kind: Deployment", "again"]);
    helm.shows("get hooks shop", &["shop-prepare", "shop-greets"]);
    helm.run("rollback shop 1 --wait --timeout 90s").ok();
    assert_eq!(helm.greeting(), "hello from helm");
    helm.shows("history shop", &["superseded", "Rollback to 1"]);
    fail(&helm);
    helm.run("uninstall shop --wait --timeout 90s").ok();
    assert!(helm.kubectl("get deployment shop").fails().contains("not found"));
    helm.run("install shop CHART --dry-run=server").ok();
    helm.kubectl("get deployment shop").fails();
    helm.shows("template shop CHART", &["kind: Gadget"]);
}

/// A hook that fails, and a release that is taken back whole.
fn fail(helm: &Helm<'_>) {
    let failed = helm.run("upgrade shop CHART --set prepareExit=1 --timeout 30s").fails();
    contains("upgrade", &failed, &["pre-upgrade hooks failed"]);
    helm.shows("history shop", &["failed"]);
    let undo = if helm.program == "helm" { "--rollback-on-failure" } else { "--atomic" };
    helm.run(&format!("upgrade shop CHART --set image=nowhere.invalid/none:1 --set prepareExit=1 {undo} --timeout 20s"))
        .fails();
    helm.shows("status shop", &["STATUS: deployed"]);
    assert_eq!(helm.greeting(), "hello from helm");
    helm.kubectl("create configmap taken").ok();
    let refused = helm.run("install taken CHART --set replicas=1").fails();
    contains("install", &refused, &["exists and cannot be imported", "invalid ownership metadata"]);
    helm.run("install taken CHART --take-ownership --wait --timeout 90s --set replicas=1").ok();
    helm.run("install taken CHART").fails();
    helm.run("uninstall taken --wait --timeout 60s").ok();
}
