//! SPDY/3.1, as kubectl's port-forward speaks it inside of WebSocket messages: frames in and out of
//! bytes, without I/O.

mod decode;
mod dictionary;
mod encode;
mod headers;

pub use decode::Decoder;
pub use encode::Encoder;

use bytes::Bytes;
use thiserror::Error;

/// Names in lower case with their values, in order.
pub type Headers = Vec<(String, String)>;

/// The largest control frame, and the largest headers that one may unfold to.
const CONTROL_BYTES_MAX: usize = 64 * 1024;

/// Why a stream was reset.
pub const PROTOCOL_ERROR: u32 = 1;
pub const REFUSED_STREAM: u32 = 3;
pub const CANCEL: u32 = 5;

/// One frame. Frames of other types are skipped, as the protocol demands. The data of one frame may
/// come out of the decoder in pieces, of which the last has its `fin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    SynStream {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    SynReply {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    Reset {
        stream: u32,
        status: u32,
    },
    /// Only the one setting that means something here.
    Settings {
        window_bytes: Option<u32>,
    },
    Ping(u32),
    GoAway {
        last_stream: u32,
        status: u32,
    },
    Headers {
        stream: u32,
        fin: bool,
        headers: Headers,
    },
    WindowUpdate {
        stream: u32,
        delta: u32,
    },
    Data {
        stream: u32,
        fin: bool,
        data: Bytes,
    },
}

/// What breaks a connection.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SpdyError {
    #[error("a frame of SPDY version {0}")]
    Version(u16),
    #[error("a control frame of {0} bytes is too long")]
    TooLong(usize),
    #[error("a frame of type {0} has the wrong length")]
    Length(u16),
    #[error("the headers can not be read")]
    Headers,
}

const SYN_STREAM: u16 = 1;
const SYN_REPLY: u16 = 2;
const RST_STREAM: u16 = 3;
const SETTINGS: u16 = 4;
const PING: u16 = 6;
const GOAWAY: u16 = 7;
const HEADERS: u16 = 8;
const WINDOW_UPDATE: u16 = 9;

const VERSION: u16 = 3;
const FLAG_FIN: u8 = 1;
const INITIAL_WINDOW_SIZE: u32 = 7;
/// Ids, deltas and windows have 31 bits.
const VALUE_MASK: u32 = 0x7fff_ffff;

#[cfg(test)]
mod tests;
