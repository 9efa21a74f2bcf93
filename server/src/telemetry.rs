//! Logs: to standard error, a line each; `LONGSHORE_LOG` says how much (default `info`).

use tracing_subscriber::EnvFilter;

/// Sets up logging for the process; call it once.
pub fn start() {
    let filter = EnvFilter::try_from_env("LONGSHORE_LOG").unwrap_or_else(|_| "info".into());
    // Below this level bollard shows whole requests, with the Secrets in containers' environments.
    let filter = filter.add_directive("bollard=info".parse().expect("this is a directive"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
