//! Rules about other pods: tables of what stands where and where the next one goes.

use super::*;

fn labelled(name: &str, labels: Value, spec: Value) -> Value {
    let mut pod = pod(name, spec);
    pod["metadata"]["labels"] = labels;
    pod["metadata"]["ownerReferences"] = json!([]);
    pod
}

fn on(node: &str, mut pod: Value) -> Value {
    pod["spec"]["nodeName"] = node.into();
    pod
}

fn zoned(name: &str, zone: &str) -> Value {
    let mut node = node(name, "8");
    node["metadata"]["labels"]["topology.kubernetes.io/zone"] = zone.into();
    node
}

/// Two zones with two nodes each.
fn zones() -> [Value; 4] {
    [zoned("a1", "a"), zoned("a2", "a"), zoned("b1", "b"), zoned("b2", "b")]
}

fn term(app: &str, topology: &str) -> Value {
    json!({"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": topology})
}

fn required(sort: &str, terms: Value) -> Value {
    json!({"affinity": {sort: {"requiredDuringSchedulingIgnoredDuringExecution": terms}}})
}

fn preferred(sort: &str, term: Value) -> Value {
    let weighted = json!([{"weight": 50, "podAffinityTerm": term}]);
    json!({"affinity": {sort: {"preferredDuringSchedulingIgnoredDuringExecution": weighted}}})
}

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";

#[track_caller]
fn check(standing: impl IntoIterator<Item = Value>, next: Value, expected: &str) {
    let mut bench = Bench::new(zones());
    standing.into_iter().for_each(|pod| drop(bench.put(pod)));
    bench.put(next);
    assert_eq!(bench.decide(), [expected]);
}

/// The nodes that the next pod may go to.
#[track_caller]
fn check_allowed(standing: impl IntoIterator<Item = Value>, next: Value, expected: &str) {
    let mut bench = Bench::new(zones());
    standing.into_iter().for_each(|pod| drop(bench.put(pod)));
    let key = bench.put(next);
    let said = bench.scheduler.explain(&key).unwrap();
    let allowed = said.iter().filter(|one| one.filter.is_none()).map(|one| &*one.node);
    assert_eq!(allowed.collect::<Vec<_>>().join(" "), expected);
}

#[test]
fn affinity_draws_near() {
    let web = json!({"app": "web"});
    let cache = || on("b1", labelled("cache", json!({"app": "cache"}), json!({})));
    let near = |topology| required("podAffinity", json!([term("cache", topology)]));
    check([cache()], labelled("p", web.clone(), near(HOST)), "p to b1");
    check([cache()], labelled("p", web.clone(), near(ZONE)), "p to b2");
    check(
        [],
        labelled("p", web.clone(), near(ZONE)),
        "p: 0/4 nodes are available: 4 node(s) didn't match pod affinity rules.",
    );
    // The first of those that want to be together goes anywhere.
    check([], labelled("p", json!({"app": "cache"}), near(ZONE)), "p to a1");
    // Both terms have to mean the same pod.
    let both = required("podAffinity", json!([term("cache", ZONE), term("other", ZONE)]));
    check(
        [cache()],
        labelled("p", web.clone(), both),
        "p: 0/4 nodes are available: 4 node(s) didn't match pod affinity rules.",
    );
    check([cache()], labelled("p", web, preferred("podAffinity", term("cache", HOST))), "p to b1");
}

#[test]
fn anti_affinity_keeps_apart_both_ways() {
    let web = json!({"app": "web"});
    let away = |app: &str, topology| required("podAntiAffinity", json!([term(app, topology)]));
    let stands = |node: &str, spec: Value| on(node, labelled("stands", web.clone(), spec));
    let next = |spec: Value| labelled("p", web.clone(), spec);
    check_allowed([stands("a1", json!({}))], next(away("web", HOST)), "a2 b1 b2");
    check_allowed([stands("a1", json!({}))], next(away("web", ZONE)), "b1 b2");
    // It does not bear the newcomer, who would not mind.
    check(
        [stands("a1", away("new", ZONE))],
        labelled("p", json!({"app": "new"}), json!({})),
        "p to b1",
    );
    check(
        [
            stands("a1", away("new", ZONE)),
            on("b1", labelled("t", json!({"app": "new"}), json!({}))),
        ],
        labelled("p", json!({"app": "new"}), away("new", ZONE)),
        "p: 0/4 nodes are available: 2 node(s) didn't match pod anti-affinity rules, \
         2 node(s) didn't satisfy existing pods anti-affinity rules.",
    );
    let shuns = preferred("podAntiAffinity", term("web", ZONE));
    check([stands("a1", json!({}))], labelled("p", web.clone(), shuns), "p to b1");
    // What a standing pod prefers counts for the newcomer, too.
    let likes = preferred("podAffinity", term("new", HOST));
    check([stands("b2", likes)], labelled("p", json!({"app": "new"}), json!({})), "p to b2");
}

#[test]
fn terms_mean_their_namespaces() {
    let away = |more: Value| {
        let mut term = term("web", HOST);
        object::patch::merge::apply(&mut term, more);
        labelled("p", json!({"app": "web"}), required("podAntiAffinity", json!([term])))
    };
    let mut other = on("a1", labelled("stands", json!({"app": "web"}), json!({})));
    other["metadata"]["namespace"] = "other".into();
    let space = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "other", "labels": {"team": "x"}}});
    let by_label = json!({"namespaceSelector": {"matchLabels": {"team": "x"}}});
    let other_team = json!({"namespaceSelector": {"matchLabels": {"team": "y"}}});
    for (more, expected) in [
        (json!({}), "a1 a2 b1 b2"),
        (json!({"namespaces": ["other"]}), "a2 b1 b2"),
        (json!({"namespaceSelector": {}}), "a2 b1 b2"),
        (by_label, "a2 b1 b2"),
        (other_team, "a1 a2 b1 b2"),
    ] {
        check_allowed([other.clone(), space.clone()], away(more), expected);
    }
}

#[test]
fn labels_of_namespaces_may_come_late() {
    let mut term = term("web", HOST);
    term["namespaceSelector"] = json!({"matchLabels": {"team": "x"}});
    let mut bench = Bench::new([zoned("a1", "a")]);
    let mut other = on("a1", labelled("stands", json!({"app": "web"}), json!({})));
    other["metadata"]["namespace"] = "other".into();
    bench.put(other);
    let space = |team: &str| {
        json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "other", "labels": {"team": team}}})
    };
    bench.put(space("x"));
    bench.put(labelled("p", json!({}), required("podAntiAffinity", json!([term]))));
    assert_eq!(
        bench.decide(),
        ["p: 0/1 nodes are available: 1 node(s) didn't match pod anti-affinity rules."]
    );
    bench.put(space("y"));
    bench.seconds = 1;
    assert_eq!(bench.decide(), ["p to a1"]);
}

#[test]
fn label_keys_narrow_terms() {
    let stands = |hash: &str| {
        let labels = json!({"app": "web", "hash": hash});
        on("a1", labelled("stands", labels, json!({})))
    };
    let away = |more: Value| {
        let mut term = term("web", ZONE);
        object::patch::merge::apply(&mut term, more);
        let spec = required("podAntiAffinity", json!([term]));
        labelled("p", json!({"app": "web", "hash": "1"}), spec)
    };
    check_allowed([stands("1")], away(json!({"matchLabelKeys": ["hash"]})), "b1 b2");
    check_allowed([stands("2")], away(json!({"matchLabelKeys": ["hash"]})), "a1 a2 b1 b2");
    check_allowed([stands("1")], away(json!({"mismatchLabelKeys": ["hash"]})), "a1 a2 b1 b2");
    check_allowed([stands("2")], away(json!({"mismatchLabelKeys": ["hash"]})), "b1 b2");
}

fn spread(topology: &str, more: Value) -> Value {
    let mut constraint = json!({"maxSkew": 1, "topologyKey": topology,
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": {"matchLabels": {"app": "web"}}});
    object::patch::merge::apply(&mut constraint, more);
    json!({"topologySpreadConstraints": [constraint]})
}

#[test]
fn spread_keeps_domains_even() {
    let web = json!({"app": "web"});
    let stands =
        |name: &str, node: &str| on(node, labelled(name, json!({"app": "web"}), json!({})));
    let two = || [stands("s", "a1"), stands("t", "b1"), stands("u", "a2")];
    let next = |more: Value| labelled("p", web.clone(), spread(ZONE, more));
    check(two(), next(json!({})), "p to b2");
    let mut only_a = next(json!({}));
    only_a["spec"]["nodeSelector"] = json!({ZONE: "a"});
    check(two(), only_a.clone(), "p to a1");
    // Unless nodes count to which it can not go.
    only_a["spec"]["topologySpreadConstraints"][0]["nodeAffinityPolicy"] = "Ignore".into();
    let refused = "p: 0/4 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, \
                   2 node(s) didn't match pod topology spread constraints.";
    check(two(), only_a, refused);
    let few = "p: 0/4 nodes are available: 4 node(s) didn't match pod topology spread constraints.";
    check(two(), next(json!({"minDomains": 3})), few);
    check(two(), next(json!({"maxSkew": 3, "minDomains": 3})), "p to b2");
    let label = "p: 0/4 nodes are available: 4 node(s) didn't match pod topology spread \
                 constraints (missing required label).";
    check(two(), labelled("p", web.clone(), spread("rack", json!({}))), label);
    let soft = next(json!({"whenUnsatisfiable": "ScheduleAnyway"}));
    check(two(), soft, "p to b2");
    let by_hash = json!({"matchLabelKeys": ["hash"]});
    let mut other = next(by_hash);
    other["metadata"]["labels"]["hash"] = "1".into();
    check([stands("s", "b1"), stands("t", "b2")], other, "p to a1");
}

#[test]
fn spread_honours_taints_if_asked() {
    let mut bench = Bench::new([zoned("a1", "a"), zoned("b1", "b")]);
    let mut tainted = zoned("c1", "c");
    tainted["spec"]["taints"] = json!([{"key": "t", "effect": "NoSchedule"}]);
    bench.put(tainted);
    let next = |name: &str, policy: &str| {
        labelled(name, json!({"app": "web"}), spread(ZONE, json!({"nodeTaintsPolicy": policy})))
    };
    for name in ["s", "t", "u"] {
        bench.put(next(name, "Honor"));
    }
    assert_eq!(bench.decide(), ["s to a1", "t to b1", "u to a1"]);
    bench.put(next("v", "Ignore"));
    let refused = "v: 0/3 nodes are available: 1 node(s) had untolerated taint(s), \
                   2 node(s) didn't match pod topology spread constraints.";
    assert_eq!(bench.decide(), [refused]);
}

#[test]
fn replicas_of_one_owner_go_to_other_zones() {
    let mut bench = Bench::new(zones());
    for name in ["p", "q", "r", "s"] {
        bench.put(pod(name, json!({})));
    }
    assert_eq!(bench.decide(), ["p to a1", "q to b1", "r to a2", "s to b2"]);
}
