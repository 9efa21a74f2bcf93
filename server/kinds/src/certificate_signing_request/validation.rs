//! What a request for a certificate must say.

use k8s_openapi::api::certificates::v1::{
    CertificateSigningRequest, CertificateSigningRequestCondition,
};
use object::FieldErrors;

use x509_parser::pem::Pem;

use super::{APPROVED, Asked, DENIED, FAILED, certificate, conditions};
use crate::parts::{check, signer};

const LEGACY: &str = "kubernetes.io/legacy-unknown";
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
    if let Err(why) = Asked::read(&spec.request.0) {
        errors.invalid("spec.request", check::shown(&spec.request), why);
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
    if spec.signer_name == LEGACY {
        let why = "the legacy signerName is not allowed via this API version";
        errors.invalid("spec.signerName", LEGACY, why);
    }
    if let Some(seconds) = spec.expiration_seconds.filter(|seconds| *seconds < SECONDS_MIN) {
        errors.invalid(
            "spec.expirationSeconds",
            seconds,
            "may not specify a duration less than 600 seconds (10 minutes)",
        );
    }
    validate_conditions(conditions(request), errors);
    if let Some(certificate) = certificate(request) {
        validate_certificate(certificate, errors);
    }
}

/// One or more blocks, each a certificate.
fn validate_certificate(pem: &[u8], errors: &mut FieldErrors) {
    let mut count = 0;
    let mut refuse = |why: String| errors.invalid("status.certificate", "<certificate data>", why);
    for (index, block) in Pem::iter_from_buffer(pem).enumerate() {
        count += 1;
        match block {
            Ok(block) if block.label != "CERTIFICATE" => {
                let label = block.label;
                return refuse(format!("only CERTIFICATE PEM blocks are allowed, found {label:?}"));
            }
            Ok(block) if block.parse_x509().is_err() => {
                return refuse(format!("unable to parse certificate at block {index}"));
            }
            Ok(_) => {}
            Err(_) => return refuse("invalid PEM data".to_owned()),
        }
    }
    if count == 0 {
        refuse("must contain at least one CERTIFICATE PEM block".to_owned());
    }
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
            (APPROVED | DENIED | FAILED, status) if status != "True" => {
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
    for type_ in [APPROVED, DENIED, FAILED] {
        let count = |list: &[CertificateSigningRequestCondition]| {
            list.iter().filter(|one| one.type_ == type_).count()
        };
        if count(conditions(new)) < count(conditions(old)) {
            let why = format!("updates may not remove a condition of type {type_:?}");
            errors.forbidden("status.conditions", why);
        }
    }
    let was = certificate(old);
    if was.is_some() && certificate(new) != was {
        errors.forbidden("status.certificate", "updates may not set certificate content");
    }
}
