//! Connections to ports of pods, for the API's proxies and `kubectl port-forward`.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    thread,
    time::Duration,
};

use client::{Connection, Frame, tunnel::Pipe};
use nix::sched::{CloneFlags, setns};
use object::ApiError;
use planning::node::labels;
use tokio::{net::TcpStream, sync::oneshot, time::timeout};

use super::{Request, all_of};
use crate::context::Context;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to `port` inside of the pod that is named, else to `address`.
pub(super) async fn connect(context: &Context, request: &Request) -> Result<TcpStream, ApiError> {
    if request.header.uid.is_empty() {
        return connect_to_address(context, request).await;
    }
    let port = request.value("port")?.filter(|port| *port > 0);
    let port = port.ok_or_else(|| ApiError::bad_request("a port is required"))?;
    let dialled = dial_inside(sandbox_pid(context, request).await?, port).await;
    dialled.map_err(|error| {
        let why = name(&error);
        let inside = "failed to connect to localhost";
        ApiError::unavailable(format!("{inside}:{port}: dial tcp4 127.0.0.1:{port}: {why}"))
    })
}

/// Carries bytes until both sides have ended. An empty frame tells that the connection stands.
pub(super) async fn carry(mut stream: TcpStream, connection: Connection) {
    if connection.outgoing.send(Frame::new(Frame::STDOUT, "")).await.is_err() {
        return;
    }
    let mut pipe = Pipe::new(connection, Frame::STDOUT);
    // How it ends is the business of those who speak over it.
    tokio::io::copy_bidirectional(&mut pipe, &mut stream).await.ok();
}

async fn connect_to_address(context: &Context, request: &Request) -> Result<TcpStream, ApiError> {
    let address: Option<SocketAddr> = request.value("address")?;
    let address = address.ok_or_else(|| ApiError::bad_request("an address is required"))?;
    if !is_of_pod(context, address.ip()) {
        return Err(ApiError::unavailable(format!("{} is no pod of this node", address.ip())));
    }
    let connecting = timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await;
    let connected = connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    connected.map_err(|error| {
        let why = name(&error);
        ApiError::unavailable(format!("error trying to reach service: dial tcp {address}: {why}"))
    })
}

/// Nothing but pods is reached through the agent. One that has just got its address may not have
/// come back from the API yet.
fn is_of_pod(context: &Context, address: IpAddr) -> bool {
    let text = address.to_string();
    matches!(address, IpAddr::V4(address) if context.addresses.holds(address))
        || context
            .world()
            .of_kind("pods")
            .filter_map(|entry| entry.pod())
            .any(|pod| pod.ip.as_deref() == Some(&text) && !pod.is_finished())
}

/// As Go's network library words it, which people search for.
fn name(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::TimedOut => "connect: connection timed out".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        _ => format!("connect: {error}"),
    }
}

/// The first process of the pod's network.
pub(super) async fn sandbox_pid(context: &Context, request: &Request) -> Result<u32, ApiError> {
    let found = all_of(context, &request.header.uid).await?;
    let is_sandbox =
        |labels: &BTreeMap<String, String>| !labels.contains_key(labels::CONTAINER_NAME);
    let sandbox = found.iter().find(|found| found.is_running && is_sandbox(&found.labels));
    sandbox
        .and_then(|sandbox| sandbox.pid)
        .ok_or_else(|| ApiError::bad_request(format!("pod {} is not running", request.header.pod)))
}

/// Connects to a port of the pod from inside of its network, so that what listens on its loopback
/// only is reached, too.
pub(super) async fn dial_inside(pid: u32, port: u16) -> io::Result<TcpStream> {
    let namespace: OwnedFd = File::open(format!("/proc/{pid}/ns/net"))?.into();
    let (sender, receiver) = oneshot::channel::<io::Result<std::net::TcpStream>>();
    // A thread of its own, because it never comes back out of the namespace.
    thread::Builder::new().name("forward".to_owned()).spawn(move || {
        let connect = || {
            setns(&namespace, CloneFlags::CLONE_NEWNET)?;
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let stream = std::net::TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        };
        // Nobody waits any more when the client has left.
        sender.send(connect()).ok();
    })?;
    let stream = receiver.await.map_err(io::Error::other)??;
    TcpStream::from_std(stream)
}
