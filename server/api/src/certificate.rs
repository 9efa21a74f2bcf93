//! Whom a client's certificate names.

use jiff::Timestamp;
use planning::access::User;
use sha2::{Digest, Sha256};
use x509_parser::{oid_registry::asn1_rs::oid, prelude::FromDer, x509::X509Name};

/// By which credential a user came.
pub(crate) const CREDENTIAL: &str = "authentication.kubernetes.io/credential-id";

/// A client's certificate that the TLS layer has verified against the cluster's authority.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    user: User,
    expires: Timestamp,
}

impl ClientCertificate {
    /// Reads a certificate in DER: the common name is the user, the organizations are the groups.
    /// `None` for one that names nobody.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = x509_parser::certificate::X509Certificate::from_der(der).ok()?;
        let is_for_clients = match certificate.extended_key_usage() {
            Ok(Some(usage)) => usage.value.client_auth || usage.value.any,
            Ok(None) => true,
            Err(_) => false,
        };
        let subject = certificate.subject();
        let name = subject.iter_common_name().last()?.as_str().ok()?.to_owned();
        if name.is_empty() || !is_for_clients {
            return None;
        }
        let groups = subject.iter_organization().map(|group| group.as_str().map(str::to_owned));
        let digest: String = Sha256::digest(der).iter().map(|byte| format!("{byte:02x}")).collect();
        let user = User {
            name,
            uid: uid(subject),
            groups: groups.collect::<Result<_, _>>().ok()?,
            extra: [(CREDENTIAL.to_owned(), vec![format!("X509SHA256={digest}")])].into(),
        };
        let expires = Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()?;
        Some(Self { user, expires })
    }

    /// Whose it is, as long as it is good.
    pub(crate) fn user(&self, now: Timestamp) -> Option<User> {
        (now < self.expires).then(|| self.user.clone().authenticated())
    }
}

/// Kubernetes' own attribute for a user's uid.
fn uid(subject: &X509Name<'_>) -> String {
    let attribute = subject.iter_by_oid(&oid!(1.3.6.1.4.1.57683.2)).next();
    attribute.and_then(|uid| uid.as_str().ok()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};

    use super::*;

    fn certificate(name: &str, purpose: ExtendedKeyUsagePurpose) -> Option<ClientCertificate> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "dev");
        if !name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.extended_key_usages = vec![purpose];
        params.not_after = rcgen::date_time_ymd(2030, 1, 1);
        let key = KeyPair::generate().unwrap();
        ClientCertificate::read(params.self_signed(&key).unwrap().der())
    }

    #[test]
    fn names_the_user_until_it_expires() {
        let certificate = certificate("jane", ExtendedKeyUsagePurpose::ClientAuth).unwrap();
        let user = certificate.user("2029-12-31T00:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(user.name, "jane");
        assert_eq!(user.groups, ["dev", "system:authenticated"]);
        assert!(user.extra[CREDENTIAL][0].starts_with("X509SHA256="));
        assert!(certificate.user("2030-01-01T00:00:00Z".parse().unwrap()).is_none());
    }

    #[test]
    fn what_is_no_clients_names_nobody() {
        assert!(certificate("jane", ExtendedKeyUsagePurpose::ServerAuth).is_none());
        assert!(certificate("", ExtendedKeyUsagePurpose::ClientAuth).is_none());
        assert!(ClientCertificate::read(b"nonsense").is_none());
    }
}
