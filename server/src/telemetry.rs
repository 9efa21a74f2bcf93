//! Logs: to standard error, a line each; `LONGSHORE_LOG` says how much (default `info`).

use tracing_subscriber::EnvFilter;

/// Sets up logging for the process; call it once.
pub fn start() {
    let filter = EnvFilter::try_from_env("LONGSHORE_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
