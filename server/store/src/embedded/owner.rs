//! The user that Postgres runs as: it refuses root.

use std::fs;

use nix::unistd::geteuid;

use super::EmbeddedError;

const USER: &str = "postgres";

/// Another user's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// The user to change to; `None` when we are no root and Postgres runs as ourselves.
pub(super) fn find() -> Result<Option<Owner>, EmbeddedError> {
    if !geteuid().is_root() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    parse(&users, USER).map(Some).ok_or(EmbeddedError::NoUser(USER))
}

/// Reads the file itself: a static executable can't load the system's name services.
fn parse(users: &str, name: &str) -> Option<Owner> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut fields = line.split(':').skip(2);
    Some(Owner { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_users() {
        let users = "root:x:0:0:::/bin/sh\npostgres:x:105:111:,,,:/var:/bin/bash\n";
        assert_eq!(parse(users, "postgres"), Some(Owner { uid: 105, gid: 111 }));
        assert_eq!(parse(users, "post"), None);
    }
}
