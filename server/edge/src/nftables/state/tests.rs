use object::Key;
use planning::{World, routing::table};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::nftables::{expressions::Verdict, skeleton::REJECTING};

/// A service: whether it is there, sticky, local to nodes; and which of two pods here and two
/// elsewhere answer it.
type Sort = (bool, bool, bool, [bool; 4]);

fn table_of(services: &[Sort]) -> Table {
    let mut world = World::default();
    for (number, (is_there, is_sticky, is_local, pods)) in (1_u64..).zip(services) {
        if !is_there {
            continue;
        }
        let name = format!("s{number}");
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": "d"},
            "spec": {"clusterIP": format!("10.43.0.{number}"), "externalIPs": ["198.51.100.1"],
                "sessionAffinity": if *is_sticky { "ClientIP" } else { "None" },
                "externalTrafficPolicy": if *is_local { "Local" } else { "Cluster" },
                "ports": [{"port": 80, "nodePort": 30_000 + number}]}});
        let endpoints: Vec<_> = (1..)
            .zip(pods)
            .filter(|(_, is_there)| **is_there)
            .map(|(pod, _)| {
                let node = if pod < 3 { "one" } else { "two" };
                json!({"addresses": [format!("10.42.0.{pod}")], "nodeName": node})
            })
            .collect();
        let slice = json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": name, "namespace": "d",
                "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4", "endpoints": endpoints, "ports": [{"port": 8080}]});
        for (kind, body) in [("services", service), ("endpointslices.discovery.k8s.io", slice)] {
            world.apply(Key::new(kind, "d", &name), number, Some(body.to_string().into()));
        }
    }
    table(&world, "one")
}

/// Does to a copy of the kernel what it would do itself, with its strictness.
fn obey(kernel: &mut Content, chains: &mut BTreeSet<String>, changes: &Changes) {
    for chain in &changes.chains_added {
        assert!(chains.insert(chain.name()), "{chain:?} is there already");
    }
    let led_to: BTreeSet<String> = kernel.values().filter_map(chain_in).collect();
    for name in &changes.chains_removed {
        assert!(!led_to.contains(name), "packets may be on their way to {name}");
    }
    for at in &changes.removed {
        assert!(kernel.remove(at).is_some(), "{at:?} is not there");
    }
    for (at, value) in &changes.added {
        assert!(kernel.insert(at.clone(), value.clone()).is_none(), "{at:?} is there already");
    }
    for name in &changes.chains_removed {
        assert!(chains.remove(name), "{name} is not there");
    }
    let used: BTreeSet<String> = kernel.values().filter_map(chain_in).collect();
    assert!(chains.is_superset(&used), "every chain that is used is there");
    let kept: BTreeSet<String> = used.union(&led_to).cloned().collect();
    assert!(chains.is_subset(&kept), "others go with the next transaction");
}

fn chain_in(value: &Value) -> Option<String> {
    match value {
        Value::Verdict(Verdict::Goto(chain)) if chain != REJECTING => Some(chain.clone()),
        _ => None,
    }
}

proptest! {
    #[test]
    fn changes_lead_to_the_same_as_a_reload(
        tables in prop::collection::vec(any::<[Sort; 3]>(), 1..6),
    ) {
        let (mut state, mut kernel, mut chains) =
            (State::default(), Content::new(), BTreeSet::new());
        for services in &tables {
            let table = table_of(services);
            obey(&mut kernel, &mut chains, &state.advance(&table));
            let afresh = State::default().advance(&table);
            prop_assert_eq!(&kernel, &afresh.added);
        }
        if let Some(last) = tables.last() {
            let last = table_of(last);
            obey(&mut kernel, &mut chains, &state.advance(&last));
            prop_assert_eq!(state.advance(&last), Changes::default());
        }
    }

    #[test]
    fn different_chains_have_different_names(
        one in any::<[Sort; 3]>(), other in any::<[Sort; 3]>(),
    ) {
        let chains = |services: &[Sort]| State::default().advance(&table_of(services)).chains_added;
        let all: BTreeSet<Chain> = chains(&one).union(&chains(&other)).copied().collect();
        let names: BTreeSet<String> = all.iter().map(Chain::name).collect();
        prop_assert_eq!(all.len(), names.len());
    }
}
