//! The API as somebody uses it who means no good, or has misread its manual: each request has one
//! answer that says what is wrong, in Kubernetes' words.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::harness::Harness;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const NOWHERE: &str = "the server could not find the requested resource";
const METHOD: &str = "the server does not allow this method on the requested resource";

struct Answer {
    code: u16,
    status: Value,
}

async fn send(api: &Harness, method: &str, path: &str, media: &str, body: &str) -> Answer {
    let mut request = api.request(method, path);
    if !media.is_empty() {
        request = request.header("content-type", media);
    }
    let response = api.full(request.body(Bytes::from(body.to_owned())).unwrap()).await;
    let status = serde_json::from_slice(response.body()).unwrap_or_default();
    Answer { code: response.status().as_u16(), status }
}

/// Asks, and holds the answer against its code, its reason and a part of its message.
async fn refuses(api: &Harness, request: (&str, &str, &str, &str), expected: (u16, &str, &str)) {
    let (method, path, media, body) = request;
    let (code, reason, part) = expected;
    let Answer { code: answered, status } = send(api, method, path, media, body).await;
    let message = status["message"].as_str().unwrap_or_default();
    assert_eq!((answered, &status["reason"]), (code, &json!(reason)), "{request:?}: {status}");
    assert!(message.contains(part), "{request:?}: {message}");
    assert_eq!((&status["kind"], &status["status"]), (&json!("Status"), &json!("Failure")));
    assert_eq!(status["code"], code, "{request:?}");
    assert_ne!(status.get("details"), Some(&Value::Null), "what is not there is not told");
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_not_found() {
    let api = Harness::start().await;
    let long = format!("/api/v1/namespaces/default/configmaps/{}", "a".repeat(60_000));
    for path in [
        "/nope",
        "/api/v2",
        "/apis/nope/v1",
        "/apis/apps/v9/deployments",
        "/api/v1/nopes",
        "/api/v1/namespaces/default/nodes",
        "/api/v1/configmaps/a",
        "/api/v1/namespaces/default/configmaps/a/status",
        "/api/v1/namespaces/default/configmaps/a/b/c",
        "/api/v1/namespaces/default/configmaps/..%2F..",
        "/api/v1/namespaces/%FF/configmaps",
        "/apis/apps/v1/namespaces/default/deployments/a/nope",
        &long,
    ] {
        let answer = send(&api, "GET", path, "", "").await;
        assert_eq!((answer.code, &answer.status["reason"]), (404, &json!("NotFound")), "{path}");
    }
    refuses(&api, ("GET", "/api/v1/nopes", "", ""), (404, "NotFound", NOWHERE)).await;
    let none = (404, "NotFound", "configmaps \"a\" not found");
    refuses(&api, ("GET", &format!("{MAPS}/a"), "", ""), none).await;
    refuses(&api, ("DELETE", &format!("{MAPS}/a"), "", ""), none).await;
    refuses(&api, ("PATCH", &format!("{MAPS}/a"), MERGE, "{}"), none).await;
    let body = r#"{"metadata":{"name":"a"}}"#;
    refuses(&api, ("PUT", &format!("{MAPS}/a"), JSON, body), none).await;
    let none = (404, "NotFound", "namespaces \"nope\" not found");
    refuses(&api, ("POST", "/api/v1/namespaces/nope/configmaps", JSON, body), none).await;
    // A list of a namespace that is not there is empty.
    assert_eq!(send(&api, "GET", "/api/v1/namespaces/nope/configmaps", "", "").await.code, 200);
    for path in ["/api/v1/namespaces/default/configmaps/", "//api/v1//configmaps"] {
        assert_eq!(send(&api, "GET", path, "", "").await.code, 200, "{path}");
    }
}

#[tokio::test]
async fn methods_that_mean_nothing_are_not_allowed() {
    let api = Harness::start().await;
    for (method, path) in [
        ("POST", format!("{MAPS}/a")),
        ("PUT", MAPS.to_owned()),
        ("PATCH", MAPS.to_owned()),
        ("OPTIONS", MAPS.to_owned()),
        ("TRACE", MAPS.to_owned()),
        ("BREW", MAPS.to_owned()),
        ("POST", "/api/v1/configmaps".to_owned()),
        ("DELETE", "/api/v1/configmaps".to_owned()),
        ("POST", "/api".to_owned()),
        ("DELETE", "/version".to_owned()),
        ("PUT", "/api/v1/namespaces/default/bindings".to_owned()),
        ("GET", "/api/v1/namespaces/default/bindings".to_owned()),
        ("GET", "/apis/authorization.k8s.io/v1/subjectaccessreviews".to_owned()),
        ("GET", "/api/v1/namespaces/default/pods/a/eviction".to_owned()),
        ("DELETE", "/apis/apps/v1/namespaces/default/deployments/a/scale".to_owned()),
        ("DELETE", "/api/v1/namespaces".to_owned()),
    ] {
        let expected = (405, "MethodNotAllowed", METHOD);
        refuses(&api, (method, &path, JSON, "{}"), expected).await;
    }
}

#[tokio::test]
async fn media_types_that_nobody_reads_are_unsupported() {
    let api = Harness::start().await;
    let one = format!("{MAPS}/a");
    let body = r#"{"metadata":{"name":"a"}}"#;
    assert_eq!(send(&api, "POST", MAPS, "", body).await.code, 201, "JSON, if nothing is said");
    let bodies = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf";
    let patches = "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml";
    for (method, path, media, part) in [
        ("POST", MAPS, "text/plain", bodies),
        ("POST", MAPS, "application/json-patch+json", bodies),
        ("PUT", &one, "application/xml", bodies),
        ("PUT", &one, MERGE, bodies),
        ("DELETE", &one, "text/plain", bodies),
        ("PATCH", &one, "", patches),
        ("PATCH", &one, JSON, patches),
        ("PATCH", &one, "application/yaml", patches),
        ("PATCH", &one, "application/merge-patch", patches),
    ] {
        refuses(&api, (method, path, media, body), (415, "UnsupportedMediaType", part)).await;
    }
    for media in ["application/merge-patch+json; charset=utf-8", "APPLICATION/MERGE-PATCH+JSON"] {
        let code = send(&api, "PATCH", &one, media, "{}").await.code;
        assert_eq!(code, 200, "{media}");
    }
}

#[tokio::test]
async fn deletions_take_their_options_in_every_format() {
    let api = Harness::start().await;
    let body = r#"{"metadata":{"name":"a"}}"#;
    for (media, options) in [
        (JSON, r#"{"propagationPolicy":"Background"}"#),
        ("application/yaml", "propagationPolicy: Background\n"),
        (JSON, r#"{"kind":"DeleteOptions","apiVersion":"policy/v1"}"#),
        // `k8s\0`, then the type and no field of its options.
        (PROTOBUF, "k8s\0\n\u{13}\n\u{2}v1\u{12}\rDeleteOptions\u{12}\0"),
        ("", ""),
    ] {
        assert_eq!(send(&api, "POST", MAPS, JSON, body).await.code, 201);
        let answer = send(&api, "DELETE", &format!("{MAPS}/a"), media, options).await;
        assert_eq!(answer.code, 200, "{media} {options}: {}", answer.status);
    }
}

const ONE: &str = "/api/v1/namespaces/default/configmaps/a";
const NAMESPACE: &str =
    "the namespace of the provided object does not match the namespace sent on the request";

/// Bodies that contradict the path they are sent to, with what they are answered.
const CONTRADICTIONS: [(&str, &str, &str, u16, &str, &str); 13] = [
    (
        "POST",
        MAPS,
        r#"{"metadata":{"name":"a"}}"#,
        409,
        "AlreadyExists",
        "configmaps \"a\" already exists",
    ),
    (
        "POST",
        MAPS,
        r#"{"metadata":{"name":"b","namespace":"other"}}"#,
        400,
        "BadRequest",
        NAMESPACE,
    ),
    ("PUT", ONE, r#"{"metadata":{"name":"a","namespace":"other"}}"#, 400, "BadRequest", NAMESPACE),
    (
        "PUT",
        ONE,
        r#"{"metadata":{"name":"b"}}"#,
        400,
        "BadRequest",
        "the name of the object (b) does not match the name on the URL (a)",
    ),
    (
        "PUT",
        ONE,
        r#"{"metadata":{"name":"a","uid":"x"}}"#,
        409,
        "Conflict",
        "Operation cannot be fulfilled on configmaps \"a\": Precondition failed: UID in precondition: x, UID in object meta: ",
    ),
    (
        "PUT",
        ONE,
        r#"{"metadata":{"name":"a","resourceVersion":"1"}}"#,
        409,
        "Conflict",
        "the object has been modified; please apply your changes to the latest version and try again",
    ),
    (
        "PUT",
        ONE,
        r#"{"metadata":{"name":"a","creationTimestamp":"2001-01-01T00:00:00Z"}}"#,
        422,
        "Invalid",
        "metadata.creationTimestamp: Invalid value",
    ),
    (
        "POST",
        MAPS,
        r#"{"metadata":{"name":"b","resourceVersion":"1"}}"#,
        400,
        "BadRequest",
        "resourceVersion should not be set on objects to be created",
    ),
    (
        "POST",
        MAPS,
        r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"b"}}"#,
        400,
        "BadRequest",
        "Secret in version \"v1\" cannot be handled as a ConfigMap",
    ),
    (
        "POST",
        MAPS,
        r#"{"kind":"ConfigMap","apiVersion":"v2","metadata":{"name":"b"}}"#,
        400,
        "BadRequest",
        "does not match the expected API version (v1)",
    ),
    (
        "POST",
        MAPS,
        r#"{"metadata":{}}"#,
        422,
        "Invalid",
        "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
    ),
    (
        "POST",
        MAPS,
        r#"{"metadata":{"generateName":"A b"}}"#,
        422,
        "Invalid",
        "metadata.generateName: Invalid value: \"A b\": a lowercase RFC 1123 subdomain must consist of",
    ),
    (
        "PUT",
        ONE,
        r#"{"metadata":{"name":"a","resourceVersion":"abc"}}"#,
        400,
        "BadRequest",
        "metadata.resourceVersion: Invalid value: \"abc\"",
    ),
];

#[tokio::test]
async fn objects_that_contradict_their_path_are_refused() {
    let api = Harness::start().await;
    let made = send(&api, "POST", MAPS, JSON, r#"{"metadata":{"name":"a"}}"#).await.status;
    for (method, path, body, code, reason, part) in CONTRADICTIONS {
        refuses(&api, (method, path, JSON, body), (code, reason, part)).await;
    }
    let now = send(&api, "GET", ONE, "", "").await.status;
    assert_eq!(now["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
    // A long prefix is cut so that the name fits.
    let body = json!({"metadata": {"generateName": "a".repeat(300)}}).to_string();
    let expected = (422, "Invalid", "must be no more than 253 characters");
    refuses(&api, ("POST", MAPS, JSON, &body), expected).await;
    let prefix = "a".repeat(200);
    let body = json!({"metadata": {"generateName": prefix}}).to_string();
    let answer = send(&api, "POST", MAPS, JSON, &body).await;
    let name = answer.status["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    assert_eq!((answer.code, name.len()), (201, 63), "{}", answer.status);
}

#[tokio::test]
async fn heads_are_answered_without_bodies_of_their_own() {
    let api = Harness::start().await;
    assert_eq!(send(&api, "HEAD", MAPS, "", "").await.code, 200);
    assert_eq!(send(&api, "HEAD", &format!("{MAPS}/nope"), "", "").await.code, 404);
    // A watch has no end, and its head nothing to tell.
    let expected = (405, "MethodNotAllowed", METHOD);
    refuses(&api, ("HEAD", &format!("{MAPS}?watch=1"), "", ""), expected).await;
}

#[tokio::test]
async fn long_and_odd_queries_are_answered() {
    let api = Harness::start().await;
    send(&api, "POST", MAPS, JSON, r#"{"metadata":{"name":"a"}}"#).await;
    let long = "x".repeat(60_000);
    for (query, code) in [
        (format!("labelSelector=a%3D{long}"), 400),
        (format!("fieldSelector=metadata.name%3D{long}"), 200),
        (format!("nothing={long}"), 200),
        (format!("continue={long}"), 400),
        (format!("resourceVersion={long}"), 400),
        (format!("fieldManager={long}"), 200),
        ("%".to_owned(), 200),
        ("%ff%fe=%ff".to_owned(), 200),
        ("&&&==&".to_owned(), 200),
        ("limit=1&limit=x".to_owned(), 200),
        ("labelSelector=a%00b".to_owned(), 400),
    ] {
        let shown: String = query.chars().take(40).collect();
        let answer = send(&api, "GET", &format!("{MAPS}?{query}"), "", "").await;
        assert_eq!(answer.code, code, "{shown}: {}", answer.status);
    }
    let long = format!("{MAPS}?fieldManager={long}");
    let body = r#"{"metadata":{"name":"b"}}"#;
    let expected = (422, "Invalid", "fieldManager: Too long: may not be more than 128 bytes");
    refuses(&api, ("POST", &long, JSON, body), expected).await;
    let odd = format!("{MAPS}?fieldManager=a%09");
    let expected = (422, "Invalid", "invalid character U+0009 (at position 1)");
    refuses(&api, ("POST", &odd, JSON, body), expected).await;
}

#[tokio::test]
async fn the_root_lists_what_there_is() {
    let api = Harness::start().await;
    let paths = api.get("/").await;
    let listed = paths["paths"].as_array().unwrap();
    for path in
        ["/api", "/api/v1", "/apis/apps", "/apis/apps/v1", "/livez", "/openapi/v3", "/version"]
    {
        assert!(listed.contains(&json!(path)), "{path}: {paths}");
    }
    // Each of them has an answer.
    for path in listed {
        let path = path.as_str().unwrap();
        assert_eq!(send(&api, "GET", path, "", "").await.code, 200, "{path}");
    }
    for path in ["/api", "/apis", "/apis/apps", "/apis/apps/v1"] {
        let document = api.get(path).await;
        let nulls = document.as_object().unwrap().iter().filter(|(_, value)| value.is_null());
        assert_eq!(nulls.count(), 0, "{path}: {document}");
    }
}

#[tokio::test]
async fn answers_are_indented_for_people() {
    let api = Harness::start().await;
    let made = api.request("POST", &format!("{MAPS}?pretty=true&dryRun=All"));
    let body = r#"{"metadata":{"name":"a"}}"#;
    let response = api.full(made.body(body.into()).unwrap()).await;
    let text = String::from_utf8_lossy(response.body()).into_owned();
    let start = "{\n  \"kind\": \"ConfigMap\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {\n";
    assert!(text.starts_with(start), "{text}");
    assert!(!text.contains("resourceVersion"), "a dry run has made none: {text}");
    let request = api.request("GET", &format!("{MAPS}/a?pretty=1")).body(Bytes::new()).unwrap();
    let response = api.full(request).await;
    assert!(response.body().starts_with(b"{\n  \"kind\": \"Status\",\n"), "{:?}", response.body());
}
