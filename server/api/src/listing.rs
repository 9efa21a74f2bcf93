//! Large lists, sent in pieces. Where a piece ends depends on the names of its objects alone, so it
//! stays what it is while they do, and its compressed form is kept: gzip's members may be
//! concatenated (RFC 1952, section 2.2).

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    sync::{Arc, LazyLock},
};

use bytes::{Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use http::{HeaderMap, HeaderValue, Response, header};
use kinds::KindDef;
use object::{ApiError, body::splice_into};
use quick_cache::{Weighter, sync::Cache};
use store::Stored;

use crate::{render, verbs::list::Page};

/// Smaller lists are answered whole.
const STREAMED_BYTES_MIN: usize = 128 * 1024;
/// One name in so many ends a piece.
const PIECE_COUNT_MEAN: u64 = 32;
const PIECE_COUNT_MAX: usize = 128;
const PIECE_BYTES_MAX: usize = 256 * 1024;
const KEPT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What `splice` adds to a body at most.
const SPLICED_BYTES_MAX: usize = 48;
/// Pieces that are compressed ahead of the one that is sent.
const AHEAD: usize = 2;

/// Compressed pieces by what is in them, bounded in bytes.
pub(crate) struct Members(Cache<PieceKey, Bytes, Bytewise>);

/// Every write has a revision of its own: they say what a piece holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct PieceKey {
    api_version: Box<str>,
    revisions: Box<[u64]>,
}

#[derive(Clone)]
struct Bytewise;

impl Weighter<PieceKey, Bytes> for Bytewise {
    fn weight(&self, key: &PieceKey, member: &Bytes) -> u64 {
        (member.len() + key.revisions.len() * size_of::<u64>()) as u64
    }
}

impl Default for Members {
    fn default() -> Self {
        let pieces = usize::try_from(KEPT_BYTES_MAX).unwrap_or(usize::MAX) / PIECE_BYTES_MAX;
        Self(Cache::with_weighter(pieces, KEPT_BYTES_MAX, Bytewise))
    }
}

impl Members {
    async fn of(&self, api_version: &str, piece: Piece) -> Result<Bytes, ApiError> {
        let revisions = piece.0.iter().map(|item| item.revision).collect();
        let key = PieceKey { api_version: api_version.into(), revisions };
        let compressed = async {
            tokio::task::spawn_blocking(move || compress(&piece.plain()))
                .await
                .map_err(|_| ApiError::internal("a list could not be compressed"))
        };
        self.0.get_or_insert_async(&key, compressed).await
    }
}

/// A run of objects.
struct Piece(Vec<Arc<Stored>>);

impl Piece {
    fn plain(&self) -> Bytes {
        let room = self.0.iter().map(|item| item.body.len() + SPLICED_BYTES_MAX).sum();
        let mut out = BytesMut::with_capacity(room);
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b",");
            }
            splice_into(&mut out, &item.body, item.revision);
        }
        out.freeze()
    }
}

/// Whether a list is large enough to be sent in pieces.
pub(crate) fn is_large(page: &Page) -> bool {
    let mut left = STREAMED_BYTES_MIN;
    page.items.iter().any(|item| {
        left = left.saturating_sub(item.body.len());
        left == 0
    })
}

/// A list of whole objects as JSON: head and chunks.
pub(crate) fn answer(
    def: &KindDef,
    page: Page,
    members: Option<Arc<Members>>,
) -> (Response<()>, BoxStream<'static, Result<Bytes, ApiError>>) {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let start = render::list_start(&def.list_kind, &def.api_version, &page.meta);
    let pieces = cut(page.items);
    let Some(members) = members else {
        return (response, plain_chunks(start, pieces));
    };
    response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    (response, compressed_chunks(start, pieces, def.api_version.to_string(), members))
}

fn plain_chunks(start: String, pieces: Vec<Piece>) -> BoxStream<'static, Result<Bytes, ApiError>> {
    let between = |index| if index > 0 { Bytes::from_static(b",") } else { Bytes::new() };
    let middle = stream::iter(pieces.into_iter().enumerate())
        .flat_map(move |(index, piece)| stream::iter([between(index), piece.plain()]))
        .filter(|chunk| std::future::ready(!chunk.is_empty()));
    stream::once(std::future::ready(Bytes::from(start)))
        .chain(middle)
        .chain(stream::once(std::future::ready(Bytes::from_static(render::LIST_END.as_bytes()))))
        .map(Ok)
        .boxed()
}

fn compressed_chunks(
    start: String,
    pieces: Vec<Piece>,
    api_version: String,
    members: Arc<Members>,
) -> BoxStream<'static, Result<Bytes, ApiError>> {
    static COMMA: LazyLock<Bytes> = LazyLock::new(|| compress(b","));
    let api_version: Arc<str> = api_version.into();
    let middle = stream::iter(pieces)
        .map(move |piece| {
            let (members, api_version) = (members.clone(), api_version.clone());
            async move { members.of(&api_version, piece).await }
        })
        .buffered(AHEAD)
        .enumerate()
        .flat_map(|(index, member)| {
            let comma = (index > 0).then(|| Ok(COMMA.clone()));
            stream::iter(comma.into_iter().chain([member]))
        });
    stream::once(std::future::ready(Ok(compress(start.as_bytes()))))
        .chain(middle)
        .chain(stream::once(std::future::ready(Ok(compress(render::LIST_END.as_bytes())))))
        .boxed()
}

fn cut(items: Vec<Arc<Stored>>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut piece, mut bytes) = (Vec::new(), 0);
    for item in items {
        bytes += item.body.len();
        let ends = ends_piece(&item.key.name);
        piece.push(item);
        if ends || piece.len() >= PIECE_COUNT_MAX || bytes >= PIECE_BYTES_MAX {
            pieces.push(Piece(std::mem::take(&mut piece)));
            bytes = 0;
        }
    }
    if !piece.is_empty() {
        pieces.push(Piece(piece));
    }
    pieces
}

fn ends_piece(name: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish().is_multiple_of(PIECE_COUNT_MEAN)
}

fn compress(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), Compression::fast());
    encoder
        .write_all(plain)
        .and_then(|()| encoder.finish())
        .expect("memory takes every byte")
        .into()
}

/// Whether a client reads gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING);
    values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(
        |coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            name.trim().eq_ignore_ascii_case("gzip") && parameters.replace(' ', "") != "q=0"
        },
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;
    use object::Key;
    use serde_json::Value;

    use super::*;
    use crate::render::ListMeta;

    fn page(count: u64) -> Page {
        let items = (1..=count).map(|number| {
            let key = Key::new("configmaps", "d", &format!("c-{number}"));
            let noise = "x".repeat(500);
            let body = format!(
                r#"{{"metadata":{{"name":"c-{number}"}},"data":{{"a":"{noise}"}},"kind":"ConfigMap","apiVersion":"v1"}}"#
            );
            Arc::new(Stored { key, revision: number, body: body.into() })
        });
        Page { meta: ListMeta { revision: count, ..ListMeta::default() }, items: items.collect() }
    }

    async fn read(count: u64, members: Option<Arc<Members>>) -> Vec<u8> {
        let def = kinds::find("configmaps").unwrap();
        let (_, chunks) = answer(def, page(count), members);
        let chunks: Vec<Bytes> = chunks.map(|chunk| chunk.unwrap()).collect().await;
        chunks.concat()
    }

    #[tokio::test]
    async fn pieces_make_the_list_whole() {
        for count in [0, 1, 700] {
            let plain: Value = serde_json::from_slice(&read(count, None).await).unwrap();
            let whole = render::list(
                kinds::find("configmaps").unwrap(),
                page(count).items.iter().map(|item| &**item),
                &page(count).meta,
                render::View::default(),
            );
            let whole: Value = serde_json::from_slice(&whole).unwrap();
            assert_eq!(plain, whole, "{count}");
            let members = Arc::new(Members::default());
            for _ in 0..2 {
                let zipped = read(count, Some(members.clone())).await;
                let mut text = String::new();
                MultiGzDecoder::new(&*zipped).read_to_string(&mut text).unwrap();
                assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), whole, "{count}");
            }
        }
    }

    #[test]
    fn a_new_object_leaves_other_pieces_as_they_are() {
        let keys = |items: Vec<Arc<Stored>>| -> Vec<Vec<u64>> {
            let pieces = cut(items).into_iter();
            pieces.map(|piece| piece.0.iter().map(|item| item.revision).collect()).collect()
        };
        let before = page(700).items;
        let mut after = before.clone();
        after.remove(350);
        let (before, after) = (keys(before), keys(after));
        let kept = after.iter().filter(|piece| before.contains(piece)).count();
        assert!(before.len() > 10 && kept + 2 >= after.len(), "{kept} of {}", after.len());
    }

    #[test]
    fn reads_what_a_client_accepts() {
        let accepts = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            accepts_gzip(&headers)
        };
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5"));
        assert!(!accepts("br") && !accepts("gzip;q=0"));
    }
}
