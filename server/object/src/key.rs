//! Names of kinds and of objects.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

/// A kind's name over all versions: its plural and group as Kubernetes joins them in a
/// `GroupResource`, for example `pods` or `deployments.apps`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KindName(Arc<str>);

impl KindName {
    /// Joins a plural and a group; the core group is the empty string.
    pub fn new(plural: &str, group: &str) -> Self {
        if group.is_empty() {
            Self(plural.into())
        } else {
            Self(format!("{plural}.{group}").into())
        }
    }

    /// The plural, as it stands in a path: `deployments`.
    pub fn plural(&self) -> &str {
        self.0.split_once('.').map_or(&*self.0, |(plural, _)| plural)
    }

    /// The API group, empty for the core group: `apps`.
    pub fn group(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, group)| group)
    }
}

impl From<&str> for KindName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl Deref for KindName {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for KindName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KindName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Kind, namespace and name: what identifies an object in the store. The namespace of an object
/// of the cluster is the empty string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub kind: KindName,
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Key {
    pub fn new(kind: impl Into<KindName>, namespace: &str, name: &str) -> Self {
        Self { kind: kind.into(), namespace: namespace.into(), name: name.into() }
    }

    /// The same kind and namespace with another name.
    pub fn with_name(&self, name: &str) -> Self {
        Self { name: name.into(), ..self.clone() }
    }
}

/// `deployments.apps/default/web`, or `nodes/one` for an object of the cluster.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
