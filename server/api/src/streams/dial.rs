//! Connections to pods and services over the tunnels of their nodes, as streams of bytes.

use std::time::Duration;

use client::tunnel::{Operation, StreamHeader};
use object::{ApiError, Key};
use planning::dialing::{self, Endpoint};
use rand::seq::SliceRandom;
use store::Range;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::Api;

/// How long a connection may take to stand.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(15);
/// Endpoints of a service that are tried, one after the other.
const ENDPOINTS_MAX: usize = 3;

/// What bytes can be read from and written to.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection to somewhere in the cluster.
pub type ByteStream = Box<dyn Duplex>;

impl Api {
    /// Connects to a ready endpoint of a service; `port` is the service's, by number or name.
    ///
    /// # Errors
    /// 404 without the service, 503 when nobody answers.
    pub async fn dial_service(
        &self,
        namespace: &str,
        service: &str,
        port: &str,
    ) -> Result<ByteStream, ApiError> {
        let mut endpoints = self.endpoints(namespace, service, port)?;
        endpoints.shuffle(&mut rand::rng());
        let mut failure = ApiError::unavailable("nobody was asked");
        for endpoint in endpoints.iter().take(ENDPOINTS_MAX) {
            match self.dial_endpoint(endpoint).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn endpoints(
        &self,
        namespace: &str,
        service: &str,
        port: &str,
    ) -> Result<Vec<Endpoint>, ApiError> {
        let stored = self.store.get(&Key::new(dialing::SERVICES, namespace, service));
        let slices = self.store.snapshot(&Range {
            kind: Some(dialing::ENDPOINT_SLICES.into()),
            namespace: Some(namespace.into()),
            name: None,
        });
        let bodies = slices.items.iter().map(|slice| &*slice.body);
        let own = bodies.filter(|slice| dialing::is_of(slice, service));
        dialing::endpoints(service, stored.as_ref().map(|stored| &*stored.body), own, port)
    }

    /// Connects to an address: over the tunnel of its node, or from here if it has none.
    pub(crate) async fn dial_endpoint(&self, endpoint: &Endpoint) -> Result<ByteStream, ApiError> {
        let address = endpoint.address;
        if let Some(node) = &endpoint.node {
            let query = format!("address={address}");
            return self.dial(node, &StreamHeader::of_node(Operation::Dial, query)).await;
        }
        if !dialing::is_dialable(&address) {
            return Err(ApiError::unavailable(format!("address not allowed: {}", address.ip())));
        }
        match timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(ApiError::unavailable(format!("dial tcp {address}: {error}"))),
            Err(_) => Err(ApiError::unavailable(format!("dial tcp {address}: i/o timeout"))),
        }
    }

    /// Opens a stream of bytes to a node's agent, which says with its first frame that it stands.
    pub(crate) async fn dial(
        &self,
        node: &str,
        header: &StreamHeader,
    ) -> Result<ByteStream, ApiError> {
        self.tunnels.dial(node, header).await
    }
}
