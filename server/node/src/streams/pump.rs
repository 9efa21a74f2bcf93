//! Carries frames to an attached process and its output back.

use std::pin::Pin;

use bytes::Bytes;
use client::{Connection, Frame};
use futures::{StreamExt, future::BoxFuture};
use object::ApiError;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::mpsc::{Receiver, Sender},
};

use super::checked;
use crate::runtime::{Attached, OutputStream, Source};

type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// What Ctrl-D types.
const END_OF_TRANSMISSION: u8 = 4;

/// The size of a terminal, as clients write it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Size {
    pub(super) width: u16,
    pub(super) height: u16,
}

/// How a pump ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The process has closed its output.
    Output,
    /// The client has left.
    Client,
}

/// Pumps until the process has nothing more to say or the client has left. `resize` is called in
/// between.
pub(super) async fn pump(
    connection: Connection,
    attached: Attached,
    tty: bool,
    resize: impl Fn(Size) -> BoxFuture<'static, ()>,
) -> Result<Ended, ApiError> {
    let Connection { incoming, outgoing } = connection;
    let Attached { output, input } = attached;
    let forward = write_input(incoming, input, tty, resize);
    let back = read_output(output, &outgoing);
    tokio::pin!(forward, back);
    tokio::select! {
        ended = &mut back => ended,
        () = &mut forward => back.await,
    }
}

async fn read_output(
    mut output: OutputStream,
    outgoing: &Sender<Frame>,
) -> Result<Ended, ApiError> {
    loop {
        let piece = tokio::select! {
            piece = output.next() => piece,
            () = outgoing.closed() => return Ok(Ended::Client),
        };
        let Some(piece) = piece else { return Ok(Ended::Output) };
        let piece = checked(piece)?;
        let channel = match piece.source {
            Source::Stdout => Frame::STDOUT,
            Source::Stderr => Frame::STDERR,
        };
        if outgoing.send(Frame::new(channel, piece.data)).await.is_err() {
            return Ok(Ended::Client);
        }
    }
}

/// Writes what comes in to the process; ends when nothing more can come or be taken.
async fn write_input(
    mut incoming: Receiver<Frame>,
    mut input: Input,
    tty: bool,
    resize: impl Fn(Size) -> BoxFuture<'static, ()>,
) {
    let mut is_open = true;
    while let Some(frame) = incoming.recv().await {
        match frame.channel {
            Frame::STDIN if is_open => {
                is_open = input.write_all(&frame.data).await.is_ok() && input.flush().await.is_ok();
            }
            Frame::RESIZE => {
                if let Ok(size) = serde_json::from_slice(&frame.data) {
                    resize(size).await;
                }
            }
            Frame::CLOSE if frame.data.first() == Some(&Frame::STDIN) => {
                end(&mut input, tty).await;
                is_open = false;
            }
            _ => {}
        }
    }
    if tty {
        // A terminal that nobody types at stays open: the caller drops it with the output.
        std::future::pending::<()>().await;
    }
    if is_open {
        end(&mut input, tty).await;
    }
}

/// Ends the process' input. A terminal is told so by its own sign: if the engine heard that the
/// connection is half closed, it would end the whole session.
async fn end(input: &mut Input, tty: bool) {
    if tty {
        input.write_all(&[END_OF_TRANSMISSION]).await.ok();
        input.flush().await.ok();
    } else {
        input.shutdown().await.ok();
    }
}

/// The last frame of a command: how it ended.
pub(super) fn exit_status(code: Option<i32>) -> Frame {
    let status = match code {
        Some(0) => json!({"metadata": {}, "status": "Success"}),
        Some(code) => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
        None => json!({
            "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
            "message": "the command did not tell how it ended",
        }),
    };
    Frame::new(Frame::STATUS, Bytes::from(status.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use futures::stream;
    use tokio::{io::AsyncReadExt, sync::mpsc};

    use super::*;
    use crate::runtime::Output;

    #[tokio::test]
    async fn carries_both_ways_and_closes_stdin() {
        let (to_agent, incoming) = mpsc::channel(8);
        let (outgoing, mut from_agent) = mpsc::channel(8);
        let (input, mut process) = tokio::io::duplex(64);
        let piece = |data: &'static str| Output {
            source: Source::Stderr,
            data: Bytes::from_static(data.as_bytes()),
        };
        for frame in [
            Frame::new(Frame::STDIN, "abc"),
            Frame::new(Frame::RESIZE, r#"{"Width":80,"Height":24}"#),
            Frame::new(Frame::CLOSE, vec![Frame::STDIN]),
        ] {
            to_agent.send(frame).await.unwrap();
        }
        // The process answers once it has read everything.
        let output = stream::once(async move {
            let mut text = String::new();
            process.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "abc");
            Ok(piece("done"))
        });
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = sizes.clone();
        let attached = Attached { output: output.boxed(), input: Box::pin(input) };
        let ended = pump(Connection { incoming, outgoing }, attached, false, move |size| {
            seen.lock().unwrap_or_else(PoisonError::into_inner).push(size);
            Box::pin(async {})
        });
        assert_eq!(ended.await.unwrap(), Ended::Output);
        assert_eq!(from_agent.recv().await.unwrap(), Frame::new(Frame::STDERR, "done"));
        assert_eq!(*sizes.lock().unwrap(), [Size { width: 80, height: 24 }]);
    }

    #[tokio::test]
    async fn notices_that_the_client_left() {
        let (_to_agent, incoming) = mpsc::channel(1);
        let (outgoing, from_agent) = mpsc::channel(1);
        drop(from_agent);
        let attached =
            Attached { output: stream::pending().boxed(), input: Box::pin(tokio::io::sink()) };
        let ended =
            pump(Connection { incoming, outgoing }, attached, false, |_| Box::pin(async {})).await;
        assert_eq!(ended.unwrap(), Ended::Client);
    }

    #[test]
    fn tells_exit_codes() {
        let status: serde_json::Value = serde_json::from_slice(&exit_status(Some(7)).data).unwrap();
        assert_eq!(status["details"]["causes"][0]["message"], "7");
        assert!(exit_status(Some(7)).error().is_none());
    }
}
