//! Kernel settings. They are per network namespace, and the one of the reading thread counts.

use std::{fs, io, path::Path};

/// Where the settings are, on the host and in the agent's container: there `/proc/sys` can only be
/// read, and nothing can be mounted over it.
pub const SYSCTLS_ON_HOST: &str = "/proc/sys/net";
/// Where the agent's container has [`SYSCTLS_ON_HOST`] bind-mounted.
pub const SYSCTLS_IN_AGENT: &str = "/host/proc/sys/net";

/// The folder in which this process can change the settings of the network.
pub fn sysctls() -> &'static Path {
    let bound = Path::new(SYSCTLS_IN_AGENT);
    if bound.exists() { bound } else { Path::new(SYSCTLS_ON_HOST) }
}

/// Lets the kernel hand packets on between links.
pub(super) fn enable_forwarding() -> io::Result<()> {
    let setting = sysctls().join("ipv4/ip_forward");
    if fs::read_to_string(&setting)?.trim() == "1" {
        return Ok(());
    }
    fs::write(&setting, "1")
}
