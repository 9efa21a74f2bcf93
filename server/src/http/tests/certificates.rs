//! Clients that show a certificate, to a real API.

use std::{net::SocketAddr, sync::Arc};

use api::{Api, Settings};
use k8s_openapi::{ByteString, api::certificates::v1::CertificateSigningRequestSpec};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::{Value, json};
use store::Store;

use crate::{
    http::{Listeners, Running, start},
    pki::{self, Authority},
};

struct Server {
    running: Running,
    authority: Arc<Authority>,
}

impl Server {
    async fn start() -> Self {
        let store: Arc<dyn Store> = Arc::new(store::Memory::new(store::Limits::default()));
        let authority = Authority::load(&*store).await.unwrap();
        let settings = Settings::new(pki::signing_key(&*store).await.unwrap());
        let api = Api::new(store, settings).unwrap();
        api.start(Vec::new()).await.unwrap();
        let tls = authority.server_config(&[], &[], [10, 43, 0, 1].into()).unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listeners = Listeners { api: any, tls, dashboard: None, workers: 1 };
        Self { running: start(Arc::new(api), listeners).unwrap(), authority }
    }

    /// A client with the certificate of a user, signed by this authority, or with none.
    fn client(&self, authority: &Authority, user: Option<&str>) -> reqwest::Client {
        let mut roots = rustls::RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.certificate_pem().as_bytes());
        roots.add(root.unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match user {
            None => config.with_no_client_auth(),
            Some(user) => {
                let (certificate, key) = certificate(authority, user);
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        reqwest::Client::builder().tls_backend_preconfigured(config).build().unwrap()
    }

    async fn who(&self, client: &reqwest::Client) -> reqwest::Result<(u16, Value)> {
        let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        let url = format!("https://{}{path}", self.running.api);
        let body = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
        let answer = client.post(url).json(&body).send().await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }
}

fn certificate(
    authority: &Authority,
    user: &str,
) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, user);
    params.distinguished_name.push(DnType::OrganizationName, "dev");
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    let spec = CertificateSigningRequestSpec {
        request: ByteString(request.into_bytes()),
        usages: Some(vec!["client auth".to_owned()]),
        ..CertificateSigningRequestSpec::default()
    };
    let pem = authority.sign(&spec, jiff::Timestamp::now()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    (CertificateDer::from_pem_slice(pem.as_bytes()).unwrap(), key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_says_who_its_client_is() {
    let server = Server::start().await;
    let jane = server.client(&server.authority, Some("jane"));
    for _ in ["a new connection", "a used one"] {
        let (code, review) = server.who(&jane).await.unwrap();
        assert_eq!(code, 201, "{review}");
        let user = &review["status"]["userInfo"];
        assert_eq!(user["username"], "jane");
        assert_eq!(user["groups"], json!(["dev", "system:authenticated"]));
        assert!(user["extra"]["authentication.kubernetes.io/credential-id"][0].is_string());
    }
    let nobody = server.client(&server.authority, None);
    assert_eq!(server.who(&nobody).await.unwrap().0, 403);
    let other = Authority::load(&store::Memory::new(store::Limits::default())).await.unwrap();
    let stranger = server.client(&other, Some("admin"));
    // A client keeps a certificate of an authority that was not asked for to itself, or is refused.
    if let Ok((code, _)) = server.who(&stranger).await {
        assert_eq!(code, 403);
    }
    server.running.stop().await;
}
