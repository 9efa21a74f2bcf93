//! What every transaction must satisfy before any store looks at it.

use std::collections::HashSet;

use crate::{Expected, StoreError, Transaction};

/// As etcd under Kubernetes: 1.5 MiB.
const BODY_BYTES_MAX: usize = 3 << 19;
/// What fits into an index row of Postgres, with room to spare.
const KEY_BYTES_MAX: usize = 2000;
const WRITES_MAX: usize = 512;

pub(crate) fn check(transaction: &Transaction) -> Result<(), StoreError> {
    let refuse = |why: String| Err(StoreError::Refused(why));
    if transaction.writes.len() > WRITES_MAX {
        return refuse(format!("a transaction can not hold more than {WRITES_MAX} writes"));
    }
    let mut seen = HashSet::new();
    for write in &transaction.writes {
        let key = &write.key;
        if transaction.writes.len() > 1 && !seen.insert(key) {
            return refuse(format!("a transaction can not write {key} twice"));
        }
        let parts = [&*key.kind, &*key.namespace, &*key.name];
        if parts.iter().any(|part| part.contains('\0')) {
            return refuse("a key can not hold a zero byte".to_owned());
        }
        if parts.iter().map(|part| part.len()).sum::<usize>() > KEY_BYTES_MAX {
            return refuse(format!("a key can not be longer than {KEY_BYTES_MAX} bytes"));
        }
        match &write.body {
            Some(body) if body.len() > BODY_BYTES_MAX => {
                return refuse(format!(
                    "{key} is too large to be stored: {} bytes, at most {BODY_BYTES_MAX}",
                    body.len()
                ));
            }
            Some(body) if body.first() == Some(&0) => {
                return refuse(format!("the body of {key} is not JSON"));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Expected {
    /// Whether a key that is at `current` may be written, or deleted.
    pub(crate) fn allows(self, current: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => current.is_none(),
            Self::Present => current.is_some(),
            Self::Revision(revision) => current == Some(revision),
        }
    }
}
