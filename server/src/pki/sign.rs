//! Certificates that the authority gives to those who asked for them. Subject and key stand in the
//! certificate as they stood in the request, whatever they hold.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::certificates::v1::CertificateSigningRequestSpec;
use rand::Rng;
use rcgen::SigningKey;
use x509_cert::{
    Certificate, TbsCertificate, Version,
    attr::Attribute,
    der::{
        Decode, Encode, EncodePem,
        asn1::{BitString, ObjectIdentifier, OctetString, UtcTime},
        pem::LineEnding,
    },
    ext::{
        AsExtension, Extension,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages,
            SubjectKeyIdentifier,
        },
    },
    request::{CertReq, ExtensionReq},
    serial_number::SerialNumber,
    spki::AlgorithmIdentifierOwned,
    time::{Time, Validity},
};

use super::{Authority, PkiError};

/// How long a certificate lives at most, and unless its request says less.
const SECONDS_MAX: i64 = 365 * 24 * 3600;
const SECONDS_MIN: i64 = 600;
/// Clocks of other machines may be behind.
const BACKDATED_SECONDS: i64 = 300;
const SERIAL_BYTES: usize = 16;

const ECDSA_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");
const SERVER_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1");

impl From<x509_cert::der::Error> for PkiError {
    fn from(error: x509_cert::der::Error) -> Self {
        Self::Crypto(error.to_string())
    }
}

impl Authority {
    /// The certificate, as PEM, that an approved request asks for. Who may ask for what is decided
    /// before.
    ///
    /// # Errors
    /// When the request is none, or signing fails.
    pub fn sign(
        &self,
        spec: &CertificateSigningRequestSpec,
        now: Timestamp,
    ) -> Result<String, PkiError> {
        let request = read(&spec.request.0)?;
        let own = Certificate::from_der(&self.certificate_der()?)?;
        let algorithm = AlgorithmIdentifierOwned { oid: ECDSA_SHA256, parameters: None };
        let tbs_certificate = TbsCertificate {
            version: Version::V3,
            serial_number: serial()?,
            signature: algorithm.clone(),
            issuer: own.tbs_certificate.subject.clone(),
            validity: validity(spec.expiration_seconds, &own, now)?,
            subject: request.info.subject.clone(),
            subject_public_key_info: request.info.public_key.clone(),
            issuer_unique_id: None,
            subject_unique_id: None,
            extensions: Some(extensions(spec, &request, &own)?),
        };
        let signature = self.key().sign(&tbs_certificate.to_der()?)?;
        let signature = BitString::from_bytes(&signature)?;
        let signed = Certificate { tbs_certificate, signature_algorithm: algorithm, signature };
        Ok(signed.to_pem(LineEnding::LF)?)
    }
}

/// A request whose own signature is right.
fn read(pem: &[u8]) -> Result<CertReq, PkiError> {
    kinds::certificate_signing_request::Asked::read(pem).map_err(PkiError::Crypto)?;
    let (_, der) = x509_cert::der::pem::decode_vec(pem)
        .map_err(|error| PkiError::Crypto(error.to_string()))?;
    Ok(CertReq::from_der(&der)?)
}

/// Random, positive and without a leading zero.
fn serial() -> Result<SerialNumber, PkiError> {
    let mut bytes = [0; SERIAL_BYTES];
    rand::rng().fill(&mut bytes);
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::new(&bytes)?)
}

fn validity(asked: Option<i32>, own: &Certificate, now: Timestamp) -> Result<Validity, PkiError> {
    let seconds = asked.map_or(SECONDS_MAX, i64::from).clamp(SECONDS_MIN, SECONDS_MAX);
    let ends = own.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    let now = now.as_second();
    let last = i64::try_from(ends).unwrap_or(i64::MAX).min(now + seconds);
    let time = |second: i64| {
        let since = Duration::from_secs(u64::try_from(second).unwrap_or(0));
        Ok::<_, PkiError>(Time::UtcTime(UtcTime::from_unix_duration(since)?))
    };
    Ok(Validity { not_before: time(now - BACKDATED_SECONDS)?, not_after: time(last)? })
}

fn extensions(
    spec: &CertificateSigningRequestSpec,
    request: &CertReq,
    own: &Certificate,
) -> Result<Vec<Extension>, PkiError> {
    let usages = spec.usages.as_deref().unwrap_or_default();
    let has = |usage: &str| usages.iter().any(|one| one == usage);
    let mut key_usage = KeyUsage(KeyUsages::DigitalSignature.into());
    if has("key encipherment") {
        key_usage.0 |= KeyUsages::KeyEncipherment;
    }
    let purposes: Vec<ObjectIdentifier> =
        [("client auth", CLIENT_AUTH), ("server auth", SERVER_AUTH)]
            .into_iter()
            .filter_map(|(usage, id)| has(usage).then_some(id))
            .collect();
    let subject = &request.info.subject;
    let constraints = BasicConstraints { ca: false, path_len_constraint: None };
    let mut all = vec![
        key_usage.to_extension(subject, &[])?,
        ExtendedKeyUsage(purposes).to_extension(subject, &[])?,
        constraints.to_extension(subject, &[])?,
    ];
    if let Ok(Some((_, id))) = own.tbs_certificate.get::<SubjectKeyIdentifier>() {
        let id = AuthorityKeyIdentifier {
            key_identifier: Some(OctetString::new(id.0.as_bytes())?),
            ..AuthorityKeyIdentifier::default()
        };
        all.push(id.to_extension(subject, &[])?);
    }
    all.extend(alternative_names(request)?);
    Ok(all)
}

/// The other names that the request asks for, as it words them.
fn alternative_names(request: &CertReq) -> Result<Option<Extension>, PkiError> {
    let asks = |attribute: &&Attribute| attribute.oid == EXTENSION_REQUEST;
    for attribute in request.info.attributes.iter().filter(asks) {
        for value in attribute.values.iter() {
            let asked = ExtensionReq::from_der(&value.to_der()?)?;
            let names = asked.0.into_iter().find(|one| one.extn_id == ALTERNATIVE_NAMES);
            if names.is_some() {
                return Ok(names);
            }
        }
    }
    Ok(None)
}
