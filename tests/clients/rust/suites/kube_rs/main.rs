//! kube-rs against a server: what its own end-to-end tests and its examples do, with objects on a
//! server without hosts, with pods on a real engine.

mod access;
mod bench;
mod custom;
mod discovery;
mod objects;
mod pods;
mod watching;

use bench::Bench;
use tests::{ControlPlane, TestCluster, try_each};

#[test]
fn kube_rs_works_with_objects() {
    let plane = ControlPlane::start("kube-rs");
    let bench = Bench::new(&plane.kubeconfig());
    try_each(
        &bench,
        &[
            ("reads and writes", objects::reads_and_writes),
            ("patches", objects::patches),
            ("lists in pages", objects::lists_in_pages),
            ("entries", objects::commits_entries),
            ("scales", objects::scales),
            ("leases", objects::leads_by_lease),
            ("watches", watching::watches),
            ("watchers", watching::keeps_up),
            ("reflectors", watching::reflects),
            ("conditions", watching::waits_for_conditions),
            ("finalizers", watching::holds_by_finalizer),
            ("discovery", discovery::finds_every_kind),
            ("references", discovery::follows_references),
            ("custom kinds", custom::defines_and_uses),
            ("rules", custom::refuses_by_rule),
            ("dynamic", custom::works_without_types),
            ("tokens", access::gives_tokens),
            ("certificates", access::approves_certificates),
            ("evictions", access::evicts),
            ("nodes", access::cordons_nodes),
            ("events", access::records_events),
        ],
    );
}

#[test]
fn kube_rs_works_with_pods() {
    let cluster = TestCluster::start("krs");
    cluster.engines[0].enter();
    let bench = Bench::new(&cluster.data().join("kubeconfig"));
    pods::start(&bench);
    try_each(
        &bench,
        &[
            ("logs", pods::reads_logs),
            ("exec", pods::executes),
            ("attach", pods::attaches),
            ("port-forward", pods::forwards_ports),
            ("ephemeral containers", pods::debugs),
            ("eviction", pods::evicts),
        ],
    );
}
