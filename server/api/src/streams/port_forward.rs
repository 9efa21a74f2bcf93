//! kubectl's port-forward: a SPDY session whose streams come in pairs, one for data and one for
//! errors, with the same request id. Each pair becomes a connection to a port of the pod.
//!
//! What the client sends faster than the pod reads is bounded per stream; beyond that the session
//! waits, as Kubernetes' own does.

mod forward;
mod windows;

use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use object::ApiError;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, interval},
};

use super::{
    ByteStream,
    spdy::{Decoder, Encoder, Frame, Headers, PROTOCOL_ERROR, REFUSED_STREAM},
};
use forward::Forward;
use windows::Windows;

/// The subprotocol of WebSocket that says that messages are this session.
pub(super) const SUBPROTOCOL: &str = "SPDY/3.1+portforward.k8s.io";

/// Streams at once, two for each connection.
const STREAMS_MAX: usize = 2048;
/// Pieces of data that wait for the pod, on each stream.
const PIECES_MAX: usize = 32;
/// Frames that wait for the client, of all streams.
const FRAMES_MAX: usize = 64;
/// How long the second stream of a pair may take to come.
const PAIR_PATIENCE: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 64 * 1024;

/// Connects to a port of the pod.
pub(crate) type Dial =
    Arc<dyn Fn(u16) -> BoxFuture<'static, Result<ByteStream, ApiError>> + Send + Sync>;

/// The pod, as errors name it.
#[derive(Clone)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// Serves a session until the client leaves.
pub(super) async fn serve<T>(io: T, pod: Pod, dial: Dial)
where
    T: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (mut reader, writer) = tokio::io::split(io);
    let (out, frames) = mpsc::channel(FRAMES_MAX);
    let session = Session {
        pod,
        dial,
        out,
        windows: Arc::default(),
        streams: HashMap::new(),
        waiting: HashMap::new(),
        forwards: JoinSet::new(),
    };
    tokio::select! {
        () = session.run(&mut reader) => {}
        () = write(writer, frames) => {}
    }
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut frames: mpsc::Receiver<Frame>) {
    let (mut encoder, mut buffer) = (Encoder::default(), BytesMut::new());
    while let Some(frame) = frames.recv().await {
        encoder.encode(&frame, &mut buffer);
        while buffer.len() < READ_BYTES
            && let Ok(frame) = frames.try_recv()
        {
            encoder.encode(&frame, &mut buffer);
        }
        if writer.write_all(&buffer).await.is_err() || writer.flush().await.is_err() {
            return;
        }
        buffer.clear();
    }
}

/// One end of a pair that waits for the other.
struct Waiting {
    kind: Kind,
    stream: u32,
    since: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Error,
}

/// A stream that is open.
struct Open {
    /// Where its data goes; `None` when nothing more comes, and for errors, which only we write.
    data: Option<mpsc::Sender<Bytes>>,
    forward: Option<AbortHandle>,
}

struct Session {
    pod: Pod,
    dial: Dial,
    out: mpsc::Sender<Frame>,
    windows: Arc<Windows>,
    streams: HashMap<u32, Open>,
    /// By request id.
    waiting: HashMap<String, Waiting>,
    /// Each ends with the ids of its streams.
    forwards: JoinSet<[u32; 2]>,
}

impl Session {
    async fn run(mut self, reader: &mut (impl AsyncRead + Unpin)) {
        let (mut decoder, mut input) = (Decoder::default(), BytesMut::new());
        let mut tick = interval(PAIR_PATIENCE / 3);
        loop {
            loop {
                match decoder.decode(&mut input) {
                    Ok(Some(frame)) => self.take(frame).await,
                    Ok(None) => break,
                    Err(error) => {
                        tracing::info!(%error, "a port-forward broke off");
                        let last_stream = self.streams.keys().max().copied().unwrap_or(0);
                        self.send(Frame::GoAway { last_stream, status: PROTOCOL_ERROR }).await;
                        return;
                    }
                }
            }
            input.reserve(READ_BYTES);
            tokio::select! {
                read = reader.read_buf(&mut input) => match read {
                    Ok(1..) => {}
                    Ok(0) | Err(_) => return,
                },
                Some(ended) = self.forwards.join_next() => {
                    // One that was broken off has been forgotten already.
                    for stream in ended.into_iter().flatten() {
                        self.forget(stream);
                    }
                }
                _ = tick.tick() => self.give_up_on_late_pairs().await,
            }
        }
    }

    async fn send(&self, frame: Frame) {
        // Without a writer the session is over.
        self.out.send(frame).await.ok();
    }

    async fn take(&mut self, frame: Frame) {
        match frame {
            Frame::SynStream { stream, headers, .. } => self.open(stream, &headers).await,
            Frame::Data { stream, fin, data } => self.hand_on(stream, fin, data).await,
            Frame::Reset { stream, .. } => self.forget(stream),
            // Those with even ids are answers to ours, of which there are none.
            Frame::Ping(id) if id % 2 == 1 => self.send(Frame::Ping(id)).await,
            Frame::Settings { window_bytes: Some(bytes) } => self.windows.begin_with(bytes),
            Frame::WindowUpdate { stream, delta } => self.windows.raise(stream, delta),
            // Whoever goes away closes the connection when its streams are done.
            _ => {}
        }
    }

    async fn open(&mut self, stream: u32, headers: &Headers) {
        let is_new = stream % 2 == 1 && !self.streams.contains_key(&stream);
        let Some((kind, port)) = read(headers).filter(|_| is_new) else {
            return self.send(Frame::Reset { stream, status: PROTOCOL_ERROR }).await;
        };
        if self.streams.len() >= STREAMS_MAX {
            return self.send(Frame::Reset { stream, status: REFUSED_STREAM }).await;
        }
        let id = request_id(headers, stream, kind);
        let other = self.waiting.remove(&id);
        if other.as_ref().is_some_and(|other| other.kind == kind) {
            return self.send(Frame::Reset { stream, status: PROTOCOL_ERROR }).await;
        }
        self.streams.insert(stream, Open { data: None, forward: None });
        self.send(Frame::SynReply { stream, fin: false, headers: Headers::new() }).await;
        match (other, kind) {
            (None, _) => {
                self.waiting.insert(id, Waiting { kind, stream, since: Instant::now() });
            }
            (Some(other), Kind::Data) => self.forward(port, stream, other.stream),
            (Some(other), Kind::Error) => self.forward(port, other.stream, stream),
        }
    }

    fn forward(&mut self, port: u16, data: u32, error: u32) {
        let (sender, pieces) = mpsc::channel(PIECES_MAX);
        let forward = Forward {
            pod: self.pod.clone(),
            port,
            data,
            error,
            pieces,
            out: self.out.clone(),
            windows: self.windows.clone(),
        };
        let dialling = (self.dial)(port);
        let handle = self.forwards.spawn(forward.run(dialling));
        self.streams.insert(data, Open { data: Some(sender), forward: Some(handle) });
    }

    /// Data of a stream that has ended here is on its way still: nobody wants it.
    async fn hand_on(&mut self, stream: u32, fin: bool, data: Bytes) {
        let Some(open) = self.streams.get_mut(&stream) else { return };
        if let Some(sender) = &open.data
            && !data.is_empty()
        {
            sender.send(data).await.ok();
        }
        if fin {
            open.data = None;
        }
    }

    /// Forgets a stream; a connection without its stream is broken off.
    fn forget(&mut self, stream: u32) {
        self.windows.forget(stream);
        self.waiting.retain(|_, waiting| waiting.stream != stream);
        if let Some(Open { forward: Some(forward), .. }) = self.streams.remove(&stream) {
            forward.abort();
        }
    }

    async fn give_up_on_late_pairs(&mut self) {
        let late: Vec<u32> = self
            .waiting
            .values()
            .filter(|waiting| waiting.since.elapsed() > PAIR_PATIENCE)
            .map(|waiting| waiting.stream)
            .collect();
        for stream in late {
            self.forget(stream);
            self.send(Frame::Reset { stream, status: REFUSED_STREAM }).await;
        }
    }
}

fn find<'h>(headers: &'h Headers, name: &str) -> Option<&'h str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

fn read(headers: &Headers) -> Option<(Kind, u16)> {
    let kind = match find(headers, "streamtype")? {
        "data" => Kind::Data,
        "error" => Kind::Error,
        _ => return None,
    };
    let port = find(headers, "port")?.parse().ok().filter(|port| *port > 0)?;
    Some((kind, port))
}

/// Old clients send no id: their data stream follows its error stream.
fn request_id(headers: &Headers, stream: u32, kind: Kind) -> String {
    match (find(headers, "requestid"), kind) {
        (Some(id), _) => id.to_owned(),
        (None, Kind::Error) => format!("stream {stream}"),
        (None, Kind::Data) => format!("stream {}", stream.saturating_sub(2)),
    }
}

/// Joins a session with a stream of bytes for the other side.
pub(crate) fn spawn(pod: Pod, dial: Dial) -> ByteStream {
    let (near, far) = tokio::io::duplex(READ_BYTES);
    let serving: BoxFuture<'static, ()> = Box::pin(serve(far, pod, dial));
    // Ends when the other side drops its end.
    tokio::spawn(serving);
    Box::new(near)
}

/// Makes a [`Dial`] of a function.
pub(crate) fn dialler<F>(dial: impl Fn(u16) -> F + Send + Sync + 'static) -> Dial
where
    F: Future<Output = Result<ByteStream, ApiError>> + Send + 'static,
{
    Arc::new(move |port| Box::pin(dial(port)))
}

#[cfg(test)]
mod tests;
