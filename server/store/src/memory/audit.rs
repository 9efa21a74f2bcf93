//! The audit of the memory store: the newest acts, as many as the limits allow.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;

use crate::{Audit, AuditEvent, AuditQuery, Limits};

pub(super) struct Acts {
    kept: Mutex<(u64, VecDeque<AuditEvent>)>,
    count_max: usize,
    age_max: Duration,
}

/// What a write left.
pub(super) struct Made {
    pub(super) revision: u64,
    pub(super) body: Option<Bytes>,
}

impl Acts {
    pub(super) fn new(limits: &Limits) -> Self {
        let (count_max, age_max) = (limits.audit_count_max, limits.audit_age_max);
        Self { kept: Mutex::default(), count_max, age_max }
    }

    /// Keeps acts, each with the revision and the body that it made, if it made any.
    pub(super) fn keep(&self, acts: impl IntoIterator<Item = (Audit, Option<Made>)>) {
        let at_us = now_us();
        let age_us = i64::try_from(self.age_max.as_micros()).unwrap_or(i64::MAX);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, events) = &mut *kept;
        for (audit, made) in acts {
            *last += 1;
            let Audit { user, verb, key, code, before, detail, mut diff } = audit;
            let after = made.as_ref().map(|made| made.revision);
            if diff.is_none() && before.is_none() {
                diff = made.and_then(|made| made.body);
            }
            let verb = verb.to_owned();
            let id = *last;
            events.push_back(AuditEvent {
                id,
                at_us,
                user,
                verb,
                key,
                code,
                before,
                after,
                detail,
                diff,
            });
        }
        while events.len() > self.count_max
            || events.front().is_some_and(|event| at_us.saturating_sub(event.at_us) > age_us)
        {
            events.pop_front();
        }
    }

    pub(super) fn read(&self, query: &AuditQuery) -> Vec<AuditEvent> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let newest_first = kept.1.iter().rev().filter(|event| query.matches(event));
        newest_first.take(query.limit).cloned().collect()
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
