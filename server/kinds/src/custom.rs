//! Kinds that objects define at run time: what a stored definition declares, in the form in which
//! built-in kinds declare themselves.

mod check;
mod coerce;
mod formats;
mod object;
mod path;
mod printed;
mod published;
mod rules;
mod structure;

use std::sync::{Arc, OnceLock};

use ::object::{
    FieldErrors, KindName,
    schema::{Schema, Types},
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1 as definitions;
use serde_json::Value;

use crate::{
    Kept, KindDef, Scope, Strategy, SubresourceDef, Text, Verb,
    kind::{Decoded, name_column},
};

pub(crate) use path::Path;
pub(crate) use rules::compile as compile_rules;
pub(crate) use structure::Structure;

use printed::Printed;

/// What is wrong with a default: it must fit the schema that it belongs to.
pub(crate) fn judge_default(
    default: &Value,
    structure: &Structure,
    at: &str,
    errors: &mut FieldErrors,
) {
    let mut pruned = default.clone();
    if coerce::prune(&mut pruned, structure).is_ok_and(|unknown| !unknown.is_empty()) {
        errors.invalid(at, default.clone(), "must not have unknown fields");
        return;
    }
    let mut own = FieldErrors::default();
    coerce::fill(&mut pruned, structure);
    check::check(&pruned, structure, &mut own);
    for mut error in own.0 {
        let rest = std::mem::take(&mut error.path);
        let below = if rest == "<nil>" || rest.starts_with('[') { "" } else { "." };
        error.path = if rest == "<nil>" { at.to_owned() } else { format!("{at}{below}{rest}") };
        errors.0.push(error);
    }
}

/// The verbs of a kind whose definition is being deleted: nothing new comes.
const VERBS_OF_ENDING: &[Verb] = &[
    Verb::Delete,
    Verb::DeleteCollection,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Update,
    Verb::Watch,
];

/// One served version of a custom kind.
pub struct CustomKind {
    api_version: Text,
    kind: Text,
    structure: Structure,
    has_status: bool,
    scale: Option<Scale>,
    printed: Vec<Printed>,
    /// The fields that selectors may name.
    selectable: Vec<(Text, Path)>,
    /// The schema as it was written, for documents.
    schema: Box<str>,
    /// The name under which documents show it.
    definition: Text,
    types: OnceLock<Types>,
    rules: OnceLock<Option<rules::Rules>>,
}

/// Where an object has its replicas.
struct Scale {
    replicas: Path,
    status_replicas: Path,
    selector: Option<Path>,
}

/// Every served version of the kind that a definition declares, under the names that were accepted.
/// `since` is the revision from which on bodies are written by this definition.
pub(crate) fn declare(
    definition: &definitions::CustomResourceDefinition,
    since: u64,
) -> Vec<KindDef> {
    let versions = &definition.spec.versions;
    let Some(stored) = versions.iter().find(|version| version.storage) else { return Vec::new() };
    // Bodies hold what other versions declare, too: then each shows what it knows of them.
    let is_one = versions.iter().all(|version| version.schema == stored.schema);
    let since = if is_one { since } else { u64::MAX };
    let served = versions.iter().filter(|version| version.served || version.storage);
    served.map(|version| declare_version(definition, version, stored, since)).collect()
}

fn declare_version(
    definition: &definitions::CustomResourceDefinition,
    version: &definitions::CustomResourceDefinitionVersion,
    stored: &definitions::CustomResourceDefinitionVersion,
    since: u64,
) -> KindDef {
    let spec = &definition.spec;
    let names = definition.status.as_ref().and_then(|status| status.accepted_names.as_ref());
    let names = names.unwrap_or(&spec.names);
    let custom = Arc::new(CustomKind::new(spec, names, version));
    let api_version = |version: &str| Text::from(format!("{}/{version}", spec.group));
    let subresources = version.subresources.as_ref();
    let mut parts = Vec::new();
    if subresources.is_some_and(|parts| parts.status.is_some()) {
        parts.push(part("status", None));
    }
    if custom.scale.is_some() {
        parts.push(part("scale", Some(("autoscaling", "v1", "Scale"))));
    }
    let texts = |texts: &Option<Vec<String>>| {
        texts.iter().flatten().map(|text| Text::from(text.clone())).collect()
    };
    let kind = names.kind.clone();
    let ends = definition.metadata.deletion_timestamp.is_some();
    let singular = names.singular.clone().unwrap_or_else(|| kind.to_lowercase());
    KindDef {
        name: KindName::new(&names.plural, &spec.group),
        group: spec.group.clone().into(),
        version: version.name.clone().into(),
        api_version: api_version(&version.name),
        plural: names.plural.clone().into(),
        singular: singular.into(),
        list_kind: names.list_kind.clone().unwrap_or_else(|| format!("{kind}List")).into(),
        kind: kind.into(),
        scope: if spec.scope == "Namespaced" { Scope::Namespaced } else { Scope::Cluster },
        short_names: texts(&names.short_names),
        categories: texts(&names.categories),
        verbs: if ends { VERBS_OF_ENDING } else { Verb::ALL },
        subresources: parts,
        columns: std::iter::once(name_column())
            .chain(custom.printed.iter().map(|printed| printed.column.clone()))
            .collect(),
        fields: custom.selectable.iter().map(|(path, _)| path.clone()).collect(),
        generation: true,
        secret: false,
        returns_deleted: false,
        answered: None,
        computed: false,
        deprecated: deprecation(spec, names, version),
        definition: custom.definition.clone(),
        kept: Kept::Custom {
            stored: api_version(&stored.name),
            is_served: version.served,
            strategy: strategy(spec.conversion.as_ref()),
            since,
        },
        codec: Arc::new(custom.clone()),
        custom: Some(custom),
        defines: None,
    }
}

fn part(
    name: &'static str,
    kind: Option<(&'static str, &'static str, &'static str)>,
) -> SubresourceDef {
    SubresourceDef {
        name,
        response_kind: kind,
        verbs: &[Verb::Get, Verb::Patch, Verb::Update],
        writes_object: true,
        scales: kind.is_some(),
        post: None,
        connects: false,
        proxies: None,
        awaits: false,
    }
}

fn strategy(conversion: Option<&definitions::CustomResourceConversion>) -> Strategy {
    let webhook = conversion.filter(|conversion| conversion.strategy == "Webhook");
    match webhook.and_then(|conversion| conversion.webhook.clone()) {
        Some(webhook) => Strategy::Webhook(Arc::new(webhook)),
        None => Strategy::Rename,
    }
}

/// What users of a deprecated version are warned of.
fn deprecation(
    spec: &definitions::CustomResourceDefinitionSpec,
    names: &definitions::CustomResourceDefinitionNames,
    version: &definitions::CustomResourceDefinitionVersion,
) -> Option<Text> {
    if version.deprecated != Some(true) {
        return None;
    }
    let own = version.deprecation_warning.clone();
    let usual = || format!("{}/{} {} is deprecated", spec.group, version.name, names.kind);
    Some(own.unwrap_or_else(usual).into())
}

impl CustomKind {
    fn new(
        spec: &definitions::CustomResourceDefinitionSpec,
        names: &definitions::CustomResourceDefinitionNames,
        version: &definitions::CustomResourceDefinitionVersion,
    ) -> Self {
        let schema = version.schema.as_ref().and_then(|schema| schema.open_api_v3_schema.as_ref());
        let mut structure = schema.map_or_else(Structure::anything, Structure::read);
        structure.preserves |= spec.preserve_unknown_fields == Some(true);
        let subresources = version.subresources.as_ref();
        let scale = subresources.and_then(|parts| parts.scale.as_ref()).map(|scale| Scale {
            replicas: Path::parse(&scale.spec_replicas_path),
            status_replicas: Path::parse(&scale.status_replicas_path),
            selector: scale.label_selector_path.as_deref().map(Path::parse),
        });
        let selectable = version.selectable_fields.iter().flatten().map(|field| {
            let path = field.json_path.trim_start_matches('.').to_owned();
            (path.into(), Path::parse(&field.json_path))
        });
        Self {
            api_version: format!("{}/{}", spec.group, version.name).into(),
            kind: names.kind.clone().into(),
            structure,
            has_status: subresources.is_some_and(|parts| parts.status.is_some()),
            scale,
            printed: printed::read(version.additional_printer_columns.as_deref()),
            selectable: selectable.collect(),
            schema: schema
                .and_then(|schema| serde_json::to_string(schema).ok())
                .unwrap_or_else(|| {
                    r#"{"type":"object","x-kubernetes-preserve-unknown-fields":true}"#.to_owned()
                })
                .into(),
            definition: published::name(&spec.group, &version.name, &names.kind).into(),
            types: OnceLock::new(),
            rules: OnceLock::new(),
        }
    }

    /// The schema as its definition says it.
    pub(crate) fn written(&self) -> &str {
        &self.schema
    }

    /// The types by which its objects are patched, and their fields owned.
    pub(crate) fn schema(&self) -> Schema<'_> {
        let types = self.types.get_or_init(|| published::types(self));
        types.schema(&self.definition).unwrap_or_else(Schema::untyped)
    }

    /// The fields on the way to the replicas, if it is scaled.
    pub(crate) fn replicas_path(&self) -> Option<Vec<&str>> {
        self.scale.as_ref().map(|scale| scale.replicas.fields().collect())
    }

    /// Its rules, compiled when they are first needed.
    fn rules(&self) -> Option<&rules::Rules> {
        let rules = self.rules.get_or_init(|| {
            let schema = serde_json::from_str(&self.schema).unwrap_or_default();
            // The definition was refused for any that can not be compiled.
            rules::compile(&schema, "", &mut Vec::new())
        });
        rules.as_ref()
    }

    /// Brings a body into the form of its kind: fields that it does not have go. Gives those:
    /// `unknown field "spec.foo"`.
    pub(crate) fn conform(&self, value: &mut Value) -> Result<Vec<String>, String> {
        coerce::conform(value, &self.structure)
    }

    /// A body that was written by an older definition, or converted, in the form of this one.
    pub fn refresh(&self, value: &mut Value) {
        // What can not be read as metadata shows when the object is decoded.
        drop(coerce::conform(value, &self.structure));
        coerce::fill(value, &self.structure);
    }

    fn decode_value(self: Arc<Self>, value: Value) -> Decoded {
        Ok(Box::new(object::Custom::read(self, value)?))
    }
}

impl crate::Codec for Arc<CustomKind> {
    fn decode(&self, body: &[u8]) -> Decoded {
        self.clone().decode_value(serde_json::from_slice(body)?)
    }
    fn decode_value(&self, value: Value) -> Decoded {
        self.clone().decode_value(value)
    }
    fn validate_name(&self, name: &str) -> Result<(), String> {
        ::object::name::subdomain(name)
    }
    fn define(&self, definitions: &mut crate::Definitions) {
        published::define(self, definitions);
    }
}
