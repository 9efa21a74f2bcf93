//! IngressClass.

use jiff::Timestamp;
use k8s_openapi::api::networking::v1;
use object::{FieldErrors, error::Problem, name};
use serde_json::Value;

use crate::{
    Column, Kind, column,
    parts::{cells, check},
};

const CONTROLLER_BYTES_MAX: usize = 250;
const SCOPES: [&str; 2] = ["Cluster", "Namespace"];

pub struct IngressClass;

impl Kind for IngressClass {
    type Object = v1::IngressClass;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Controller", |class: &v1::IngressClass, _| {
            cells::text(class.spec.as_ref().and_then(|spec| spec.controller.as_deref()))
        })
        .described("Controller that is responsible for handling this class"),
        column("Parameters", parameters)
            .described("A reference to a resource with additional parameters"),
        cells::age(),
    ];
    const GENERATION: bool = true;

    fn set_defaults(class: &mut v1::IngressClass) {
        if let Some(parameters) = class.spec.as_mut().and_then(|spec| spec.parameters.as_mut()) {
            check::default_text(&mut parameters.scope, "Cluster");
        }
    }

    fn validate(class: &v1::IngressClass, errors: &mut FieldErrors) {
        let Some(spec) = &class.spec else { return };
        let controller = spec.controller.as_deref().unwrap_or_default();
        if controller.len() > CONTROLLER_BYTES_MAX {
            let why = format!("may not be more than {CONTROLLER_BYTES_MAX} bytes");
            errors.push("spec.controller", Problem::TooLong, why);
        }
        check::domain_path(controller, "spec.controller", errors);
        let Some(parameters) = &spec.parameters else { return };
        let path = "spec.parameters";
        for (field, text) in [("kind", &parameters.kind), ("name", &parameters.name)] {
            check::name(text, &format!("{path}.{field}"), name::path_segment, errors);
        }
        let scope = parameters.scope.as_deref();
        check::one_of(scope, &format!("{path}.scope"), &SCOPES, errors);
        match (scope, parameters.namespace.as_deref().unwrap_or_default()) {
            (Some("Namespace"), "") => errors
                .required(format!("{path}.namespace"), "`parameters.scope` is set to 'Namespace'"),
            (Some("Cluster"), namespace) if !namespace.is_empty() => errors
                .forbidden(format!("{path}.namespace"), "`parameters.scope` is set to 'Cluster'"),
            _ => {}
        }
    }

    fn validate_update(new: &v1::IngressClass, old: &v1::IngressClass, errors: &mut FieldErrors) {
        let controller =
            |class: &v1::IngressClass| class.spec.as_ref().and_then(|spec| spec.controller.clone());
        check::immutable(&controller(new), &controller(old), "spec.controller", errors);
    }
}

fn parameters(class: &v1::IngressClass, _: Timestamp) -> Value {
    let parameters = class.spec.as_ref().and_then(|spec| spec.parameters.as_ref());
    parameters.map_or(cells::NONE.into(), |parameters| {
        let group = parameters.api_group.as_deref().filter(|group| !group.is_empty());
        let dot = if group.is_some() { "." } else { "" };
        let group = group.unwrap_or_default();
        format!("{}{dot}{group}/{}", parameters.kind, parameters.name).into()
    })
}
