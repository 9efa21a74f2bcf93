//! Header blocks: names and values, each with its length, compressed as one zlib stream per
//! connection and direction.

use bytes::{Buf, BufMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{CONTROL_BYTES_MAX, Headers, SpdyError, dictionary::dictionary};

const CHUNK_BYTES: usize = 4096;

pub(super) struct Inflater(Decompress);

impl Inflater {
    pub(super) fn new() -> Self {
        Self(Decompress::new(true))
    }

    pub(super) fn read(&mut self, block: &[u8]) -> Result<Headers, SpdyError> {
        let inflated = self.inflate(block)?;
        parse(&inflated).ok_or(SpdyError::Headers)
    }

    fn inflate(&mut self, mut block: &[u8]) -> Result<Vec<u8>, SpdyError> {
        let mut out = Vec::with_capacity(CHUNK_BYTES);
        loop {
            if out.len() >= CONTROL_BYTES_MAX {
                return Err(SpdyError::TooLong(out.len()));
            }
            out.reserve(CHUNK_BYTES);
            let before = (self.0.total_in(), self.0.total_out());
            let result = self.0.decompress_vec(block, &mut out, FlushDecompress::Sync);
            let taken = usize::try_from(self.0.total_in() - before.0).unwrap_or(block.len());
            block.advance(taken.min(block.len()));
            match result {
                Ok(Status::StreamEnd) => return Ok(out),
                Ok(_) => {
                    let has_moved = (self.0.total_in(), self.0.total_out()) != before;
                    let is_full = out.len() == out.capacity();
                    if block.is_empty() && !is_full {
                        return Ok(out);
                    }
                    if !has_moved {
                        return Err(SpdyError::Headers);
                    }
                }
                Err(error) if error.needs_dictionary().is_some() => {
                    self.0.set_dictionary(dictionary()).map_err(|_| SpdyError::Headers)?;
                }
                Err(_) => return Err(SpdyError::Headers),
            }
        }
    }
}

fn parse(mut block: &[u8]) -> Option<Headers> {
    let count = block.try_get_u32().ok()?;
    let mut headers = Headers::new();
    for _ in 0..count {
        let name = take(&mut block)?;
        headers.push((name, take(&mut block)?));
    }
    Some(headers)
}

fn take(block: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(block.try_get_u32().ok()?).ok()?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    Some(String::from_utf8_lossy(text).into_owned())
}

pub(super) struct Deflater(Compress);

impl Deflater {
    pub(super) fn new() -> Self {
        let mut compress = Compress::new(Compression::fast(), true);
        compress.set_dictionary(dictionary()).expect("a new compressor takes a dictionary");
        Self(compress)
    }

    pub(super) fn write(&mut self, headers: &Headers) -> Vec<u8> {
        let length = |text: &str| u32::try_from(text.len()).expect("our headers are short");
        let mut block = Vec::new();
        block.put_u32(u32::try_from(headers.len()).expect("our headers are few"));
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            block.put_u32(length(text));
            block.put_slice(text.as_bytes());
        }
        self.deflate(&block)
    }

    fn deflate(&mut self, block: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(CHUNK_BYTES);
        let mut taken = 0;
        loop {
            out.reserve(CHUNK_BYTES);
            let before = self.0.total_in();
            self.0
                .compress_vec(&block[taken..], &mut out, FlushCompress::Sync)
                .expect("zlib compresses every byte");
            taken += usize::try_from(self.0.total_in() - before).expect("no more than was given");
            // Room that is left says that everything was flushed.
            if taken == block.len() && out.len() < out.capacity() {
                return out;
            }
        }
    }
}
