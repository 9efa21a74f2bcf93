//! Which faults a run has. Each seed has some of them: what one hides another run shows.

use crate::dice::Dice;

#[derive(Clone, Debug)]
pub(crate) struct Faults {
    /// Nothing happens to nodes and nobody takes pods away: then what is available is guarded.
    pub(crate) is_calm: bool,
    /// Requests are lost, or their answers, or they arrive twice.
    pub(crate) has_bad_lines: bool,
    /// Requests arrive after their sender has given them up.
    pub(crate) has_late_writes: bool,
    /// Engines crash, and others take over from those that do not notice.
    pub(crate) has_crashes: bool,
    /// Some kinds are not heard of for a while.
    pub(crate) has_stalls: bool,
    /// Watches break and start over.
    pub(crate) has_relists: bool,
    /// Clocks jump, each by itself.
    pub(crate) has_jumps: bool,
    /// Events are stored; without them runs are faster, and events change nothing else.
    pub(crate) keeps_events: bool,
    /// The longest pause between two steps.
    pub(crate) pace_ms: usize,
}

impl Faults {
    pub(crate) fn of(dice: &mut Dice) -> Self {
        let is_calm = dice.happens(500);
        // Slower, an engine would hear too late of nodes that are well.
        let paces: &[usize] = if is_calm { &[30, 60] } else { &[30, 60, 200, 600] };
        Self {
            is_calm,
            has_bad_lines: dice.happens(750),
            has_late_writes: dice.happens(300),
            has_crashes: dice.happens(600),
            has_stalls: dice.happens(400),
            has_relists: dice.happens(400),
            has_jumps: dice.happens(300),
            keeps_events: dice.happens(150),
            pace_ms: paces[dice.below(paces.len())],
        }
    }

    /// What is left once the faults have stopped.
    pub(crate) fn stop(&mut self) {
        let Self { is_calm, keeps_events, pace_ms, .. } = *self;
        *self = Self { is_calm, keeps_events, pace_ms, ..Self::none() };
    }

    pub(crate) fn none() -> Self {
        Self {
            is_calm: true,
            has_bad_lines: false,
            has_late_writes: false,
            has_crashes: false,
            has_stalls: false,
            has_relists: false,
            has_jumps: false,
            keeps_events: true,
            pace_ms: 1,
        }
    }
}
