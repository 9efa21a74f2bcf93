//! What the scheduler does with pods that really run: one server, two hosts, pods that want most of a
//! node.

use std::time::Duration;

use tests::{TestCluster, eventually};

const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn pods_are_scheduled_on_real_hosts() {
    let mut cluster = TestCluster::start("sched");
    let second = cluster.add_engine();
    let (endpoint, socket) =
        (format!("tcp://{}:2375", second.address), second.socket.display().to_string());
    cluster.operate(&["host", "add", "second", "--docker", &endpoint, "--socket", &socket]).ok();
    // Ports of hosts are beyond what a namespace allows that says nothing.
    let label = "label namespace default pod-security.kubernetes.io/enforce=privileged";
    cluster.kubectl(label).ok();
    let table = Table::of(&cluster);
    keeps_to_what_nodes_have(&table);
    respects_matching_selectors(&table);
    respects_selectors_that_match_nothing(&table);
    gives_a_host_port_once(&table);
    makes_room_for_the_important(&table);
    makes_room_for_the_critical(&table);
    tells_who_was_preempted(&table);
    preempts_replicas_by_priority(&table);
}

/// The cluster, and how much CPU each of its nodes has.
struct Table<'c> {
    cluster: &'c TestCluster,
    nodes: Vec<String>,
    cpu_milli: i64,
}

impl<'c> Table<'c> {
    fn of(cluster: &'c TestCluster) -> Self {
        eventually("both nodes are there", PATIENCE, || {
            let nodes = cluster.kubectl("get nodes --no-headers").stdout;
            if nodes.lines().count() == 2 { Ok(()) } else { Err(nodes) }
        });
        cluster.kubectl("wait --for=condition=Ready node --all --timeout=90s").ok();
        let names = cluster.kubectl("get nodes -o jsonpath={.items[*].metadata.name}").ok();
        let cpu = cluster.kubectl("get nodes -o jsonpath={.items[0].status.allocatable.cpu}").ok();
        let cpu_milli = match cpu.strip_suffix('m') {
            Some(milli) => milli.parse().unwrap(),
            None => cpu.parse::<i64>().unwrap() * 1000,
        };
        let nodes = names.split_whitespace().map(str::to_owned).collect();
        for class in ["low 1", "middle 2", "high 3", "highest 4"] {
            let (name, value) = class.split_once(' ').unwrap();
            cluster.kubectl(&format!("create priorityclass {name} --value={value}00")).ok();
        }
        Self { cluster, nodes, cpu_milli }
    }

    /// A pod that wants a part of a node, in hundredths, with more lines of its spec.
    fn create(&self, name: &str, percent: i64, more: &[&str]) {
        let cpu = self.cpu_milli * percent / 100;
        let more: String = more.iter().map(|line| format!("  {line}\n")).collect();
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{suite: sched}}}}\nspec:\n\
             \x20 terminationGracePeriodSeconds: 1\n{more}\x20 containers:\n\
             \x20 - {{name: c, image: \"busybox:1\", command: [sleep, \"100000\"], \
             resources: {{requests: {{cpu: {cpu}m}}}}}}\n"
        );
        self.cluster.kubectl_with("apply -f -", &pod).ok();
    }

    fn on(&self, node: usize) -> String {
        format!("nodeSelector: {{kubernetes.io/hostname: {}}}", self.nodes[node])
    }

    fn runs(&self, pod: &str) -> String {
        let path = "{.status.conditions[?(@.type=='Ready')].status}";
        eventually(&format!("{pod} is ready"), PATIENCE, || {
            let ready = self.cluster.kubectl(&format!("get pod {pod} -o jsonpath={path}")).stdout;
            let told = || self.cluster.kubectl(&format!("describe pod {pod}")).stdout;
            if ready == "True" { Ok(()) } else { Err(told()) }
        });
        self.cluster.kubectl(&format!("get pod {pod} -o jsonpath={{.spec.nodeName}}")).ok()
    }

    /// Waits until the scheduler says of a pod that no node would have it, and why.
    fn is_refused(&self, pod: &str, why: &str) {
        let path = "{.status.conditions[?(@.type=='PodScheduled')].message}";
        eventually(&format!("{pod} is told why it waits"), PATIENCE, || {
            let said = self.cluster.kubectl(&format!("get pod {pod} -o jsonpath={path}")).stdout;
            if said.contains(why) { Ok(()) } else { Err(said) }
        });
        let events = format!(
            "get events --field-selector involvedObject.name={pod},reason=FailedScheduling"
        );
        eventually(&format!("an event of {pod} says so"), PATIENCE, || {
            let events = self.cluster.kubectl(&events).stdout;
            if events.contains(why) { Ok(()) } else { Err(events) }
        });
    }

    fn is_gone(&self, pod: &str) {
        eventually(&format!("{pod} is gone"), PATIENCE, || {
            let shown = self.cluster.kubectl(&format!("get pod {pod} --ignore-not-found")).stdout;
            if shown.trim().is_empty() { Ok(()) } else { Err(shown) }
        });
    }

    fn clear(&self) {
        self.cluster.kubectl("delete pod -l suite=sched --wait=true").ok();
    }
}

/// Conformance: [sig-scheduling] SchedulerPredicates validates resource limits of pods that are allowed to run [Conformance] [Serial]
fn keeps_to_what_nodes_have(table: &Table<'_>) {
    for name in ["full-a", "full-b"] {
        table.create(name, 70, &[]);
    }
    let (a, b) = (table.runs("full-a"), table.runs("full-b"));
    assert_ne!(a, b, "two such pods do not fit on one node");
    table.create("more", 50, &[]);
    table.is_refused("more", "0/2 nodes are available: 2 Insufficient cpu.");
    table.cluster.kubectl("delete pod full-a").ok();
    assert_eq!(table.runs("more"), a, "room that comes free is given to who waits for it");
    table.clear();
}

/// Conformance: [sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if matching [Conformance] [Serial]
fn respects_matching_selectors(table: &Table<'_>) {
    table.cluster.kubectl(&format!("label node {} disk=fast", table.nodes[1])).ok();
    table.create("picky", 1, &["nodeSelector: {disk: fast}"]);
    assert_eq!(table.runs("picky"), table.nodes[1]);
    table.cluster.kubectl(&format!("label node {} disk-", table.nodes[1])).ok();
    table.clear();
}

/// Conformance: [sig-scheduling] SchedulerPredicates validates that NodeSelector is respected if not matching [Conformance] [Serial]
fn respects_selectors_that_match_nothing(table: &Table<'_>) {
    table.create("picky", 1, &["nodeSelector: {disk: nowhere}"]);
    table.is_refused(
        "picky",
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    );
    table.clear();
}

/// Conformance: [sig-scheduling] SchedulerPredicates validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP [Conformance] [Serial]
fn gives_a_host_port_once(table: &Table<'_>) {
    let pod = |name: &str, ip: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{suite: sched}}}}\nspec:\n\
             \x20 {}\n\x20 terminationGracePeriodSeconds: 1\n\x20 containers:\n\
             \x20 - {{name: c, image: \"busybox:1\", command: [sleep, \"100000\"], ports: \
             [{{containerPort: 80, hostPort: 54322, protocol: TCP{ip}}}]}}\n",
            table.on(0)
        )
    };
    table.cluster.kubectl_with("apply -f -", &pod("all", "")).ok();
    table.runs("all");
    table.cluster.kubectl_with("apply -f -", &pod("one", ", hostIP: 127.0.0.1")).ok();
    table.is_refused("one", "1 node(s) didn't have free ports for the requested pod ports");
    table.clear();
}

/// Conformance: [sig-scheduling] SchedulerPreemption validates basic preemption works [Conformance] [Serial]
fn makes_room_for_the_important(table: &Table<'_>) {
    table.create("cheap", 70, &["priorityClassName: low", &table.on(0)]);
    table.create("dear", 70, &["priorityClassName: middle", &table.on(1)]);
    table.runs("cheap");
    table.runs("dear");
    table.create("important", 70, &["priorityClassName: high"]);
    assert_eq!(table.runs("important"), table.nodes[0], "the least important pod goes");
    table.is_gone("cheap");
    table.runs("dear");
    table.clear();
}

/// Conformance: [sig-scheduling] SchedulerPreemption validates lower priority pod preemption by critical pod [Conformance] [Serial]
fn makes_room_for_the_critical(table: &Table<'_>) {
    table.create("cheap", 70, &["priorityClassName: low", &table.on(0)]);
    table.create("dear", 70, &["priorityClassName: middle", &table.on(1)]);
    table.runs("cheap");
    table.runs("dear");
    table.create("critical", 70, &["priorityClassName: system-cluster-critical"]);
    assert_eq!(table.runs("critical"), table.nodes[0]);
    table.is_gone("cheap");
    table.runs("dear");
    table.clear();
}

/// Conformance: [sig-scheduling] SchedulerPreemption validates pod disruption condition is added to the preempted pod [Conformance] [Serial]
fn tells_who_was_preempted(table: &Table<'_>) {
    table.create("victim", 70, &["priorityClassName: low", &table.on(0)]);
    table.runs("victim");
    // What holds it lets its last state be read.
    let hold = r#"patch pod victim -p {"metadata":{"finalizers":["example.com/hold"]}}"#;
    table.cluster.kubectl(hold).ok();
    table.create("preemptor", 70, &["priorityClassName: high", &table.on(0)]);
    let path = "{.status.conditions[?(@.type=='DisruptionTarget')].reason}";
    eventually("the victim is told", PATIENCE, || {
        let said = table.cluster.kubectl(&format!("get pod victim -o jsonpath={path}")).stdout;
        if said == "PreemptionByScheduler" { Ok(()) } else { Err(said) }
    });
    let nominated = "get pod preemptor -o jsonpath={.status.nominatedNodeName}";
    assert_eq!(table.cluster.kubectl(nominated).ok(), table.nodes[0]);
    let release = r#"patch pod victim -p {"metadata":{"finalizers":null}}"#;
    table.cluster.kubectl(release).ok();
    table.is_gone("victim");
    table.runs("preemptor");
    table.clear();
}

/// Conformance: [sig-scheduling] SchedulerPreemption PreemptionExecutionPath runs ReplicaSets to verify preemption running path [Conformance] [Serial]
fn preempts_replicas_by_priority(table: &Table<'_>) {
    let set = |class: &str, replicas: usize, percent: i64| {
        let cpu = table.cpu_milli * percent / 100;
        let text = format!(
            "apiVersion: apps/v1\nkind: ReplicaSet\nmetadata: {{name: {class}}}\nspec:\n\
             \x20 replicas: {replicas}\n\x20 selector: {{matchLabels: {{app: {class}}}}}\n\
             \x20 template:\n    metadata: {{labels: {{app: {class}}}}}\n    spec:\n\
             \x20     priorityClassName: {class}\n      terminationGracePeriodSeconds: 1\n\
             \x20     {}\n      containers:\n      - {{name: c, image: \"busybox:1\", \
             command: [sleep, \"100000\"], resources: {{requests: {{cpu: {cpu}m}}}}}}\n",
            table.on(0)
        );
        table.cluster.kubectl_with("apply -f -", &text).ok();
    };
    let ready = |class: &str, wanted: &str| {
        let asked = format!("get replicaset {class} -o jsonpath={{.status.readyReplicas}}");
        eventually(&format!("{wanted} of {class} are ready"), PATIENCE, || {
            let ready = table.cluster.kubectl(&asked).stdout;
            if ready == wanted { Ok(()) } else { Err(ready) }
        });
    };
    // Together the first three take 90 hundredths of the node.
    set("low", 2, 15);
    ready("low", "2");
    set("middle", 1, 30);
    ready("middle", "1");
    set("high", 1, 30);
    ready("high", "1");
    // The fourth needs the room of all of `low` and more is not taken.
    set("highest", 1, 40);
    ready("highest", "1");
    ready("low", "");
    ready("middle", "1");
    ready("high", "1");
    table.cluster.kubectl("delete replicaset low middle high highest").ok();
}
