//! Claims and ingresses that name no class get the default one.

use jiff::Timestamp;
use k8s_openapi::api::{networking::v1 as networking, storage::v1::StorageClass};
use kinds::{
    AnyObject, cast_mut, ingress::Ingress, persistent_volume_claim::PersistentVolumeClaim,
};
use object::ApiError;

use super::{Request, name_of};
use crate::World;

pub(super) const STORAGE_CLASSES: &str = "storageclasses.storage.k8s.io";
pub(super) const INGRESS_CLASSES: &str = "ingressclasses.networking.k8s.io";
const DEFAULT_INGRESS: &str = "ingressclass.kubernetes.io/is-default-class";
const BETA_STORAGE: &str = "volume.beta.kubernetes.io/storage-class";
const BETA_INGRESS: &str = "kubernetes.io/ingress.class";

fn has(object: &dyn AnyObject, annotation: &str) -> bool {
    object.metadata().annotations.as_ref().is_some_and(|all| all.contains_key(annotation))
}

/// Of several defaults, the newest.
pub(super) fn of_claim(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    if !request.is_create() || has(object, BETA_STORAGE) {
        return Ok(());
    }
    let Some(claim) = cast_mut::<PersistentVolumeClaim>(object) else { return Ok(()) };
    let spec = claim.spec.get_or_insert_default();
    if spec.storage_class_name.is_some() {
        return Ok(());
    }
    let classes = world.of_kind(STORAGE_CLASSES);
    let classes = classes.filter_map(|entry| serde_json::from_slice(&entry.body).ok());
    let defaults = classes.filter(|class: &StorageClass| kinds::storage_class::is_default(class));
    let newest = defaults.min_by_key(|class| {
        let made = class.metadata.creation_timestamp.as_ref().map_or(Timestamp::MIN, |at| at.0);
        (std::cmp::Reverse(made), class.metadata.name.clone())
    });
    spec.storage_class_name = newest.and_then(|class| class.metadata.name);
    Ok(())
}

/// Of several defaults, none: which is meant can not be known.
pub(super) fn of_ingress(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    if !request.is_create() || has(object, BETA_INGRESS) {
        return Ok(());
    }
    let name = name_of(object).to_owned();
    let Some(ingress) = cast_mut::<Ingress>(object) else { return Ok(()) };
    if ingress.spec.as_ref().is_some_and(|spec| spec.ingress_class_name.is_some()) {
        return Ok(());
    }
    let classes = world.of_kind(INGRESS_CLASSES);
    let classes = classes.filter_map(|entry| serde_json::from_slice(&entry.body).ok());
    let mut defaults: Vec<String> = classes
        .filter(|class: &networking::IngressClass| {
            let annotations = class.metadata.annotations.as_ref();
            annotations.and_then(|all| all.get(DEFAULT_INGRESS)).is_some_and(|is| is == "true")
        })
        .filter_map(|class| class.metadata.name)
        .collect();
    if defaults.len() > 1 {
        let count = defaults.len();
        let why = format!(
            "ingress {name} names no class, and {count} default IngressClasses are marked; mark one"
        );
        return Err(request.forbid(object, why));
    }
    ingress.spec.get_or_insert_default().ingress_class_name = defaults.pop();
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::admission::{admit, testing::Bench};

    fn class(name: &str, made: &str, is_default: bool) -> Value {
        json!({"metadata": {"name": name, "creationTimestamp": made, "annotations": {
            "storageclass.kubernetes.io/is-default-class": is_default.to_string(),
            DEFAULT_INGRESS: is_default.to_string(),
        }}, "provisioner": "x"})
    }

    #[test]
    fn the_newest_default_serves_claims_that_name_none() {
        let bench = Bench::new()
            .with("namespaces", json!({"metadata": {"name": "d"}}))
            .with(STORAGE_CLASSES, class("old", "2026-01-01T00:00:00Z", true))
            .with(STORAGE_CLASSES, class("new", "2026-02-01T00:00:00Z", true))
            .with(STORAGE_CLASSES, class("other", "2026-03-01T00:00:00Z", false));
        for (asked, expected) in [(json!(null), "new"), (json!(""), ""), (json!("old"), "old")] {
            let claim = json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {"storageClassName": asked}});
            let mut claim = bench.object("persistentvolumeclaims", claim);
            admit(&bench.request("persistentvolumeclaims"), &mut *claim, &bench.world).unwrap();
            assert_eq!(claim.to_value()["spec"]["storageClassName"], expected);
        }
    }

    #[test]
    fn ingresses_get_the_one_default_or_a_refusal() {
        let kind = "ingresses.networking.k8s.io";
        let bench = Bench::new()
            .with("namespaces", json!({"metadata": {"name": "d"}}))
            .with(INGRESS_CLASSES, class("edge", "2026-01-01T00:00:00Z", true));
        let ingress =
            || bench.object(kind, json!({"metadata": {"name": "a", "namespace": "d"}, "spec": {}}));
        let mut one = ingress();
        admit(&bench.request(kind), &mut *one, &bench.world).unwrap();
        assert_eq!(one.to_value()["spec"]["ingressClassName"], "edge");
        let mut two = ingress();
        let bench = bench.with(INGRESS_CLASSES, class("more", "2026-01-01T00:00:00Z", true));
        assert!(admit(&bench.request(kind), &mut *two, &bench.world).is_err());
    }
}
