//! CSIDriver.

use jiff::Timestamp;
use k8s_openapi::api::storage::v1;
use object::{FieldErrors, name};
use serde_json::Value;

use crate::{
    Column, Kind, column,
    parts::{
        cells,
        check::{self, Once},
        storage,
    },
};

const MODES: [&str; 2] = ["Ephemeral", "Persistent"];
const GROUP_POLICIES: [&str; 3] = ["File", "None", "ReadWriteOnceWithFSType"];
const TOKEN_SECONDS_MIN: i64 = 600;

pub struct CSIDriver;

impl Kind for CSIDriver {
    type Object = v1::CSIDriver;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("AttachRequired", |driver: &v1::CSIDriver, _| {
            driver.spec.attach_required.unwrap_or(true).into()
        })
        .boolean(),
        column("PodInfoOnMount", |driver: &v1::CSIDriver, _| {
            driver.spec.pod_info_on_mount.unwrap_or_default().into()
        })
        .boolean(),
        column("StorageCapacity", |driver: &v1::CSIDriver, _| {
            driver.spec.storage_capacity.unwrap_or_default().into()
        })
        .boolean(),
        column("TokenRequests", tokens),
        column("RequiresRepublish", |driver: &v1::CSIDriver, _| {
            driver.spec.requires_republish.unwrap_or_default().into()
        })
        .boolean(),
        column("Modes", |driver: &v1::CSIDriver, _| {
            let modes = driver.spec.volume_lifecycle_modes.as_deref().unwrap_or_default();
            cells::or_none(Some(&modes.join(",")))
        }),
        cells::age(),
    ];
    const GENERATION: bool = true;
    const RETURNS_DELETED: bool = true;

    fn set_defaults(driver: &mut v1::CSIDriver) {
        let spec = &mut driver.spec;
        spec.attach_required.get_or_insert(true);
        spec.pod_info_on_mount.get_or_insert(false);
        spec.storage_capacity.get_or_insert(false);
        spec.requires_republish.get_or_insert(false);
        spec.se_linux_mount.get_or_insert(false);
        check::default_text(&mut spec.fs_group_policy, "ReadWriteOnceWithFSType");
        if spec.volume_lifecycle_modes.as_ref().is_none_or(Vec::is_empty) {
            spec.volume_lifecycle_modes = Some(vec!["Persistent".to_owned()]);
        }
    }

    fn validate(driver: &v1::CSIDriver, errors: &mut FieldErrors) {
        let spec = &driver.spec;
        let name = driver.metadata.name.as_deref().unwrap_or_default();
        storage::validate_driver(name, "metadata.name", errors);
        check::one_of(
            spec.fs_group_policy.as_deref(),
            "spec.fsGroupPolicy",
            &GROUP_POLICIES,
            errors,
        );
        for mode in spec.volume_lifecycle_modes.iter().flatten() {
            if !MODES.contains(&mode.as_str()) {
                errors.not_supported("spec.volumeLifecycleModes", mode.as_str(), &MODES);
            }
        }
        let mut audiences = Once::default();
        for (index, token) in spec.token_requests.iter().flatten().enumerate() {
            let path = format!("spec.tokenRequests[{index}]");
            audiences.check(&token.audience, &format!("{path}.audience"), errors);
            let at = format!("{path}.expirationSeconds");
            match token.expiration_seconds {
                Some(seconds) if seconds < TOKEN_SECONDS_MIN => {
                    errors.invalid(at, seconds, "may not specify a duration less than 10 minutes");
                }
                Some(seconds) if seconds > 1 << 32 => errors.invalid(
                    at,
                    seconds,
                    "may not specify a duration larger than 2^32 seconds",
                ),
                _ => {}
            }
        }
    }

    fn validate_update(new: &v1::CSIDriver, old: &v1::CSIDriver, errors: &mut FieldErrors) {
        let (new, old) = (&new.spec, &old.spec);
        let (path, attach) = ("spec.attachRequired", &new.attach_required);
        check::immutable(attach, &old.attach_required, path, errors);
        let (path, modes) = ("spec.volumeLifecycleModes", &new.volume_lifecycle_modes);
        check::immutable(modes, &old.volume_lifecycle_modes, path, errors);
    }

    fn validate_name(name: &str) -> Result<(), String> {
        name::subdomain(&name.to_lowercase())
    }
}

fn tokens(driver: &v1::CSIDriver, _: Timestamp) -> Value {
    let audiences: Vec<&str> =
        driver.spec.token_requests.iter().flatten().map(|token| token.audience.as_str()).collect();
    cells::or_unset(Some(&audiences.join(",")))
}
