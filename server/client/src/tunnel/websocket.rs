//! The binary messages of a WebSocket as a stream of bytes.

use std::{future::ready, io};

use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite, BufWriter};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::io::{CopyToBytes, SinkWriter, StreamReader};

/// What is gathered into one message: a frame of yamux with its header.
const MESSAGE_BYTES: usize = 32 * 1024;

/// Joins what a socket sends and takes; other messages than binary ones mean nothing here.
pub fn over_websocket<S>(socket: S) -> impl AsyncRead + AsyncWrite + Unpin + Send
where
    S: Stream<Item = Result<Message, Error>> + Sink<Message, Error = Error> + Send + Unpin,
{
    let (sink, stream) = socket.split();
    let incoming = stream
        .take_while(|message| ready(!matches!(message, Ok(Message::Close(_)))))
        .filter_map(|message| {
            ready(match message {
                Ok(Message::Binary(data)) => Some(Ok(data)),
                Ok(_) => None,
                Err(error) => Some(Err(io::Error::other(error))),
            })
        });
    let outgoing = sink
        .with(|data: Bytes| ready(Ok::<_, Error>(Message::Binary(data))))
        .sink_map_err(io::Error::other);
    let writer = SinkWriter::new(CopyToBytes::new(outgoing));
    tokio::io::join(StreamReader::new(incoming), BufWriter::with_capacity(MESSAGE_BYTES, writer))
}
