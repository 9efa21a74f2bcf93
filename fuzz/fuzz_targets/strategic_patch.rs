#![no_main]

#[path = "../../tests/src/input.rs"]
#[expect(dead_code, reason = "each target reads one sort of input")]
mod input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| input::strategic_patch(bytes));
