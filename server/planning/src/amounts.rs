//! Lists of quantities by name, exact and in the form in which they were written.

use std::{collections::BTreeMap, fmt};

use k8s_openapi::{
    api::core::v1::{Container, PodSpec, ResourceRequirements},
    apimachinery::pkg::api::resource::Quantity as Text,
};
use object::quantity::Quantity;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Amounts(BTreeMap<String, Quantity>);

impl Amounts {
    /// Reads a list; what does not parse is left out, as the API refuses it.
    pub(crate) fn of(list: Option<&BTreeMap<String, Text>>) -> Self {
        let read = |(name, text): (&String, &Text)| Some((name.clone(), text.0.parse().ok()?));
        Self(list.into_iter().flatten().filter_map(read).collect())
    }

    pub(crate) fn one(name: impl Into<String>) -> Self {
        Self([(name.into(), Quantity::new(1))].into())
    }

    pub(crate) fn to_texts(&self) -> BTreeMap<String, Text> {
        self.0.iter().map(|(name, amount)| (name.clone(), Text(amount.to_string()))).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, name: &str) -> Option<Quantity> {
        self.0.get(name).copied()
    }

    pub(crate) fn set(&mut self, name: impl Into<String>, amount: Quantity) {
        self.0.insert(name.into(), amount);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The amounts whose names are wanted.
    pub(crate) fn only(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let wanted = self.iter().filter(|(name, _)| wanted(name));
        Self(wanted.map(|(name, amount)| (name.to_owned(), amount)).collect())
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            let sum = self.get(name).map_or(amount, |own| own.plus(amount));
            self.set(name, sum);
        }
    }

    fn raise_to(&mut self, other: &Self) {
        for (name, amount) in other.iter() {
            if self.get(name).is_none_or(|own| own < amount) {
                self.set(name, amount);
            }
        }
    }

    /// What this is beyond another: nothing below zero, and no zeros.
    pub(crate) fn beyond(&self, other: &Self) -> Self {
        let beyond = |(name, amount): (&str, Quantity)| {
            let left = other.get(name).map_or(amount, |other| amount.minus(other));
            (!left.is_negative() && !left.is_zero()).then(|| (name.to_owned(), left))
        };
        Self(self.iter().filter_map(beyond).collect())
    }
}

/// `cpu=1,pods=2`
impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> =
            self.iter().map(|(name, amount)| format!("{name}={amount}")).collect();
        f.write_str(&pairs.join(","))
    }
}

/// Either side of what a container or pod says of resources.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Requests,
    Limits,
}

impl Side {
    pub(crate) fn of(self, resources: Option<&ResourceRequirements>) -> Amounts {
        Amounts::of(resources.and_then(|resources| match self {
            Self::Requests => resources.requests.as_ref(),
            Self::Limits => resources.limits.as_ref(),
        }))
    }

    pub(crate) fn of_container(self, container: &Container) -> Amounts {
        self.of(container.resources.as_ref())
    }

    /// Of a pod: the containers that run at the same time, or the largest that runs before them;
    /// what is said of the pod as a whole stands above that; and its overhead.
    pub(crate) fn of_pod(self, spec: &PodSpec) -> Amounts {
        let mut running = Amounts::default();
        for container in &spec.containers {
            running.add(&self.of_container(container));
        }
        let mut sidecars = Amounts::default();
        let mut peak = Amounts::default();
        for container in spec.init_containers.iter().flatten() {
            let mut together = sidecars.clone();
            together.add(&self.of_container(container));
            peak.raise_to(&together);
            if container.restart_policy.as_deref() == Some("Always") {
                sidecars = together;
            }
        }
        running.add(&sidecars);
        running.raise_to(&peak);
        for (name, amount) in self.of(spec.resources.as_ref()).iter() {
            running.set(name, amount);
        }
        let overhead = Amounts::of(spec.overhead.as_ref());
        match self {
            Self::Requests => running.add(&overhead),
            // What has no limit has none with overhead either.
            Self::Limits => {
                let limited = overhead.only(|name| running.get(name).is_some_and(|l| !l.is_zero()));
                running.add(&limited);
            }
        }
        running
    }
}
