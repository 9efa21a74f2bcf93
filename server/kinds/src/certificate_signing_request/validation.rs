//! What a request for a certificate must say.

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use object::FieldErrors;

use super::{APPROVED, DENIED};
use crate::parts::{check, signer};

const SECONDS_MIN: i32 = 600;
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];
const USAGES: [&str; 23] = [
    "any",
    "cert sign",
    "client auth",
    "code signing",
    "content commitment",
    "crl sign",
    "data encipherment",
    "decipher only",
    "digital signature",
    "email protection",
    "encipher only",
    "ipsec end system",
    "ipsec tunnel",
    "ipsec user",
    "key agreement",
    "key encipherment",
    "microsoft sgc",
    "netscape sgc",
    "ocsp signing",
    "s/mime",
    "server auth",
    "signing",
    "timestamping",
];

pub(super) fn validate(request: &CertificateSigningRequest, errors: &mut FieldErrors) {
    let spec = &request.spec;
    if !is_pem(&spec.request.0) {
        errors.invalid(
            "spec.request",
            check::shown(&spec.request),
            "PEM block type must be CERTIFICATE REQUEST",
        );
    }
    let usages = spec.usages.as_deref().unwrap_or_default();
    if usages.is_empty() {
        errors.required("spec.usages", "");
    }
    let mut seen = check::Once::default();
    for (index, usage) in usages.iter().enumerate() {
        let path = format!("spec.usages[{index}]");
        if !USAGES.contains(&usage.as_str()) {
            errors.not_supported(&*path, usage.as_str(), &USAGES);
        }
        seen.check(usage, &path, errors);
    }
    signer::validate(&spec.signer_name, "spec.signerName", errors);
    if let Some(seconds) = spec.expiration_seconds.filter(|seconds| *seconds < SECONDS_MIN) {
        errors.invalid(
            "spec.expirationSeconds",
            seconds,
            "may not specify a duration less than 600 seconds (10 minutes)",
        );
    }
    let conditions = request.status.as_ref().and_then(|status| status.conditions.as_deref());
    validate_conditions(conditions.unwrap_or_default(), errors);
}

fn is_pem(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    ["-----BEGIN CERTIFICATE REQUEST-----", "-----BEGIN NEW CERTIFICATE REQUEST-----"]
        .into_iter()
        .any(|head| text.contains(head))
}

fn validate_conditions(
    conditions: &[CertificateSigningRequestCondition],
    errors: &mut FieldErrors,
) {
    let mut seen = check::Once::default();
    for (index, one) in conditions.iter().enumerate() {
        let path = format!("status.conditions[{index}]");
        if one.type_.is_empty() {
            errors.required(format!("{path}.type"), "");
        }
        let at = format!("{path}.status");
        match (one.type_.as_str(), one.status.as_str()) {
            (_, "") => errors.required(at, ""),
            (APPROVED | DENIED | "Failed", status) if status != "True" => {
                errors.not_supported(at, status, &["True"]);
            }
            (_, status) if !STATUSES.contains(&status) => {
                errors.not_supported(at, status, &STATUSES);
            }
            _ => {}
        }
        seen.check(&one.type_, &format!("{path}.type"), errors);
    }
    if seen.has(APPROVED) && seen.has(DENIED) {
        errors.invalid(
            "status.conditions",
            DENIED,
            "Approved and Denied conditions are mutually exclusive",
        );
    }
}

pub(super) fn validate_update(
    new: &CertificateSigningRequest,
    old: &CertificateSigningRequest,
    errors: &mut FieldErrors,
) {
    let conditions = |request: &CertificateSigningRequest| {
        request.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default()
    };
    let (new_conditions, old_conditions) = (conditions(new), conditions(old));
    for type_ in [APPROVED, DENIED, "Failed"] {
        let count = |list: &[CertificateSigningRequestCondition]| {
            list.iter().filter(|one| one.type_ == type_).count()
        };
        if count(&new_conditions) < count(&old_conditions) {
            let why = format!("updates may not remove a condition of type {type_:?}");
            errors.forbidden("status.conditions", why);
        }
    }
    let certificate = |request: &CertificateSigningRequest| {
        request.status.as_ref().and_then(|status| status.certificate.clone())
    };
    let was = certificate(old).filter(|certificate| !certificate.0.is_empty());
    if was.is_some() && certificate(new) != was {
        errors.forbidden("status.certificate", "updates may not set certificate content");
    }
}
