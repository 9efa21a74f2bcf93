//! Every option of lists, watches, gets and deletions, alone and in combinations that make no
//! sense, and every form in which an answer may be asked for.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use store::{Limits, Memory};

use crate::harness::Harness;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn create(api: &Harness, name: &str) -> u64 {
    let (code, made) = api.ask("POST", MAPS, json!({"metadata": {"name": name}})).await;
    assert_eq!(code, 201, "{made}");
    revision(&made)
}

fn revision(object: &Value) -> u64 {
    object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap()
}

fn names(list: &Value) -> String {
    let items = list["items"].as_array().unwrap().iter();
    let names: Vec<_> = items.map(|item| item["metadata"]["name"].as_str().unwrap()).collect();
    names.join(" ")
}

/// Maps `a` to `d`, of which the first two were there at the revision that is given.
async fn four(api: &Harness) -> u64 {
    create(api, "a").await;
    let at = create(api, "b").await;
    create(api, "c").await;
    create(api, "d").await;
    at
}

#[tokio::test]
async fn lists_answer_their_options() {
    let api = Harness::start().await;
    let at = four(&api).await;
    for (options, expected, remaining) in [
        (String::new(), "a b c d", None),
        ("limit=0".to_owned(), "a b c d", None),
        ("limit=-1".to_owned(), "a b c d", None),
        ("limit=3".to_owned(), "a b c", Some(1)),
        ("resourceVersion=0".to_owned(), "a b c d", None),
        // At least as new, in pages or not.
        (format!("resourceVersion={at}"), "a b c d", None),
        (format!("resourceVersion={at}&resourceVersionMatch=NotOlderThan"), "a b c d", None),
        (
            format!("resourceVersion={at}&resourceVersionMatch=NotOlderThan&limit=3"),
            "a b c",
            Some(1),
        ),
        ("resourceVersion=0&resourceVersionMatch=NotOlderThan".to_owned(), "a b c d", None),
        // As it was then: on demand, and for pages of old.
        (format!("resourceVersion={at}&resourceVersionMatch=Exact"), "a b", None),
        (format!("resourceVersion={at}&resourceVersionMatch=Exact&limit=1"), "a", Some(1)),
        (format!("resourceVersion={at}&limit=1"), "a", Some(1)),
        // What is left is not counted where it would have to be looked at.
        ("limit=1&labelSelector=!x".to_owned(), "a", None),
        ("fieldSelector=metadata.name%3Db".to_owned(), "b", None),
        ("fieldSelector=metadata.name!%3Db,metadata.namespace%3Ddefault".to_owned(), "a c d", None),
        ("watch=false&timeoutSeconds=5&pretty=true".to_owned(), "a b c d", None),
        ("watch=FALSE".to_owned(), "a b c d", None),
        ("unheard=of".to_owned(), "a b c d", None),
    ] {
        let list = api.get(&format!("{MAPS}?{options}")).await;
        let left = list["metadata"].get("remainingItemCount").and_then(Value::as_i64);
        assert_eq!((names(&list).as_str(), left), (expected, remaining), "{options}");
        if options.contains("Exact") {
            assert_eq!(revision(&list), at, "{options}");
        }
    }
}

#[tokio::test]
async fn pages_of_an_exact_list_stay_at_its_revision() {
    let api = Harness::start().await;
    let at = four(&api).await;
    let exact = format!("{MAPS}?resourceVersion={at}&resourceVersionMatch=Exact&limit=1");
    let first = api.get(&exact).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    let second = api.get(&format!("{MAPS}?limit=5&continue={token}")).await;
    assert_eq!((names(&second).as_str(), revision(&second)), ("b", at));
    let refused = format!("{MAPS}?continue={token}&resourceVersion={at}");
    let (code, status) = api.ask("GET", &refused, Value::Null).await;
    let message = "specifying resource version is not allowed when using continue";
    assert_eq!((code, &status["message"]), (400, &json!(message)));
    assert_eq!(names(&api.get(&format!("{MAPS}?continue={token}&resourceVersion=0")).await), "b");
}

#[tokio::test]
async fn a_revision_that_is_gone_is_told() {
    let limits = Limits { log_count_max: 4, ..Limits::default() };
    let api = Harness::start_over(Arc::new(Memory::new(limits))).await;
    let at = four(&api).await;
    four_more(&api).await;
    for options in ["resourceVersionMatch=Exact", "limit=1"] {
        let path = format!("{MAPS}?resourceVersion={at}&{options}");
        let (code, status) = api.ask("GET", &path, Value::Null).await;
        assert_eq!((code, &status["reason"]), (410, &json!("Expired")), "{status}");
        let message = status["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("too old resource version: {at}")), "{message}");
    }
    let mut watch = api.watch(&format!("{MAPS}?watch=1&resourceVersion={at}")).await;
    let told = watch.next().await;
    assert_eq!((&told["type"], &told["object"]["code"]), (&json!("ERROR"), &json!(410)));
    let future = at + 1000;
    let path = format!("{MAPS}?resourceVersion={future}&resourceVersionMatch=NotOlderThan");
    let (code, status) = api.ask("GET", &path, Value::Null).await;
    assert_eq!((code, &status["reason"]), (504, &json!("Timeout")), "{status}");
    let cause = &status["details"]["causes"][0];
    assert_eq!(cause["reason"], "ResourceVersionTooLarge");
    assert_eq!(status["details"]["retryAfterSeconds"], 1);
}

async fn four_more(api: &Harness) {
    for name in ["e", "f", "g", "h"] {
        create(api, name).await;
    }
}

/// Options of lists and watches that make no sense, with the code and a part of the message.
const SENSELESS: [(&str, u16, &str); 25] = [
    (
        "resourceVersion=abc",
        400,
        r#"invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax"#,
    ),
    ("resourceVersion=-1", 400, r#"strconv.ParseUint: parsing "-1": invalid syntax"#),
    ("resourceVersion=99999999999999999999", 400, "value out of range"),
    ("limit=abc", 400, r#"strconv.ParseInt: parsing "abc": invalid syntax"#),
    ("timeoutSeconds=x", 400, r#"strconv.ParseInt: parsing "x": invalid syntax"#),
    ("limit=99999999999999999999", 400, "value out of range"),
    ("continue=%00", 400, "continue key is not valid"),
    ("continue=abc", 400, "continue key is not valid"),
    ("continue=e30", 400, "continue key is not valid"),
    (
        "resourceVersionMatch=Exact",
        422,
        "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
    ),
    (
        "resourceVersionMatch=Odd&resourceVersion=1",
        422,
        r#"resourceVersionMatch: Unsupported value: "Odd": supported values: "Exact", "NotOlderThan", """#,
    ),
    (
        "resourceVersionMatch=Exact&resourceVersion=0",
        422,
        r#"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#,
    ),
    (
        "resourceVersionMatch=NotOlderThan&resourceVersion=1&continue=x",
        422,
        "resourceVersionMatch is forbidden when continue is provided",
    ),
    (
        "sendInitialEvents=true",
        422,
        "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list",
    ),
    ("sendInitialEvents=false", 422, "sendInitialEvents is forbidden for list"),
    (
        "watch=1&sendInitialEvents=true",
        422,
        "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
    ),
    (
        "watch=1&resourceVersionMatch=NotOlderThan&resourceVersion=1",
        422,
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
    ),
    (
        "watch=1&sendInitialEvents=true&resourceVersionMatch=Exact",
        422,
        r#"resourceVersionMatch: Unsupported value: "Exact": supported values: "NotOlderThan""#,
    ),
    ("watch=1&resourceVersion=abc", 400, "invalid resource version"),
    ("labelSelector=a%20in%20b", 400, "unable to parse requirement"),
    ("labelSelector=%3D%3D%3D", 400, "expected: !, identifier, or 'end of string'"),
    ("labelSelector=a%3D-", 400, "unable to parse requirement"),
    ("labelSelector=%FF%3D1", 400, "unable to parse requirement"),
    ("fieldSelector=a", 400, "invalid selector: 'a'; can't understand 'a'"),
    (
        "fieldSelector=x%3Dy",
        400,
        r#""x" is not a known field selector: only "metadata.name", "metadata.namespace""#,
    ),
];

#[tokio::test]
async fn senseless_options_are_refused_as_kubernetes_does() {
    let api = Harness::start().await;
    for (options, code, part) in SENSELESS {
        let (answered, status) = api.ask("GET", &format!("{MAPS}?{options}"), Value::Null).await;
        let message = status["message"].as_str().unwrap();
        assert!(message.contains(part), "{options}: {message}");
        let reason = if code == 422 { "Invalid" } else { "BadRequest" };
        assert_eq!((answered, &status["reason"]), (code, &json!(reason)), "{options}: {status}");
        if code == 422 {
            assert_eq!(status["details"]["kind"], "ListOptions");
            assert_eq!(status["details"]["group"], "meta.k8s.io");
        }
    }
    let (code, status) =
        api.ask("GET", "/api/v1/pods?fieldSelector=spec.image%3Dx", Value::Null).await;
    assert_eq!((code, &status["message"]), (400, &json!("field label not supported: spec.image")));
}

#[tokio::test]
async fn watches_answer_their_options() {
    let api = Harness::start().await;
    let at = four(&api).await;
    let seen = async |options: &str, count: usize| {
        let mut watch = api.watch(&format!("{MAPS}?watch=true&{options}")).await;
        let mut seen = Vec::new();
        for _ in 0..count {
            let event = watch.next().await;
            let name = event["object"]["metadata"]["name"].as_str().unwrap_or("-").to_owned();
            seen.push(format!("{} {name}", event["type"].as_str().unwrap()));
        }
        seen.join(", ")
    };
    let all = "ADDED a, ADDED b, ADDED c, ADDED d";
    assert_eq!(seen("", 4).await, all);
    assert_eq!(seen("resourceVersion=0", 4).await, all);
    // A page is nothing that a watch has.
    assert_eq!(seen("limit=1", 4).await, all);
    let after = format!("resourceVersion={at}");
    assert_eq!(seen(&after, 2).await, "ADDED c, ADDED d");
    assert_eq!(seen("fieldSelector=metadata.name%3Dc", 1).await, "ADDED c");
    let initial = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1";
    assert_eq!(seen(initial, 5).await, format!("{all}, BOOKMARK -"));
    let without =
        format!("sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion={at}");
    assert_eq!(seen(&without, 2).await, "ADDED c, ADDED d");
}

#[tokio::test]
async fn a_watch_ends_when_it_was_to() {
    use futures::StreamExt;
    let api = Harness::start().await;
    create(&api, "a").await;
    let request = api.request("GET", &format!("{MAPS}?watch=1&timeoutSeconds=1"));
    let api::Answer::Stream(_, lines) = api.send(request.body(Bytes::new()).unwrap()).await else {
        panic!("a watch")
    };
    assert_eq!(lines.count().await, 1, "it ended after what it had to tell");
}

#[tokio::test]
async fn gets_answer_their_options() {
    let api = Harness::start().await;
    let at = create(&api, "a").await;
    for (options, code) in [
        (String::new(), 200),
        ("resourceVersion=0".to_owned(), 200),
        (format!("resourceVersion={at}"), 200),
        (format!("resourceVersion={}", at + 1000), 504),
        ("resourceVersion=abc".to_owned(), 400),
        ("pretty=1".to_owned(), 200),
        // A watch is of a collection; the name of one object does not make one.
        ("watch=1".to_owned(), 200),
    ] {
        let (answered, body) = api.ask("GET", &format!("{MAPS}/a?{options}"), Value::Null).await;
        assert_eq!(answered, code, "{options}: {body}");
    }
}

#[tokio::test]
async fn deletions_answer_their_options() {
    let api = Harness::start().await;
    create(&api, "a").await;
    for (query, body, code, part) in [
        (
            "gracePeriodSeconds=x",
            Value::Null,
            400,
            r#"strconv.ParseInt: parsing "x": invalid syntax"#,
        ),
        (
            "propagationPolicy=Odd",
            Value::Null,
            422,
            r#"DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Odd": supported values: "Foreground", "Background", "Orphan", "nil""#,
        ),
        (
            "propagationPolicy=Orphan&orphanDependents=true",
            Value::Null,
            422,
            "orphanDependents and deletionPropagation cannot be both set",
        ),
        ("dryRun=Some", Value::Null, 422, "dryRun: Unsupported value"),
        ("", json!({"propagationPolicy": "Odd"}), 422, "propagationPolicy: Unsupported value"),
        ("", json!({"dryRun": ["Some"]}), 422, "dryRun: Unsupported value"),
        ("", json!({"gracePeriodSeconds": "x"}), 400, "DeleteOptions"),
        (
            "",
            json!({"preconditions": {"uid": "x"}}),
            409,
            "Precondition failed: UID in precondition: x, UID in object meta: ",
        ),
        (
            "",
            json!({"preconditions": {"resourceVersion": "1"}}),
            409,
            "Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: ",
        ),
        ("", json!({"kind": "Pod", "apiVersion": "v1"}), 400, "Pod"),
        ("dryRun=All", Value::Null, 200, ""),
        ("", json!({"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]}), 200, ""),
        ("propagationPolicy=Background&gracePeriodSeconds=0", Value::Null, 200, ""),
    ] {
        let (answered, status) =
            api.ask("DELETE", &format!("{MAPS}/a?{query}"), body.clone()).await;
        assert_eq!(answered, code, "{query} {body}: {status}");
        let message = status["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{query} {body}: {message}");
    }
    assert_eq!(api.ask("GET", &format!("{MAPS}/a"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn answers_have_the_form_that_was_asked_for() {
    let api = Harness::start().await;
    create(&api, "a").await;
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    let partials = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io";
    for (path, accept, code, kind) in [
        ("", "", 200, "ConfigMapList"),
        ("", "*/*", 200, "ConfigMapList"),
        ("", "application/*", 200, "ConfigMapList"),
        ("", "application/json;pretty=1", 200, "ConfigMapList"),
        ("", table, 200, "Table"),
        ("", partials, 200, "PartialObjectMetadataList"),
        ("/a", "", 200, "ConfigMap"),
        ("/a", table, 200, "Table"),
        ("/a", partial, 200, "PartialObjectMetadata"),
        ("/a", "application/json;as=Table;v=v9;g=meta.k8s.io", 406, "Status"),
        ("/a", "application/json;as=Odd;v=v1;g=meta.k8s.io", 406, "Status"),
        ("/a", "application/json;as=Odd;v=v1;g=meta.k8s.io,application/json", 200, "ConfigMap"),
        ("/a", "text/html", 406, "Status"),
        ("/a", "text/html,*/*;q=0.8", 200, "ConfigMap"),
        ("/a", "application/vnd.kubernetes.protobuf", 406, "Status"),
        ("/a", "application/vnd.kubernetes.protobuf,application/json", 200, "ConfigMap"),
    ] {
        let request = api.request("GET", &format!("{MAPS}{path}")).header("accept", accept);
        let response = api.full(request.body(Bytes::new()).unwrap()).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            (response.status().as_u16(), &body["kind"]),
            (code, &json!(kind)),
            "{path} {accept}: {body}"
        );
        if code == 406 {
            assert_eq!(body["reason"], "NotAcceptable");
        }
    }
    let request = api.request("GET", MAPS).header("accept", "application/yaml");
    let response = api.full(request.body(Bytes::new()).unwrap()).await;
    assert!(response.body().starts_with(b"apiVersion: v1\n"), "{:?}", response.body());
    // What goes wrong is told in the form that was asked for, too.
    let request = api.request("GET", &format!("{MAPS}/nope")).header("accept", "application/yaml");
    let response = api.full(request.body(Bytes::new()).unwrap()).await;
    assert_eq!(response.headers()["content-type"], "application/yaml");
    let told = String::from_utf8_lossy(response.body()).into_owned();
    assert!(told.contains("reason: NotFound"), "{told}");
}

/// `includeObject` says what a row of a table has of its object.
#[tokio::test]
async fn rows_have_as_much_of_their_objects_as_was_asked_for() {
    let api = Harness::start().await;
    create(&api, "a").await;
    for (include, kind) in [
        ("", "PartialObjectMetadata"),
        ("Metadata", "PartialObjectMetadata"),
        ("Object", "ConfigMap"),
    ] {
        let request = api
            .request("GET", &format!("{MAPS}?includeObject={include}"))
            .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
        let response = api.full(request.body(Bytes::new()).unwrap()).await;
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["rows"][0]["object"]["kind"], kind, "{body}");
    }
    let request = api
        .request("GET", &format!("{MAPS}?includeObject=None"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let response = api.full(request.body(Bytes::new()).unwrap()).await;
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    assert!(body["rows"][0]["object"].is_null(), "{body}");
    let request = api
        .request("GET", &format!("{MAPS}?includeObject=Odd"))
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let response = api.full(request.body(Bytes::new()).unwrap()).await;
    assert_eq!(response.status(), 400);
}
