//! The body of a request: whole, or as it comes for a request that is passed on.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream};
use object::ApiError;

use crate::streams::BodyStream;

pub enum Body {
    Full(Bytes),
    Stream(BodyStream),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Full(bytes)
    }
}

impl Body {
    /// All of it. Whoever streams a body bounds it.
    pub(crate) async fn gather(self) -> Result<Bytes, ApiError> {
        let mut chunks = match self {
            Self::Full(bytes) => return Ok(bytes),
            Self::Stream(chunks) => chunks,
        };
        let mut all = BytesMut::new();
        while let Some(chunk) = chunks.next().await {
            all.extend_from_slice(&chunk?);
        }
        Ok(all.freeze())
    }

    pub(crate) fn into_stream(self) -> BodyStream {
        match self {
            Self::Full(bytes) if bytes.is_empty() => stream::empty().boxed(),
            Self::Full(bytes) => stream::iter([Ok(bytes)]).boxed(),
            Self::Stream(chunks) => chunks,
        }
    }
}
