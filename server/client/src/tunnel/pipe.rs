//! A stream of bytes over a connection's frames.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc::Receiver,
};
use tokio_util::sync::PollSender;

use crate::{Connection, Frame};

/// What goes into one frame at most, so that streams take turns.
const FRAME_BYTES: usize = 64 * 1024;

/// Reads the data of every frame, and writes frames of one channel. A [`Frame::STATUS`] that comes
/// in is an error. Shutting it down tells the other side that nothing more comes; dropping it ends
/// the connection.
pub struct Pipe {
    incoming: Receiver<Frame>,
    unread: Bytes,
    outgoing: Option<PollSender<Frame>>,
    channel: u8,
}

impl Pipe {
    pub fn new(connection: Connection, channel: u8) -> Self {
        let Connection { incoming, outgoing } = connection;
        let outgoing = Some(PollSender::new(outgoing));
        Self { incoming, unread: Bytes::new(), outgoing, channel }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.unread.is_empty() {
            match ready!(self.incoming.poll_recv(cx)) {
                None => return Poll::Ready(Ok(())),
                Some(frame) => match frame.error() {
                    Some(error) => return Poll::Ready(Err(io::Error::other(error.message))),
                    None => self.unread = frame.data,
                },
            }
        }
        let count = self.unread.len().min(buffer.remaining());
        buffer.put_slice(&self.unread[..count]);
        self.unread.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let channel = self.channel;
        let Some(outgoing) = &mut self.outgoing else { return Poll::Ready(Err(broken())) };
        ready!(outgoing.poll_reserve(cx)).map_err(|_| broken())?;
        let count = data.len().min(FRAME_BYTES);
        let frame = Frame::new(channel, Bytes::copy_from_slice(&data[..count]));
        outgoing.send_item(frame).map_err(|_| broken())?;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing = None;
        Poll::Ready(Ok(()))
    }
}

fn broken() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

#[cfg(test)]
mod tests {
    use object::ApiError;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        sync::mpsc,
    };

    use super::*;

    fn pair() -> (Pipe, Connection) {
        let (to_pipe, incoming) = mpsc::channel(2);
        let (outgoing, from_pipe) = mpsc::channel(2);
        let pipe = Pipe::new(Connection { incoming, outgoing }, Frame::STDIN);
        (pipe, Connection { incoming: from_pipe, outgoing: to_pipe })
    }

    #[tokio::test]
    async fn carries_bytes_both_ways_and_their_ends() {
        let (mut pipe, mut far) = pair();
        let sent: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        let back = tokio::spawn(async move {
            let mut seen = Vec::new();
            while let Some(frame) = far.incoming.recv().await {
                assert_eq!(frame.channel, Frame::STDIN);
                seen.extend_from_slice(&frame.data);
                far.outgoing.send(Frame::new(Frame::STDOUT, frame.data)).await.unwrap();
            }
            seen
        });
        let (mut reader, mut writer) = tokio::io::split(&mut pipe);
        let writing = async {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        };
        let mut echoed = Vec::new();
        let (_, read) = tokio::join!(writing, reader.read_to_end(&mut echoed));
        read.unwrap();
        assert_eq!(echoed, expected);
        assert_eq!(back.await.unwrap(), expected);
    }

    #[tokio::test]
    async fn a_failure_is_an_error_of_reading() {
        let (mut pipe, far) = pair();
        let failure = Frame::failure(&ApiError::unavailable("connect: connection refused"));
        far.outgoing.send(failure).await.unwrap();
        let error = pipe.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "connect: connection refused");
    }
}
