//! Reads every object into memory.

use std::{collections::HashSet, sync::Arc};

use futures::TryStreamExt;
use object::{Key, KindName};
use sqlx::{Connection, PgPool};

use super::{OpenError, batch::unsigned, envelope::Envelope};
use crate::{Stored, cache::Objects};

/// The store as of one revision.
pub(super) struct Loaded {
    pub(super) objects: Objects,
    pub(super) revision: u64,
    pub(super) compacted: u64,
}

pub(super) async fn everything(pool: &PgPool, envelope: &Envelope) -> Result<Loaded, OpenError> {
    let away = |error: sqlx::Error| OpenError::Away(error.to_string());
    let mut connection = pool.acquire().await.map_err(away)?;
    // One snapshot for the counter and the objects.
    let mut transaction = connection
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .await
        .map_err(away)?;
    sqlx::query!("SET LOCAL enable_seqscan = on").execute(&mut *transaction).await.map_err(away)?;
    let counter = sqlx::query!("SELECT revision, compacted FROM counter")
        .fetch_one(&mut *transaction)
        .await
        .map_err(away)?;
    let mut objects = Objects::new();
    let mut names = Names::default();
    let mut rows = sqlx::query!("SELECT kind, namespace, name, revision, body FROM objects")
        .fetch(&mut *transaction);
    while let Some(row) = rows.try_next().await.map_err(away)? {
        let key = Key {
            kind: names.kind(&row.kind),
            namespace: names.namespace(&row.namespace),
            name: row.name.into(),
        };
        let body = envelope
            .open(&key, row.body)
            .map_err(|_| OpenError::Damaged(format!("the body of {key} can not be opened")))?;
        let stored = Stored { key: key.clone(), revision: unsigned(row.revision), body };
        objects.insert(key, Arc::new(stored));
    }
    drop(rows);
    transaction.commit().await.map_err(away)?;
    let (revision, compacted) = (unsigned(counter.revision), unsigned(counter.compacted));
    Ok(Loaded { objects, revision, compacted })
}

/// Kinds and namespaces are few: their names are kept once.
#[derive(Default)]
struct Names {
    kinds: HashSet<KindName>,
    namespaces: HashSet<Arc<str>>,
}

impl Names {
    fn kind(&mut self, name: &str) -> KindName {
        if let Some(kind) = self.kinds.get(name) {
            return kind.clone();
        }
        let kind = KindName::from(name);
        self.kinds.insert(kind.clone());
        kind
    }

    fn namespace(&mut self, name: &str) -> Arc<str> {
        if let Some(namespace) = self.namespaces.get(name) {
            return namespace.clone();
        }
        let namespace: Arc<str> = name.into();
        self.namespaces.insert(namespace.clone());
        namespace
    }
}
