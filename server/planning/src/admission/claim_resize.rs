//! A claim grows only when it is bound and its class allows it.

use k8s_openapi::api::{core::v1, storage::v1::StorageClass};
use kinds::{AnyObject, cast, persistent_volume_claim::PersistentVolumeClaim};
use object::{ApiError, Key};

use super::{Notes, Request, default_class::STORAGE_CLASSES};
use crate::{World, amounts::Amounts};

pub(super) fn review(
    request: &Request<'_>,
    object: &dyn AnyObject,
    world: &World,
) -> Result<Notes, ApiError> {
    let pair = (
        cast::<PersistentVolumeClaim>(object),
        request.old.and_then(cast::<PersistentVolumeClaim>),
    );
    let (Some(new), Some(old), true) = (pair.0, pair.1, request.is_main()) else {
        return Ok(Notes::default());
    };
    if size(new) <= size(old) {
        return Ok(Notes::default());
    }
    let phase = old.status.as_ref().and_then(|status| status.phase.as_deref());
    if phase != Some("Bound") {
        return Err(request.forbid(object, "Only bound persistent volume claims can be expanded"));
    }
    let class = |claim: &v1::PersistentVolumeClaim| {
        let name = claim.spec.as_ref().and_then(|spec| spec.storage_class_name.clone());
        name.filter(|name| !name.is_empty())
    };
    let allows = |name: &str| {
        let entry = world.entry(&Key::new(STORAGE_CLASSES, "", name));
        let class = entry.and_then(|entry| serde_json::from_slice(&entry.body).ok());
        class.is_some_and(|class: StorageClass| class.allow_volume_expansion == Some(true))
    };
    if class(new).is_some_and(|name| class(old).as_ref() == Some(&name) && allows(&name)) {
        return Ok(Notes::default());
    }
    Err(request.forbid(
        object,
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
    ))
}

fn size(claim: &v1::PersistentVolumeClaim) -> Option<object::quantity::Quantity> {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    Amounts::of(resources.and_then(|resources| resources.requests.as_ref())).get("storage")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::admission::testing::Bench;

    #[test]
    fn a_claim_grows_if_its_class_allows_it() {
        let kind = "persistentvolumeclaims";
        let bench = Bench::new()
            .with(STORAGE_CLASSES, json!({"metadata": {"name": "grows"}, "provisioner": "x", "allowVolumeExpansion": true}))
            .with(STORAGE_CLASSES, json!({"metadata": {"name": "stays"}, "provisioner": "x"}));
        let claim = |class: &str, size: &str, phase: &str| {
            bench.object(
                kind,
                json!({"metadata": {"name": "a", "namespace": "d"}, "status": {"phase": phase},
                "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}}}),
            )
        };
        for (class, size, phase, expected) in [
            ("grows", "2Gi", "Bound", None),
            ("grows", "1Gi", "Pending", None),
            (
                "grows",
                "2Gi",
                "Pending",
                Some("Only bound persistent volume claims can be expanded"),
            ),
            ("stays", "2Gi", "Bound", Some("only dynamically provisioned pvc can be resized")),
        ] {
            let old = claim(class, "1Gi", phase);
            let request = Request { old: Some(&*old), ..bench.request(kind) };
            let answer = review(&request, &*claim(class, size, phase), &bench.world);
            let error = answer.err().map(|error| error.message);
            assert_eq!(error.is_some(), expected.is_some(), "{error:?}");
            assert!(error.is_none_or(|error| error.contains(expected.unwrap())));
        }
    }
}
