//! A watch: one JSON object per line.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object::{ApiError, KindName};
use reqwest::Response;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio_util::{
    codec::{FramedRead, LinesCodec},
    io::StreamReader,
};

use super::{object, servers};
use crate::{Event, EventStream};

/// Longer than any object with its wrapping.
const LINE_BYTES_MAX: usize = 8 << 20;
const INITIAL_END: &str = "k8s.io/initial-events-end";

#[derive(Deserialize)]
struct Line<'a> {
    r#type: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

/// The events of a watch. `is_initial`: every object comes first; bookmarks before the one that
/// ends them say nothing.
pub(super) fn events(kind: KindName, response: Response, mut is_initial: bool) -> EventStream {
    let chunks = response.bytes_stream().map_err(std::io::Error::other);
    let lines = LinesCodec::new_with_max_length(LINE_BYTES_MAX);
    FramedRead::new(StreamReader::new(chunks), lines)
        .filter_map(move |line| {
            let event = match line {
                Ok(line) => event(&kind, &line, &mut is_initial).transpose(),
                Err(error) => {
                    Some(Err(ApiError::unavailable(format!("the watch broke off: {error}"))))
                }
            };
            std::future::ready(event)
        })
        .boxed()
}

fn event(kind: &KindName, line: &str, is_initial: &mut bool) -> Result<Option<Event>, ApiError> {
    let malformed =
        |error| ApiError::internal(format!("the watch's line is not understood: {error}"));
    let Line { r#type, object: raw } = serde_json::from_str(line).map_err(malformed)?;
    if r#type == "ERROR" {
        let status: Value = serde_json::from_str(raw.get()).map_err(malformed)?;
        let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok());
        return Err(servers::failure(code.unwrap_or(500), raw.get().as_bytes()));
    }
    let shown = object(kind, Bytes::copy_from_slice(raw.get().as_bytes()))?;
    let event = match r#type {
        "ADDED" => Event::Added(shown),
        "MODIFIED" => Event::Modified(shown),
        "DELETED" => Event::Deleted(shown),
        "BOOKMARK" => {
            if *is_initial && !raw.get().contains(INITIAL_END) {
                return Ok(None);
            }
            *is_initial = false;
            Event::Bookmark(shown.revision)
        }
        other => {
            return Err(ApiError::internal(format!("the watch sent an unknown event {other}")));
        }
    };
    Ok(Some(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, is_initial: &mut bool) -> Result<Option<Event>, ApiError> {
        event(&KindName::from("pods"), line, is_initial)
    }

    #[test]
    fn reads_each_type() {
        let pod = r#"{"metadata":{"namespace":"d","name":"a","resourceVersion":"7"}}"#;
        let line = format!(r#"{{"type":"ADDED","object":{pod}}}"#);
        let Ok(Some(Event::Added(added))) = read(&line, &mut false) else { panic!("no event") };
        assert_eq!((added.key.to_string().as_str(), added.revision), ("pods/d/a", 7));
        assert_eq!(added.body, pod);
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#;
        assert_eq!(read(gone, &mut false).unwrap_err().reason, object::Reason::Expired);
        assert!(read("{", &mut false).is_err());
    }

    #[test]
    fn waits_for_the_end_of_the_initial_events() {
        let bookmark = |annotations: &str| {
            format!(
                r#"{{"type":"BOOKMARK","object":{{"metadata":{{"resourceVersion":"9","annotations":{annotations}}}}}}}"#
            )
        };
        let mut is_initial = true;
        assert!(read(&bookmark("{}"), &mut is_initial).unwrap().is_none());
        let end = bookmark(r#"{"k8s.io/initial-events-end":"true"}"#);
        assert!(matches!(read(&end, &mut is_initial), Ok(Some(Event::Bookmark(9)))));
        assert!(matches!(read(&bookmark("{}"), &mut is_initial), Ok(Some(Event::Bookmark(9)))));
    }
}
