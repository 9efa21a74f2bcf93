//! Every route for every default role: who is let through, compared with a table that people read.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use api::Grant;
use bytes::Bytes;
use http::Request;
use kinds::{KindDef, Verb};
use planning::access::{User, bootstrap};
use serde_json::json;

use crate::harness::Harness;

const GOLDEN: &str = "tests/requests/routes.golden";
/// Set to rewrite the table: its difference is for review.
const REWRITE: &str = "REWRITE_GOLDEN";

/// Paths that are no objects.
const PATHS: &[&str] = &[
    "/.well-known/openid-configuration",
    "/api",
    "/api/v1",
    "/apis",
    "/apis/apps",
    "/apis/apps/v1",
    "/healthz",
    "/livez",
    "/livez/ping",
    "/openapi/v2",
    "/openapi/v3",
    "/openid/v1/jwks",
    "/readyz",
    "/readyz/store",
    "/version",
];

/// A verb and what it is asked of.
struct Route {
    verb: &'static str,
    what: String,
    method: &'static str,
    path: String,
}

/// Whoever asks: a name, and a token unless they have none.
struct Caller {
    name: String,
    token: Option<String>,
}

fn routes() -> Vec<Route> {
    let mut routes: Vec<Route> = PATHS
        .iter()
        .map(|path| Route {
            verb: "get",
            what: (*path).to_owned(),
            method: "GET",
            path: (*path).to_owned(),
        })
        .collect();
    for def in kinds::all() {
        let what = if def.group.is_empty() {
            def.plural.to_string()
        } else {
            format!("{}.{}", def.plural, def.group)
        };
        for verb in def.verbs {
            let (method, path) = address(def, "", *verb);
            routes.push(Route { verb: verb.name(), what: what.clone(), method, path });
        }
        for sub in &def.subresources {
            for verb in sub.verbs {
                let (method, path) = address(def, sub.name, *verb);
                let what = format!("{what}/{}", sub.name);
                routes.push(Route { verb: verb.name(), what, method, path });
            }
        }
    }
    let key = |route: &Route| (route.what.clone(), route.verb, route.path.clone());
    routes.sort_by_key(key);
    routes.dedup_by_key(|route| (route.what.clone(), route.verb));
    routes
}

/// Nothing is changed: what is written is no object, and a dry run.
fn address(def: &KindDef, subresource: &str, verb: Verb) -> (&'static str, String) {
    let root = if def.group.is_empty() { "api" } else { "apis" };
    let mut path = format!("/{root}/{}", def.api_version);
    if def.is_namespaced() {
        path.push_str("/namespaces/default");
    }
    path = format!("{path}/{}", def.plural);
    let is_whole = matches!(verb, Verb::List | Verb::Watch | Verb::DeleteCollection)
        || (verb == Verb::Create && subresource.is_empty());
    if !is_whole {
        path.push_str("/nobody-has-this-name");
    }
    if !subresource.is_empty() {
        path = format!("{path}/{subresource}");
    }
    match verb {
        Verb::Get | Verb::List => ("GET", path),
        Verb::Watch => ("GET", format!("{path}?watch=true&timeoutSeconds=1")),
        Verb::Create => ("POST", format!("{path}?dryRun=All")),
        Verb::Update => ("PUT", format!("{path}?dryRun=All")),
        Verb::Patch => ("PATCH", format!("{path}?dryRun=All")),
        Verb::Delete | Verb::DeleteCollection => ("DELETE", format!("{path}?dryRun=All")),
    }
}

/// Everybody: nobody in particular, a service account without bindings, a node, and one user for
/// each role that a cluster starts with.
async fn callers(api: &Harness) -> Vec<Caller> {
    let token = |user: User| {
        let token = api.api.tokens().issue(&Grant::new(user, Vec::new(), 3600)).unwrap();
        Some(token.text)
    };
    let account = User::service_account("default", "bot", "");
    let mut callers = vec![
        Caller { name: "anonymous".into(), token: None },
        Caller { name: "serviceaccount".into(), token: token(account) },
        Caller { name: "node".into(), token: token(User::node("one")) },
    ];
    let roles = bootstrap().into_iter().filter(|(key, _)| key.kind.starts_with("clusterroles."));
    for (role, _) in roles {
        let name = role.name.to_string();
        let user = format!("holder-of-{name}");
        let binding = json!({"metadata": {"name": user},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "User", "name": user}]});
        let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
        let (code, answer) = api.ask("POST", path, binding).await;
        assert_eq!(code, 201, "{answer}");
        callers.push(Caller { name, token: token(User::new(&user, &[])) });
    }
    callers
}

async fn is_let_through(api: &Harness, route: &Route, caller: &Caller) -> bool {
    let mut request = Request::builder().method(route.method).uri(&route.path);
    if let Some(token) = &caller.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut body = Bytes::new();
    if route.method == "PATCH" {
        request = request.header("content-type", "application/merge-patch+json");
    }
    if matches!(route.method, "POST" | "PUT" | "PATCH") {
        body = Bytes::from_static(b"{}");
    }
    match api.send(request.body(body).unwrap()).await {
        api::Answer::Full(response) => {
            let code = response.status().as_u16();
            assert_ne!(code, 401, "{} is known: {}", caller.name, route.path);
            assert_ne!(code, 405, "{} {} is a route", route.method, route.path);
            code != 403
        }
        _ => true,
    }
}

/// Who gets through, route by route. Whom nothing is forbidden stands in no line.
type Table = Vec<(String, BTreeSet<String>)>;

async fn walk() -> Table {
    let api = Harness::start().await;
    let callers = callers(&api).await;
    let mut table = Table::new();
    for route in routes() {
        let mut through = BTreeSet::new();
        for caller in &callers {
            if is_let_through(&api, &route, caller).await {
                through.insert(caller.name.clone());
            }
        }
        let line = format!("{} {}", route.verb, route.what);
        assert!(through.remove("cluster-admin"), "a cluster admin may {line}");
        table.push((line, through));
    }
    table
}

fn written(table: &Table) -> String {
    let mut text = String::from(
        "# Who may do what, beside those to whom nothing is forbidden: verb and object or path, then\n\
         # the callers and the holders of default roles. Made by the test of the same name; rewrite\n\
         # it with REWRITE_GOLDEN=1 and read the difference.\n",
    );
    let names = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
    let of = |wanted: &str| table.iter().find(|(line, _)| line == wanted).map(|(_, all)| all);
    let (everybody, known) = (of("get /version"), of("get /api"));
    for (line, through) in table {
        let who = if Some(through) == everybody {
            "everybody".to_owned()
        } else if Some(through) == known {
            "everybody who is known".to_owned()
        } else {
            names(through)
        };
        writeln!(text, "{}", format!("{line}: {who}").trim_end()).unwrap();
    }
    text
}

/// What holds whatever kinds there are.
fn check_rules(table: &Table) {
    for (line, through) in table {
        let (verb, what) = line.split_once(' ').unwrap();
        let has = |caller: &str| through.contains(caller);
        let reads = matches!(verb, "get" | "list" | "watch");
        let of_all = has("serviceaccount");
        let grows = ["anonymous", "serviceaccount", "view", "edit", "admin"];
        for pair in grows.windows(2) {
            let issuer = what.contains("openid");
            assert!(!has(pair[0]) || has(pair[1]) || issuer, "{line}: {} not {}", pair[0], pair[1]);
        }
        if has("anonymous") {
            let public = what.starts_with('/') || line == "create sessions.longshore.dev";
            assert!(public, "{line}: anonymous");
        }
        if has("view") && !of_all {
            assert!(reads, "{line}: view writes");
            assert!(!what.starts_with("secrets"), "{line}: view sees secrets");
        }
        if what.contains("rbac.authorization.k8s.io") {
            assert!(!has("edit"), "{line}: edit sees or changes rights");
            let own = what.starts_with("roles.") || what.starts_with("rolebindings.");
            assert!(!has("admin") || own, "{line}: admin goes beyond the namespace");
        }
        let of_namespace = what.starts_with("placements.");
        if what.contains("longshore.dev") && !of_all && !of_namespace {
            assert!(!has("admin"), "{line}: hosts and users are of the cluster");
        }
        let cluster =
            ["nodes", "persistentvolumes", "clusterrole", "users.", "hosts.", "namespaces"];
        let measures = what.ends_with(".metrics.k8s.io");
        if cluster.iter().any(|kind| what.starts_with(kind)) && !of_all && !measures {
            let namespace = what.starts_with("namespaces") && reads;
            assert!(!has("admin") || namespace, "{line}: admin reaches the cluster");
        }
        if matches!(what, "secrets" | "configmaps") {
            assert!(!has("node"), "{line}: a node reads what no pod of its refers to");
        }
    }
}

/// Deny by default: every route, for everybody that a cluster starts with.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_lets_through_whom_it_should() {
    let table = walk().await;
    check_rules(&table);
    let text = written(&table);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GOLDEN);
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let (known, now): (BTreeSet<&str>, BTreeSet<&str>) =
        (known.lines().collect(), text.lines().collect());
    let gone: Vec<_> = known.difference(&now).collect();
    let new: Vec<_> = now.difference(&known).collect();
    assert!(
        gone.is_empty() && new.is_empty(),
        "rights have changed; if that is meant, rewrite {GOLDEN} with {REWRITE}=1\n\
         no longer: {gone:#?}\nnow: {new:#?}"
    );
}
