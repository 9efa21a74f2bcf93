//! A Postgres that an earlier, killed server left running on the folder.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

use super::EmbeddedError;

const FAST_STOP_MAX: Duration = Duration::from_secs(20);
const IMMEDIATE_STOP_MAX: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// What `postmaster.pid` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: i32,
    pub(super) socket_folder: PathBuf,
    pub(super) is_ready: bool,
}

pub(super) fn read(database: &Path) -> Option<PidFile> {
    parse(&fs::read_to_string(database.join("postmaster.pid")).ok()?)
}

fn parse(text: &str) -> Option<PidFile> {
    let mut lines = text.lines().map(str::trim);
    let pid = lines.next()?.parse().ok().filter(|pid| *pid > 0)?;
    let socket_folder = lines.nth(3).unwrap_or_default().into();
    Some(PidFile { pid, socket_folder, is_ready: lines.nth(2) == Some("ready") })
}

/// Stops what an earlier run left behind, and removes its traces. We hold the folder's lock, so
/// no living server uses it.
///
/// Postgres itself would refuse to start while processes of the earlier run live, but also when
/// the number in its pid file belongs to some other process by now. So the file goes, but only once
/// none of them is left: two of them on one folder would destroy it.
pub(super) async fn clear(database: &Path) -> Result<(), EmbeddedError> {
    if let Some(PidFile { pid, .. }) = read(database)
        && works_in(pid, database)
    {
        tracing::info!(pid, "stopping the Postgres that an earlier run left");
        send(pid, Signal::SIGINT);
    }
    if !end(database, FAST_STOP_MAX).await {
        for pid in all_in(database) {
            send(pid, Signal::SIGQUIT);
        }
        if !end(database, IMMEDIATE_STOP_MAX).await {
            let pid = all_in(database).first().copied().unwrap_or_default();
            return Err(EmbeddedError::Orphan { pid });
        }
    }
    match fs::remove_file(database.join("postmaster.pid")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(super::folder::refuse(database, error))
        }
        _ => Ok(()),
    }
}

fn send(pid: i32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        tracing::debug!(%error, pid, "it ended by itself");
    }
}

/// Waits until no process works in the folder.
async fn end(database: &Path, wait: Duration) -> bool {
    let deadline = Instant::now() + wait;
    while !all_in(database).is_empty() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(POLL).await;
    }
    true
}

/// The processes that work in the database's folder, as all those of a Postgres do. A number alone
/// proves nothing: another process may have it.
fn all_in(database: &Path) -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| works_in(*pid, database)).collect()
}

fn works_in(pid: i32, database: &Path) -> bool {
    let of = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let cwd = of(Path::new(&format!("/proc/{pid}/cwd")));
    cwd.is_some() && cwd == of(database)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_pid_file() {
        let text =
            "6707\n/proc/self/fd/3\n1795443480\n5432\n/run/x\n\n 10117127         4\nready   \n";
        let wanted = PidFile { pid: 6707, socket_folder: "/run/x".into(), is_ready: true };
        assert_eq!(parse(text), Some(wanted));
        let starting = parse("12\n/x\n1\n5432\n/run/x\n").unwrap();
        assert!(!starting.is_ready);
        assert_eq!(parse(""), None);
        assert_eq!(parse("-1\n"), None, "a single-user session is no server");
    }

    #[test]
    fn a_number_proves_nothing() {
        let own = std::process::id().try_into().unwrap();
        let here = std::env::current_dir().unwrap();
        assert!(works_in(own, &here) && all_in(&here).contains(&own));
        assert!(!works_in(own, Path::new("/proc")));
        assert!(!works_in(i32::MAX, Path::new("/proc")));
    }
}
