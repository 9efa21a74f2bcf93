//! People of an identity provider, which the test plays on loopback.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use api::oidc::{Issuer, Mapping, SignIn};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::Harness;

struct Key {
    name: String,
    pair: KeyPair,
}

impl Key {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), pair: KeyPair::generate().unwrap() }
    }

    fn public(&self) -> Value {
        let point = self.pair.der_bytes().to_vec();
        let (x, y) = point[1..].split_at(32);
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.name,
            "x": text(x), "y": text(y)})
    }

    fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.name.clone()), ..Header::new(Algorithm::ES256) };
        let key = EncodingKey::from_ec_pem(self.pair.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, claims, &key).unwrap()
    }
}

/// What the provider answers, by path; and the forms that were posted to it.
#[derive(Clone, Default)]
struct Answers {
    documents: Arc<Mutex<BTreeMap<String, Value>>>,
    posted: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    fn set(&self, path: &str, document: Value) {
        self.documents.lock().unwrap().insert(path.to_owned(), document);
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut read = vec![0; 16 * 1024];
            let mut length = 0;
            let (head, body) = loop {
                length += stream.read(&mut read[length..]).await.unwrap();
                let text = String::from_utf8_lossy(&read[..length]).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let announced = head
                    .lines()
                    .filter_map(|line| {
                        line.to_lowercase().strip_prefix("content-length: ")?.parse().ok()
                    })
                    .next()
                    .unwrap_or(0);
                if body.len() >= announced {
                    break (head.to_owned(), body.to_owned());
                }
            };
            if !body.is_empty() {
                self.posted.lock().unwrap().push(body);
            }
            let path = head.split(' ').nth(1).unwrap();
            let document = self.documents.lock().unwrap().get(path).cloned();
            let (status, text) = match document {
                Some(document) => ("200 OK", document.to_string()),
                None => ("404 Not Found", String::new()),
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
                text.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }
}

struct Fixture {
    api: Harness,
    answers: Answers,
    url: String,
    key: Key,
}

impl Fixture {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (answers, key) = (Answers::default(), Key::new("first"));
        answers.set(
            "/.well-known/openid-configuration",
            json!({"issuer": url, "jwks_uri": format!("{url}/keys"),
                "authorization_endpoint": format!("{url}/authorize"),
                "token_endpoint": format!("{url}/token")}),
        );
        answers.set("/keys", json!({"keys": [key.public()]}));
        tokio::spawn(answers.clone().serve(listener));
        let issuer = Issuer {
            url: url.clone(),
            audiences: vec!["longshore".to_owned()],
            username: Mapping { claim: "sub".into(), prefix: "id:".into() },
            groups: Some(Mapping { claim: "groups".into(), prefix: "id:".into() }),
            sign_in: Some(SignIn {
                name: "example".into(),
                title: "Example".into(),
                client_id: "longshore".into(),
                ..SignIn::default()
            }),
            ..Issuer::default()
        };
        let api = Harness::start_with(|settings| settings.issuers = vec![issuer]).await;
        Self { api, answers, url, key }
    }

    fn claims(&self) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({"iss": self.url, "aud": "longshore", "sub": "jane", "groups": ["dev"],
            "iat": now, "exp": now + 600})
    }

    async fn is_let_in(&self, token: &str) -> bool {
        self.api.api.authenticate(Some(token)).await.is_ok()
    }
}

#[tokio::test]
async fn people_of_an_identity_provider_are_let_in() {
    let fixture = Fixture::start().await;
    let token = fixture.key.sign(&fixture.claims());
    let user = fixture.api.api.authenticate(Some(&token)).await.unwrap();
    assert_eq!(user.name, "id:jane");
    assert!(user.is_in("id:dev") && user.is_in("system:authenticated"));
    let now = jiff::Timestamp::now().as_second();
    for (field, value) in [
        ("aud", json!("other")),
        ("iss", json!("http://127.0.0.1:1")),
        ("exp", json!(now - 60)),
        ("nbf", json!(now + 600)),
        ("sub", json!("")),
    ] {
        let mut claims = fixture.claims();
        claims[field] = value;
        assert!(!fixture.is_let_in(&fixture.key.sign(&claims)).await, "{field}");
    }
    let forged = Key { name: "first".into(), pair: KeyPair::generate().unwrap() };
    assert!(!fixture.is_let_in(&forged.sign(&fixture.claims())).await);
    let mut late = fixture.claims();
    late["exp"] = (now - 5).into();
    assert!(fixture.is_let_in(&fixture.key.sign(&late)).await, "clocks differ");
}

#[tokio::test]
async fn a_provider_may_change_its_keys() {
    let fixture = Fixture::start().await;
    assert!(fixture.is_let_in(&fixture.key.sign(&fixture.claims())).await);
    let second = Key::new("second");
    fixture.answers.set("/keys", json!({"keys": [second.public()]}));
    let token = second.sign(&fixture.claims());
    assert!(!fixture.is_let_in(&token).await, "nobody makes us ask without end");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    assert!(fixture.is_let_in(&token).await);
    assert!(!fixture.is_let_in(&fixture.key.sign(&fixture.claims())).await, "the old key is gone");
}

#[tokio::test]
async fn the_dashboard_logs_in_by_the_code_flow() {
    let fixture = Fixture::start().await;
    let api = &fixture.api.api;
    assert_eq!(api.sign_in_options()[0].title, "Example");
    let back = "https://here/login/with/example/callback";
    let begun = api.begin_sign_in("example", back).await.unwrap();
    let (address, query) = begun.url.split_once('?').unwrap();
    assert_eq!(address, format!("{}/authorize", fixture.url));
    let asked: BTreeMap<String, String> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!((asked["response_type"].as_str(), asked["redirect_uri"].as_str()), ("code", back));
    let mut claims = fixture.claims();
    claims["nonce"] = asked["nonce"].as_str().into();
    fixture.answers.set("/token", json!({"id_token": fixture.key.sign(&claims)}));
    let finish = async |state: &str| api.finish_sign_in(&begun.pocket, back, state, "code").await;
    assert!(finish("another").await.is_err());
    let session = finish(&asked["state"]).await.unwrap();
    let user = api.authenticate(Some(&session.text)).await.unwrap();
    assert_eq!(user.name, "id:jane");
    let posted = fixture.answers.posted.lock().unwrap().last().unwrap().clone();
    let posted: BTreeMap<String, String> =
        form_urlencoded::parse(posted.as_bytes()).into_owned().collect();
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&posted["code_verifier"]));
    assert_eq!(challenge, asked["code_challenge"], "whoever stole the code lacks this");
    claims["nonce"] = "another".into();
    fixture.answers.set("/token", json!({"id_token": fixture.key.sign(&claims)}));
    assert!(finish(&asked["state"]).await.is_err(), "another log-in's answer");
}

#[tokio::test]
async fn a_provider_that_is_away_keeps_its_people() {
    let fixture = Fixture::start().await;
    let token = fixture.key.sign(&fixture.claims());
    assert!(fixture.is_let_in(&token).await);
    fixture.answers.documents.lock().unwrap().clear();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3601)).await;
    tokio::time::resume();
    assert!(fixture.is_let_in(&token).await, "what it said holds on");
    let unknown = Key::new("unknown").sign(&fixture.claims());
    assert!(!fixture.is_let_in(&unknown).await);
}
