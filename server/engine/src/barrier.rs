//! What the world must show before a key is planned again: its own last writes.

use std::sync::Arc;

use object::{Key, KindName};
use planning::World;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barrier {
    /// Every change of the kind up to this revision.
    Reached { kind: KindName, revision: u64 },
    /// That this object is gone or is about to be.
    Deleted { key: Key, uid: Arc<str> },
}

impl Barrier {
    pub fn kind(&self) -> &KindName {
        match self {
            Self::Reached { kind, .. } => kind,
            Self::Deleted { key, .. } => &key.kind,
        }
    }

    pub fn is_met(&self, world: &World) -> bool {
        match self {
            Self::Reached { kind, revision } => world.revision(kind) >= *revision,
            Self::Deleted { key, uid } => world
                .entry(key)
                .is_none_or(|entry| entry.meta.uid != *uid || entry.meta.is_deleting()),
        }
    }
}
