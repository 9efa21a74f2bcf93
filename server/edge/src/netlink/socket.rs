//! The socket, requests with answers, and batches.

use std::{io, time::Duration};

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use nix::sys::{
    socket::{setsockopt, sockopt},
    time::TimeVal,
};
use thiserror::Error;

use super::{Attributes, NFTABLES};

const BATCH_BEGIN: u16 = 0x10;
const BATCH_END: u16 = 0x11;
const ERROR: u16 = 2;
const DONE: u16 = 3;
const REQUEST: u16 = 1;
const ACKNOWLEDGE: u16 = 4;
/// Length, type, flags, sequence, port; then family, version, resource.
const HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;

/// The kernel answers within the call; only a broken kernel makes us wait.
const PATIENCE: Duration = Duration::from_secs(10);
const RECEIVE_BYTES: usize = 1 << 20;
const ANSWER_BYTES_MAX: usize = 1 << 16;

/// The kernel's "no", with the message that it was said to.
#[derive(Debug, Error)]
#[error("{source} (message {message} of {messages})")]
pub(crate) struct Refusal {
    /// Counted from 1; 0 is the batch itself.
    message: u32,
    messages: u32,
    source: io::Error,
}

impl Refusal {
    pub(crate) fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl From<io::Error> for Refusal {
    fn from(source: io::Error) -> Self {
        Self { message: 0, messages: 0, source }
    }
}

/// Messages that take effect together.
pub(crate) struct Batch {
    bytes: Vec<u8>,
    messages: u32,
}

impl Batch {
    pub(crate) fn new() -> Self {
        let mut bytes = Vec::with_capacity(4096);
        write_message(&mut bytes, (BATCH_BEGIN, 0), 0, (0, NFTABLES >> 8), |_| {});
        Self { bytes, messages: 0 }
    }

    /// Adds a message; `kind` has its subsystem in it.
    pub(crate) fn add(
        &mut self,
        kind: u16,
        flags: u16,
        family: u8,
        write: impl FnOnce(&mut Attributes<'_>),
    ) {
        self.messages += 1;
        write_message(&mut self.bytes, (kind, flags), self.messages, (family, 0), write);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }
}

/// A netlink socket of netfilter, in the network namespace of the thread that opened it.
pub(crate) struct Netlink {
    socket: Socket,
    /// The sequence number of the next message. Answers to older ones are stale.
    sequence: u32,
}

impl Netlink {
    pub(crate) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_NETFILTER)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BYTES)?;
        let patience = TimeVal::new(PATIENCE.as_secs().cast_signed(), 0);
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
        Ok(Self { socket, sequence: 1 })
    }

    /// Carries out all of a batch or nothing of it.
    pub(crate) fn commit(&mut self, mut batch: Batch) -> Result<(), Refusal> {
        let (first, messages) = (self.sequence, batch.messages);
        self.sequence += messages + 2;
        let last = first + messages;
        write_message(&mut batch.bytes, (BATCH_END, 0), messages + 1, (0, NFTABLES >> 8), |_| {});
        number(&mut batch.bytes, first, messages);
        self.grow_send_buffer(batch.bytes.len())?;
        self.socket.send(&batch.bytes, 0)?;
        let mut failure = None;
        loop {
            let answer = self.receive()?;
            for message in split(&answer) {
                let (Some(code), true) = (message.error(), message.sequence >= first) else {
                    continue;
                };
                if code != 0 && failure.is_none() {
                    let source = io::Error::from_raw_os_error(-code);
                    let number = message.sequence - first;
                    failure = Some(Refusal { message: number, messages, source });
                }
                // The batch's own failure ends it; else the last message is acknowledged.
                if message.sequence == last || message.sequence == first {
                    return failure.map_or(Ok(()), Err);
                }
            }
        }
    }

    /// Asks for something; the attributes of each answer. Without [`super::DUMP`] there is one.
    pub(crate) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        family: u8,
        write: impl FnOnce(&mut Attributes<'_>),
    ) -> io::Result<Vec<Vec<u8>>> {
        let sequence = self.sequence;
        self.sequence += 1;
        let mut bytes = Vec::new();
        let flags = if flags & super::DUMP == 0 { flags | ACKNOWLEDGE } else { flags };
        write_message(&mut bytes, (kind, flags), sequence, (family, 0), write);
        self.socket.send(&bytes, 0)?;
        let mut answers = Vec::new();
        loop {
            let answer = self.receive()?;
            for message in split(&answer).filter(|message| message.sequence == sequence) {
                match (message.kind, message.error()) {
                    (_, Some(0)) | (DONE, _) => return Ok(answers),
                    (_, Some(code)) => return Err(io::Error::from_raw_os_error(-code)),
                    (_, None) => {
                        let body = message.body.get(FAMILY_HEADER..).unwrap_or_default();
                        answers.push(body.to_vec());
                    }
                }
            }
        }
    }

    fn receive(&self) -> io::Result<Vec<u8>> {
        let mut buffer = Vec::with_capacity(ANSWER_BYTES_MAX);
        self.socket.recv(&mut buffer, 0)?;
        Ok(buffer)
    }

    /// A batch is one datagram, however large.
    fn grow_send_buffer(&self, bytes: usize) -> io::Result<()> {
        setsockopt(&self.socket, sockopt::SndBufForce, &(2 * bytes + 4096))?;
        Ok(())
    }
}

struct Message<'b> {
    kind: u16,
    sequence: u32,
    body: &'b [u8],
}

impl Message<'_> {
    /// The code of an error or, 0, of an acknowledgement.
    fn error(&self) -> Option<i32> {
        (self.kind == ERROR).then(|| {
            let code = self.body.first_chunk().copied().unwrap_or_default();
            i32::from_ne_bytes(code)
        })
    }
}

fn split(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let header: &[u8; HEADER] = bytes.first_chunk()?;
        let u32_at = |at: usize| {
            u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        let length = usize::try_from(u32_at(0)).ok()?;
        let message = Message {
            kind: u16::from_ne_bytes([header[4], header[5]]),
            sequence: u32_at(8),
            body: bytes.get(HEADER..length)?,
        };
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

fn write_message(
    bytes: &mut Vec<u8>,
    (kind, flags): (u16, u16),
    sequence: u32,
    (family, resource): (u8, u16),
    write: impl FnOnce(&mut Attributes<'_>),
) {
    let start = bytes.len();
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
    bytes.extend_from_slice(&sequence.to_ne_bytes());
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(&[family, 0]);
    bytes.extend_from_slice(&resource.to_be_bytes());
    write(&mut Attributes(bytes));
    let length = u32::try_from(bytes.len() - start).expect("a message is far smaller");
    bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
}

/// Moves the sequence numbers of a batch to start at `first`, and has its last message (not its
/// end, which is no message of its own) acknowledged.
fn number(bytes: &mut [u8], first: u32, messages: u32) {
    let mut at = 0;
    for index in 0..messages + 2 {
        let length: [u8; 4] = *bytes[at..].first_chunk().expect("written above");
        bytes[at + 8..at + 12].copy_from_slice(&(first + index).to_ne_bytes());
        if index == messages {
            let flags = u16::from_ne_bytes([bytes[at + 6], bytes[at + 7]]) | ACKNOWLEDGE;
            bytes[at + 6..at + 8].copy_from_slice(&flags.to_ne_bytes());
        }
        at += u32::from_ne_bytes(length) as usize;
    }
}
