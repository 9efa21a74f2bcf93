//! IPAddress: the claim of a service's IP. Its name is the address, so that two services can not
//! hold one; the API writes it in the same transaction as the service that it is for.

use std::net::IpAddr;

use k8s_openapi::api::networking::v1;
use object::FieldErrors;

use crate::{Column, Field, Kind, column, field};

pub struct IPAddress;

impl Kind for IPAddress {
    type Object = v1::IPAddress;
    const SHORT_NAMES: &'static [&'static str] = &["ip"];
    const COLUMNS: &'static [Column<Self::Object>] =
        &[column("ParentRef", |address: &v1::IPAddress, _| {
            let parent = &address.spec.parent_ref;
            let parts = [
                parent.group.as_deref(),
                Some(parent.resource.as_str()),
                parent.namespace.as_deref(),
                Some(parent.name.as_str()),
            ];
            let named = parts.into_iter().flatten().filter(|part| !part.is_empty());
            named.collect::<Vec<_>>().join("/").into()
        })];
    const FIELDS: &'static [Field<Self::Object>] = &[
        field("spec.parentRef.namespace", |address: &v1::IPAddress| {
            address.spec.parent_ref.namespace.clone().unwrap_or_default()
        }),
        field("spec.parentRef.name", |address: &v1::IPAddress| {
            address.spec.parent_ref.name.clone()
        }),
    ];

    fn validate(address: &v1::IPAddress, errors: &mut FieldErrors) {
        let parent = &address.spec.parent_ref;
        for (field, value) in [("resource", &parent.resource), ("name", &parent.name)] {
            if value.is_empty() {
                errors.required(format!("spec.parentRef.{field}"), "");
            }
        }
    }

    fn validate_update(new: &v1::IPAddress, old: &v1::IPAddress, errors: &mut FieldErrors) {
        if new.spec.parent_ref != old.spec.parent_ref {
            let parent = serde_json::to_value(&new.spec.parent_ref).unwrap_or_default();
            errors.invalid("spec.parentRef", parent, "field is immutable");
        }
    }

    fn validate_name(name: &str) -> Result<(), String> {
        match name.parse::<IpAddr>() {
            Ok(address) if address.to_string() == name => Ok(()),
            Ok(address) => Err(format!("must be in canonical form (\"{address}\")")),
            Err(_) => Err("must be a valid IP address".to_owned()),
        }
    }
}
