//! Streams to containers, through the agent of their node.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use client::{Connection, Frame};
use futures::{StreamExt, stream, stream::BoxStream};
use kinds::Verb;
use object::{ApiError, Meta};
use planning::access::User;

use crate::{
    Api, admit, authorize,
    query::Query,
    resolve::{Target, nowhere},
    streams::{ByteStream, Operation, StreamHeader, port_forward},
};

/// How long a log may stay silent until its head is answered: a refusal comes at once.
const FIRST_FRAME_PATIENCE: Duration = Duration::from_millis(500);

/// Where a stream leads.
pub(crate) struct Place {
    pub(crate) node: String,
    pub(crate) header: StreamHeader,
}

impl Api {
    /// Who opens a stream that takes input must be allowed to create it, whatever the method is:
    /// WebSockets begin with a GET.
    pub(crate) async fn authorize_stream(
        &self,
        user: &User,
        target: &Target,
    ) -> Result<(), ApiError> {
        if target.sub().is_some_and(|sub| sub.verbs.contains(&Verb::Create)) {
            let wanted = authorize::wanted(Verb::Create.name(), target);
            self.authorize(user, &wanted).await?;
        }
        Ok(())
    }

    /// Opens the stream of a subresource; `query` is the request's.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        query: &str,
    ) -> Result<Connection, ApiError> {
        let place = self.locate(target, query).await?;
        self.tunnels.open(&place.node, &place.header).await
    }

    /// Where the stream of a subresource leads; nothing is opened yet.
    pub(crate) async fn locate(&self, target: &Target, query: &str) -> Result<Place, ApiError> {
        let operation = match target.subresource.as_str() {
            "log" => Operation::Log,
            "exec" => Operation::Exec,
            "attach" => Operation::Attach,
            "portforward" => Operation::PortForward,
            _ => return Err(nowhere()),
        };
        let stored = self.read(&target.key(), false).await?;
        let object = admit::decode_stored(&target.def, &stored.body)?;
        let asked = Query::parse(query);
        let asked = asked.get("container").unwrap_or_default();
        let destination = object.destination(&target.subresource, asked)?;
        let uid = Meta::read(&stored.body).map(|meta| meta.uid.to_string()).unwrap_or_default();
        let header = StreamHeader {
            operation,
            namespace: target.namespace.clone(),
            pod: target.name.clone(),
            uid,
            container: destination.container,
            query: query.to_owned(),
        };
        Ok(Place { node: destination.node, header })
    }

    /// A session of kubectl's port-forward; each of its connections is a stream to the agent.
    pub(crate) fn forward_ports(self: &Arc<Self>, place: Place) -> ByteStream {
        let pod = port_forward::Pod {
            name: format!("{}_{}", place.header.pod, place.header.namespace),
            uid: place.header.uid.clone(),
        };
        let api = self.clone();
        let dial = port_forward::dialler(move |port: u16| {
            let (api, node) = (api.clone(), place.node.clone());
            let header = StreamHeader {
                operation: Operation::Dial,
                query: format!("port={port}"),
                ..place.header.clone()
            };
            async move { api.dial(&node, &header).await }
        });
        port_forward::spawn(pod, dial)
    }

    /// The bytes of a log as they come.
    pub(crate) async fn read_log(
        &self,
        target: &Target,
        query: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, ApiError>>, ApiError> {
        let mut connection = self.connect(target, query).await?;
        let first = tokio::time::timeout(FIRST_FRAME_PATIENCE, connection.incoming.recv()).await;
        let first = first.ok().flatten();
        if let Some(error) = first.as_ref().and_then(Frame::error) {
            return Err(error);
        }
        let rest = stream::unfold(connection, |mut connection| async move {
            let frame = connection.incoming.recv().await?;
            Some((frame, connection))
        });
        let frames = stream::iter(first).chain(rest);
        Ok(frames.map(|frame| frame.error().map_or(Ok(frame.data), Err)).boxed())
    }
}
