//! The pod for one node.

use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodSpec,
};
use object::Key;

use super::{CONTROLLER, node, set::Set};
use crate::{
    Severity, names,
    pods::{self, PODS},
    revisions::HASH_LABEL,
};

pub(super) fn create(set: &mut Set<'_>, at: usize) {
    let node = set.nodes[at].name.clone();
    let name = free_name(set, &node);
    let mut pod = pods::from_template(Some(&set.object.spec.template), set.entry, &name);
    pod.metadata.generate_name = Some(format!("{}-", set.entry.key.name));
    let labels = pod.metadata.labels.get_or_insert_default();
    labels.insert(HASH_LABEL.to_owned(), set.history.hash.clone());
    let spec = pod.spec.get_or_insert_default();
    node::add_tolerations(spec);
    send_to(spec, node);
    set.actions.push(pods::create(&pod));
    let message = format!("Created pod: {name}");
    let event =
        pods::record(set.entry, CONTROLLER.name, Severity::Normal, "SuccessfulCreate", message);
    set.actions.push(event);
}

/// Follows from node, template and how many such pods are still there: what is repeated collides.
fn free_name(set: &Set<'_>, node: &str) -> String {
    let is_free = |name: &String| {
        let key = Key::new(PODS, &set.entry.key.namespace, name);
        set.world.entry(&key).is_none()
    };
    let uid = &*set.entry.meta.uid;
    (0_u32..)
        .map(|incarnation| {
            let parts = [uid, node, &set.history.hash, &incarnation.to_string()];
            names::generated(&set.entry.key.name, &parts)
        })
        .find(is_free)
        .expect("a world does not hold all names")
}

/// The scheduler gives the pod this node or none.
fn send_to(spec: &mut PodSpec, node: String) {
    let affinity = spec.affinity.get_or_insert_default().node_affinity.get_or_insert_default();
    let is_node = NodeSelectorRequirement {
        key: "metadata.name".to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node]),
    };
    affinity.required_during_scheduling_ignored_during_execution = Some(NodeSelector {
        node_selector_terms: vec![NodeSelectorTerm {
            match_fields: Some(vec![is_node]),
            ..NodeSelectorTerm::default()
        }],
    });
}
