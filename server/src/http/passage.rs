//! Connections that speak another protocol from now on, between a client and a backend that have
//! agreed on it.

use std::io;

use ::http::{Response, header};
use actix_web::{HttpResponse, web::Payload};
use api::streams::ByteStream;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for the client.
const CHUNKS_MAX: usize = 4;

/// Answers with the backend's agreement, and carries bytes until either side ends.
pub(super) fn join(
    head: Response<()>,
    stream: ByteStream,
    payload: Payload,
    stopping: CancellationToken,
) -> HttpResponse {
    let (parts, ()) = head.into_parts();
    let mut builder = HttpResponse::build(actix_web::http::StatusCode::SWITCHING_PROTOCOLS);
    for (name, value) in &parts.headers {
        if *name != header::CONNECTION && *name != header::UPGRADE {
            builder.append_header((name.as_str(), value.as_bytes()));
        }
    }
    let protocol = parts.headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    builder.upgrade(protocol.unwrap_or("websocket"));
    let (reader, writer) = tokio::io::split(stream);
    let (chunks, receiver) = mpsc::channel::<io::Result<Bytes>>(CHUNKS_MAX);
    actix_web::rt::spawn(async move {
        tokio::select! {
            () = to_client(reader, &chunks) => {}
            () = to_backend(payload, writer) => {}
            () = stopping.cancelled() => {}
        }
    });
    builder.streaming(ReceiverStream::new(receiver))
}

async fn to_client(mut reader: ReadHalf<ByteStream>, chunks: &mpsc::Sender<io::Result<Bytes>>) {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES);
        match reader.read_buf(&mut buffer).await {
            Ok(1..) => {
                if chunks.send(Ok(buffer.split().freeze())).await.is_err() {
                    return;
                }
            }
            Ok(0) | Err(_) => return,
        }
    }
}

async fn to_backend(mut payload: Payload, mut writer: WriteHalf<ByteStream>) {
    while let Some(Ok(chunk)) = payload.next().await {
        if writer.write_all(&chunk).await.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
}
