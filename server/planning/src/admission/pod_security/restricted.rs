//! The controls that `restricted` has beyond `baseline`, in the order in which they are told.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{SecurityContext, Volume};

use super::{
    baseline::{is_confined, unconfined},
    controls::{Control, Subject, Violation, containers, plural, quote, setters, sorted},
    level::Standard,
};

pub(super) const CONTROLS: &[Control] = &[
    Control { since: 8, overridden: None, check: privilege_escalation },
    Control { since: 22, overridden: None, check: capabilities },
    Control { since: 0, overridden: None, check: volumes },
    Control { since: 0, overridden: None, check: run_as_non_root },
    Control { since: 23, overridden: None, check: run_as_user },
    Control { since: 19, overridden: None, check: seccomp },
];

fn privilege_escalation(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let is_closed = |security: &SecurityContext| security.allow_privilege_escalation == Some(false);
    let names = subject.containers_that(|one| !one.security.is_some_and(is_closed));
    (!names.is_empty()).then(|| {
        let who = containers(&names);
        let detail = format!("{who} must set securityContext.allowPrivilegeEscalation=false");
        Violation::new("allowPrivilegeEscalation != false", detail)
    })
}

fn capabilities(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let drops_all = |security: &SecurityContext| {
        let dropped = security.capabilities.as_ref().and_then(|list| list.drop.as_ref());
        dropped.is_some_and(|dropped| dropped.iter().any(|name| name == "ALL"))
    };
    let added = |security: &SecurityContext| -> Vec<String> {
        let added = security.capabilities.as_ref().and_then(|list| list.add.clone());
        added.unwrap_or_default().into_iter().filter(|name| name != "NET_BIND_SERVICE").collect()
    };
    let missing = subject.containers_that(|one| !one.security.is_some_and(drops_all));
    let adding = subject.secured_that(|security| !added(security).is_empty());
    let all: BTreeSet<String> =
        subject.containers.iter().filter_map(|one| one.security).flat_map(added).collect();
    let mut details = Vec::new();
    if !missing.is_empty() {
        let who = containers(&missing);
        details.push(format!("{who} must set securityContext.capabilities.drop=[\"ALL\"]"));
    }
    if !adding.is_empty() {
        let (who, what) = (containers(&adding), quote(&all));
        details.push(format!("{who} must not include {what} in securityContext.capabilities.add"));
    }
    (!details.is_empty()).then(|| Violation::new("unrestricted capabilities", details.join("; ")))
}

fn volumes(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let restricted: Vec<(&str, &str)> = subject
        .spec
        .volumes
        .iter()
        .flatten()
        .filter_map(|volume| Some((volume.name.as_str(), restricted_type(volume)?)))
        .collect();
    let names: Vec<&str> = restricted.iter().map(|(name, _)| *name).collect();
    let types = sorted(restricted.iter().map(|(_, kind)| *kind));
    (!names.is_empty()).then(|| {
        let word = plural("volume", "volumes", names.len());
        let uses = plural("uses", "use", names.len());
        let kinds = plural("restricted volume type", "restricted volume types", types.len());
        let detail = format!("{word} {} {uses} {kinds} {}", quote(&names), quote(&types));
        Violation::new("restricted volume types", detail)
    })
}

/// The type of a volume that only privileged pods have.
fn restricted_type(volume: &Volume) -> Option<&'static str> {
    let is_open = volume.config_map.is_some()
        || volume.csi.is_some()
        || volume.downward_api.is_some()
        || volume.empty_dir.is_some()
        || volume.ephemeral.is_some()
        || volume.persistent_volume_claim.is_some()
        || volume.projected.is_some()
        || volume.secret.is_some();
    if is_open {
        return None;
    }
    let named = [
        (volume.host_path.is_some(), "hostPath"),
        (volume.gce_persistent_disk.is_some(), "gcePersistentDisk"),
        (volume.aws_elastic_block_store.is_some(), "awsElasticBlockStore"),
        (volume.git_repo.is_some(), "gitRepo"),
        (volume.nfs.is_some(), "nfs"),
        (volume.iscsi.is_some(), "iscsi"),
        (volume.glusterfs.is_some(), "glusterfs"),
        (volume.rbd.is_some(), "rbd"),
        (volume.flex_volume.is_some(), "flexVolume"),
        (volume.cinder.is_some(), "cinder"),
        (volume.cephfs.is_some(), "cephfs"),
        (volume.flocker.is_some(), "flocker"),
        (volume.fc.is_some(), "fc"),
        (volume.azure_file.is_some(), "azureFile"),
        (volume.vsphere_volume.is_some(), "vsphereVolume"),
        (volume.quobyte.is_some(), "quobyte"),
        (volume.azure_disk.is_some(), "azureDisk"),
        (volume.photon_persistent_disk.is_some(), "photonPersistentDisk"),
        (volume.portworx_volume.is_some(), "portworxVolume"),
        (volume.scale_io.is_some(), "scaleIO"),
        (volume.storageos.is_some(), "storageos"),
    ];
    Some(named.into_iter().find(|(is, _)| *is).map_or("unknown", |(_, name)| name))
}

fn run_as_non_root(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    const REASON: &str = "runAsNonRoot != true";
    let in_pod = subject.security.and_then(|security| security.run_as_non_root);
    let own = |security: &SecurityContext| security.run_as_non_root;
    let roots = subject.secured_that(|security| own(security) == Some(false));
    if let Some(who) = setters(in_pod == Some(false), &roots) {
        let detail = format!("{who} must not set securityContext.runAsNonRoot=false");
        return Some(Violation::new(REASON, detail));
    }
    let silent = subject.containers_that(|one| one.security.and_then(own).is_none());
    (in_pod != Some(true) && !silent.is_empty()).then(|| {
        let who = containers(&silent);
        let detail = format!("pod or {who} must set securityContext.runAsNonRoot=true");
        Violation::new(REASON, detail)
    })
}

fn run_as_user(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let in_pod = subject.security.is_some_and(|security| security.run_as_user == Some(0));
    let names = subject.secured_that(|security| security.run_as_user == Some(0));
    let who = setters(in_pod, &names)?;
    Some(Violation::new("runAsUser=0", format!("{who} must not set runAsUser=0")))
}

fn seccomp(subject: &Subject<'_>, _: &Standard) -> Option<Violation> {
    let (in_pod, names, values) = unconfined(subject);
    if let Some(who) = setters(in_pod, &names) {
        let values = quote(&values);
        let detail = format!("{who} must not set securityContext.seccompProfile.type to {values}");
        return Some(Violation::new("seccompProfile", detail));
    }
    let is_set = subject
        .security
        .and_then(|security| security.seccomp_profile.as_ref())
        .is_some_and(|profile| is_confined(&profile.type_));
    let silent = subject.containers_that(|one| {
        one.security.is_none_or(|security| security.seccomp_profile.is_none())
    });
    (!is_set && !silent.is_empty()).then(|| {
        let who = containers(&silent);
        let detail = format!(
            "pod or {who} must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\""
        );
        Violation::new("seccompProfile", detail)
    })
}
