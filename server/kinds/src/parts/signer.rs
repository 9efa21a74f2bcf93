//! Names of signers of certificates.

use object::{FieldErrors, error::Problem, name};

const BYTES_MAX: usize = 571;

/// `example.com/name`.
pub(crate) fn validate(signer: &str, path: &str, errors: &mut FieldErrors) {
    if signer.is_empty() {
        return errors.required(path, "");
    }
    let Some((domain, rest)) = signer.split_once('/').filter(|(_, rest)| !rest.contains('/'))
    else {
        let why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        return errors.invalid(path, signer, why);
    };
    if let Err(why) = name::subdomain(domain) {
        errors.invalid(path, domain, format!("validating label {domain:?}: {why}"));
    } else if !domain.contains('.') {
        errors.invalid(
            path,
            domain,
            "should be a domain with at least two segments separated by dots",
        );
    }
    if let Err(why) = name::subdomain(rest) {
        errors.invalid(path, signer, format!("validating label {rest:?}: {why}"));
    }
    if signer.len() > BYTES_MAX {
        let why = format!("may not be more than {BYTES_MAX} bytes");
        errors.push(path, Problem::TooLong, why);
    }
}
