//! Streams to containers: logs as an answer that goes on, the rest as WebSockets.

use bytes::{BufMut, BytesMut};
use futures::{SinkExt, StreamExt};
use reqwest::Response;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;

use super::servers::{Socket, unavailable};
use crate::{Connection, Frame};

pub(super) const SUBPROTOCOL: &str = "v5.channel.k8s.io";
const FRAMES_MAX: usize = 16;

/// The lines of a log on channel 1; one that breaks off ends with a failure.
pub(super) fn of_log(response: Response) -> Connection {
    let (sender, incoming) = mpsc::channel(FRAMES_MAX);
    let (outgoing, _) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut chunks = response.bytes_stream();
        loop {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                () = sender.closed() => return,
            };
            let frame = match chunk {
                // HTTP/2 ends with an empty piece.
                Some(Ok(data)) if data.is_empty() => continue,
                Some(Ok(data)) => Frame::new(Frame::STDOUT, data),
                Some(Err(error)) => Frame::failure(&unavailable(&error)),
                None => return,
            };
            if sender.send(frame).await.is_err() {
                return;
            }
        }
    });
    Connection { incoming, outgoing }
}

/// Frames as messages, until the server closes or the reader of `incoming` leaves.
pub(super) fn of_socket(socket: Socket) -> Connection {
    let (sender, incoming) = mpsc::channel(FRAMES_MAX);
    let (outgoing, mut receiver) = mpsc::channel::<Frame>(FRAMES_MAX);
    tokio::spawn(async move {
        let (mut sink, mut messages) = socket.split();
        let sending = async {
            while let Some(frame) = receiver.recv().await {
                let mut message = BytesMut::with_capacity(frame.data.len() + 1);
                message.put_u8(frame.channel);
                message.extend_from_slice(&frame.data);
                if sink.send(Message::Binary(message.freeze())).await.is_err() {
                    return;
                }
            }
            // Nothing more to say; what comes is still wanted.
            std::future::pending().await
        };
        let receiving = async {
            while let Some(Ok(message)) = messages.next().await {
                let Message::Binary(mut data) = message else { continue };
                if data.is_empty() {
                    continue;
                }
                let channel = data.split_to(1)[0];
                if sender.send(Frame { channel, data }).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = sending => {}
            () = receiving => {}
            () = sender.closed() => {}
        }
    });
    Connection { incoming, outgoing }
}
