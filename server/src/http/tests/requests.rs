//! Requests that are answered at once.

use std::io::Read;

use ::http::{StatusCode, Version};
use serde_json::Value;

use super::Fixture;

async fn text(answer: reqwest::Response) -> String {
    let is_compressed = answer.headers().contains_key("content-encoding");
    let bytes = answer.bytes().await.unwrap();
    if is_compressed { unzip(&bytes) } else { String::from_utf8(bytes.into()).unwrap() }
}

fn unzip(compressed: &[u8]) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(compressed).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn hands_over_the_whole_request() {
    let fixture = Fixture::new().await;
    for version in [Version::HTTP_2, Version::HTTP_11] {
        let url = fixture.url("/api/echo?a=%20b&c");
        let sent = fixture.http(version).post(&url).body("12345").send().await.unwrap();
        assert_eq!(sent.version(), version);
        let expected = format!("POST {url} from 127.0.0.1 with 5 bytes");
        assert_eq!(sent.text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn refuses_large_bodies_with_a_status() {
    let fixture = Fixture::new().await;
    let client = fixture.http(Version::HTTP_2);
    let whole = client.post(fixture.url("/api/echo")).body(vec![b'x'; 3 << 20]).send().await;
    assert_eq!(whole.unwrap().status(), StatusCode::OK);
    let answer = client.post(fixture.url("/api/echo")).body(vec![b'x'; (3 << 20) + 1]).send().await;
    let status: Value = serde_json::from_str(&answer.unwrap().text().await.unwrap()).unwrap();
    assert_eq!(status["reason"], "RequestEntityTooLarge");
    assert_eq!(status["code"], 413);
}

#[tokio::test]
async fn a_panic_is_one_requests_error() {
    let fixture = Fixture::new().await;
    let client = fixture.http(Version::HTTP_2);
    let answer = client.get(fixture.url("/api/broken")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let answer = client.get(fixture.url("/api/echo")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn compresses_large_answers_for_those_who_ask() {
    let fixture = Fixture::new().await;
    let client = fixture.http(Version::HTTP_2);
    let plain = client.get(fixture.url("/api/large")).send().await.unwrap();
    assert!(!plain.headers().contains_key("content-encoding"));
    let plain = plain.bytes().await.unwrap();
    let asked = client.get(fixture.url("/api/large")).header("accept-encoding", "gzip, br;q=0");
    let compressed = asked.send().await.unwrap();
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    let compressed = compressed.bytes().await.unwrap();
    assert!(compressed.len() < plain.len() / 10);
    assert_eq!(unzip(&compressed).as_bytes(), plain);
}

/// The session's cookie is a token for pages and documents, never for the API.
#[tokio::test]
async fn tells_pages_from_the_api() {
    let fixture = Fixture::new().await;
    let client = fixture.http(Version::HTTP_2);
    let cookie = "a=b; longshore_session=secret";
    let plain = format!("http://{}", fixture.running.dashboard.unwrap());
    for (path, expected) in [
        ("/", "page / as Some(\"secret\")"),
        ("/apps/default/web", "page /apps/default/web as Some(\"secret\")"),
        ("/openapi/v3", "Some(\"Bearer secret\")"),
    ] {
        for root in [&fixture.url(""), &plain] {
            let sent = client.get(format!("{root}{path}")).header("cookie", cookie).send().await;
            assert_eq!(sent.unwrap().text().await.unwrap(), expected);
        }
    }
    let sent = client.get(fixture.url("/api/none")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::NOT_FOUND);
    assert!(sent.text().await.unwrap().contains("\"Status\""));
}

#[tokio::test]
async fn the_browsable_page_lists_our_document_and_kubernetes() {
    let fixture = Fixture::new().await;
    let client = fixture.http(Version::HTTP_2);
    let page = client.get(fixture.url("/docs")).send().await.unwrap();
    assert_eq!(page.url().path(), "/docs/");
    assert!(text(page).await.contains("swagger-ui"));
    let script = client.get(fixture.url("/docs/swagger-initializer.js")).send().await.unwrap();
    let script = text(script).await;
    assert!(script.contains("/docs/longshore.json") && script.contains("/openapi/v3/api/v1"));
    let document = client.get(fixture.url("/docs/longshore.json")).send().await.unwrap();
    let document: Value = serde_json::from_str(&document.text().await.unwrap()).unwrap();
    for path in ["/healthz", "/version", "/apis/longshore.dev/v1/sessions", "/openapi/v3"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let fixture = Fixture::new().await;
    let again = super::Listeners {
        api: fixture.running.api,
        tls: crate::pki::Authority::load(&store::Memory::new(store::Limits::default()))
            .await
            .unwrap()
            .server_config(&[], &[], [10, 43, 0, 1].into())
            .unwrap(),
        dashboard: None,
        workers: 1,
    };
    let Err(error) = super::start(fixture.service.clone(), again) else { panic!("bound twice") };
    let expected = format!("can not listen on {}", fixture.running.api);
    assert!(error.to_string().starts_with(&expected), "{error}");
}
