//! `kubectl port-forward`: each port has a channel for data and one for errors behind it, and the
//! first message on each is the port, as Kubernetes' protocol has it.

use std::collections::BTreeMap;

use bytes::Bytes;
use client::{Connection, Frame};
use object::ApiError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    sync::mpsc::Sender,
    task::JoinSet,
};

use super::{
    Request,
    dial::{dial_inside, sandbox_pid},
};
use crate::context::Context;

const CHUNK_BYTES: usize = 16 * 1024;
/// Two channels each, in one byte; the last values mean something else.
const PORTS_MAX: usize = 64;

pub(super) async fn answer(
    context: &Context,
    request: &Request,
    mut connection: Connection,
) -> Result<(), ApiError> {
    let ports = ports(request)?;
    let pid = sandbox_pid(context, request).await?;
    let mut writers: BTreeMap<u8, OwnedWriteHalf> = BTreeMap::new();
    let mut readers = JoinSet::new();
    for (channel, port) in (0..).step_by(2).zip(&ports) {
        for channel in [channel, channel + 1] {
            let first = Frame::new(channel, port.to_le_bytes().to_vec());
            if connection.outgoing.send(first).await.is_err() {
                return Ok(());
            }
        }
        match dial_inside(pid, *port).await {
            Ok(stream) => {
                let (reader, writer) = stream.into_split();
                writers.insert(channel, writer);
                readers.spawn(read(reader, channel, connection.outgoing.clone()));
            }
            Err(error) => {
                let message = format!("error forwarding port {port} to pod: {error}");
                let frame = Frame::new(channel + 1, message);
                connection.outgoing.send(frame).await.ok();
            }
        }
    }
    // Ends when every port has nothing more to say, or the client has left.
    let mut is_heard = true;
    while !readers.is_empty() {
        tokio::select! {
            frame = connection.incoming.recv(), if is_heard => match frame {
                Some(frame) => write(&mut writers, frame).await,
                None => {
                    writers.clear();
                    is_heard = false;
                }
            },
            () = connection.outgoing.closed() => return Ok(()),
            _ = readers.join_next() => {}
        }
    }
    Ok(())
}

fn ports(request: &Request) -> Result<Vec<u16>, ApiError> {
    let mut ports = Vec::new();
    for text in request.all("ports").flat_map(|list| list.split(',')) {
        let port = text.parse().ok().filter(|port| *port > 0);
        let invalid = || ApiError::bad_request(format!("unable to parse \"{text}\" as a port"));
        ports.push(port.ok_or_else(invalid)?);
    }
    if ports.is_empty() || ports.len() > PORTS_MAX {
        return Err(ApiError::bad_request("query parameter \"ports\" is required"));
    }
    Ok(ports)
}

async fn write(writers: &mut BTreeMap<u8, OwnedWriteHalf>, frame: Frame) {
    if frame.channel == Frame::CLOSE {
        if let Some(channel) = frame.data.first() {
            writers.remove(channel);
        }
        return;
    }
    if let Some(writer) = writers.get_mut(&frame.channel)
        && writer.write_all(&frame.data).await.is_err()
    {
        writers.remove(&frame.channel);
    }
}

async fn read(mut reader: OwnedReadHalf, channel: u8, outgoing: Sender<Frame>) {
    let mut buffer = vec![0; CHUNK_BYTES];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        let frame = Frame::new(channel, Bytes::copy_from_slice(&buffer[..count]));
        if outgoing.send(frame).await.is_err() {
            return;
        }
    }
}
