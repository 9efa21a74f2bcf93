//! Joins one stream of a tunnel with a [`Connection`]'s two channels.
//!
//! Both halves end separately, by marks in the stream: [`Message::End`] when there is nothing more
//! to send, [`Message::Stop`] when nothing more is read. So a reader of logs that leaves is noticed
//! at once, though no line is written.

use futures::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::sync::mpsc;
use tokio_util::{
    codec::Framed,
    compat::{Compat, FuturesAsyncReadCompatExt},
};
use yamux::Stream;

use super::codec::{Codec, Message};
use crate::{Connection, Frame};

/// Frames that wait on each half; a slow reader slows the sender at the other end.
const FRAMES_MAX: usize = 16;

type Wire = Framed<Compat<Stream>, Codec>;

/// Which mark of the peer the receiving half saw.
enum Mark {
    End,
    Stop,
}

/// Starts to pump; the task ends when either side dropped both halves, or the connection broke.
pub(super) fn spawn(stream: Stream) -> Connection {
    let (incoming_sender, incoming) = mpsc::channel(FRAMES_MAX);
    let (outgoing, outgoing_receiver) = mpsc::channel(FRAMES_MAX);
    tokio::spawn(async move {
        let (sink, messages) = Framed::new(stream.compat(), Codec).split();
        let (marks, seen) = mpsc::channel(2);
        let listening = incoming_sender.clone();
        tokio::select! {
            () = receive(messages, incoming_sender, marks) => {}
            () = transmit(sink, outgoing_receiver, listening, seen) => {}
        }
    });
    Connection { incoming, outgoing }
}

/// Hands frames on until the peer closes the stream.
async fn receive(
    mut messages: SplitStream<Wire>,
    incoming: mpsc::Sender<Frame>,
    marks: mpsc::Sender<Mark>,
) {
    let mut incoming = Some(incoming);
    while let Some(Ok(message)) = messages.next().await {
        // Each mark is told once, and there is room for both.
        match message {
            Message::Frame(frame) => {
                if let Some(incoming) = &incoming {
                    // Nobody reads: the peer has been told, or is being told now.
                    incoming.send(frame).await.ok();
                }
            }
            Message::End => {
                if incoming.take().is_some() {
                    marks.try_send(Mark::End).ok();
                }
            }
            Message::Stop => drop(marks.try_send(Mark::Stop)),
        }
    }
}

/// Sends frames until both halves are done: nothing more to send, and nothing more wanted (or to
/// be had).
async fn transmit(
    mut sink: SplitSink<Wire, Message>,
    outgoing: mpsc::Receiver<Frame>,
    incoming: mpsc::Sender<Frame>,
    mut seen: mpsc::Receiver<Mark>,
) {
    let (mut outgoing, mut incoming) = (Some(outgoing), Some(incoming));
    while outgoing.is_some() || incoming.is_some() {
        let message = tokio::select! {
            mark = seen.recv() => match mark {
                Some(Mark::End) => {
                    incoming = None;
                    continue;
                }
                Some(Mark::Stop) => {
                    if outgoing.take().is_none() {
                        continue;
                    }
                    Message::End
                }
                None => return,
            },
            () = closed(incoming.as_ref()) => {
                incoming = None;
                Message::Stop
            }
            frame = next(outgoing.as_mut()) => match frame {
                Some(frame) => Message::Frame(frame),
                None => {
                    outgoing = None;
                    Message::End
                }
            },
        };
        if sink.send(message).await.is_err() {
            return;
        }
    }
    sink.close().await.ok();
}

async fn closed(incoming: Option<&mpsc::Sender<Frame>>) {
    match incoming {
        Some(incoming) => incoming.closed().await,
        None => std::future::pending().await,
    }
}

async fn next(outgoing: Option<&mut mpsc::Receiver<Frame>>) -> Option<Frame> {
    match outgoing {
        Some(outgoing) => outgoing.recv().await,
        None => std::future::pending().await,
    }
}
