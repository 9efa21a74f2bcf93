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
