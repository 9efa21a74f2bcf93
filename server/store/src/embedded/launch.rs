//! Starts Postgres, and starts it again when it dies.

use std::{
    fs::{self, DirBuilder, File},
    io::{Read, Seek, SeekFrom},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{DirBuilderExt, chown},
    },
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    fcntl::{OFlag, open},
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    sync::oneshot,
    time::{sleep, timeout},
};

use super::{
    EmbeddedError,
    binaries::{self, Binaries},
    folder, orphan,
    owner::{self, Owner},
    socket::{self, SocketFolder},
};

const ROLE: &str = "longshore";
const POLL: Duration = Duration::from_millis(10);
const STOP_MAX: Duration = Duration::from_secs(60);
const RESTART_DELAY_MIN: Duration = Duration::from_millis(100);
const RESTART_DELAY_MAX: Duration = Duration::from_secs(5);
const LOG_BYTES_MAX: u64 = 1 << 20;

/// Modest memory and few processes: it serves one program.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "port=5432",
    "max_connections=20",
    "shared_buffers=32MB",
    "wal_buffers=4MB",
    "work_mem=4MB",
    "maintenance_work_mem=32MB",
    "max_wal_size=512MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_worker_processes=1",
    "max_parallel_workers=0",
    "max_parallel_workers_per_gather=0",
    "max_logical_replication_workers=0",
    "autovacuum_max_workers=1",
    "huge_pages=off",
    "jit=off",
    "log_checkpoints=off",
    "cluster_name=longshore",
];

/// Everything that starting needs, so that it can be done again.
pub(super) struct Launch {
    database: PathBuf,
    log: PathBuf,
    binaries: Binaries,
    owner: Option<Owner>,
    socket: SocketFolder,
}

impl Launch {
    /// Finds the binaries, makes the database when it is missing, clears what an earlier run left.
    pub(super) async fn prepare(data: &Path) -> Result<Self, EmbeddedError> {
        let database = data.join("postgres");
        let owner = owner::find()?;
        let binaries = binaries::find(&database).await?;
        if !database.join("PG_VERSION").exists() {
            initialise(data, &database, &binaries, owner).await?;
        }
        let left = orphan::read(&database);
        orphan::clear(&database).await?;
        if let Some(left) = left {
            socket::remove(&left.socket_folder);
        }
        let socket = SocketFolder::make(owner).map_err(EmbeddedError::Socket)?;
        Ok(Self { database, log: data.join("postgres.log"), binaries, owner, socket })
    }

    pub(super) fn url(&self) -> String {
        format!("postgres://{ROLE}@localhost/postgres?host={}", self.socket.path().display())
    }

    /// Starts Postgres and waits until it accepts connections.
    pub(super) async fn start(&self) -> Result<Child, EmbeddedError> {
        let mut log = self.open_log()?;
        let log_start = log.seek(SeekFrom::End(0)).unwrap_or(0);
        let program = self.binaries.path("postgres");
        let folder = Folder::open(&self.database, self.owner)?;
        let mut command = command(&program, self.owner);
        command.arg("-D").arg(folder.name());
        for setting in SETTINGS {
            command.arg("-c").arg(setting);
        }
        if self.binaries.major.parse().is_ok_and(|major: u32| major >= 18) {
            command.args(["-c", "io_method=sync"]);
        }
        let socket = self.socket.path().display();
        command.arg("-c").arg(format!("unix_socket_directories={socket}"));
        let to_log = || log.try_clone().map_err(|source| folder::refuse(&self.log, source));
        command.stdout(to_log()?).stderr(to_log()?);
        let mut child = command
            .spawn()
            .map_err(|source| EmbeddedError::Run { program: program.clone(), source })?;
        loop {
            let exit = child
                .try_wait()
                .map_err(|source| EmbeddedError::Run { program: program.clone(), source })?;
            if let Some(status) = exit {
                let output = read_from(&self.log, log_start);
                return Err(EmbeddedError::Failed { program, status, output });
            }
            let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
            if orphan::read(&self.database).is_some_and(|it| it.is_ready && Some(it.pid) == pid) {
                return Ok(child);
            }
            sleep(POLL).await;
        }
    }

    async fn start_again(&self) -> Result<Child, EmbeddedError> {
        orphan::clear(&self.database).await?;
        self.start().await
    }

    /// Postgres' own messages, kept small: it is quiet while all is well.
    fn open_log(&self) -> Result<File, EmbeddedError> {
        if fs::metadata(&self.log).is_ok_and(|meta| meta.len() > LOG_BYTES_MAX) {
            fs::remove_file(&self.log).map_err(|source| folder::refuse(&self.log, source))?;
        }
        File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .map_err(|source| folder::refuse(&self.log, source))
    }
}

/// Makes the database beside its place and moves it there, so that a half-made one is never used.
async fn initialise(
    data: &Path,
    database: &Path,
    binaries: &Binaries,
    owner: Option<Owner>,
) -> Result<(), EmbeddedError> {
    let refuse = |source| folder::refuse(data, source);
    let half_made = data.join("postgres.new");
    if half_made.exists() {
        fs::remove_dir_all(&half_made).map_err(refuse)?;
    }
    DirBuilder::new().mode(0o700).create(&half_made).map_err(refuse)?;
    if let Some(owner) = owner {
        chown(&half_made, Some(owner.uid), Some(owner.gid)).map_err(refuse)?;
    }
    let program = binaries.path("initdb");
    let folder = Folder::open(&half_made, owner)?;
    let output = command(&program, owner)
        .arg("-D")
        .arg(folder.name())
        .args(["--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--no-locale"])
        .output()
        .await
        .map_err(|source| EmbeddedError::Run { program: program.clone(), source })?;
    if !output.status.success() {
        let output_text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(EmbeddedError::Failed { program, status: output.status, output: output_text });
    }
    fs::rename(&half_made, database).map_err(refuse)
}

/// A program of Postgres, in a process group of its own, without our environment.
fn command(program: &Path, owner: Option<Owner>) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .process_group(0);
    if let Some(owner) = owner {
        command.uid(owner.uid).gid(owner.gid);
    }
    command
}

/// A folder as Postgres is to name it. Another user may not be able to walk to it, when a parent is
/// closed as homes are; that user gets it as an open file, which needs no walk.
struct Folder {
    path: PathBuf,
    handle: Option<OwnedFd>,
}

impl Folder {
    fn open(path: &Path, owner: Option<Owner>) -> Result<Self, EmbeddedError> {
        let handle = match owner {
            None => None,
            // Without CLOEXEC: Postgres and all its processes inherit it.
            Some(_) => Some(
                open(path, OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty())
                    .map_err(|errno| folder::refuse(path, errno.into()))?,
            ),
        };
        Ok(Self { path: path.to_owned(), handle })
    }

    fn name(&self) -> PathBuf {
        match &self.handle {
            None => self.path.clone(),
            Some(handle) => format!("/proc/self/fd/{}", handle.as_raw_fd()).into(),
        }
    }
}

/// Starts Postgres again whenever it ends, until told to stop it.
pub(super) async fn supervise(launch: Launch, child: Child, stopped: oneshot::Receiver<()>) {
    let mut child = child;
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            // Told, or forgotten by a dropped owner: both mean stop.
            _ = &mut stopped => return stop(&mut child).await,
            status = child.wait() => {
                tracing::error!(?status, "Postgres ended; starting it again");
            }
        }
        let mut delay = RESTART_DELAY_MIN;
        child = loop {
            match launch.start_again().await {
                Ok(child) => break child,
                Err(error) => tracing::error!(%error, "Postgres does not start"),
            }
            tokio::select! {
                _ = &mut stopped => return,
                () = sleep(delay) => delay = (delay * 2).min(RESTART_DELAY_MAX),
            }
        };
        tracing::info!("Postgres runs again");
    }
}

async fn stop(child: &mut Child) {
    for (signal, wait) in [(Signal::SIGINT, STOP_MAX), (Signal::SIGQUIT, STOP_MAX)] {
        let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return };
        if let Err(error) = kill(Pid::from_raw(pid), signal) {
            tracing::debug!(%error, pid, "Postgres ended by itself");
        }
        if timeout(wait, child.wait()).await.is_ok() {
            return;
        }
    }
    tracing::error!("Postgres does not stop");
}

/// The end of a log file, from a place on.
fn read_from(log: &Path, start: u64) -> String {
    let mut text = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        file.seek(SeekFrom::Start(start))?;
        file.read_to_end(&mut text)
    });
    match read {
        Ok(_) => String::from_utf8_lossy(&text).trim().to_owned(),
        Err(error) => format!("and its log {} can not be read: {error}", log.display()),
    }
}
