//! Debian's etcd on a folder of its own, and the four calls of its gRPC interface that are measured
//! (etcdserverpb: `rpc.proto`; the numbers of its fields are facts of that interface).

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::StreamExt;
use http::Request;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use prost::Message;

use super::{load::Target, wire::Wire};
use crate::process::cpu_ticks;

const CLIENT: &str = "127.0.0.1:23790";
const PEER: &str = "127.0.0.1:23800";

#[derive(Clone, PartialEq, Message)]
struct RangeRequest {
    #[prost(bytes, tag = "1")]
    key: Vec<u8>,
    #[prost(bytes, tag = "2")]
    range_end: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(int64, tag = "3")]
    mod_revision: i64,
    #[prost(bytes = "bytes", tag = "5")]
    value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
struct Header {
    #[prost(int64, tag = "3")]
    revision: i64,
}

#[derive(Clone, PartialEq, Message)]
struct RangeResponse {
    #[prost(message, repeated, tag = "2")]
    kvs: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    value: Bytes,
}

/// `target` 1: the revision of the key's creation (0: absent); 2: of its last change.
#[derive(Clone, PartialEq, Message)]
struct Compare {
    #[prost(int32, tag = "1")]
    result: i32,
    #[prost(int32, tag = "2")]
    target: i32,
    #[prost(bytes = "bytes", tag = "3")]
    key: Bytes,
    #[prost(int64, optional, tag = "5")]
    create_revision: Option<i64>,
    #[prost(int64, optional, tag = "6")]
    mod_revision: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct RequestOp {
    #[prost(message, optional, tag = "2")]
    put: Option<PutRequest>,
}

#[derive(Clone, PartialEq, Message)]
struct TxnRequest {
    #[prost(message, repeated, tag = "1")]
    compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    success: Vec<RequestOp>,
}

#[derive(Clone, PartialEq, Message)]
struct TxnResponse {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    #[prost(bool, tag = "2")]
    succeeded: bool,
}

#[derive(Clone, PartialEq, Message)]
struct WatchCreate {
    #[prost(bytes, tag = "1")]
    key: Vec<u8>,
    #[prost(bytes, tag = "2")]
    range_end: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct WatchRequest {
    #[prost(message, optional, tag = "1")]
    create: Option<WatchCreate>,
}

#[derive(Clone, PartialEq, Message)]
struct WatchEvent {
    #[prost(message, optional, tag = "2")]
    kv: Option<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
struct WatchResponse {
    #[prost(bool, tag = "3")]
    created: bool,
    #[prost(message, repeated, tag = "11")]
    events: Vec<WatchEvent>,
}

pub struct Etcd {
    process: Child,
    folder: PathBuf,
}

impl Etcd {
    pub async fn start() -> Result<Self> {
        let folder =
            std::env::temp_dir().join(format!("longshore-bench-etcd-{}", std::process::id()));
        let urls = [format!("http://{CLIENT}"), format!("http://{PEER}")];
        let process = Command::new("etcd")
            .args(["--data-dir", folder.to_str().context("a path in UTF-8")?])
            .args(["--listen-client-urls", &urls[0], "--advertise-client-urls", &urls[0]])
            .args(["--listen-peer-urls", &urls[1], "--initial-advertise-peer-urls", &urls[1]])
            .args(["--initial-cluster", &format!("default={}", urls[1])])
            .args(["--log-level", "error", "--max-request-bytes", "4194304"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("etcd can not be run; install etcd-server")?;
        let etcd = Self { process, folder };
        for _ in 0..100 {
            if let Ok(client) = etcd.client(1).await
                && client.get(b"ready").await.is_ok()
            {
                return Ok(etcd);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("etcd does not answer on {CLIENT}; does another one run there?")
    }

    pub async fn client(&self, connections: usize) -> Result<Client> {
        let address: SocketAddr = CLIENT.parse()?;
        Ok(Client { wire: Wire::open(address, None, connections).await? })
    }

    pub async fn target(&self, clients: usize) -> Result<Target> {
        Ok(Target::Etcd(Arc::new(self.client(super::load::connections(clients)).await?)))
    }

    pub fn cpu_us(&self) -> u64 {
        cpu_ticks(self.process.id()) * 10_000
    }

    pub fn stop(self) {}
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

pub struct Client {
    wire: Wire,
}

impl Client {
    async fn call<A: Message + Default>(&self, method: &str, message: &impl Message) -> Result<A> {
        let request = grpc(method, Full::new(framed(message)).boxed())?;
        let answer = self.wire.ask(request).await?;
        let status =
            answer.trailers.get("grpc-status").or(answer.head.headers().get("grpc-status"));
        let is_fine = status.is_none_or(|status| status == "0");
        ensure!(is_fine, "etcd refused {method}: {:?}", answer.trailers);
        Ok(A::decode(answer.body.slice(5..))?)
    }

    /// Bytes and revision of a key.
    pub async fn get(&self, key: &[u8]) -> Result<Option<(Bytes, i64)>> {
        let request = RangeRequest { key: key.to_vec(), range_end: Vec::new() };
        let response: RangeResponse = self.call("KV/Range", &request).await?;
        Ok(response.kvs.into_iter().next().map(|kv| (kv.value, kv.mod_revision)))
    }

    /// How many objects and bytes are under a prefix that ends with `/`.
    pub async fn list(&self, prefix: &str) -> Result<(usize, usize)> {
        let (key, range_end) = range(prefix);
        let response: RangeResponse =
            self.call("KV/Range", &RangeRequest { key, range_end }).await?;
        Ok((response.kvs.len(), response.kvs.iter().map(|kv| kv.value.len()).sum()))
    }

    /// Puts what must be absent (`None`) or at a revision; the new revision, or `None` if it is not.
    pub async fn put(&self, key: &str, at: Option<i64>, value: Bytes) -> Result<Option<i64>> {
        let key = Bytes::copy_from_slice(key.as_bytes());
        let compare = match at {
            None => Compare {
                target: 1,
                key: key.clone(),
                create_revision: Some(0),
                ..Compare::default()
            },
            Some(at) => Compare {
                target: 2,
                key: key.clone(),
                mod_revision: Some(at),
                ..Compare::default()
            },
        };
        let put = RequestOp { put: Some(PutRequest { key, value }) };
        let request = TxnRequest { compare: vec![compare], success: vec![put] };
        let response: TxnResponse = self.call("KV/Txn", &request).await?;
        let revision = response.header.map_or(0, |header| header.revision);
        Ok(response.succeeded.then_some(revision))
    }

    /// Values of changes under a prefix, as they come; returns when the watch stands.
    pub async fn watch(&self, prefix: &str) -> Result<Values> {
        let (key, range_end) = range(prefix);
        let create = WatchRequest { create: Some(WatchCreate { key, range_end }) };
        let first = futures::stream::iter([Ok(Frame::data(framed(&create)))]);
        let body = BodyExt::boxed(StreamBody::new(first.chain(futures::stream::pending())));
        let answer = self.wire.send(grpc("Watch/Watch", body)?).await?;
        let mut values = Values { body: answer.into_body(), read: BytesMut::new() };
        ensure!(values.response().await?.created, "etcd did not begin to watch");
        Ok(values)
    }
}

/// A watch.
pub struct Values {
    body: Incoming,
    read: BytesMut,
}

impl Values {
    async fn response(&mut self) -> Result<WatchResponse> {
        loop {
            if self.read.len() >= 5 {
                let length = (&self.read[1..5]).get_u32() as usize;
                if self.read.len() >= 5 + length {
                    let message = self.read.split_to(5 + length).freeze();
                    return Ok(WatchResponse::decode(message.slice(5..))?);
                }
            }
            let frame = self.body.frame().await.context("the watch ended")??;
            if let Ok(data) = frame.into_data() {
                self.read.extend_from_slice(&data);
            }
        }
    }

    pub async fn next(&mut self) -> Result<Vec<Bytes>> {
        let events = self.response().await?.events;
        Ok(events.into_iter().filter_map(|event| Some(event.kv?.value)).collect())
    }
}

fn range(prefix: &str) -> (Vec<u8>, Vec<u8>) {
    // `0` follows `/`.
    let end = format!("{}0", prefix.trim_end_matches('/'));
    (prefix.as_bytes().to_vec(), end.into_bytes())
}

fn framed(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.encoded_len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.encoded_len()).expect("a small message"));
    message.encode(&mut frame).expect("a buffer takes every byte");
    frame.freeze()
}

fn grpc<B>(method: &str, body: B) -> Result<Request<B>> {
    Ok(Request::post(format!("http://{CLIENT}/etcdserverpb.{method}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)?)
}
