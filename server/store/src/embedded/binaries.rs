//! Where the system keeps Postgres.

use std::{
    cmp::Reverse,
    env, fs,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::{EmbeddedError, folder};

/// A folder with `postgres` and `initdb` of one version.
#[derive(Clone, Debug)]
pub(super) struct Binaries {
    folder: PathBuf,
    /// `15`.
    pub(super) major: String,
}

impl Binaries {
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }
}

/// The binaries for a database folder: those of the version that made it, or the newest ones.
pub(super) async fn find(database: &Path) -> Result<Binaries, EmbeddedError> {
    let wanted = match fs::read_to_string(database.join("PG_VERSION")) {
        Ok(version) => Some(version.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(folder::refuse(database, error)),
    };
    let mut found = Vec::new();
    for folder in folders().await {
        if let Some(major) = version(&folder).await {
            if wanted.as_ref().is_none_or(|wanted| *wanted == major) {
                return Ok(Binaries { folder, major });
            }
            found.push(major);
        }
    }
    match wanted {
        Some(wanted) if !found.is_empty() => Err(EmbeddedError::OtherVersion {
            folder: database.to_owned(),
            wanted,
            found: found.join(", "),
        }),
        _ => Err(EmbeddedError::NoBinaries),
    }
}

/// Folders that may hold Postgres: PATH, what `pg_config` says, and where distributions put it,
/// the newest version first.
async fn folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output().await {
        let folder = String::from_utf8_lossy(&output.stdout);
        folders.push(PathBuf::from(folder.trim()));
    }
    folders.extend(versions_in(Path::new("/usr/lib/postgresql")));
    folders.extend(["/usr/libexec/postgresql", "/usr/local/pgsql/bin"].map(PathBuf::from));
    folders.retain(|folder| folder.join("postgres").is_file() && folder.join("initdb").is_file());
    folders
}

fn versions_in(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let number = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((number(&entry.path())?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _)| Reverse(*version));
    versions.into_iter().map(|(_, path)| path).collect()
}

async fn version(folder: &Path) -> Option<String> {
    let output = Command::new(folder.join("postgres")).arg("--version").output().await.ok()?;
    major(&String::from_utf8_lossy(&output.stdout))
}

/// `15` of `postgres (PostgreSQL) 15.18 (Debian ..)`.
fn major(version: &str) -> Option<String> {
    let number = version.split_whitespace().find(|word| word.starts_with(char::is_numeric))?;
    let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version() {
        for (text, wanted) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some("15")),
            ("postgres (PostgreSQL) 19beta1", Some("19")),
            ("", None),
        ] {
            assert_eq!(major(text).as_deref(), wanted);
        }
    }
}
