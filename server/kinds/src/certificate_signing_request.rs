//! CertificateSigningRequest.

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1;
use object::FieldErrors;
use serde_json::Value;

use crate::{Column, Field, Kind, Subresource, column, field, parts::cells};

mod asked;
mod validation;

pub use asked::Asked;

pub const APPROVED: &str = "Approved";
pub const DENIED: &str = "Denied";
pub const FAILED: &str = "Failed";

pub struct CertificateSigningRequest;

impl Kind for CertificateSigningRequest {
    type Object = v1::CertificateSigningRequest;
    const SHORT_NAMES: &'static [&'static str] = &["csr"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[
        Subresource::part("approval", |stored: &mut v1::CertificateSigningRequest, written| {
            let conditions = written.status.as_ref().and_then(|status| status.conditions.clone());
            stored.status.get_or_insert_default().conditions = conditions;
        }),
        Subresource::part("status", write_status),
    ];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        cells::age(),
        column("SignerName", |request: &v1::CertificateSigningRequest, _| {
            cells::or_none(Some(&request.spec.signer_name))
        }),
        column("Requestor", |request: &v1::CertificateSigningRequest, _| {
            cells::text(request.spec.username.as_deref())
        }),
        column("RequestedDuration", |request: &v1::CertificateSigningRequest, _| {
            request
                .spec
                .expiration_seconds
                .map_or(cells::NONE.into(), |seconds| cells::duration(seconds.into()).into())
        }),
        column("Condition", condition),
    ];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("spec.signerName", |request| request.spec.signer_name.clone())];

    fn set_defaults(request: &mut v1::CertificateSigningRequest) {
        if request.spec.usages.is_none() {
            request.spec.usages =
                Some(vec!["digital signature".to_owned(), "key encipherment".to_owned()]);
        }
        let conditions = request.status.iter_mut().flat_map(|status| &mut status.conditions);
        for one in conditions.flatten() {
            if one.status.is_empty() {
                "True".clone_into(&mut one.status);
            }
        }
    }

    fn prepare_create(request: &mut v1::CertificateSigningRequest) {
        request.status = Some(v1::CertificateSigningRequestStatus::default());
    }

    fn prepare_update(
        new: &mut v1::CertificateSigningRequest,
        old: &v1::CertificateSigningRequest,
    ) {
        // Who asked for what never changes.
        new.spec.clone_from(&old.spec);
    }

    fn validate(request: &v1::CertificateSigningRequest, errors: &mut FieldErrors) {
        validation::validate(request, errors);
    }

    fn validate_update(
        new: &v1::CertificateSigningRequest,
        old: &v1::CertificateSigningRequest,
        errors: &mut FieldErrors,
    ) {
        validation::validate_update(new, old, errors);
    }
}

pub fn conditions(
    request: &v1::CertificateSigningRequest,
) -> &[v1::CertificateSigningRequestCondition] {
    request.status.as_ref().and_then(|status| status.conditions.as_deref()).unwrap_or_default()
}

/// The condition of a type, if it is there.
pub fn find<'c>(
    request: &'c v1::CertificateSigningRequest,
    kind: &str,
) -> Option<&'c v1::CertificateSigningRequestCondition> {
    conditions(request).iter().find(|condition| condition.type_ == kind)
}

/// The certificate that was given, as PEM.
pub fn certificate(request: &v1::CertificateSigningRequest) -> Option<&[u8]> {
    let certificate = request.status.as_ref()?.certificate.as_ref()?;
    (!certificate.0.is_empty()).then_some(&certificate.0)
}

/// The status without what only an approver writes.
fn write_status(
    stored: &mut v1::CertificateSigningRequest,
    written: &v1::CertificateSigningRequest,
) {
    let is_verdict = |one: &v1::CertificateSigningRequestCondition| {
        matches!(one.type_.as_str(), APPROVED | DENIED)
    };
    let mut kept: Vec<_> =
        conditions(stored).iter().filter(|one| is_verdict(one)).cloned().collect();
    kept.extend(conditions(written).iter().filter(|one| !is_verdict(one)).cloned());
    let mut status = written.status.clone().unwrap_or_default();
    status.conditions = (!kept.is_empty()).then_some(kept);
    stored.status = Some(status);
}

/// `Approved,Issued`.
fn condition(request: &v1::CertificateSigningRequest, _: Timestamp) -> Value {
    let has = |kind: &str| find(request, kind).is_some();
    let mut text = match (has(APPROVED), has(DENIED)) {
        (_, true) => DENIED.to_owned(),
        (true, false) => APPROVED.to_owned(),
        (false, false) => "Pending".to_owned(),
    };
    if has(FAILED) {
        text.push_str(",Failed");
    }
    if certificate(request).is_some() {
        text.push_str(",Issued");
    }
    text.into()
}

#[cfg(test)]
mod tests;
