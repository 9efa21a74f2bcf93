//! NodePort: the claim of a port on every node. Its name is the port, so that two services can not
//! hold one; the API writes it in the same transaction as the service that it is for.

use object::FieldErrors;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Kind, column, parts::cells};

/// Whose port it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NodePortSpec {
    #[serde(default)]
    pub parent_ref: PortParent,
}

/// The service that holds a port.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PortParent {
    #[serde(default)]
    pub resource: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub name: String,
}

crate::parts::longshore::object! {
    /// The claim of a port on every node.
    NodePort, "nodeports", NodePortSpec
}

impl Kind for NodePort {
    type Object = Self;
    const COLUMNS: &'static [Column<Self>] = &[
        column("ParentRef", |port: &Self, _| {
            let PortParent { resource, namespace, name } = &port.spec.parent_ref;
            format!("{resource}/{namespace}/{name}").into()
        }),
        cells::age(),
    ];

    fn validate(port: &Self, errors: &mut FieldErrors) {
        let parent = &port.spec.parent_ref;
        for (field, value) in [
            ("resource", &parent.resource),
            ("namespace", &parent.namespace),
            ("name", &parent.name),
        ] {
            if value.is_empty() {
                errors.required(format!("spec.parentRef.{field}"), "");
            }
        }
    }

    fn validate_name(name: &str) -> Result<(), String> {
        match name.parse::<u16>() {
            Ok(port) if port > 0 && port.to_string() == name => Ok(()),
            _ => Err("must be a port number between 1 and 65535".to_owned()),
        }
    }
}
