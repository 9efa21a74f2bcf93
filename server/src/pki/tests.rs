//! Keys over the store in memory.

use std::{net::IpAddr, sync::Arc};

use super::*;

fn store() -> Arc<dyn Store> {
    Arc::new(store::Memory::new(store::Limits::default()))
}

#[tokio::test]
async fn servers_that_start_at_once_share_their_keys() {
    let store = store();
    let starting = (0..8).map(|_| async {
        let authority = Authority::load(&*store).await.unwrap();
        (authority.certificate_pem().to_owned(), signing_key(&*store).await.unwrap().private_pem)
    });
    let made = futures::future::join_all(starting).await;
    assert!(made.iter().all(|keys| *keys == made[0]));
}

#[tokio::test]
async fn a_damaged_secret_is_named() {
    let store = store();
    let key = object::Key::new("secrets", "kube-system", TOKEN_KEY_SECRET);
    let body = bytes::Bytes::from_static(br#"{"metadata":{},"data":{"private.pem":"!"}}"#);
    let write = store::Write { key, expected: store::Expected::Any, body: Some(body) };
    store
        .commit(store::Transaction { writes: vec![write], ..store::Transaction::default() })
        .await
        .unwrap();
    let Err(error) = signing_key(&*store).await else { panic!("a damaged key was taken") };
    let message = error.to_string();
    assert!(message.contains("kube-system/longshore-token-key is damaged"), "{message}");
}

/// The certificate is good for every name under which clients come, and for no other.
#[tokio::test]
async fn clients_that_trust_the_authority_accept_the_server() {
    let authority = Authority::load(&*store()).await.unwrap();
    let addresses: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap(), "0.0.0.0".parse().unwrap()];
    let service = "10.43.0.1".parse().unwrap();
    let server = authority.server_config(&["host-a".to_owned()], &addresses, service).unwrap();
    let server = Arc::new(server);
    for (name, is_good) in [
        ("localhost", true),
        ("127.0.0.1", true),
        ("192.0.2.7", true),
        ("10.43.0.1", true),
        ("host-a", true),
        ("kubernetes.default.svc", true),
        ("192.0.2.8", false),
        ("example.com", false),
    ] {
        assert_eq!(shake_hands(&authority, &server, name), is_good, "{name}");
    }
}

/// Runs a TLS handshake in memory.
fn shake_hands(authority: &Authority, server: &Arc<rustls::ServerConfig>, name: &str) -> bool {
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
    let mut roots = rustls::RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(authority.certificate_pem().as_bytes()).unwrap();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut server = rustls::ServerConnection::new(server.clone()).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut &wire[..]).unwrap();
        if server.process_new_packets().is_err() {
            return false;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut &wire[..]).unwrap();
        if client.process_new_packets().is_err() {
            return false;
        }
    }
    true
}

/// A request of several groups, which no library that we have can write by itself.
fn request(subject: &str, key: &rcgen::KeyPair) -> Vec<u8> {
    use rcgen::{PublicKeyData, SigningKey};
    use x509_cert::{
        der::{Decode, Encode, EncodePem, asn1::BitString, pem::LineEnding},
        name::RdnSequence,
        request::{CertReq, CertReqInfo, Version},
        spki::{AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoOwned},
    };
    let info = CertReqInfo {
        version: Version::V1,
        subject: subject.parse::<RdnSequence>().unwrap(),
        public_key: SubjectPublicKeyInfoOwned::from_der(&key.subject_public_key_info()).unwrap(),
        attributes: Default::default(),
    };
    let oid = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
    let signature = key.sign(&info.to_der().unwrap()).unwrap();
    let request = CertReq {
        info,
        algorithm: AlgorithmIdentifierOwned { oid, parameters: None },
        signature: BitString::from_bytes(&signature).unwrap(),
    };
    request.to_pem(LineEnding::LF).unwrap().into_bytes()
}

#[tokio::test]
async fn the_authority_gives_what_was_asked_for() {
    use k8s_openapi::{ByteString, api::certificates::v1::CertificateSigningRequestSpec};
    use x509_parser::{pem::parse_x509_pem, prelude::FromDer};
    let authority = Authority::load(&*store()).await.unwrap();
    let key = KeyPair::generate().unwrap();
    let spec = CertificateSigningRequestSpec {
        request: ByteString(request("CN=jane,O=dev,O=ops", &key)),
        usages: Some(vec!["digital signature".to_owned(), "client auth".to_owned()]),
        expiration_seconds: Some(3600),
        ..CertificateSigningRequestSpec::default()
    };
    let now = jiff::Timestamp::now();
    let pem = authority.sign(&spec, now).unwrap();
    let (_, block) = parse_x509_pem(pem.as_bytes()).unwrap();
    let given = block.parse_x509().unwrap();
    let (_, root) = parse_x509_pem(authority.certificate_pem().as_bytes()).unwrap();
    let root = root.parse_x509().unwrap();
    given.verify_signature(Some(root.public_key())).unwrap();
    assert_eq!(given.issuer(), root.subject());
    let groups: Vec<&str> =
        given.subject().iter_organization().map(|group| group.as_str().unwrap()).collect();
    assert_eq!(groups.len(), 2, "{groups:?}");
    let usage = given.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth && !given.is_ca());
    let seconds = given.validity().not_after.timestamp() - now.as_second();
    assert_eq!(seconds, 3600);
    let long = CertificateSigningRequestSpec { expiration_seconds: Some(i32::MAX), ..spec };
    let pem = authority.sign(&long, now).unwrap();
    let (_, block) = parse_x509_pem(pem.as_bytes()).unwrap();
    let (_, given) = x509_parser::certificate::X509Certificate::from_der(&block.contents).unwrap();
    assert_eq!(given.validity().not_after.timestamp() - now.as_second(), 365 * 24 * 3600);
}
