//! WebSockets: those that speak `v5.channel.k8s.io`, where each binary message is a channel and its
//! data, and those whose messages are bytes or lines.

use std::{io, time::Duration};

use ::http::{Response, header};

use actix_web::{HttpRequest, HttpResponse, web::Payload};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, Session};
use api::streams::{ByteStream, SUBPROTOCOLS};
use bytes::{BufMut, Bytes, BytesMut};
use client::{Connection, Frame};
use futures::{StreamExt, stream::BoxStream};
use object::ApiError;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

/// The largest message: clients send pieces of 32 KiB.
pub(super) const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// The most that goes into one message of a stream of bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// A sign of life that keeps proxies from closing a quiet connection and finds out dead ones.
const PING_PERIOD: Duration = Duration::from_secs(20);

/// A WebSocket whose handshake is in order, before it is answered.
pub(super) struct Socket {
    response: HttpResponse,
    session: Session,
    messages: AggregatedMessageStream,
}

pub(super) fn accept(request: &HttpRequest, payload: Payload) -> Result<Socket, ApiError> {
    let (response, session, messages) =
        actix_ws::handle_with_protocols(request, payload, SUBPROTOCOLS).map_err(|error| {
            ApiError::bad_request(format!("unable to upgrade to a WebSocket: {error}"))
        })?;
    let messages = messages
        .max_frame_size(MESSAGE_BYTES_MAX)
        .aggregate_continuations()
        .max_continuation_size(MESSAGE_BYTES_MAX);
    Ok(Socket { response, session, messages })
}

impl Socket {
    /// Answers the handshake and joins the socket with a connection until either side ends.
    /// `has_status`: channel 3 carries the final `Status`, as for commands.
    pub(super) fn join(
        self,
        connection: Connection,
        has_status: bool,
        stopping: CancellationToken,
    ) -> HttpResponse {
        let Self { response, session, messages } = self;
        actix_web::rt::spawn(async move {
            let Connection { incoming, outgoing } = connection;
            tokio::select! {
                () = to_client(session.clone(), incoming, has_status) => {}
                () = from_client(session.clone(), messages, outgoing) => {}
                () = ping(session.clone()) => {}
                () = stopping.cancelled() => {
                    session.close(Some(CloseCode::Away.into())).await.ok();
                }
            }
        });
        response
    }

    /// Joins the socket with a stream of bytes, in binary messages, until either side ends.
    pub(super) fn join_bytes(
        self,
        stream: ByteStream,
        stopping: CancellationToken,
    ) -> HttpResponse {
        let Self { response, session, messages } = self;
        actix_web::rt::spawn(async move {
            let (reader, writer) = tokio::io::split(stream);
            tokio::select! {
                _ = send_bytes(session.clone(), reader) => {}
                _ = receive_bytes(session.clone(), messages, writer) => {}
                () = ping(session.clone()) => {}
                () = stopping.cancelled() => {}
            }
            session.close(Some(CloseCode::Normal.into())).await.ok();
        });
        response
    }

    /// Sends what would have been the body: a line of JSON is a text, all else is binary.
    pub(super) fn join_chunks(
        self,
        head: &Response<()>,
        mut chunks: BoxStream<'static, Result<Bytes, ApiError>>,
        stopping: CancellationToken,
    ) -> HttpResponse {
        let Self { response, mut session, mut messages } = self;
        let media = head.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let is_text = media.is_some_and(|media| media.starts_with("application/json"));
        actix_web::rt::spawn(async move {
            let (mut sender, pings, closing) = (session.clone(), session.clone(), session.clone());
            let sending = async {
                while let Some(Ok(chunk)) = chunks.next().await {
                    let sent = match String::from_utf8(chunk.to_vec()) {
                        Ok(text) if is_text => sender.text(text).await,
                        _ => sender.binary(chunk).await,
                    };
                    if sent.is_err() {
                        return;
                    }
                }
            };
            let leaving = async {
                while let Some(Ok(message)) = messages.recv().await {
                    match message {
                        AggregatedMessage::Close(_) => return,
                        AggregatedMessage::Ping(data) => drop(session.pong(&data).await),
                        _ => {}
                    }
                }
            };
            tokio::select! {
                () = sending => {}
                () = leaving => {}
                () = ping(pings) => {}
                () = stopping.cancelled() => {}
            }
            closing.close(Some(CloseCode::Normal.into())).await.ok();
        });
        response
    }

    /// The parts, for a socket that carries a stream of bytes.
    pub(super) fn into_parts(self) -> (HttpResponse, Session, AggregatedMessageStream) {
        (self.response, self.session, self.messages)
    }
}

/// Sends frames until there are no more, then closes. A command's client always hears how it
/// ended, even when the node was lost.
async fn to_client(mut session: Session, mut incoming: mpsc::Receiver<Frame>, has_status: bool) {
    let mut was_told = false;
    while let Some(frame) = incoming.recv().await {
        was_told |= frame.channel == Frame::STATUS;
        if session.binary(encode(&frame)).await.is_err() {
            return;
        }
    }
    if has_status && !was_told {
        let lost = ApiError::unavailable("the connection to the pod's node was lost");
        if session.binary(encode(&Frame::failure(&lost))).await.is_err() {
            return;
        }
    }
    session.close(Some(CloseCode::Normal.into())).await.ok();
}

fn encode(frame: &Frame) -> Bytes {
    let mut message = BytesMut::with_capacity(frame.data.len() + 1);
    message.put_u8(frame.channel);
    message.extend_from_slice(&frame.data);
    message.freeze()
}

/// Hands on what the client sends, until it leaves. What the other side does not want any more is
/// dropped: a command may end before its input does.
async fn from_client(
    mut session: Session,
    mut messages: AggregatedMessageStream,
    outgoing: mpsc::Sender<Frame>,
) {
    while let Some(Ok(message)) = messages.recv().await {
        let mut data = match message {
            AggregatedMessage::Binary(data) => data,
            AggregatedMessage::Text(text) => text.into_bytes(),
            AggregatedMessage::Ping(data) => {
                if session.pong(&data).await.is_err() {
                    return;
                }
                continue;
            }
            AggregatedMessage::Pong(_) => continue,
            AggregatedMessage::Close(_) => return,
        };
        if data.is_empty() {
            continue;
        }
        let channel = data.split_to(1)[0];
        outgoing.send(Frame { channel, data }).await.ok();
    }
}

/// Sends a stream of bytes as binary messages until it ends.
pub(super) async fn send_bytes(
    mut session: Session,
    mut reader: impl AsyncRead + Unpin,
) -> io::Result<()> {
    loop {
        let mut data = BytesMut::with_capacity(PIECE_BYTES);
        if reader.read_buf(&mut data).await? == 0 {
            return Ok(());
        }
        session.binary(data.freeze()).await.map_err(io::Error::other)?;
    }
}

/// Writes binary messages as a stream of bytes until the client leaves.
pub(super) async fn receive_bytes(
    mut session: Session,
    mut messages: AggregatedMessageStream,
    mut writer: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    while let Some(message) = messages.recv().await {
        match message.map_err(io::Error::other)? {
            AggregatedMessage::Binary(data) => writer.write_all(&data).await?,
            AggregatedMessage::Ping(data) => session.pong(&data).await.map_err(io::Error::other)?,
            AggregatedMessage::Close(_) => return Ok(()),
            AggregatedMessage::Text(_) | AggregatedMessage::Pong(_) => {}
        }
    }
    Ok(())
}

/// Ends when the connection is gone.
pub(super) async fn ping(mut session: Session) {
    loop {
        tokio::time::sleep(PING_PERIOD).await;
        if session.ping(b"").await.is_err() {
            return;
        }
    }
}
