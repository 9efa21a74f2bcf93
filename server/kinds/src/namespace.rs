//! Namespace.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1;
use object::FieldErrors;

use crate::{Column, Field, Kind, Subresource, Verb, column, field, parts::cells};

/// What keeps a deleted namespace until the namespace controller has emptied it.
pub const FINALIZER: &str = "kubernetes";
/// The label that selectors find a namespace by.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub struct Namespace;

impl Kind for Namespace {
    type Object = v1::Namespace;
    const SHORT_NAMES: &'static [&'static str] = &["ns"];
    const VERBS: &'static [Verb] = &[
        Verb::Create,
        Verb::Delete,
        Verb::Get,
        Verb::List,
        Verb::Patch,
        Verb::Update,
        Verb::Watch,
    ];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::part("finalize", |stored: &mut v1::Namespace, written| {
            let finalizers = written.spec.as_ref().and_then(|spec| spec.finalizers.clone());
            stored.spec.get_or_insert_default().finalizers = finalizers;
        })
        .with_verbs(&[Verb::Update]),
        Subresource::part("status", |stored: &mut v1::Namespace, written| {
            stored.status.clone_from(&written.status);
        }),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Status", |namespace: &v1::Namespace, _| phase(namespace).into())
            .described("The status of the namespace"),
        cells::age(),
    ];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("status.phase", |namespace: &v1::Namespace| phase(namespace).to_owned())];

    fn set_defaults(namespace: &mut v1::Namespace) {
        if let Some(name) = namespace.metadata.name.clone() {
            let labels = namespace.metadata.labels.get_or_insert_with(BTreeMap::new);
            labels.insert(NAME_LABEL.to_owned(), name);
        }
    }

    fn prepare_create(namespace: &mut v1::Namespace) {
        let finalizers = namespace.spec.get_or_insert_default().finalizers.get_or_insert_default();
        if !finalizers.iter().any(|name| name == FINALIZER) {
            finalizers.push(FINALIZER.to_owned());
        }
        let phase = Some("Active".to_owned());
        namespace.status = Some(v1::NamespaceStatus { phase, conditions: None });
    }

    fn validate(namespace: &v1::Namespace, errors: &mut FieldErrors) {
        let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_ref());
        for finalizer in finalizers.into_iter().flatten() {
            if let Err(why) = object::name::qualified(finalizer) {
                errors.invalid("spec.finalizers", finalizer.as_str(), why);
            }
        }
    }

    fn is_held(namespace: &v1::Namespace) -> bool {
        let finalizers = namespace.spec.as_ref().and_then(|spec| spec.finalizers.as_ref());
        finalizers.is_some_and(|finalizers| !finalizers.is_empty())
    }

    fn prepare_delete(namespace: &mut v1::Namespace) {
        namespace.status.get_or_insert_default().phase = Some("Terminating".to_owned());
    }

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::label(name)
    }
}

fn phase(namespace: &v1::Namespace) -> &str {
    namespace.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default()
}
