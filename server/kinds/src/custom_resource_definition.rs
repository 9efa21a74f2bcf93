//! CustomResourceDefinition. What it does to the registry is the API's; here it is declared, and
//! its names, scope and versions are checked.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1;
use object::FieldErrors;

use crate::{
    Column, Kind, Subresource,
    parts::{cells, check},
};

mod validation;

pub struct CustomResourceDefinition;

impl Kind for CustomResourceDefinition {
    type Object = v1::CustomResourceDefinition;
    const SHORT_NAMES: &'static [&'static str] = &["crd", "crds"];
    const CATEGORIES: &'static [&'static str] = &["api-extensions"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::CustomResourceDefinition, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[cells::created_at()];
    const GENERATION: bool = true;

    fn set_defaults(definition: &mut v1::CustomResourceDefinition) {
        let spec = &mut definition.spec;
        set_name_defaults(&mut spec.names);
        if let Some(status) = &mut definition.status
            && let Some(names) = &mut status.accepted_names
            && !names.kind.is_empty()
        {
            set_name_defaults(names);
        }
        let conversion = spec.conversion.get_or_insert_with(|| v1::CustomResourceConversion {
            strategy: "None".to_owned(),
            webhook: None,
        });
        let client = conversion.webhook.as_mut().and_then(|one| one.client_config.as_mut());
        if let Some(service) = client.and_then(|client| client.service.as_mut()) {
            service.port.get_or_insert(443);
        }
        for version in &mut spec.versions {
            if version.deprecated != Some(true) {
                version.deprecated = None;
            }
        }
    }

    fn prepare_create(definition: &mut v1::CustomResourceDefinition) {
        let stored = definition.spec.versions.iter().find(|version| version.storage);
        definition.status = Some(v1::CustomResourceDefinitionStatus {
            stored_versions: stored.map(|version| vec![version.name.clone()]),
            ..Default::default()
        });
    }

    fn prepare_update(new: &mut v1::CustomResourceDefinition, old: &v1::CustomResourceDefinition) {
        // What was ever stored in a version has to be told before the version may go.
        let Some(stored) = new.spec.versions.iter().find(|version| version.storage) else { return };
        new.status.clone_from(&old.status);
        let versions = new.status.get_or_insert_default().stored_versions.get_or_insert_default();
        if !versions.contains(&stored.name) {
            versions.push(stored.name.clone());
        }
    }

    fn validate(definition: &v1::CustomResourceDefinition, errors: &mut FieldErrors) {
        validation::validate(definition, errors);
    }

    fn validate_update(
        new: &v1::CustomResourceDefinition,
        old: &v1::CustomResourceDefinition,
        errors: &mut FieldErrors,
    ) {
        let conditions = old.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let mut established = conditions.filter(|condition| condition.type_ == "Established");
        if established.any(|condition| condition.status == "True") {
            let (new, old) = (&new.spec, &old.spec);
            check::immutable(&new.scope, &old.scope, "spec.scope", errors);
            check::immutable(&new.names.kind, &old.names.kind, "spec.names.kind", errors);
        }
        check::immutable(&new.spec.group, &old.spec.group, "spec.group", errors);
        let (path, plural) = ("spec.names.plural", &new.spec.names.plural);
        check::immutable(plural, &old.spec.names.plural, path, errors);
    }
}

fn set_name_defaults(names: &mut v1::CustomResourceDefinitionNames) {
    check::default_text(&mut names.singular, &names.kind.to_lowercase());
    check::default_text(&mut names.list_kind, &format!("{}List", names.kind));
}
