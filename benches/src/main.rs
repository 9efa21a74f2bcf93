//! `make bench`: figures of the release build, each beside what it is measured against.

mod footprint;
mod process;

fn main() {
    footprint::run();
}
