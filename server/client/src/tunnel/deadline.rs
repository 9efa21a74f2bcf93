//! A stream of bytes that fails when the other side has been silent for too long.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep},
};

pub(super) struct Deadline<T> {
    io: T,
    silence_max: Duration,
    heard: Instant,
    alarm: Pin<Box<Sleep>>,
}

impl<T> Deadline<T> {
    pub(super) fn new(io: T, silence_max: Duration) -> Self {
        let heard = Instant::now();
        Self { io, silence_max, heard, alarm: Box::pin(tokio::time::sleep(silence_max)) }
    }

    /// Ready when the silence has lasted too long. The alarm is set anew only when it rings:
    /// hearing something costs no timer.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            let deadline = self.heard + self.silence_max;
            if deadline <= Instant::now() {
                return Poll::Ready(io::ErrorKind::TimedOut.into());
            }
            self.alarm.as_mut().reset(deadline);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Deadline<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(result) = Pin::new(&mut self.io).poll_read(cx, buffer) {
            self.heard = Instant::now();
            return Poll::Ready(result);
        }
        self.poll_silence(cx).map(Err)
    }
}

/// A write that waits for a dead peer fails, too: yamux may stop reading while it waits.
impl<T: AsyncWrite + Unpin> AsyncWrite for Deadline<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(cx, data) {
            Poll::Pending => self.poll_silence(cx).map(Err),
            ready => ready,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_flush(cx) {
            Poll::Pending => self.poll_silence(cx).map(Err),
            ready => ready,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_shutdown(cx) {
            Poll::Pending => self.poll_silence(cx).map(Err),
            ready => ready,
        }
    }
}
