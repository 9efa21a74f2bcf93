//! ClusterTrustBundle.

use k8s_openapi::api::certificates::v1;
use object::{FieldErrors, name};

use crate::{
    Column, Field, Kind, column, field,
    parts::{cells, check, signer},
};

pub struct ClusterTrustBundle;

impl Kind for ClusterTrustBundle {
    type Object = v1::ClusterTrustBundle;
    const COLUMNS: &'static [Column<Self::Object>] =
        &[column("SignerName", |bundle, _| cells::text(bundle.spec.signer_name.as_deref()))];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("spec.signerName", |bundle| bundle.spec.signer_name.clone().unwrap_or_default())];

    fn validate(bundle: &v1::ClusterTrustBundle, errors: &mut FieldErrors) {
        let own = bundle.metadata.name.as_deref().unwrap_or_default();
        match bundle.spec.signer_name.as_deref().unwrap_or_default() {
            "" if own.contains(':') => errors.invalid(
                "metadata.name",
                own,
                "ClusterTrustBundle without signer name must not have \":\" in its name",
            ),
            "" => check::name(own, "metadata.name", name::subdomain, errors),
            signer => {
                let prefix = format!("{}:", signer.replace('/', ":"));
                if !own.starts_with(&prefix) {
                    let why = format!(
                        "ClusterTrustBundle for signerName {signer} must be named with prefix {prefix}"
                    );
                    errors.invalid("metadata.name", own, why);
                }
                signer::validate(signer, "spec.signerName", errors);
            }
        }
        let pem = &bundle.spec.trust_bundle;
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            errors.invalid(
                "spec.trustBundle",
                "<value omitted>",
                "at least one trust anchor must be provided",
            );
        }
    }

    fn validate_update(
        new: &v1::ClusterTrustBundle,
        old: &v1::ClusterTrustBundle,
        errors: &mut FieldErrors,
    ) {
        let (path, signer) = ("spec.signerName", &new.spec.signer_name);
        check::immutable(signer, &old.spec.signer_name, path, errors);
    }

    fn validate_name(name: &str) -> Result<(), String> {
        object::name::path_segment(name)
    }
}
