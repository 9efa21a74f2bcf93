//! What a control is, what it looks at, and which of them a standard consists of.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use k8s_openapi::api::core::v1::{
    ContainerPort, Lifecycle, PodSecurityContext, PodSpec, Probe, SecurityContext,
};

use super::{
    baseline,
    level::{Level, Standard},
    restricted,
};

/// A control that a pod does not pass: `hostPath volumes (volume "x")`.
pub(super) struct Violation {
    pub(super) reason: String,
    pub(super) detail: String,
}

impl Violation {
    pub(super) fn new(reason: &str, detail: impl Into<String>) -> Self {
        Self { reason: reason.to_owned(), detail: detail.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => f.write_str(&self.reason),
            detail => write!(f, "{} ({detail})", self.reason),
        }
    }
}

/// One rule of the standards.
pub(super) struct Control {
    /// The first minor version that has it.
    pub(super) since: u32,
    /// From which version on `restricted` has a rule of its own in its place.
    pub(super) overridden: Option<u32>,
    pub(super) check: fn(&Subject<'_>, &Standard) -> Option<Violation>,
}

/// The controls of a standard that a pod does not pass.
pub(super) fn broken(standard: &Standard, subject: &Subject<'_>) -> Vec<Violation> {
    let is_restricted = standard.level == Level::Restricted;
    let stands = |control: &&Control| {
        let overridden = control.overridden.is_some_and(|since| standard.is_since(since));
        standard.is_since(control.since) && !(is_restricted && overridden)
    };
    let controls: Vec<&Control> = match standard.level {
        Level::Privileged => Vec::new(),
        Level::Baseline => baseline::CONTROLS.iter().filter(stands).collect(),
        Level::Restricted => {
            baseline::CONTROLS.iter().chain(restricted::CONTROLS).filter(stands).collect()
        }
    };
    controls.iter().filter_map(|control| (control.check)(subject, standard)).collect()
}

/// A pod as the controls look at it.
pub(super) struct Subject<'p> {
    pub(super) annotations: Option<&'p BTreeMap<String, String>>,
    pub(super) spec: &'p PodSpec,
    pub(super) security: Option<&'p PodSecurityContext>,
    /// Those that run before the others first, those that are added for debugging last.
    pub(super) containers: Vec<Container<'p>>,
}

/// A container of any sort.
pub(super) struct Container<'p> {
    pub(super) name: &'p str,
    pub(super) security: Option<&'p SecurityContext>,
    pub(super) ports: &'p [ContainerPort],
    pub(super) probes: [Option<&'p Probe>; 3],
    pub(super) lifecycle: Option<&'p Lifecycle>,
}

macro_rules! view {
    ($container:expr) => {
        Container {
            name: &$container.name,
            security: $container.security_context.as_ref(),
            ports: $container.ports.as_deref().unwrap_or_default(),
            probes: [
                $container.liveness_probe.as_ref(),
                $container.readiness_probe.as_ref(),
                $container.startup_probe.as_ref(),
            ],
            lifecycle: $container.lifecycle.as_ref(),
        }
    };
}

impl<'p> Subject<'p> {
    pub(super) fn new(
        annotations: Option<&'p BTreeMap<String, String>>,
        spec: &'p PodSpec,
    ) -> Self {
        let first = spec.init_containers.iter().flatten().map(|container| view!(container));
        let ephemeral = spec.ephemeral_containers.iter().flatten();
        let containers = first
            .chain(spec.containers.iter().map(|container| view!(container)))
            .chain(ephemeral.map(|container| view!(container)))
            .collect();
        Self { annotations, spec, security: spec.security_context.as_ref(), containers }
    }

    /// The names of the containers of which something holds.
    pub(super) fn containers_that(&self, is: impl Fn(&Container<'p>) -> bool) -> Vec<&'p str> {
        self.containers.iter().filter(|one| is(one)).map(|one| one.name).collect()
    }

    /// The names of the containers of whose security context something holds.
    pub(super) fn secured_that(&self, is: impl Fn(&SecurityContext) -> bool) -> Vec<&'p str> {
        self.containers_that(|container| container.security.is_some_and(&is))
    }
}

/// One word for one, another for more.
pub(super) fn plural<'w>(one: &'w str, more: &'w str, count: usize) -> &'w str {
    if count == 1 { one } else { more }
}

/// `"a", "b"`
pub(super) fn quote<T: fmt::Debug>(names: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    quoted.join(", ")
}

/// `container "a"`, `containers "a", "b"`
pub(super) fn containers(names: &[&str]) -> String {
    format!("{} {}", plural("container", "containers", names.len()), quote(names))
}

/// `pod and container "a"`: who sets something wrong; `None` when nobody does.
pub(super) fn setters(pod: bool, names: &[&str]) -> Option<String> {
    let names = (!names.is_empty()).then(|| containers(names));
    let all: Vec<String> = pod.then(|| "pod".to_owned()).into_iter().chain(names).collect();
    (!all.is_empty()).then(|| all.join(" and "))
}

/// In order, each once.
pub(super) fn sorted<'v>(values: impl IntoIterator<Item = &'v str>) -> BTreeSet<&'v str> {
    values.into_iter().collect()
}
