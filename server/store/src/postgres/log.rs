//! Reads the log: what is new for the memory, and what is too old for it.

use std::sync::Arc;

use object::Key;
use sqlx::PgPool;

use super::{
    batch::{signed, unsigned},
    connect,
    envelope::Envelope,
};
use crate::{Change, Range, StoreError, Stored, cache::Entry};

/// Changes read at once for the memory.
const TAIL_COUNT: i64 = 512;
/// Revisions looked at at once for a watch, whatever their kind.
const PAGE_REVISIONS: u64 = 512;

/// What comes after a revision, all from one snapshot of the database.
pub(super) struct Tail {
    pub(super) entries: Vec<Entry>,
    /// The entries are complete up to here.
    pub(super) upto: u64,
    pub(super) newest: u64,
    pub(super) compacted: u64,
}

pub(super) async fn tail(
    pool: &PgPool,
    envelope: &Envelope,
    after: u64,
) -> Result<Tail, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT c.revision AS newest, c.compacted,
                  l.revision AS "revision?", l.kind AS "kind?", l.namespace AS "namespace?",
                  l.name AS "name?", l.body AS "body?"
           FROM counter AS c
           LEFT JOIN LATERAL (
               SELECT * FROM log WHERE log.revision > $1 ORDER BY log.revision LIMIT $2
           ) AS l ON true
           ORDER BY l.revision"#,
        signed(after),
        TAIL_COUNT,
    )
    .fetch_all(pool)
    .await
    .map_err(connect::away)?;
    let mut tail = Tail { entries: Vec::new(), upto: 0, newest: 0, compacted: 0 };
    for row in rows {
        tail.newest = unsigned(row.newest);
        tail.compacted = unsigned(row.compacted);
        let (Some(revision), Some(kind), Some(namespace), Some(name)) =
            (row.revision, row.kind, row.namespace, row.name)
        else {
            continue;
        };
        let key = Key::new(&*kind, &namespace, &name);
        let body = row.body.map(|body| open(envelope, &key, body)).transpose()?;
        tail.entries.push(Entry { revision: unsigned(revision), key, body });
    }
    let is_full = tail.entries.len() == usize::try_from(TAIL_COUNT).unwrap_or(usize::MAX);
    tail.upto = match tail.entries.last() {
        Some(last) if is_full => last.revision,
        _ => tail.newest,
    };
    Ok(tail)
}

/// The changes of a range after a revision, complete up to the revision that is answered, which
/// is at most `upto`.
pub(super) async fn page(
    pool: &PgPool,
    envelope: &Envelope,
    range: &Range,
    after: u64,
    upto: u64,
) -> Result<(Vec<Arc<Change>>, u64), StoreError> {
    let upto = upto.min(after.saturating_add(PAGE_REVISIONS));
    let rows = sqlx::query!(
        r#"SELECT c.compacted, l.revision AS "revision?", l.kind AS "kind?",
                  l.namespace AS "namespace?", l.name AS "name?", l.body AS "body?", l.previous,
                  COALESCE(l.old_body, p.body) AS old_body
           FROM counter AS c
           LEFT JOIN LATERAL (
               SELECT * FROM log
               WHERE log.revision > $1 AND log.revision <= $2
                 AND ($3::text IS NULL OR log.kind = $3)
                 AND ($4::text IS NULL OR log.namespace = $4)
                 AND ($5::text IS NULL OR log.name = $5)
           ) AS l ON true
           LEFT JOIN log AS p ON p.revision = l.previous
           ORDER BY l.revision"#,
        signed(after),
        signed(upto),
        range.kind.as_deref(),
        range.namespace.as_deref(),
        range.name.as_deref(),
    )
    .fetch_all(pool)
    .await
    .map_err(connect::away)?;
    let mut changes = Vec::with_capacity(rows.len());
    for row in rows {
        let oldest = unsigned(row.compacted);
        if oldest > after {
            return Err(StoreError::Compacted { asked: after, oldest });
        }
        let (Some(revision), Some(kind), Some(namespace), Some(name)) =
            (row.revision, row.kind, row.namespace, row.name)
        else {
            continue;
        };
        let key = Key::new(&*kind, &namespace, &name);
        let new = row.body.map(|body| open(envelope, &key, body)).transpose()?;
        let old = match (row.previous, row.old_body) {
            (Some(previous), Some(body)) => {
                let body = open(envelope, &key, body)?;
                Some(Stored { key: key.clone(), revision: unsigned(previous), body })
            }
            _ => None,
        };
        changes.push(Arc::new(Change { key, revision: unsigned(revision), old, new }));
    }
    Ok((changes, upto))
}

fn open(envelope: &Envelope, key: &Key, body: Vec<u8>) -> Result<bytes::Bytes, StoreError> {
    envelope.open(key, body).map_err(|_| StoreError::Unavailable {
        message: format!("the stored body of {key} can not be opened"),
        maybe_written: false,
    })
}
