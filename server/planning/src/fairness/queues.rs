//! The queues of one level: flows are dealt a few of them each, and all take turns.

use std::collections::VecDeque;

use super::{Queuing, gate::Ticket};

#[derive(Debug, Default)]
pub(super) struct Queues {
    all: Vec<Queue>,
    /// How far the turns have gone: a queue that was idle begins here, not where it once stopped.
    turn: u64,
    waiting: usize,
}

#[derive(Clone, Debug, Default)]
struct Queue {
    waiting: VecDeque<Ticket>,
    /// How many turns this queue has had.
    turns: u64,
}

impl Queues {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Puts a request into the shortest of its flow's queues; false when that is full.
    pub(super) fn push(&mut self, queuing: Queuing, flow: u64, ticket: Ticket) -> bool {
        let count = usize::try_from(queuing.queues).unwrap_or(1);
        if self.all.len() < count {
            self.all.resize(count, Queue::default());
        }
        let hand = deal(flow, count, usize::try_from(queuing.hand).unwrap_or(1));
        let Some(shortest) = hand.into_iter().min_by_key(|at| self.all[*at].waiting.len()) else {
            return false;
        };
        let turn = self.turn;
        let queue = &mut self.all[shortest];
        if queue.waiting.len() >= usize::try_from(queuing.length_max).unwrap_or(usize::MAX) {
            return false;
        }
        if queue.waiting.is_empty() {
            queue.turns = queue.turns.max(turn);
        }
        queue.waiting.push_back(ticket);
        self.waiting += 1;
        true
    }

    /// Takes the next request out of the queue that has had the fewest turns.
    pub(super) fn pop(&mut self) -> Option<Ticket> {
        let waits = |queue: &&mut Queue| !queue.waiting.is_empty();
        let queue = self.all.iter_mut().filter(waits).min_by_key(|queue| queue.turns)?;
        let ticket = queue.waiting.pop_front()?;
        self.turn = queue.turns;
        queue.turns += 1;
        self.waiting -= 1;
        Some(ticket)
    }

    /// Takes a request out that does not want to wait any longer.
    pub(super) fn remove(&mut self, ticket: Ticket) -> bool {
        for queue in &mut self.all {
            if let Some(at) = queue.waiting.iter().position(|other| *other == ticket) {
                queue.waiting.remove(at);
                self.waiting -= 1;
                return true;
            }
        }
        false
    }
}

/// A hand of different queues out of all, decided by the hash alone.
pub(super) fn deal(mut hash: u64, count: usize, hand: usize) -> Vec<usize> {
    let mut dealt: Vec<usize> = Vec::with_capacity(hand.min(count));
    for taken in 0..hand.min(count) {
        let left = (count - taken) as u64;
        let mut card = usize::try_from(hash % left).unwrap_or(0);
        hash /= left;
        // Counted among those that are left.
        let mut sorted = dealt.clone();
        sorted.sort_unstable();
        for other in sorted {
            if card >= other {
                card += 1;
            }
        }
        dealt.push(card);
    }
    dealt
}
