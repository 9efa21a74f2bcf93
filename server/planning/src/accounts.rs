//! Users who log in with a password: how they are stored, and whom they act as.

use kinds::{Kind, user};

use crate::{access::User, names, world::kind_name};

/// A stored user.
pub struct Account {
    pub user: User,
    pub password_hash: String,
    /// Neither logs in nor goes on with a session.
    pub is_disabled: bool,
}

impl Account {
    /// Follows from the password, and tells nothing of it: sessions carry it and end with it.
    pub fn seal(&self) -> String {
        names::hex(&["session", &self.password_hash], 8)
    }
}

/// The name of the kind that holds users.
pub fn kind() -> object::KindName {
    kind_name::<user::User>()
}

/// Reads a stored user.
pub fn read(body: &[u8]) -> Option<Account> {
    let stored: <user::User as Kind>::Object = serde_json::from_slice(body).ok()?;
    let user = User {
        name: stored.metadata.name.unwrap_or_default(),
        uid: stored.metadata.uid.unwrap_or_default(),
        groups: stored.spec.groups,
        ..User::default()
    };
    let is_disabled = stored.spec.disabled;
    Some(Account { user, password_hash: stored.spec.password_hash, is_disabled })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_stored_users() {
        let body = br#"{"apiVersion":"longshore.dev/v1","kind":"User",
            "metadata":{"name":"jane","uid":"u"},
            "spec":{"passwordHash":"$argon2id$x","groups":["team"]}}"#;
        let account = read(body).unwrap();
        assert_eq!((account.user.name.as_str(), account.user.uid.as_str()), ("jane", "u"));
        assert_eq!(account.password_hash, "$argon2id$x");
        assert!(account.user.is_in("team"));
    }
}
