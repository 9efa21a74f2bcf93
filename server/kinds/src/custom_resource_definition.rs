//! CustomResourceDefinition: an object that defines a kind.

mod names;
mod schema;
mod validation;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1;
use object::FieldErrors;
use serde_json::json;

use crate::{Kind, KindDef, Subresource, custom, registry::Defines};

/// The versions of `ConversionReview` in which a conversion webhook may be asked.
pub const REVIEW_VERSIONS: [&str; 2] = ["v1", "v1beta1"];
/// Keeps a definition until the objects of its kind are gone.
pub const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

pub struct CustomResourceDefinition;

impl Kind for CustomResourceDefinition {
    type Object = v1::CustomResourceDefinition;
    const SHORT_NAMES: &'static [&'static str] = &["crd", "crds"];
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::CustomResourceDefinition, written| {
            stored.status.clone_from(&written.status);
        })];
    const GENERATION: bool = true;
    const DEFINES: Option<Defines> = Some(Defines { stamp, kinds });

    fn set_defaults(definition: &mut v1::CustomResourceDefinition) {
        names::set_defaults(&mut definition.spec.names);
        let conversion = definition.spec.conversion.get_or_insert_with(|| {
            v1::CustomResourceConversion { strategy: "None".to_owned(), webhook: None }
        });
        let config = conversion.webhook.as_mut().and_then(|hook| hook.client_config.as_mut());
        if let Some(service) = config.and_then(|config| config.service.as_mut()) {
            service.port.get_or_insert(443);
        }
        for version in &mut definition.spec.versions {
            version.deprecated = version.deprecated.filter(|deprecated| *deprecated);
        }
    }

    fn prepare_create(definition: &mut v1::CustomResourceDefinition) {
        definition.status = Some(v1::CustomResourceDefinitionStatus::default());
        note_stored_version(definition);
    }

    fn prepare_update(
        definition: &mut v1::CustomResourceDefinition,
        _old: &v1::CustomResourceDefinition,
    ) {
        note_stored_version(definition);
    }

    /// Its objects go first.
    fn prepare_delete(definition: &mut v1::CustomResourceDefinition) {
        let finalizers = definition.metadata.finalizers.get_or_insert_default();
        if !finalizers.iter().any(|finalizer| finalizer == CLEANUP) {
            finalizers.push(CLEANUP.to_owned());
        }
        let now = definition.metadata.deletion_timestamp.clone();
        let conditions =
            definition.status.get_or_insert_default().conditions.get_or_insert_default();
        conditions.retain(|condition| condition.type_ != "Terminating");
        conditions.push(v1::CustomResourceDefinitionCondition {
            type_: "Terminating".to_owned(),
            status: "True".to_owned(),
            reason: Some("InstanceDeletionPending".to_owned()),
            message: Some("CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon".to_owned()),
            last_transition_time: now,
            ..v1::CustomResourceDefinitionCondition::default()
        });
    }

    fn validate(definition: &v1::CustomResourceDefinition, errors: &mut FieldErrors) {
        validation::validate(definition, errors);
    }

    fn validate_update(
        new: &v1::CustomResourceDefinition,
        old: &v1::CustomResourceDefinition,
        errors: &mut FieldErrors,
    ) {
        validation::validate_update(new, old, errors);
    }
}

/// Whether a condition is true.
pub fn is_true(definition: &v1::CustomResourceDefinition, condition: &str) -> bool {
    let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|c| c.type_ == condition && c.status == "True")
}

/// The version that is stored from now on is one in which objects may be found.
fn note_stored_version(definition: &mut v1::CustomResourceDefinition) {
    let Some(version) = definition.spec.versions.iter().find(|version| version.storage) else {
        return;
    };
    let status = definition.status.get_or_insert_default();
    let stored = status.stored_versions.get_or_insert_default();
    if !stored.contains(&version.name) {
        stored.push(version.name.clone());
    }
}

/// What of a definition decides what is served; nothing is, until it is established.
fn stamp(body: &[u8]) -> String {
    let Some(definition) = read(body).filter(|definition| is_true(definition, "Established"))
    else {
        return String::new();
    };
    let names = definition.status.as_ref().and_then(|status| status.accepted_names.as_ref());
    let ends = definition.metadata.deletion_timestamp.is_some();
    json!([definition.spec, names, ends]).to_string()
}

fn kinds(body: &[u8], since: u64) -> Vec<KindDef> {
    read(body).map_or_else(Vec::new, |definition| custom::declare(&definition, since))
}

fn read(body: &[u8]) -> Option<v1::CustomResourceDefinition> {
    serde_json::from_slice(body).ok()
}
