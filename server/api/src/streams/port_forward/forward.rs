//! One forwarded connection: a pair of streams and a connection to the pod.

use std::{future::Future, sync::Arc};

use bytes::{Bytes, BytesMut};
use object::ApiError;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf},
    sync::mpsc::{Receiver, Sender},
};

use super::{ByteStream, Frame, Pod, windows::Windows};

const CHUNK_BYTES: usize = 32 * 1024;
/// The client is told of room that often.
const ROOM_BYTES: u32 = 32 * 1024;

pub(super) struct Forward {
    pub(super) pod: Pod,
    pub(super) port: u16,
    pub(super) data: u32,
    pub(super) error: u32,
    /// What the client sends; ends with its end.
    pub(super) pieces: Receiver<Bytes>,
    pub(super) out: Sender<Frame>,
    pub(super) windows: Arc<Windows>,
}

impl Forward {
    /// Carries bytes until the pod has closed the connection; answers the streams' ids.
    pub(super) async fn run(
        mut self,
        dialling: impl Future<Output = Result<ByteStream, ApiError>>,
    ) -> [u32; 2] {
        if let Err(error) = self.carry(dialling).await {
            let Pod { name, uid } = &self.pod;
            let why = error.message;
            let message =
                format!("error forwarding port {} to pod {name}, uid {uid}: {why}", self.port);
            self.send(self.error, message.into(), false).await;
        }
        for stream in [self.data, self.error] {
            self.send(stream, Bytes::new(), true).await;
        }
        [self.data, self.error]
    }

    async fn carry(
        &mut self,
        dialling: impl Future<Output = Result<ByteStream, ApiError>>,
    ) -> Result<(), ApiError> {
        let (reader, writer) = tokio::io::split(dialling.await?);
        let (out, data) = (self.out.clone(), self.data);
        let windows = self.windows.clone();
        tokio::select! {
            read = download(reader, data, &out, &windows) => {
                read.map_err(|error| ApiError::unavailable(error.to_string()))
            }
            // Never ends: what the pod still has to say is read all the same.
            () = upload(&mut self.pieces, writer, data, &out) => Ok(()),
        }
    }

    async fn send(&self, stream: u32, data: Bytes, fin: bool) {
        // Without a writer the session is over.
        self.out.send(Frame::Data { stream, fin, data }).await.ok();
    }
}

async fn download(
    mut reader: ReadHalf<ByteStream>,
    stream: u32,
    out: &Sender<Frame>,
    windows: &Windows,
) -> std::io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(CHUNK_BYTES);
        if reader.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        while !buffer.is_empty() {
            let count = windows.take(stream, buffer.len()).await;
            let data = buffer.split_to(count).freeze();
            if out.send(Frame::Data { stream, fin: false, data }).await.is_err() {
                return Ok(());
            }
        }
    }
}

async fn upload(
    pieces: &mut Receiver<Bytes>,
    mut writer: WriteHalf<ByteStream>,
    stream: u32,
    out: &Sender<Frame>,
) {
    let mut taken = 0;
    while let Some(piece) = pieces.recv().await {
        if writer.write_all(&piece).await.is_err() {
            break;
        }
        taken += u32::try_from(piece.len()).unwrap_or(ROOM_BYTES);
        if taken >= ROOM_BYTES {
            for stream in [stream, 0] {
                out.send(Frame::WindowUpdate { stream, delta: taken }).await.ok();
            }
            taken = 0;
        }
    }
    // Nothing more is written; a pod that does not listen any more may have an answer still.
    writer.shutdown().await.ok();
    pieces.close();
    std::future::pending().await
}
