//! Frames to bytes.

use bytes::{BufMut, BytesMut};

use super::{
    FLAG_FIN, Frame, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM, SETTINGS, SYN_REPLY,
    SYN_STREAM, VALUE_MASK, VERSION, WINDOW_UPDATE, headers::Deflater,
};

/// More data is sent as several frames.
const DATA_BYTES_MAX: usize = 64 * 1024;

/// Writes one direction of a connection.
pub struct Encoder {
    deflater: Deflater,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { deflater: Deflater::new() }
    }
}

impl Encoder {
    /// Appends a frame to `out`.
    pub fn encode(&mut self, frame: &Frame, out: &mut BytesMut) {
        match frame {
            Frame::Data { stream, fin, data } => put_data(*stream, *fin, data, out),
            Frame::SynStream { stream, fin, headers } => {
                let mut payload = first(*stream);
                payload.put_bytes(0, 6);
                payload.put_slice(&self.deflater.write(headers));
                put_control(SYN_STREAM, *fin, &payload, out);
            }
            Frame::SynReply { stream, fin, headers } => {
                let mut payload = first(*stream);
                payload.put_slice(&self.deflater.write(headers));
                put_control(SYN_REPLY, *fin, &payload, out);
            }
            Frame::Headers { stream, fin, headers } => {
                let mut payload = first(*stream);
                payload.put_slice(&self.deflater.write(headers));
                put_control(HEADERS, *fin, &payload, out);
            }
            Frame::Reset { stream, status } => put_pair(RST_STREAM, *stream, *status, out),
            Frame::GoAway { last_stream, status } => put_pair(GOAWAY, *last_stream, *status, out),
            Frame::WindowUpdate { stream, delta } => put_pair(WINDOW_UPDATE, *stream, *delta, out),
            Frame::Ping(id) => put_control(PING, false, &first(*id), out),
            Frame::Settings { window_bytes } => {
                let mut payload = first(u32::from(window_bytes.is_some()));
                if let Some(bytes) = window_bytes {
                    payload.put_u32(INITIAL_WINDOW_SIZE);
                    payload.put_u32(bytes & VALUE_MASK);
                }
                put_control(SETTINGS, false, &payload, out);
            }
        }
    }
}

fn first(value: u32) -> Vec<u8> {
    (value & VALUE_MASK).to_be_bytes().to_vec()
}

fn put_pair(kind: u16, one: u32, other: u32, out: &mut BytesMut) {
    let mut payload = first(one);
    payload.put_u32(other);
    put_control(kind, false, &payload, out);
}

fn put_control(kind: u16, fin: bool, payload: &[u8], out: &mut BytesMut) {
    out.put_u16(0x8000 | VERSION);
    out.put_u16(kind);
    put_flags(fin, payload.len(), out);
    out.put_slice(payload);
}

fn put_data(stream: u32, fin: bool, data: &[u8], out: &mut BytesMut) {
    let mut rest = data;
    loop {
        let (part, after) = rest.split_at(rest.len().min(DATA_BYTES_MAX));
        out.put_u32(stream & VALUE_MASK);
        put_flags(fin && after.is_empty(), part.len(), out);
        out.put_slice(part);
        if after.is_empty() {
            return;
        }
        rest = after;
    }
}

/// Flags and a length of 24 bits.
fn put_flags(fin: bool, length: usize, out: &mut BytesMut) {
    let length = u32::try_from(length).expect("frames are short");
    out.put_u32(u32::from(if fin { FLAG_FIN } else { 0 }) << 24 | length);
}
