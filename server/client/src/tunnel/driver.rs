//! Drives yamux: one loop that opens streams when asked and hands on those that the peer opens.

use std::{
    io,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};
use yamux::{Config, ConnectionError, FrameDecodeError, Mode, Stream};

use super::{Opening, SILENCE_MAX, TunnelError, deadline::Deadline};

/// Streams at once over one connection.
const STREAMS_MAX: usize = 1024;
/// What all streams together may buffer here for readers that are slow: 256 KiB each.
const WINDOW_BYTES_MAX: usize = STREAMS_MAX * 256 * 1024;

pub(super) struct Driver<T> {
    connection: yamux::Connection<Compat<Deadline<T>>>,
    openings: mpsc::Receiver<Opening>,
    waiting: Option<Opening>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    pub(super) fn new(io: T, mode: Mode, openings: mpsc::Receiver<Opening>) -> Self {
        let mut config = Config::default();
        config.set_max_num_streams(STREAMS_MAX);
        config.set_max_connection_receive_window(Some(WINDOW_BYTES_MAX));
        let io = Deadline::new(io, SILENCE_MAX).compat();
        let connection = yamux::Connection::new(io, config, mode);
        Self { connection, openings, waiting: None }
    }

    /// Runs until either side closes the connection; `on_inbound` gets what the peer opens.
    pub(super) async fn run(
        mut self,
        mut on_inbound: impl FnMut(Stream),
    ) -> Result<(), TunnelError> {
        loop {
            match std::future::poll_fn(|cx| self.poll(cx)).await {
                Some(Ok(stream)) => on_inbound(stream),
                Some(Err(error)) => return Err(name(error)),
                None => return Ok(()),
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Stream, ConnectionError>>> {
        loop {
            if self.waiting.is_none() {
                match self.openings.poll_recv(cx) {
                    Poll::Ready(Some(reply)) => self.waiting = Some(reply),
                    // Dropping the connection ends its streams on both sides; yamux' own closing
                    // would leave readers on this side waiting.
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending => {}
                }
            }
            let Some(reply) = self.waiting.take() else {
                return self.connection.poll_next_inbound(cx);
            };
            match self.connection.poll_new_outbound(cx) {
                Poll::Ready(Ok(stream)) => drop(reply.send(stream)),
                // Too many streams at once: refuses this one, the connection is well.
                Poll::Ready(Err(ConnectionError::TooManyStreams)) => drop(reply),
                Poll::Ready(Err(error)) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => {
                    self.waiting = Some(reply);
                    return self.connection.poll_next_inbound(cx);
                }
            }
        }
    }
}

fn name(error: ConnectionError) -> TunnelError {
    let io = match &error {
        ConnectionError::Io(io) | ConnectionError::Decode(FrameDecodeError::Io(io)) => Some(io),
        _ => None,
    };
    if io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
        return TunnelError::Silent;
    }
    TunnelError::Broken(io.map_or_else(|| error.to_string(), ToString::to_string))
}
