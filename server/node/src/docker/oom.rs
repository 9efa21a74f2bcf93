//! Whether the host's engine may protect containers from the kernel's search for memory.

use std::fs;

pub(super) const SCORE_MIN: i64 = -1000;
/// The host's first process: the agent shares the host's process ids.
const FIRST_PROCESS: &str = "/proc/1/status";
/// `CAP_SYS_RESOURCE` among the capabilities.
const SYS_RESOURCE: u64 = 1 << 24;

/// On a host that itself is confined (a container, a sandbox) no process may lower its score, and
/// runc fails to start a container that asks for it: without a word of why.
pub(super) fn may_lower() -> bool {
    fs::read_to_string(FIRST_PROCESS).is_ok_and(|status| has_right(&status))
}

fn has_right(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & SYS_RESOURCE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_capabilities() {
        assert!(has_right("Name:\tinit\nCapBnd:\t000001ffffffffff\n"));
        assert!(!has_right("CapBnd:\t000001fffeffffff\n"));
        assert!(!has_right("Name:\tinit\n"));
    }
}
