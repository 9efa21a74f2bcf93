//! Bytes to frames.

use bytes::{Buf, Bytes, BytesMut};

use super::{
    CONTROL_BYTES_MAX, FLAG_FIN, Frame, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM,
    SETTINGS, SYN_REPLY, SYN_STREAM, SpdyError, VALUE_MASK, VERSION, WINDOW_UPDATE,
    headers::Inflater,
};

const HEAD_BYTES: usize = 8;
const SETTING_BYTES: usize = 8;

/// Reads one direction of a connection.
pub struct Decoder {
    inflater: Inflater,
    /// The data frame whose data still comes.
    data: Option<Unfinished>,
}

struct Unfinished {
    stream: u32,
    fin: bool,
    left: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { inflater: Inflater::new(), data: None }
    }
}

impl Decoder {
    /// Takes the next frame out of `input`; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the connection can not go on.
    pub fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Frame>, SpdyError> {
        loop {
            if self.data.is_some() {
                return Ok(self.take_data(input));
            }
            let Some(head) = input.first_chunk::<HEAD_BYTES>() else { return Ok(None) };
            let [first, second, kind_high, kind_low, flags, length @ ..] = *head;
            let length = u32::from_be_bytes([0, length[0], length[1], length[2]]) as usize;
            if first & 0x80 == 0 {
                let stream = u32::from_be_bytes([first, second, kind_high, kind_low]);
                input.advance(HEAD_BYTES);
                let fin = flags & FLAG_FIN != 0;
                self.data = Some(Unfinished { stream, fin, left: length });
                continue;
            }
            let version = u16::from_be_bytes([first & 0x7f, second]);
            if version != VERSION {
                return Err(SpdyError::Version(version));
            }
            if length > CONTROL_BYTES_MAX {
                return Err(SpdyError::TooLong(length));
            }
            if input.len() < HEAD_BYTES + length {
                input.reserve(HEAD_BYTES + length - input.len());
                return Ok(None);
            }
            input.advance(HEAD_BYTES);
            let payload = input.split_to(length).freeze();
            let kind = u16::from_be_bytes([kind_high, kind_low]);
            if let Some(frame) = self.control(kind, flags, payload)? {
                return Ok(Some(frame));
            }
        }
    }

    /// What has come of a data frame; an empty one is a frame, too.
    fn take_data(&mut self, input: &mut BytesMut) -> Option<Frame> {
        let unfinished = self.data.as_mut()?;
        let count = unfinished.left.min(input.len());
        if count == 0 && unfinished.left > 0 {
            return None;
        }
        unfinished.left -= count;
        let data = input.split_to(count).freeze();
        let (stream, is_last) = (unfinished.stream, unfinished.left == 0);
        let fin = unfinished.fin && is_last;
        if is_last {
            self.data = None;
        }
        Some(Frame::Data { stream, fin, data })
    }

    fn control(
        &mut self,
        kind: u16,
        flags: u8,
        mut payload: Bytes,
    ) -> Result<Option<Frame>, SpdyError> {
        let fin = flags & FLAG_FIN != 0;
        let needed = match kind {
            SYN_STREAM => 10,
            SYN_REPLY | SETTINGS | PING | HEADERS => 4,
            RST_STREAM | GOAWAY | WINDOW_UPDATE => 8,
            // Of another extension.
            _ => return Ok(None),
        };
        if payload.len() < needed {
            return Err(SpdyError::Length(kind));
        }
        let first = payload.get_u32() & VALUE_MASK;
        Ok(Some(match kind {
            SYN_STREAM => {
                // The associated stream, the priority and the slot mean nothing here.
                payload.advance(6);
                let headers = self.inflater.read(&payload)?;
                Frame::SynStream { stream: first, fin, headers }
            }
            SYN_REPLY => {
                Frame::SynReply { stream: first, fin, headers: self.inflater.read(&payload)? }
            }
            HEADERS => {
                Frame::Headers { stream: first, fin, headers: self.inflater.read(&payload)? }
            }
            RST_STREAM => Frame::Reset { stream: first, status: payload.get_u32() },
            GOAWAY => Frame::GoAway { last_stream: first, status: payload.get_u32() },
            WINDOW_UPDATE => {
                Frame::WindowUpdate { stream: first, delta: payload.get_u32() & VALUE_MASK }
            }
            PING => Frame::Ping(first),
            _ => settings(first, payload)?,
        }))
    }
}

fn settings(count: u32, mut payload: Bytes) -> Result<Frame, SpdyError> {
    if payload.len() != (count as usize).saturating_mul(SETTING_BYTES) {
        return Err(SpdyError::Length(SETTINGS));
    }
    let mut window_bytes = None;
    while payload.has_remaining() {
        let id = payload.get_u32() & 0x00ff_ffff;
        let value = payload.get_u32();
        if id == INITIAL_WINDOW_SIZE {
            window_bytes = Some(value & VALUE_MASK);
        }
    }
    Ok(Frame::Settings { window_bytes })
}
