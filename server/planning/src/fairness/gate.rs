//! Who runs, who waits and who is refused: the state of all levels.

use std::collections::BTreeMap;

use super::{Class, Config, Level, Limits, queues::Queues};

/// A request that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What becomes of a request that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    Run,
    Wait(Ticket),
    Refuse,
}

#[derive(Debug, Default)]
pub struct Gate {
    levels: BTreeMap<String, State>,
    tickets: u64,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    running: u32,
    queues: Queues,
    /// Whether the level is still configured.
    is_there: bool,
}

impl State {
    fn borrowed(&self) -> u32 {
        self.running.saturating_sub(self.limits.seats)
    }

    /// What it lends at most now.
    fn spare(&self) -> u32 {
        self.limits.lendable.min(self.limits.seats.saturating_sub(self.running))
    }
}

impl Gate {
    /// Takes over a configuration. What runs goes on to count; what waited at a level that is gone
    /// may run, and is answered.
    pub fn configure(&mut self, config: &Config) -> Vec<Ticket> {
        self.levels.values_mut().for_each(|state| state.is_there = false);
        for level in &config.levels {
            let Some(limits) = level.limits else { continue };
            let state = self.levels.entry(level.name.clone()).or_insert_with(|| State {
                limits,
                running: 0,
                queues: Queues::default(),
                is_there: true,
            });
            state.limits = limits;
            state.is_there = true;
        }
        let mut freed = Vec::new();
        for state in self.levels.values_mut().filter(|state| !state.is_there) {
            while let Some(ticket) = state.queues.pop() {
                state.running += 1;
                freed.push(ticket);
            }
        }
        self.levels.retain(|_, state| state.is_there || state.running > 0);
        freed.extend(self.dispatch());
        freed
    }

    /// Whether requests of a level are counted at all.
    pub fn counts(level: &Level) -> bool {
        level.limits.is_some()
    }

    pub fn arrive(&mut self, class: &Class) -> Arrival {
        let name = class.level.name.as_str();
        let Some(limits) = class.level.limits else { return Arrival::Run };
        let is_free = self.may_run(name);
        let Some(state) = self.levels.get_mut(name) else { return Arrival::Run };
        if !state.is_there || (is_free && state.queues.is_empty()) {
            state.running += 1;
            return Arrival::Run;
        }
        let Some(queuing) = limits.queuing else { return Arrival::Refuse };
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        match state.queues.push(queuing, class.hash(), ticket) {
            true => Arrival::Wait(ticket),
            false => Arrival::Refuse,
        }
    }

    /// A request of a level has ended: who may run now.
    pub fn leave(&mut self, level: &str) -> Vec<Ticket> {
        if let Some(state) = self.levels.get_mut(level) {
            state.running = state.running.saturating_sub(1);
        }
        self.dispatch()
    }

    /// A request does not wait any longer; false when it runs already.
    pub fn give_up(&mut self, level: &str, ticket: Ticket) -> bool {
        self.levels.get_mut(level).is_some_and(|state| state.queues.remove(ticket))
    }

    /// Whether a level has a seat for one more, of its own or lent.
    fn may_run(&self, name: &str) -> bool {
        let Some(state) = self.levels.get(name) else { return true };
        if state.running < state.limits.seats {
            // Its own seats may be lent out; then it waits until one comes back.
            return self.is_room();
        }
        state.borrowed() < state.limits.borrowing_max && self.borrowed() < self.spare(name)
    }

    fn borrowed(&self) -> u32 {
        self.levels.values().map(State::borrowed).sum()
    }

    /// What all others lend.
    fn spare(&self, name: &str) -> u32 {
        let others = self.levels.iter().filter(|(other, _)| *other != name);
        others.map(|(_, state)| state.spare()).sum()
    }

    /// Whether less runs than there are seats.
    fn is_room(&self) -> bool {
        let seats: u32 = self.levels.values().map(|state| state.limits.seats).sum();
        self.levels.values().map(|state| state.running).sum::<u32>() < seats
    }

    fn dispatch(&mut self) -> Vec<Ticket> {
        let mut freed = Vec::new();
        loop {
            let waits = |name: &&String| !self.levels[*name].queues.is_empty();
            let next = self.levels.keys().filter(waits).find(|name| self.may_run(name)).cloned();
            let Some(state) = next.and_then(|name| self.levels.get_mut(&name)) else {
                return freed;
            };
            let Some(ticket) = state.queues.pop() else { return freed };
            state.running += 1;
            freed.push(ticket);
        }
    }
}
