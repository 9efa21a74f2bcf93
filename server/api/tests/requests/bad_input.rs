//! Input that nobody sends by mistake: too deep, too large, too many, not text, not numbers. Each
//! is answered with a refusal, never with an error of the server, and leaves nothing behind.

use bytes::Bytes;
use http::HeaderValue;
use serde_json::{Value, json};

use crate::harness::Harness;

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/default/deployments?dryRun=All";
const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
const APPLY: &str = "application/apply-patch+yaml";
const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    APPLY,
];

async fn send(api: &Harness, method: &str, path: &str, media: &str, body: Bytes) -> (u16, String) {
    let mut request = api.request(method, path);
    if !media.is_empty() {
        request = request.header("content-type", media);
    }
    let response = api.full(request.body(body).unwrap()).await;
    let text = String::from_utf8_lossy(response.body()).chars().take(600).collect();
    (response.status().as_u16(), text)
}

/// Every body, sent to be created; the codes that may come.
async fn refuses(api: &Harness, path: &str, cases: Vec<(&str, &str, Vec<u8>, &[u16])>) {
    for (what, media, body, codes) in cases {
        let (code, answer) = send(api, "POST", path, media, body.into()).await;
        assert!(codes.contains(&code), "{what}: {code}, not one of {codes:?}: {answer}");
    }
}

fn map(fields: &str) -> Vec<u8> {
    format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"x"}}{fields}}}"#).into()
}

fn meta(fields: &str) -> Vec<u8> {
    format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{{fields}}}}}"#).into()
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    open.repeat(depth) + "1" + &close.repeat(depth)
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused() {
    let api = Harness::start().await;
    let deep = nested(r#"{"a":"#, "}", 100_000).into_bytes();
    let lists = nested("[", "]", 100_000).into_bytes();
    let flow = nested("{a: ", "}", 20_000).into_bytes();
    let laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned()
        + &(b'b'..=b'k')
            .map(|c| (char::from(c), char::from(c - 1)))
            .map(|(own, last)| {
                format!("{own}: &{own} [{}]\n", vec![format!("*{last}"); 9].join(","))
            })
            .collect::<String>();
    refuses(
        &api,
        MAPS,
        vec![
            ("nothing", JSON, Vec::new(), &[400]),
            ("a list", JSON, b"[]".to_vec(), &[400]),
            ("a number", JSON, b"1e999999".to_vec(), &[400]),
            ("null", JSON, b"null".to_vec(), &[400]),
            ("half an object", JSON, b"{\"a\":".to_vec(), &[400]),
            ("two objects", JSON, b"{}{}".to_vec(), &[400]),
            ("a deep object", JSON, deep, &[400]),
            ("deep lists", JSON, lists, &[400]),
            ("deep YAML", YAML, flow, &[400]),
            ("YAML that grows", YAML, laughs.into_bytes(), &[400]),
            ("YAML with a tag", YAML, b"!!python/object:os.system ls".to_vec(), &[400]),
            ("no UTF-8", JSON, b"{\"metadata\":{\"name\":\"\xff\xfe\"}}".to_vec(), &[400]),
            ("no UTF-8 in YAML", YAML, b"metadata: {name: \"\xff\xfe\"}".to_vec(), &[400]),
            ("a lone surrogate", JSON, meta(r#""name":"x","labels":{"a":"\ud800"}"#), &[400, 422]),
            ("UTF-16", "application/json; charset=utf-16", b"{\0}\0".to_vec(), &[400, 415]),
            ("no media type at all", "x", b"{}".to_vec(), &[415]),
            ("CBOR", "application/cbor", b"\xa0".to_vec(), &[415]),
        ],
    )
    .await;
    assert_eq!(api.get(MAPS).await["items"], json!([]));
}

#[tokio::test]
async fn odd_metadata_is_refused() {
    let api = Harness::start().await;
    let long = "a".repeat(300);
    let labels: Vec<String> = (0..10_000).map(|n| format!("\"l{n}\":\"v\"")).collect();
    let notes = format!(r#""name":"x","annotations":{{"a":"{}"}}"#, "b".repeat(300_000));
    refuses(
        &api,
        MAPS,
        vec![
            ("null", JSON, br#"{"metadata":null}"#.to_vec(), &[400, 422]),
            ("a list", JSON, br#"{"metadata":[]}"#.to_vec(), &[400]),
            ("a number as name", JSON, meta(r#""name":5"#), &[400]),
            ("an empty name", JSON, meta(r#""name":"""#), &[422]),
            ("a long name", JSON, meta(&format!(r#""name":"{long}""#)), &[422]),
            ("a path as name", JSON, meta(r#""name":"../x""#), &[422]),
            ("a NUL in the name", JSON, meta(r#""name":"a\u0000b""#), &[422]),
            ("a NUL in a label", JSON, meta(r#""name":"x","labels":{"a":"\u0000"}"#), &[422]),
            ("a label without key", JSON, meta(r#""name":"x","labels":{"":"a"}"#), &[422]),
            ("large annotations", JSON, meta(&notes), &[422]),
            ("a time that is none", JSON, meta(r#""name":"x","creationTimestamp":"soon""#), &[400]),
            (
                "owners that are none",
                JSON,
                meta(r#""name":"x","ownerReferences":[{}]"#),
                &[400, 422],
            ),
            ("owners of two sorts", JSON, meta(r#""name":"x","ownerReferences":[1]"#), &[400]),
            ("an odd finalizer", JSON, meta(r#""name":"x","finalizers":["a b"]"#), &[422]),
        ],
    )
    .await;
    assert_eq!(api.get(MAPS).await["items"], json!([]));
    let many = meta(&format!(r#""name":"x","labels":{{{}}}"#, labels.join(",")));
    let (code, answer) = send(&api, "POST", MAPS, JSON, many.into()).await;
    assert_eq!(code, 201, "ten thousand labels are odd, not wrong: {answer}");
    let mut selector = String::from("labelSelector=l1%3Dv");
    (2..2_000).for_each(|n| selector.push_str(&format!(",l{n}%3Dv")));
    let found = api.get(&format!("{MAPS}?{selector}")).await;
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn odd_content_is_refused() {
    let api = Harness::start().await;
    let elements = vec!["\"x\""; 100_000].join(",");
    let deployment = |replicas: &str, cpu: &str| {
        format!(
            r#"{{"metadata":{{"name":"x"}},"spec":{{"replicas":{replicas},"selector":{{"matchLabels":{{"a":"b"}}}},"template":{{"metadata":{{"labels":{{"a":"b"}}}},"spec":{{"containers":[{{"name":"c","image":"i","resources":{{"requests":{{"cpu":{cpu}}}}}}}]}}}}}}}}"#
        )
        .into_bytes()
    };
    let digits = format!("\"{}\"", "9".repeat(100_000));
    refuses(
        &api,
        DEPLOYMENTS,
        vec![
            ("a huge number", JSON, deployment("1e400", "1"), &[400]),
            ("more than 64 bits", JSON, deployment("99999999999999999999", "1"), &[400]),
            ("a fraction", JSON, deployment("1.5", "1"), &[400]),
            ("more than 32 bits", JSON, deployment("4294967297", "1"), &[400]),
            ("text", JSON, deployment("\"1\"", "1"), &[400]),
            ("a negative number", JSON, deployment("-1", "1"), &[422]),
            ("no quantity", JSON, deployment("1", "\"1x\""), &[400]),
            (
                "a quantity with a huge exponent",
                JSON,
                deployment("1", "\"1e1000000000\""),
                &[201, 400],
            ),
            (
                "a quantity with a tiny exponent",
                JSON,
                deployment("1", "\"1e-1000000000\""),
                &[201, 400],
            ),
            ("an object as quantity", JSON, deployment("1", "{}"), &[400]),
        ],
    )
    .await;
    let (code, answer) =
        send(&api, "POST", DEPLOYMENTS, JSON, deployment("1", &digits).into()).await;
    assert!(code < 500, "{code}: {answer}");
    refuses(
        &api,
        MAPS,
        vec![
            ("a list of many as data", JSON, map(&format!(r#","data":[{elements}]"#)), &[400]),
            ("a number as data", JSON, map(r#","data":{"a":1}"#), &[400]),
            ("a path as key", JSON, map(r#","data":{"../a":"b"}"#), &[422]),
            ("no base64", JSON, map(r#","binaryData":{"a":"!"}"#), &[400]),
            (
                "too much",
                JSON,
                map(&format!(r#","data":{{"a":"{}"}}"#, "x".repeat((1 << 20) + 1))),
                &[413, 422],
            ),
            (
                "a key twice",
                JSON,
                map(r#","data":{"a":"1","a":"2"},"data":{"a":"3"}"#),
                &[201, 400],
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn odd_protobuf_is_refused() {
    let api = Harness::start().await;
    let envelope = |raw: &[u8]| {
        let type_meta = b"\x0a\x02v1\x12\x09ConfigMap";
        let mut bytes = b"k8s\0\x0a".to_vec();
        bytes.push(u8::try_from(type_meta.len()).unwrap());
        bytes.extend(type_meta);
        bytes.push(0x12);
        let mut length = raw.len();
        while length >= 0x80 {
            bytes.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
            length >>= 7;
        }
        bytes.push(u8::try_from(length).unwrap());
        bytes.extend(raw);
        bytes
    };
    let mut deep: Vec<u8> = Vec::new();
    for _ in 0..20 {
        let mut outer = vec![0x0a, u8::try_from(deep.len().min(127)).unwrap()];
        outer.extend(deep.iter().take(127));
        deep = outer;
    }
    refuses(
        &api,
        MAPS,
        vec![
            ("nothing", PROTOBUF, Vec::new(), &[400]),
            ("the mark alone", PROTOBUF, b"k8s\0".to_vec(), &[400]),
            ("another mark", PROTOBUF, b"k9s\0\x0a\x00".to_vec(), &[400]),
            (
                "a length beyond the end",
                PROTOBUF,
                b"k8s\0\x0a\xff\xff\xff\xff\x0f".to_vec(),
                &[400],
            ),
            ("a number without end", PROTOBUF, envelope(&[0xff; 40]), &[400]),
            ("a field of sort 7", PROTOBUF, envelope(&[0x0f, 0x00]), &[400]),
            ("nested messages", PROTOBUF, envelope(&deep), &[400, 422]),
            ("no name", PROTOBUF, envelope(b""), &[422]),
            ("text that is none", PROTOBUF, envelope(b"\x0a\x04\x0a\x02\xff\xfe"), &[400]),
            ("JSON", PROTOBUF, b"{}".to_vec(), &[400]),
        ],
    )
    .await;
}

#[tokio::test]
async fn odd_patches_are_refused() {
    let api = Harness::start().await;
    send(&api, "POST", MAPS, JSON, Bytes::from(map(r#","data":{"a":"b"}"#))).await;
    let path = format!("{MAPS}/x?fieldManager=me");
    let before = api.get(&format!("{MAPS}/x")).await;
    let deep = nested(r#"{"data":"#, "}", 50_000);
    for media in PATCHES {
        for body in
            [deep.as_str(), "", "[", "1", "\"x\"", "{\"metadata\":{\"name\":\"other\"}}", "\u{0}"]
        {
            let (code, answer) = send(&api, "PATCH", &path, media, body.to_owned().into()).await;
            assert!([400, 422].contains(&code), "{media} {body:.20}: {code} {answer}");
        }
        let (code, answer) =
            send(&api, "PATCH", &path, media, Bytes::from_static(b"\xff\xfe")).await;
        assert_eq!(code, 400, "{media}: {answer}");
    }
    let many: Vec<Value> = (0..10_001)
        .map(|n| json!({"op": "add", "path": "/data/a", "value": n.to_string()}))
        .collect();
    // Each copy would double what there is.
    let mut doubling = vec![json!({"op": "add", "path": "/data", "value": {"a": "x".repeat(100)}})];
    doubling.extend(
        (0..60).map(|n| json!({"op": "copy", "from": "/data", "path": format!("/data/{n}")})),
    );
    for (what, patch, codes) in [
        ("many operations", json!(many), [413, 413]),
        ("copies that double", json!(doubling), [422, 422]),
        (
            "an index beyond",
            json!([{"op": "add", "path": "/metadata/finalizers/99999999999", "value": "a"}]),
            [422, 422],
        ),
        ("no such operation", json!([{"op": "explode", "path": "/data"}]), [400, 422]),
        ("no path", json!([{"op": "add", "value": 1}]), [400, 422]),
        (
            "a move into itself",
            json!([{"op": "move", "from": "/data", "path": "/data/a/b"}]),
            [400, 422],
        ),
        ("without its root", json!([{"op": "remove", "path": ""}]), [400, 422]),
        ("another root", json!([{"op": "replace", "path": "", "value": 7}]), [400, 422]),
    ] {
        let (code, answer) = send(&api, "PATCH", &path, PATCHES[0], patch.to_string().into()).await;
        assert!(codes.contains(&code), "{what}: {code} {answer}");
    }
    for (what, patch) in [
        ("a directive for nothing", json!({"data": {"$patch": "explode"}})),
        ("an order of nothing", json!({"metadata": {"$setElementOrder/finalizers": {"a": 1}}})),
        ("keys of nothing", json!({"metadata": {"$deleteFromPrimitiveList/finalizers": "a"}})),
        ("fields to keep that are none", json!({"metadata": {"$retainKeys": 7}})),
        ("owners without key", json!({"metadata": {"ownerReferences": [{"name": "a"}]}})),
    ] {
        let (code, answer) = send(&api, "PATCH", &path, PATCHES[2], patch.to_string().into()).await;
        assert!([400, 422].contains(&code), "{what}: {code} {answer}");
    }
    for manager in ["", &"a".repeat(129), "a%00b", "a%0ab"] {
        let path = format!("{MAPS}/x?fieldManager={manager}");
        let (code, answer) = send(&api, "PATCH", &path, APPLY, Bytes::from(map(""))).await;
        assert!([400, 422].contains(&code), "{manager:?}: {code} {answer}");
    }
    assert_eq!(api.get(&format!("{MAPS}/x")).await, before, "nothing of it was written");
}

#[tokio::test]
async fn odd_queries_and_paths_are_refused() {
    let api = Harness::start().await;
    let parens = "(".repeat(50_000);
    let commas = ",".repeat(50_000);
    for (query, codes) in [
        ("limit=99999999999999999999".to_owned(), [400, 422]),
        ("limit=x".to_owned(), [400, 422]),
        ("continue=AAAA&limit=1".to_owned(), [400, 422]),
        ("continue=%ff%fe".to_owned(), [400, 422]),
        ("resourceVersion=x".to_owned(), [400, 422]),
        ("resourceVersion=-5".to_owned(), [400, 422]),
        ("resourceVersion=99999999999999999999999".to_owned(), [400, 422]),
        ("resourceVersionMatch=Sometimes&resourceVersion=1".to_owned(), [400, 422]),
        ("resourceVersionMatch=Exact".to_owned(), [400, 422]),
        ("sendInitialEvents=true".to_owned(), [400, 422]),
        (format!("labelSelector=a+in+{parens}"), [400, 422]),
        (format!("labelSelector={commas}"), [400, 400]),
        ("labelSelector=a%3D%3D%3Db".to_owned(), [400, 422]),
        ("labelSelector=a%00".to_owned(), [400, 422]),
        ("fieldSelector=metadata.name".to_owned(), [400, 422]),
        (format!("fieldSelector={}", "a.".repeat(10_000)), [400, 422]),
    ] {
        let path = format!("{MAPS}?{query}");
        let (code, answer) = send(&api, "GET", &path, "", Bytes::new()).await;
        assert!(codes.contains(&code), "{query:.60}: {code} {answer}");
    }
    for (method, path, code) in [
        ("GET", "/api/v1/namespaces/default/configmaps/a%2Fb", 404),
        ("GET", "/api/v1/namespaces/default/configmaps/%00", 404),
        ("GET", "/api/v1/namespaces/default/configmaps/%ff", 404),
        ("GET", "/api/v1//configmaps", 200),
        ("GET", "/apis///", 200),
        ("GET", "/api/v1/namespaces/default/configmaps/a/b/c/d/e", 404),
        ("GET", "/nowhere", 404),
        ("PUT", MAPS, 405),
        ("TRACE", MAPS, 405),
        ("OPTIONS", MAPS, 405),
        ("DELETE", "/apis", 405),
        ("POST", "/version", 405),
    ] {
        let (answered, text) = send(&api, method, path, "", Bytes::new()).await;
        assert!(
            answered == code || [400, 404, 405].contains(&answered),
            "{method} {path}: {answered} {text}"
        );
    }
    for body in [
        "{\"gracePeriodSeconds\":\"x\"}",
        "{\"propagationPolicy\":\"Sideways\"}",
        "[",
        "{\"dryRun\":[\"Some\"]}",
        "{\"preconditions\":7}",
    ] {
        let (code, answer) =
            send(&api, "DELETE", &format!("{MAPS}/x"), JSON, body.to_owned().into()).await;
        assert!([400, 422].contains(&code), "{body}: {code} {answer}");
    }
}

#[tokio::test]
async fn odd_headers_are_refused() {
    let api = Harness::start().await;
    for (name, value, codes) in [
        ("accept", &b"text/html"[..], [406, 406]),
        ("accept", b";;;,,,", [200, 406]),
        ("accept", b"application/json;as=Table;v=v9;g=meta.k8s.io", [406, 406]),
        ("accept", b"\xff\xfe", [200, 406]),
        ("authorization", b"Bearer \xff", [401, 401]),
        ("authorization", b"Basic YWRtaW46YWRtaW4=", [401, 401]),
        ("authorization", b"Bearer a.b.c", [401, 401]),
        ("authorization", b"Bearer eyJhbGciOiJub25lIn0.e30.", [401, 401]),
        ("impersonate-group", b"nobody", [400, 403]),
    ] {
        let mut request = api.request("GET", MAPS).body(Bytes::new()).unwrap();
        let key = http::HeaderName::from_static(match name {
            "accept" => "accept",
            "authorization" => "authorization",
            _ => "impersonate-group",
        });
        request.headers_mut().insert(key, HeaderValue::from_bytes(value).unwrap());
        let response = api.full(request).await;
        let code = response.status().as_u16();
        assert!(codes.contains(&code), "{name}: {:?}: {code}", String::from_utf8_lossy(value));
    }
}
