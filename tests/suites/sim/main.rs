//! The simulator: production's controllers, scheduler and executor over the memory store, on one
//! thread, from one seed.
//!
//! Worlds lag, each kind at its own pace, and start over; writes are lost, or their answers are, or
//! they are sent twice, or arrive late; engines crash, and one that lost its lease goes on writing;
//! clocks jump; nodes are cut off, switched off and lost; people meddle. What must never happen is
//! checked with every write; when the faults stop, everything must come to rest as asked for, and
//! no controller may want anything more. See `tests/sim/README.md`.

mod agent;
mod api;
mod bad_input;
mod budget;
mod checks;
mod dice;
mod engine_copy;
mod faults;
mod line;
mod requests;
mod rest;
mod run;
mod scaler;
mod tenants;
mod user;
mod watcher;
mod workloads;

use std::{ops::Range, panic, sync::Mutex, thread};

use dice::Dice;

/// Of the 2,000 fixed seeds each test tries so many.
const SHARE: u64 = 250;

macro_rules! fixed_seeds {
    ($($name:ident $share:literal)*) => {
        $(
            #[test]
            fn $name() {
                hold($share * SHARE..($share + 1) * SHARE, 1);
            }
        )*
    };
}

fixed_seeds! {
    first_seeds 0 second_seeds 1 third_seeds 2 fourth_seeds 3
    fifth_seeds 4 sixth_seeds 5 seventh_seeds 6 eighth_seeds 7
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `SEED=n` replays one seed and tells what happened; `SEEDS=n` tries so many, from `FROM=n` on.
#[test]
#[ignore = "`make sim` runs it"]
fn many_seeds() {
    if let Some(seed) = number("SEED") {
        println!("{:?}", run::run(seed, true));
        return;
    }
    let from = number("FROM").unwrap_or(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    hold(from..from + number("SEEDS").unwrap_or(SHARE), threads);
}

/// Tries seeds; a failure names those that failed.
fn hold(seeds: Range<u64>, threads: usize) {
    let next = Mutex::new(seeds);
    let failed: Mutex<Vec<u64>> = Mutex::default();
    let work = || {
        while let Some(seed) = { next.lock().unwrap().next() } {
            if panic::catch_unwind(|| run::run(seed, false)).is_err() {
                failed.lock().unwrap().push(seed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "these seeds failed, replay one with `make sim SEED=n`: {failed:?}");
}

#[test]
fn one_seed_runs_the_same_twice() {
    assert_eq!(run::run(7, false), run::run(7, false));
}

#[test]
fn dice_follow_from_their_seed() {
    let throw = |seed| {
        let mut dice = Dice::new(seed);
        (0..9).map(|_| dice.below(1000)).collect::<Vec<_>>()
    };
    assert_eq!(throw(1), throw(1));
    assert_ne!(throw(1), throw(2));
}
