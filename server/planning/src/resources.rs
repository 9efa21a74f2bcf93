//! What pods request and nodes offer.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Container, Pod},
    apimachinery::pkg::api::resource::Quantity as Text,
};
use object::quantity::Quantity;

/// Amounts of resources: CPU in thousandths of a core, the others in their own unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    pub cpu_milli: i64,
    pub memory_bytes: i64,
    /// Whatever else has a name: `ephemeral-storage`, `nvidia.com/gpu`.
    pub others: BTreeMap<String, i64>,
}

impl Resources {
    /// Reads a list of quantities; what does not parse counts as zero, as the API refuses it.
    pub fn of(list: Option<&BTreeMap<String, Text>>) -> Self {
        let mut resources = Self::default();
        for (name, text) in list.into_iter().flatten() {
            let quantity: Quantity = text.0.parse().unwrap_or_default();
            *resources.amount_mut(name) =
                if name == "cpu" { quantity.milli_value() } else { quantity.value() };
        }
        resources
    }

    pub fn amount(&self, name: &str) -> i64 {
        match name {
            "cpu" => self.cpu_milli,
            "memory" => self.memory_bytes,
            other => self.others.get(other).copied().unwrap_or(0),
        }
    }

    fn amount_mut(&mut self, name: &str) -> &mut i64 {
        match name {
            "cpu" => &mut self.cpu_milli,
            "memory" => &mut self.memory_bytes,
            other => self.others.entry(other.to_owned()).or_insert(0),
        }
    }

    /// Every named amount.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        [("cpu", self.cpu_milli), ("memory", self.memory_bytes)]
            .into_iter()
            .chain(self.others.iter().map(|(name, amount)| (name.as_str(), *amount)))
    }

    pub fn add(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            *self.amount_mut(name) += amount;
        }
    }

    pub fn subtract(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            *self.amount_mut(name) -= amount;
        }
    }

    fn raise_to(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            let own = self.amount_mut(name);
            *own = (*own).max(amount);
        }
    }

    /// What a pod needs of its node: the containers that run at the same time, or the largest
    /// that runs before them, and its overhead.
    pub fn requested_by(pod: &Pod) -> Self {
        Self::needed_by(pod, requests)
    }

    /// CPU and memory of the same, if a container that asks for none is taken to need a little: so
    /// that many pods that ask for nothing do not count for nothing when nodes are compared.
    pub fn assumed_of(pod: &Pod) -> [i64; 2] {
        let needed = Self::needed_by(pod, |container| {
            let asked = requests(container);
            let or = |amount: i64, least: i64| if amount > 0 { amount } else { least };
            Self {
                cpu_milli: or(asked.cpu_milli, CPU_MILLI_ASSUMED),
                memory_bytes: or(asked.memory_bytes, MEMORY_BYTES_ASSUMED),
                others: BTreeMap::new(),
            }
        });
        [needed.cpu_milli, needed.memory_bytes]
    }

    fn needed_by(pod: &Pod, ask: impl Fn(&Container) -> Self) -> Self {
        let Some(spec) = &pod.spec else { return Self::default() };
        let mut running = Self::default();
        for container in &spec.containers {
            running.add(&ask(container));
        }
        let mut sidecars = Self::default();
        let mut peak = Self::default();
        for container in spec.init_containers.iter().flatten() {
            let mut together = sidecars.clone();
            together.add(&ask(container));
            peak.raise_to(&together);
            if container.restart_policy.as_deref() == Some("Always") {
                sidecars = together;
            }
        }
        running.add(&sidecars);
        running.raise_to(&peak);
        // What is asked for the pod as a whole stands for what its containers ask.
        let whole = spec.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        for (name, amount) in Self::of(whole).iter().filter(|(_, amount)| *amount > 0) {
            *running.amount_mut(name) = amount;
        }
        running.add(&Self::of(spec.overhead.as_ref()));
        running
    }
}

const CPU_MILLI_ASSUMED: i64 = 100;
const MEMORY_BYTES_ASSUMED: i64 = 200 << 20;

fn requests(container: &Container) -> Resources {
    let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
    Resources::of(requests)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(spec: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {}, "spec": spec})).unwrap()
    }

    #[test]
    fn sums_containers_and_takes_the_largest_init_container() {
        let ask = |cpu: &str| json!({"requests": {"cpu": cpu, "memory": "1Mi"}});
        let pod = pod(json!({
            "initContainers": [
                {"name": "side", "restartPolicy": "Always", "resources": ask("100m")},
                {"name": "init", "resources": ask("2")},
            ],
            "containers": [
                {"name": "a", "resources": ask("500m")},
                {"name": "b", "resources": {"requests": {"nvidia.com/gpu": "1"}}},
            ],
            "overhead": {"cpu": "1m"},
        }));
        let requested = Resources::requested_by(&pod);
        assert_eq!(requested.cpu_milli, 2101);
        assert_eq!(requested.memory_bytes, 2 << 20);
        assert_eq!(requested.amount("nvidia.com/gpu"), 1);
        // The init container is still the peak of the CPU; memory is the sum with 200 Mi for `b`.
        assert_eq!(Resources::assumed_of(&pod), [2101, 202 << 20]);
    }

    #[test]
    fn subtracts_what_was_added() {
        let some = Resources { cpu_milli: 5, memory_bytes: 7, ..Resources::default() };
        let mut sum = some.clone();
        sum.add(&some);
        sum.subtract(&some);
        assert_eq!(sum, some);
    }
}
