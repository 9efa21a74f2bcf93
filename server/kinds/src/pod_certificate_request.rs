//! PodCertificateRequest.

use k8s_openapi::api::certificates::v1;
use object::{FieldErrors, name};

use crate::{
    Column, Field, Kind, Subresource, column, field,
    parts::{cells, check, signer},
};

const SECONDS_MIN: i32 = 3600;
const SECONDS_MAX: i32 = 91 * 24 * 3600;

pub struct PodCertificateRequest;

impl Kind for PodCertificateRequest {
    type Object = v1::PodCertificateRequest;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::PodCertificateRequest, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("PodName", |request: &v1::PodCertificateRequest, _| {
            request.spec.pod_name.as_str().into()
        }),
        column("ServiceAccountName", |request: &v1::PodCertificateRequest, _| {
            request.spec.service_account_name.as_str().into()
        }),
        column("NodeName", |request: &v1::PodCertificateRequest, _| {
            request.spec.node_name.as_str().into()
        }),
        column("SignerName", |request: &v1::PodCertificateRequest, _| {
            request.spec.signer_name.as_str().into()
        }),
        column("State", |request: &v1::PodCertificateRequest, _| {
            let conditions = request.status.as_ref().and_then(|status| status.conditions.as_ref());
            conditions.into_iter().flatten().next().map_or("Pending", |one| &one.type_).into()
        }),
        cells::age(),
    ];
    const FIELDS: &'static [Field<Self::Object>] = &[
        field("spec.signerName", |request| request.spec.signer_name.clone()),
        field("spec.podName", |request| request.spec.pod_name.clone()),
        field("spec.nodeName", |request| request.spec.node_name.clone()),
    ];

    fn set_defaults(request: &mut v1::PodCertificateRequest) {
        request.spec.max_expiration_seconds.get_or_insert(24 * 3600);
    }

    fn prepare_create(request: &mut v1::PodCertificateRequest) {
        request.status = Some(v1::PodCertificateRequestStatus::default());
    }

    fn validate(request: &v1::PodCertificateRequest, errors: &mut FieldErrors) {
        let spec = &request.spec;
        signer::validate(&spec.signer_name, "spec.signerName", errors);
        for (field, text) in [
            ("podName", &spec.pod_name),
            ("serviceAccountName", &spec.service_account_name),
            ("nodeName", &spec.node_name),
        ] {
            check::name(text, &format!("spec.{field}"), name::subdomain, errors);
        }
        for (field, text) in [
            ("podUID", &spec.pod_uid),
            ("serviceAccountUID", &spec.service_account_uid),
            ("nodeUID", &spec.node_uid),
        ] {
            if text.is_empty() {
                errors.required(format!("spec.{field}"), "must not be empty");
            }
        }
        let seconds = spec.max_expiration_seconds.unwrap_or_default();
        if !(SECONDS_MIN..=SECONDS_MAX).contains(&seconds) {
            let why = format!("must be in the range [{SECONDS_MIN}, {SECONDS_MAX}]");
            errors.invalid("spec.maxExpirationSeconds", seconds, why);
        }
        if spec.stub_pkc_s10_request.0.is_empty() {
            errors.required("spec.stubPKCS10Request", "must not be empty");
        }
    }

    fn validate_update(
        new: &v1::PodCertificateRequest,
        old: &v1::PodCertificateRequest,
        errors: &mut FieldErrors,
    ) {
        check::immutable(&new.spec, &old.spec, "spec", errors);
    }
}
