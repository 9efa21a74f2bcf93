//! Kernel settings. They are per network namespace, and the one of the reading thread counts.

use std::{fs, io};

const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// Lets the kernel hand packets on between links.
pub(super) fn enable_forwarding() -> io::Result<()> {
    if fs::read_to_string(FORWARDING)?.trim() == "1" {
        return Ok(());
    }
    fs::write(FORWARDING, "1")
}
