//! Which waiting transactions go to Postgres together, in which form, and what its answer means
//! for each. Pure.
//!
//! A batch is made of rounds in which no key stands twice; the rounds of a batch run one after the
//! other in one transaction of Postgres, so each sees what the one before wrote.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use object::Key;
use tokio::sync::oneshot;

use super::{audit::Acts, envelope::Envelope};
use crate::{Expected, StoreError, Transaction, cache::Entry};

const WRITES_MAX: usize = 512;
const BYTES_MAX: usize = 16 << 20;
/// A key written by everyone at once costs a round for each write.
const ROUNDS_MAX: usize = 16;

/// A transaction that waits for its answer.
pub(super) struct Request {
    transaction: Transaction,
    /// The bodies as Postgres gets them.
    sealed: Vec<Option<Bytes>>,
    answer: oneshot::Sender<Result<u64, StoreError>>,
}

impl Request {
    pub(super) fn new(
        mut transaction: Transaction,
        envelope: &Envelope,
    ) -> (Self, oneshot::Receiver<Result<u64, StoreError>>) {
        let seal = |write: &crate::Write| Some(envelope.seal(&write.key, write.body.as_ref()?));
        let sealed = transaction.writes.iter().map(seal).collect();
        if let Some(act) = &mut transaction.audit {
            envelope.seal_act(act);
        }
        let (answer, answered) = oneshot::channel();
        (Self { transaction, sealed, answer }, answered)
    }

    /// A caller that has gone does not mind.
    pub(super) fn answer(self, answer: Result<u64, StoreError>) {
        drop(self.answer.send(answer));
    }

    fn bytes(&self) -> usize {
        self.sealed.iter().flatten().map(Bytes::len).sum()
    }
}

/// Requests that have no key in common.
pub(super) type Round = Vec<Request>;

/// Takes the next batch out of what waits: in order for each key, up to the bounds.
pub(super) fn take(waiting: &mut VecDeque<Request>) -> Vec<Round> {
    let mut rounds: Vec<Round> = Vec::new();
    // The round from which on a key is free again.
    let mut free: HashMap<Key, usize> = HashMap::new();
    let (mut writes, mut bytes) = (0, 0);
    let mut left = VecDeque::new();
    while let Some(request) = waiting.pop_front() {
        let keys = || request.transaction.writes.iter().map(|write| &write.key);
        let round = keys().filter_map(|key| free.get(key)).max().copied().unwrap_or(0);
        let (count, size) = (request.transaction.writes.len().max(1), request.bytes());
        if writes > 0 && (writes + count > WRITES_MAX || bytes + size > BYTES_MAX) {
            waiting.push_front(request);
            break;
        }
        for key in keys() {
            free.insert(key.clone(), (round + 1).min(ROUNDS_MAX));
        }
        if round >= ROUNDS_MAX {
            left.push_back(request);
            continue;
        }
        writes += count;
        bytes += size;
        if rounds.len() <= round {
            rounds.resize_with(round + 1, Vec::new);
        }
        rounds[round].push(request);
    }
    left.append(waiting);
    *waiting = left;
    rounds
}

/// A round as `commit_batch` takes it.
#[derive(Default)]
pub(super) struct Arrays<'r> {
    pub(super) kinds: Vec<&'r str>,
    pub(super) namespaces: Vec<&'r str>,
    pub(super) names: Vec<&'r str>,
    pub(super) expected: Vec<i64>,
    pub(super) bodies: Vec<Option<&'r [u8]>>,
    pub(super) members: Vec<i32>,
    /// Absent when no transaction has a fence.
    pub(super) fences: Option<Vec<Option<&'r str>>>,
    pub(super) epochs: Option<Vec<Option<i64>>>,
    pub(super) acts: Acts<'r>,
}

impl<'r> Arrays<'r> {
    pub(super) fn of(round: &'r Round) -> Self {
        let mut arrays = Self::default();
        let mut position = 1;
        for (member, request) in (1..).zip(round) {
            if let (Some(act), false) =
                (&request.transaction.audit, request.transaction.writes.is_empty())
            {
                arrays.acts.push(position, act);
            }
            position += i32::try_from(request.transaction.writes.len()).expect("a batch is small");
            for (write, body) in request.transaction.writes.iter().zip(&request.sealed) {
                arrays.kinds.push(&write.key.kind);
                arrays.namespaces.push(&write.key.namespace);
                arrays.names.push(&write.key.name);
                arrays.expected.push(encode(write.expected));
                arrays.bodies.push(body.as_deref());
                arrays.members.push(member);
            }
        }
        let fences = || round.iter().map(|request| request.transaction.fence.as_ref());
        if fences().any(|fence| fence.is_some()) {
            arrays.fences = Some(fences().map(|fence| fence.map(|it| &*it.lease)).collect());
            arrays.epochs = Some(fences().map(|fence| fence.map(|it| signed(it.epoch))).collect());
        }
        arrays
    }
}

/// What `commit_batch` answers: positions count from 1.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) before: i64,
    pub(super) refused: Vec<i32>,
    pub(super) current: Vec<Option<i64>>,
    pub(super) fenced: Vec<i32>,
}

/// What became of a round.
pub(super) struct Outcome {
    /// For each request, in order.
    pub(super) answers: Vec<Result<u64, StoreError>>,
    /// What was written.
    pub(super) entries: Vec<Entry>,
    pub(super) newest: u64,
}

impl Outcome {
    pub(super) fn of(round: &Round, reply: &Reply) -> Self {
        let mut newest = unsigned(reply.before);
        let mut entries = Vec::new();
        let mut position = 0;
        let mut answers = Vec::with_capacity(round.len());
        for (member, request) in (1..).zip(round) {
            let writes = &request.transaction.writes;
            let start = position;
            position += writes.len();
            let refused = |index: usize| {
                let at = i32::try_from(start + index + 1).expect("a batch is small");
                reply.refused.contains(&at)
            };
            if let Some(fence) = &request.transaction.fence
                && reply.fenced.contains(&member)
            {
                answers.push(Err(StoreError::Fenced(fence.lease.clone())));
            } else if let Some(index) = (0..writes.len()).find(|index| refused(*index)) {
                let key = writes[index].key.clone();
                let current = reply.current.get(start + index).copied().flatten().map(unsigned);
                answers.push(Err(StoreError::Precondition { key, current }));
            } else {
                answers.push(Ok(if writes.is_empty() { newest } else { newest + 1 }));
                for write in writes {
                    newest += 1;
                    let (key, body) = (write.key.clone(), write.body.clone());
                    entries.push(Entry { revision: newest, key, body });
                }
            }
        }
        Self { answers, entries, newest }
    }
}

fn encode(expected: Expected) -> i64 {
    match expected {
        Expected::Any => -1,
        Expected::Present => -2,
        Expected::Absent => 0,
        Expected::Revision(revision) => signed(revision),
    }
}

/// Revisions and epochs as Postgres knows them; one that no counter reached stays that.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fence, Write};

    fn request(keys: &[&str]) -> Request {
        let write = |name: &&str| Write {
            key: Key::new("pods", "d", name),
            expected: Expected::Any,
            body: Some(Bytes::from_static(b"{}")),
        };
        let writes = keys.iter().map(write).collect();
        let transaction = Transaction { writes, ..Transaction::default() };
        Request::new(transaction, &Envelope::new(&[0; 32], |_| false)).0
    }

    fn names(rounds: &[Round]) -> Vec<Vec<String>> {
        let one = |request: &Request| {
            let names = request.transaction.writes.iter().map(|write| &*write.key.name);
            names.collect::<Vec<_>>().join("+")
        };
        rounds.iter().map(|round| round.iter().map(one).collect()).collect()
    }

    #[test]
    fn a_key_stands_once_in_a_round_and_in_order() {
        let requests = [&["a"][..], &["a", "b"], &["b"], &["c"], &["a"], &[]];
        let mut waiting = requests.iter().map(|keys| request(keys)).collect();
        let rounds = take(&mut waiting);
        let wanted: [&[&str]; 3] = [&["a", "c", ""], &["a+b"], &["b", "a"]];
        assert_eq!(names(&rounds), wanted);
        assert!(waiting.is_empty());
    }

    #[test]
    fn what_does_not_fit_waits_in_order() {
        let mut waiting: VecDeque<Request> =
            (0..20).flat_map(|_| [request(&["hot", "x"]), request(&["cold"])]).collect();
        assert_eq!(take(&mut waiting).len(), ROUNDS_MAX);
        assert_eq!(names(&[Vec::from(waiting)])[0], ["hot+x", "cold"].repeat(4));
        let mut waiting: VecDeque<Request> = (0..600).map(|i| request(&[&i.to_string()])).collect();
        assert_eq!(take(&mut waiting)[0].len(), WRITES_MAX);
        assert_eq!(names(&take(&mut waiting))[0][0], WRITES_MAX.to_string());
        assert!(waiting.is_empty());
    }

    #[test]
    fn revisions_skip_what_was_refused() {
        let mut round =
            vec![request(&["a", "b"]), request(&["c"]), request(&["d"]), request(&["e"])];
        round[2].transaction.fence = Some(Fence { lease: "l".into(), epoch: 1 });
        let reply = Reply {
            before: 10,
            refused: vec![2],
            current: vec![None, Some(7), None, None, None],
            fenced: vec![3],
        };
        let outcome = Outcome::of(&round, &reply);
        let key = Key::new("pods", "d", "b");
        assert_eq!(
            outcome.answers,
            [
                Err(StoreError::Precondition { key, current: Some(7) }),
                Ok(11),
                Err(StoreError::Fenced("l".into())),
                Ok(12),
            ]
        );
        let written: Vec<_> =
            outcome.entries.iter().map(|entry| (&*entry.key.name, entry.revision)).collect();
        assert_eq!((written, outcome.newest), (vec![("c", 11), ("e", 12)], 12));
    }
}
