//! How a stream's header and frames stand on the wire: a header is a length (u32, big-endian) and
//! JSON; a frame is a length, a channel (u8) and that much data. Two lengths are marks.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder};

use super::StreamHeader;
use crate::Frame;

/// A longer header is refused: commands and their arguments stand in it.
const HEADER_BYTES_MAX: usize = 1 << 20;
/// More data than this is sent as several frames, so that streams take turns.
const FRAME_BYTES_MAX: usize = 1 << 20;
const END: u32 = u32::MAX;
const STOP: u32 = u32::MAX - 1;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Frame(Frame),
    /// The sender has no more frames.
    End,
    /// The sender reads no more frames.
    Stop,
}

pub(super) async fn write_header(
    io: &mut (impl AsyncWrite + Unpin),
    header: &StreamHeader,
) -> io::Result<()> {
    let json = serde_json::to_vec(header)?;
    let length = u32::try_from(json.len()).map_err(io::Error::other)?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(&json).await?;
    io.flush().await
}

pub(super) async fn read_header(io: &mut (impl AsyncRead + Unpin)) -> io::Result<StreamHeader> {
    let mut length = [0; 4];
    io.read_exact(&mut length).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > HEADER_BYTES_MAX {
        return Err(io::Error::other(format!("a header of {length} bytes is too long")));
    }
    let mut json = vec![0; length];
    io.read_exact(&mut json).await?;
    Ok(serde_json::from_slice(&json)?)
}

pub(super) struct Codec;

impl Encoder<Message> for Codec {
    type Error = io::Error;

    fn encode(&mut self, message: Message, out: &mut BytesMut) -> io::Result<()> {
        match message {
            Message::End => out.put_u32(END),
            Message::Stop => out.put_u32(STOP),
            Message::Frame(Frame { channel, data }) if data.is_empty() => {
                put_frame(out, channel, &data);
            }
            Message::Frame(Frame { channel, data }) => {
                for part in data.chunks(FRAME_BYTES_MAX) {
                    put_frame(out, channel, part);
                }
            }
        }
        Ok(())
    }
}

fn put_frame(out: &mut BytesMut, channel: u8, data: &[u8]) {
    out.reserve(data.len() + 5);
    out.put_u32(u32::try_from(data.len()).expect("parts have a bound"));
    out.put_u8(channel);
    out.extend_from_slice(data);
}

impl Decoder for Codec {
    type Item = Message;
    type Error = io::Error;

    fn decode(&mut self, input: &mut BytesMut) -> io::Result<Option<Message>> {
        let Some(length) = input.first_chunk::<4>() else { return Ok(None) };
        let length = match u32::from_be_bytes(*length) {
            END => {
                input.advance(4);
                return Ok(Some(Message::End));
            }
            STOP => {
                input.advance(4);
                return Ok(Some(Message::Stop));
            }
            length => length as usize,
        };
        if length > FRAME_BYTES_MAX {
            return Err(io::Error::other(format!("a frame of {length} bytes is too long")));
        }
        if input.len() < length + 5 {
            input.reserve(length + 5 - input.len());
            return Ok(None);
        }
        input.advance(4);
        let channel = input.get_u8();
        let data: Bytes = input.split_to(length).freeze();
        Ok(Some(Message::Frame(Frame { channel, data })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_what_it_encodes_byte_by_byte() {
        let messages = [
            Message::Frame(Frame::new(1, "hello")),
            Message::Frame(Frame::new(255, &b"\x00"[..])),
            Message::Stop,
            Message::Frame(Frame::new(0, "")),
            Message::End,
        ];
        let mut wire = BytesMut::new();
        for message in messages.clone() {
            Codec.encode(message, &mut wire).unwrap();
        }
        let (mut input, mut decoded) = (BytesMut::new(), Vec::new());
        for byte in wire {
            input.put_u8(byte);
            decoded.extend(Codec.decode(&mut input).unwrap());
        }
        assert_eq!(decoded, messages);
    }

    #[test]
    fn splits_large_frames_and_refuses_them_from_others() {
        let mut wire = BytesMut::new();
        let data = vec![7; FRAME_BYTES_MAX + 1];
        Codec.encode(Message::Frame(Frame::new(1, data)), &mut wire).unwrap();
        let lengths: Vec<usize> = std::iter::from_fn(|| Codec.decode(&mut wire).unwrap())
            .map(|message| match message {
                Message::Frame(frame) => frame.data.len(),
                _ => 0,
            })
            .collect();
        assert_eq!(lengths, [FRAME_BYTES_MAX, 1]);
        let mut foreign = BytesMut::from(&b"\x7f\xff\xff\xff\x01"[..]);
        assert!(Codec.decode(&mut foreign).is_err());
    }
}
