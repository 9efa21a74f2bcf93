//! `kubectl logs`.

use bytes::{Bytes, BytesMut};
use client::{Connection, Frame};
use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use object::ApiError;

use super::{Request, checked};
use crate::{
    context::Context,
    runtime::{Inspected, LogOptions, Source},
};

/// How many lines that are there already go into one frame.
const LINES_MAX: usize = 256;

pub(super) async fn answer(
    context: &Context,
    request: &Request,
    connection: Connection,
) -> Result<(), ApiError> {
    let options = options(request)?;
    let mut left: Option<usize> = request.value("limitBytes")?;
    let run = pick(request, request.runs(context).await?)?;
    let lines = checked(context.runtime.logs(&run.id, &options).await)?;
    let mut chunks = lines.ready_chunks(LINES_MAX);
    loop {
        let chunk = tokio::select! {
            chunk = chunks.next() => chunk,
            () = connection.outgoing.closed() => return Ok(()),
        };
        let Some(chunk) = chunk else { return Ok(()) };
        let mut bytes = BytesMut::new();
        for line in chunk {
            bytes.extend_from_slice(&checked(line)?.data);
        }
        let bytes = cut(bytes.freeze(), &mut left);
        if connection.outgoing.send(Frame::new(Frame::STDOUT, bytes)).await.is_err()
            || left == Some(0)
        {
            return Ok(());
        }
    }
}

fn cut(bytes: Bytes, left: &mut Option<usize>) -> Bytes {
    let Some(left) = left else { return bytes };
    let taken = bytes.len().min(*left);
    *left -= taken;
    bytes.slice(..taken)
}

fn options(request: &Request) -> Result<LogOptions, ApiError> {
    let seconds: Option<i64> = request.value("sinceSeconds")?;
    let since = seconds.map(|seconds| Timestamp::now() - SignedDuration::from_secs(seconds));
    Ok(LogOptions {
        follow: request.is("follow"),
        timestamps: request.is("timestamps"),
        since: since.or(request.value("sinceTime")?),
        tail_lines: request.value("tailLines")?,
        only: match request.all("stream").next() {
            Some("Stdout") => Some(Source::Stdout),
            Some("Stderr") => Some(Source::Stderr),
            _ => None,
        },
    })
}

/// The newest run, or the one before it.
fn pick(request: &Request, mut runs: Vec<Inspected>) -> Result<Inspected, ApiError> {
    let (container, pod) = (&request.header.container, &request.header.pod);
    let newest = runs.pop();
    if !request.is("previous") {
        return newest.ok_or_else(|| {
            ApiError::bad_request(format!(
                "container \"{container}\" in pod \"{pod}\" is waiting to start: ContainerCreating"
            ))
        });
    }
    // A run that has ended while no newer one has begun is the previous one itself.
    let ended = newest.filter(|run| !run.is_running && run.finished_at.is_some());
    runs.pop().or(ended).ok_or_else(|| {
        ApiError::bad_request(format!(
            "previous terminated container \"{container}\" in pod \"{pod}\" not found"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_the_limit() {
        let mut left = Some(5);
        assert_eq!(cut(Bytes::from_static(b"abc"), &mut left), "abc");
        assert_eq!(cut(Bytes::from_static(b"def"), &mut left), "de");
        assert_eq!(left, Some(0));
        assert_eq!(cut(Bytes::from_static(b"abc"), &mut None), "abc");
    }
}
