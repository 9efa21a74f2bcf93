//! Nothing is created in a namespace that is not there or that is going, and the namespaces that
//! the system lives in stay.

use kinds::AnyObject;
use object::{ApiError, Key};
use serde_json::json;

use super::{Request, name_of, namespace_of};
use crate::World;

const IMMORTAL: [&str; 3] = ["default", "kube-system", "kube-public"];

pub(super) fn check(
    request: &Request<'_>,
    object: &mut dyn AnyObject,
    world: &World,
) -> Result<(), ApiError> {
    // A review asks about a namespace, whether it is there or not.
    if !request.def.is_namespaced() || !request.is_create() || request.def.answered.is_some() {
        return Ok(());
    }
    let namespace = namespace_of(object);
    let Some(entry) = world.entry(&Key::new("namespaces", "", namespace)) else {
        return Err(ApiError::not_found("namespaces", namespace));
    };
    if !entry.meta.is_deleting() && entry.field("status.phase") != "Terminating" {
        return Ok(());
    }
    let mut error = request.forbid(
        object,
        format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        ),
    );
    if let Some(details) = &mut error.details {
        details["causes"] = json!([{
            "reason": "NamespaceTerminating",
            "message": format!("namespace {namespace} is being terminated"),
            "field": "metadata.namespace",
        }]);
    }
    Err(error)
}

pub(super) fn check_deletion(
    request: &Request<'_>,
    object: &dyn AnyObject,
) -> Result<(), ApiError> {
    if &*request.def.name == "namespaces" && IMMORTAL.contains(&name_of(object)) {
        return Err(request.forbid(object, "this namespace may not be deleted"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{admit, check_deletion, testing::Bench};

    #[test]
    fn a_namespace_must_be_there_and_stay() {
        let bench = Bench::new()
            .with("namespaces", json!({"metadata": {"name": "d"}, "status": {"phase": "Active"}}))
            .with(
                "namespaces",
                json!({"metadata": {"name": "gone"}, "status": {"phase": "Terminating"}}),
            );
        let map = |namespace: &str| {
            bench.object("configmaps", json!({"metadata": {"name": "a", "namespace": namespace}}))
        };
        let request = bench.request("configmaps");
        admit(&request, &mut *map("d"), &bench.world).unwrap();
        let error = admit(&request, &mut *map("x"), &bench.world).unwrap_err();
        assert_eq!(error.message, "namespaces \"x\" not found");
        let error = admit(&request, &mut *map("gone"), &bench.world).unwrap_err();
        assert_eq!(
            error.message,
            "configmaps \"a\" is forbidden: unable to create new content in namespace gone because it is being terminated"
        );
        assert_eq!(error.to_status()["details"]["causes"][0]["reason"], "NamespaceTerminating");
        let old = map("gone");
        let update = Request { old: Some(&*old), ..bench.request("configmaps") };
        admit(&update, &mut *map("gone"), &bench.world).unwrap();
        let namespace = bench.object("namespaces", json!({"metadata": {"name": "default"}}));
        let error = check_deletion(&bench.request("namespaces"), &*namespace).unwrap_err();
        assert_eq!(
            error.message,
            "namespaces \"default\" is forbidden: this namespace may not be deleted"
        );
    }
}
