//! The client over HTTPS against the real API, in two copies over one store.

use std::{net::SocketAddr, sync::Arc};

use api::{Api, Grant, Settings};
use bytes::Bytes;
use client::{
    Client, Connection, Frame, HttpClient, Object, PatchType, Reflector, Selection, Update,
    WriteOptions,
    tunnel::{self, StreamHeader},
};
use object::{ApiError, Key, Reason};
use planning::access::User;
use serde_json::{Value, json};
use store::Store;

use crate::{
    http::{Listeners, Running, start},
    pki::{Authority, signing_key},
};

struct Copies {
    apis: Vec<Arc<Api>>,
    running: Vec<Running>,
    ca_pem: String,
}

impl Copies {
    async fn start(count: usize) -> Self {
        let store: Arc<dyn Store> = Arc::new(store::Memory::default());
        let authority = Authority::load(&*store).await.unwrap();
        let (mut apis, mut running) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let settings = Settings::new(signing_key(&*store).await.unwrap());
            let api = Api::new(store.clone(), settings).unwrap();
            api.start(Vec::new()).await.unwrap();
            let listeners = Listeners {
                api: SocketAddr::from(([127, 0, 0, 1], 0)),
                tls: authority.server_config(&[], &[], [10, 43, 0, 1].into()).unwrap(),
                dashboard: None,
                workers: 1,
            };
            running.push(start(Arc::new(api.clone()), listeners).unwrap());
            apis.push(api);
        }
        Self { apis, running, ca_pem: authority.certificate_pem().to_owned() }
    }

    fn client_as(&self, user: User) -> HttpClient {
        let token = self.apis[0].tokens().issue(&Grant::new(user, Vec::new(), 3600)).unwrap().text;
        self.client_with(Some(&token))
    }

    fn client_with(&self, token: Option<&str>) -> HttpClient {
        let urls: Vec<String> =
            self.running.iter().map(|running| format!("https://{}", running.api)).collect();
        HttpClient::new(&urls, &self.ca_pem, token).unwrap()
    }

    fn admin(&self) -> HttpClient {
        self.client_as(User::new("admin", &["system:masters"]))
    }
}

fn key(name: &str) -> Key {
    Key::new("configmaps", "default", name)
}

fn map(name: &str, labels: Value) -> Bytes {
    let metadata = json!({"name": name, "namespace": "default", "labels": labels});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}).to_string().into()
}

fn value(object: &Object) -> Value {
    object.decode().unwrap()
}

#[tokio::test]
async fn writes_and_reads_objects() {
    let copies = Copies::start(1).await;
    let client = copies.admin();
    let options = WriteOptions::default();
    let made = client.create(&key(""), "", map("a", json!({"app": "x"})), &options).await.unwrap();
    assert_eq!((&made.key, made.revision > 0), (&key("a"), true));

    let patch = Bytes::from(r#"{"data":{"k":"v"}}"#);
    let patched = client.patch(&key("a"), "", PatchType::Merge, patch, &options).await.unwrap();
    assert_eq!(value(&patched)["data"]["k"], "v");
    let stale = client.update(&key("a"), "", made.body.clone(), &options).await.unwrap_err();
    assert!(stale.is_conflict(), "{stale}");
    assert_eq!(client.get(&key("a")).await.unwrap(), patched);

    client.create(&key(""), "", map("b", json!({})), &options).await.unwrap();
    let selection = Selection { labels: Some("app in (x, y)".to_owned()), ..Selection::default() };
    let list = client.list(&key("").kind, &selection).await.unwrap();
    assert_eq!(list.items.iter().map(|item| &*item.key.name).collect::<Vec<_>>(), ["a"]);

    client.delete(&key("a"), &client::DeleteOptions::default()).await.unwrap();
    let gone = client.get(&key("a")).await.unwrap_err();
    assert_eq!((gone.code(), gone.message.as_str()), (404, "configmaps \"a\" not found"));
    let stranger = copies.client_with(None).get(&key("a")).await.unwrap_err();
    assert_eq!(stranger.reason, Reason::Forbidden);
    let liar = copies.client_with(Some("nonsense")).get(&key("a")).await.unwrap_err();
    assert_eq!(liar.reason, Reason::Unauthorized);
}

#[tokio::test]
async fn lists_come_in_pages() {
    let copies = Copies::start(1).await;
    let local = copies.apis[0].client_as(User::new("admin", &["system:masters"]));
    for index in 0..1101 {
        let body = map(&format!("m{index}"), json!({"of": "many"}));
        local.create(&key(""), "", body, &WriteOptions::default()).await.unwrap();
    }
    let selection = Selection { labels: Some("of=many".to_owned()), ..Selection::default() };
    let list = copies.admin().list(&key("").kind, &selection).await.unwrap();
    assert_eq!(list.items.len(), 1101);
}

async fn set_next(reflector: &mut Reflector) -> String {
    loop {
        if let Update::Set(key, ..) = reflector.next().await {
            return key.name.to_string();
        }
    }
}

#[tokio::test]
async fn a_reflector_goes_on_when_its_server_stops() {
    let mut copies = Copies::start(2).await;
    let remote: Arc<dyn Client> = Arc::new(copies.admin());
    let local = copies.apis[1].client_as(User::new("admin", &["system:masters"]));
    let create = |name: &'static str| {
        let body = map(name, json!({"test": "reflector"}));
        let local = local.clone();
        async move { local.create(&key(""), "", body, &WriteOptions::default()).await.unwrap() }
    };
    create("a").await;
    let labels = Some("test=reflector".to_owned());
    let selection = Selection { labels, ..Selection::default() };
    let mut reflector = Reflector::start(&remote, [("configmaps".into(), selection)]);
    assert_eq!(set_next(&mut reflector).await, "a");
    while !reflector.is_synced() {
        reflector.next().await;
    }
    create("b").await;
    assert_eq!(set_next(&mut reflector).await, "b");
    copies.running.remove(0).stop().await;
    create("c").await;
    assert_eq!(set_next(&mut reflector).await, "c");
    assert!(remote.get(&key("c")).await.is_ok());
    copies.running.remove(0).stop().await;
    let away = remote.get(&key("c")).await.unwrap_err();
    assert_eq!(away.reason, Reason::ServiceUnavailable);
}

/// An agent that answers every stream with what it was asked, then with its end.
async fn agent(client: HttpClient, node: &str) {
    let server = client.servers().next().unwrap().clone();
    let io = client.dial_tunnel(&server, node).await.unwrap();
    let answer = |header: StreamHeader, mut connection: Connection| async move {
        let asked = format!("{:?} {} {}\n", header.operation, header.container, header.query);
        connection.outgoing.send(Frame::new(Frame::STDOUT, asked)).await.ok();
        if header.operation == tunnel::Operation::Exec {
            let input = connection.incoming.recv().await.unwrap();
            connection.outgoing.send(Frame::new(Frame::STDOUT, input.data)).await.ok();
            let missing = ApiError::not_found("commands", "x");
            connection.outgoing.send(Frame::failure(&missing)).await.ok();
        }
    };
    tunnel::serve(io, answer).await.ok();
}

#[tokio::test]
async fn logs_and_commands_travel_through_the_nodes_agent() {
    let copies = Copies::start(1).await;
    let client = copies.admin();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"nodeName": "one", "containers": [{"name": "main", "image": "busybox:1"}]},
    });
    let pod_key = Key::new("pods", "default", "web");
    let body = Bytes::from(pod.to_string());
    client.create(&pod_key.with_name(""), "", body, &WriteOptions::default()).await.unwrap();

    let Err(early) = client.connect(&pod_key, "log", "").await else { panic!("no agent is there") };
    assert_eq!(early.reason, Reason::ServiceUnavailable, "{early}");
    let stranger = copies.client_as(User::node("two"));
    let server = stranger.servers().next().unwrap().clone();
    let Err(refused) = stranger.dial_tunnel(&server, "one").await else { panic!("let in") };
    assert_eq!(refused.reason, Reason::Forbidden);

    let serving = tokio::spawn(agent(copies.client_as(User::node("one")), "one"));
    let mut log = client.connect(&pod_key, "log", "tailLines=1").await.unwrap();
    assert_eq!(log.incoming.recv().await.unwrap().data, "Log main tailLines=1\n");
    assert_eq!(log.incoming.recv().await, None);

    let mut exec = client.connect(&pod_key, "exec", "command=x&stdin=true").await.unwrap();
    let first = exec.incoming.recv().await.unwrap();
    assert_eq!(first, Frame::new(Frame::STDOUT, "Exec main command=x&stdin=true\n"));
    exec.outgoing.send(Frame::new(Frame::STDIN, "input")).await.unwrap();
    assert_eq!(exec.incoming.recv().await.unwrap().data, "input");
    assert!(exec.incoming.recv().await.unwrap().error().unwrap().is_not_found());
    assert_eq!(exec.incoming.recv().await, None);

    let wrong = client.connect(&pod_key, "exec", "command=x&container=none").await;
    let message = wrong.err().unwrap().message;
    assert_eq!(message, "container none is not valid for pod web");
    serving.abort();
}
