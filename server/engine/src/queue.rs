//! Which keys wait to be planned, and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Each piece of work stands in it once; what is being done is not handed out again before it is
/// finished. Of several requests for one, the earliest counts.
pub(crate) struct Queue<W> {
    items: BTreeMap<W, State>,
    due: BTreeSet<(Duration, u64, W)>,
    /// Keeps the order of what is due at the same time.
    arrivals: u64,
}

enum State {
    Waiting {
        at: Duration,
        arrival: u64,
    },
    /// Being done; to be done again then, if asked for meanwhile.
    Running {
        again: Option<Duration>,
    },
}

impl<W> Default for Queue<W> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), due: BTreeSet::new(), arrivals: 0 }
    }
}

impl<W: Ord + Clone> Queue<W> {
    pub(crate) fn add(&mut self, work: W, at: Duration) {
        match self.items.get_mut(&work) {
            Some(State::Running { again }) => *again = Some(again.map_or(at, |old| old.min(at))),
            Some(State::Waiting { at: old, .. }) if *old <= at => {}
            Some(State::Waiting { at: old, arrival }) => {
                self.due.remove(&(*old, *arrival, work.clone()));
                *old = at;
                self.due.insert((at, *arrival, work));
            }
            None => {
                self.arrivals += 1;
                let arrival = self.arrivals;
                self.items.insert(work.clone(), State::Waiting { at, arrival });
                self.due.insert((at, arrival, work));
            }
        }
    }

    /// The next work that is due. It must be handed back by [`Self::finish`].
    pub(crate) fn pop(&mut self, now: Duration) -> Option<W> {
        if self.due.first()?.0 > now {
            return None;
        }
        let (_, _, work) = self.due.pop_first()?;
        self.items.insert(work.clone(), State::Running { again: None });
        Some(work)
    }

    /// The work is done, and is to be done again at `again`, or when it was asked for meanwhile.
    pub(crate) fn finish(&mut self, work: W, again: Option<Duration>) {
        let asked = match self.items.remove(&work) {
            Some(State::Running { again }) => again,
            _ => None,
        };
        if let Some(at) = again.into_iter().chain(asked).min() {
            self.add(work, at);
        }
    }

    pub(crate) fn due_at(&self) -> Option<Duration> {
        self.due.first().map(|(at, _, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_earliest_request_counts() {
        let mut queue = Queue::default();
        queue.add("a", s(9));
        queue.add("b", s(2));
        queue.add("a", s(1));
        queue.add("a", s(5));
        assert_eq!(queue.due_at(), Some(s(1)));
        assert_eq!(
            (queue.pop(s(0)), queue.pop(s(2)), queue.pop(s(2))),
            (None, Some("a"), Some("b"))
        );
        assert_eq!(queue.due_at(), None);
    }

    #[test]
    fn what_runs_is_not_handed_out_again() {
        let mut queue = Queue::default();
        queue.add("a", s(0));
        assert_eq!(queue.pop(s(0)), Some("a"));
        queue.add("a", s(0));
        assert_eq!(queue.pop(s(9)), None);
        queue.finish("a", Some(s(5)));
        assert_eq!(queue.due_at(), Some(s(0)), "asked for while it ran");
        assert_eq!(queue.pop(s(0)), Some("a"));
        queue.finish("a", None);
        assert!(queue.items.is_empty() && queue.due.is_empty());
    }
}
