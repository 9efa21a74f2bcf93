//! With which rights a container runs.

use k8s_openapi::api::core::v1::{
    AppArmorProfile, Container, Pod, PodSecurityContext, SeccompProfile, SecurityContext,
};

use super::{LaunchError, containers::spec};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Security {
    /// `user[:group]`; `None`: the image's.
    pub user: Option<String>,
    pub groups: Vec<String>,
    pub privileged: bool,
    pub read_only_root: bool,
    pub no_new_privileges: bool,
    pub add_capabilities: Vec<String>,
    pub drop_capabilities: Vec<String>,
    /// Profiles by kind, as in `seccomp=unconfined`.
    pub profiles: Vec<String>,
    /// Whether /proc is shown without masks.
    pub unmasked: bool,
}

/// The container's own settings over its pod's.
pub(super) fn security(
    pod: &Pod,
    container: &Container,
    image_user: &str,
) -> Result<Security, LaunchError> {
    let (none, nothing) = (SecurityContext::default(), PodSecurityContext::default());
    let own = container.security_context.as_ref().unwrap_or(&none);
    let shared = spec(pod).security_context.as_ref().unwrap_or(&nothing);
    let user = own.run_as_user.or(shared.run_as_user);
    if own.run_as_non_root.or(shared.run_as_non_root) == Some(true) {
        refuse_root(user, image_user, &container.name)?;
    }
    let group = own.run_as_group.or(shared.run_as_group);
    let mut groups = shared.supplemental_groups.clone().unwrap_or_default();
    groups.extend(shared.fs_group);
    let capabilities = own.capabilities.clone().unwrap_or_default();
    Ok(Security {
        user: user_text(user, group, image_user),
        groups: groups.iter().map(ToString::to_string).collect(),
        privileged: own.privileged == Some(true),
        read_only_root: own.read_only_root_filesystem == Some(true),
        no_new_privileges: own.allow_privilege_escalation == Some(false),
        add_capabilities: capabilities.add.unwrap_or_default(),
        drop_capabilities: capabilities.drop.unwrap_or_default(),
        profiles: profiles(own, shared),
        unmasked: own.proc_mount.as_deref() == Some("Unmasked"),
    })
}

fn refuse_root(user: Option<i64>, image_user: &str, name: &str) -> Result<(), LaunchError> {
    let image_user = image_user.split(':').next().unwrap_or_default();
    match (user, image_user.parse::<i64>()) {
        (Some(0), _) => Err(LaunchError(format!(
            "container's runAsUser breaks non-root policy (container: {name})"
        ))),
        (Some(_), _) => Ok(()),
        (None, Ok(uid)) if uid != 0 => Ok(()),
        (None, Err(_)) if !matches!(image_user, "" | "root") => Err(LaunchError(format!(
            "container has runAsNonRoot and image has non-numeric user ({image_user}), cannot \
             verify user is non-root (container: {name})"
        ))),
        (None, _) => Err(LaunchError(format!(
            "container has runAsNonRoot and image will run as root (container: {name})"
        ))),
    }
}

fn user_text(user: Option<i64>, group: Option<i64>, image_user: &str) -> Option<String> {
    match (user, group) {
        (Some(user), Some(group)) => Some(format!("{user}:{group}")),
        (Some(user), None) => Some(user.to_string()),
        (None, Some(group)) => {
            let user = image_user.split(':').next().filter(|user| !user.is_empty());
            Some(format!("{}:{group}", user.unwrap_or("0")))
        }
        (None, None) => None,
    }
}

fn profiles(own: &SecurityContext, shared: &PodSecurityContext) -> Vec<String> {
    let seccomp = own.seccomp_profile.as_ref().or(shared.seccomp_profile.as_ref());
    let apparmor = own.app_armor_profile.as_ref().or(shared.app_armor_profile.as_ref());
    let selinux = own.se_linux_options.as_ref().or(shared.se_linux_options.as_ref());
    let mut profiles: Vec<String> = Vec::new();
    profiles.extend(seccomp.and_then(seccomp_text));
    profiles.extend(apparmor.and_then(apparmor_text));
    if let Some(options) = selinux {
        let parts = [
            ("user", &options.user),
            ("role", &options.role),
            ("type", &options.type_),
            ("level", &options.level),
        ];
        let set = parts.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        profiles.extend(set.map(|(name, value)| format!("label={name}:{value}")));
    }
    profiles
}

/// Nothing said, and `RuntimeDefault`, are the engine's own profile.
fn seccomp_text(profile: &SeccompProfile) -> Option<String> {
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Unconfined", _) => Some("seccomp=unconfined".to_owned()),
        ("Localhost", Some(path)) => Some(format!("seccomp={path}")),
        _ => None,
    }
}

fn apparmor_text(profile: &AppArmorProfile) -> Option<String> {
    match (profile.type_.as_str(), &profile.localhost_profile) {
        ("Unconfined", _) => Some("apparmor=unconfined".to_owned()),
        ("Localhost", Some(name)) => Some(format!("apparmor={name}")),
        _ => None,
    }
}
