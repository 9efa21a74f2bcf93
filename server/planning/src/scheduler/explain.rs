//! What each node says to a pod that waits.

use std::sync::Arc;

use object::Key;

use super::{
    Scheduler,
    cluster::Place,
    filters::{self, Sight},
    outlook::Outlook,
};

/// What one node says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeVerdict {
    pub node: Arc<str>,
    /// Who refused, as Kubernetes names it; nobody if the pod fits.
    pub filter: Option<&'static str>,
    pub reasons: Vec<String>,
}

impl Scheduler {
    /// What every node says to a pod that waits for one, in order of their names. `None` for a pod
    /// that does not wait here: it has its node, is held by a gate or is another scheduler's.
    pub fn explain(&mut self, pod: &Key) -> Option<Vec<NodeVerdict>> {
        let pod = self.cluster.find_pod(pod)?;
        if self.cluster.pods[pod].place != Place::Nowhere {
            return None;
        }
        let outlook = Outlook::of(&mut self.cluster, pod);
        let cluster = &self.cluster;
        let shape = &cluster.shapes[cluster.pods[pod].shape];
        let mut verdicts: Vec<NodeVerdict> = cluster
            .nodes
            .iter()
            .filter(|(_, node)| node.info.is_some())
            .map(|(at, node)| {
                let outlook = match &outlook {
                    Ok(outlook) => outlook,
                    Err(unready) => {
                        let filter = Some(filters::get(filters::VOLUMES).name);
                        let reasons = vec![unready.why.clone()];
                        return NodeVerdict { node: node.name.clone(), filter, reasons };
                    }
                };
                let sight = Sight { cluster, pod: &cluster.pods[pod], outlook };
                let said = filters::check_node(shape, node, &cluster.names)
                    .or_else(|| filters::check_beyond(&sight, at));
                NodeVerdict {
                    node: node.name.clone(),
                    filter: said.as_ref().map(|said| filters::get(said.filter).name),
                    reasons: said
                        .into_iter()
                        .flat_map(|said| said.reasons)
                        .map(std::borrow::Cow::into_owned)
                        .collect(),
                }
            })
            .collect();
        verdicts.sort_by(|a, b| a.node.cmp(&b.node));
        Some(verdicts)
    }
}
