//! Who sends a request.

use std::collections::BTreeMap;

/// Everybody whose token was accepted.
pub const AUTHENTICATED: &str = "system:authenticated";
/// Everybody without a token.
pub const UNAUTHENTICATED: &str = "system:unauthenticated";
/// Those to whom nothing is forbidden.
pub const MASTERS: &str = "system:masters";
const ANONYMOUS: &str = "system:anonymous";
const NODES: &str = "system:nodes";
const NODE_PREFIX: &str = "system:node:";
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";
const ACCOUNTS: &str = "system:serviceaccounts";

/// An identity: who sends a request, or in whose name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub uid: String,
    pub groups: Vec<String>,
    pub extra: BTreeMap<String, Vec<String>>,
}

impl User {
    pub fn new(name: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        Self { name: name.to_owned(), groups, ..Self::default() }
    }

    /// Nobody in particular: a request without a token.
    pub fn anonymous() -> Self {
        Self::new(ANONYMOUS, &[UNAUTHENTICATED])
    }

    /// The agent of a node.
    pub fn node(node: &str) -> Self {
        Self::new(&format!("{NODE_PREFIX}{node}"), &[NODES])
    }

    /// The identity of a service account, with the groups that all of them have.
    pub fn service_account(namespace: &str, name: &str, uid: &str) -> Self {
        let own = format!("{ACCOUNTS}:{namespace}");
        let user = Self::new(&account_user(namespace, name), &[ACCOUNTS, &own]);
        Self { uid: uid.to_owned(), ..user }
    }

    /// The same with the group of all who proved who they are.
    #[must_use]
    pub fn authenticated(mut self) -> Self {
        if self.name != ANONYMOUS && !self.is_in(AUTHENTICATED) {
            self.groups.push(AUTHENTICATED.to_owned());
        }
        self
    }

    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|one| one == group)
    }

    /// The node whose agent this is.
    pub fn node_name(&self) -> Option<&str> {
        let node = self.name.strip_prefix(NODE_PREFIX)?;
        (self.is_in(NODES) && !node.is_empty()).then_some(node)
    }

    /// Namespace and name of the service account that this is.
    pub fn account(&self) -> Option<(&str, &str)> {
        self.name.strip_prefix(ACCOUNT_PREFIX)?.split_once(':')
    }
}

/// The user name of a service account.
pub(super) fn account_user(namespace: &str, name: &str) -> String {
    format!("{ACCOUNT_PREFIX}{namespace}:{name}")
}
