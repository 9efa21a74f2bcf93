//! What a request wants to do, in the words of authorization.

use std::fmt;

use object::{ApiError, Reason, selector::FieldSelector};

use super::User;

/// What a request wants to do: a verb on a resource, or on a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    pub verb: String,
    pub group: String,
    /// The plural, as in `pods`; empty for a path.
    pub resource: String,
    pub subresource: String,
    /// Empty: of the cluster, or all namespaces.
    pub namespace: String,
    /// Empty for collections.
    pub name: String,
    /// The field selector of a list or watch: one of a single `metadata.name` wants that object,
    /// and nodes may list the pods of their own only.
    pub fields: String,
    /// What is wanted when it is no resource: `/version`.
    pub path: String,
}

impl Attributes {
    /// A verb on a path that is no resource.
    pub fn path(verb: &str, path: &str) -> Self {
        Self { verb: verb.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    pub fn is_path(&self) -> bool {
        self.resource.is_empty()
    }

    /// A collection that is narrowed to one name is that object.
    pub(super) fn with_selected_name(mut self) -> Self {
        if self.name.is_empty()
            && !self.fields.is_empty()
            && let Ok(selector) = FieldSelector::parse(&self.fields)
            && let Some(name) = selector.exact("metadata.name")
        {
            name.clone_into(&mut self.name);
        }
        self
    }

    /// `pods/exec`, or `pods` for the object itself.
    pub(super) fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// `list resource "pods" in API group "" in the namespace "default"`.
impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { verb, group, namespace, path, .. } = self;
        if self.is_path() {
            return write!(f, "{verb} path {path:?}");
        }
        let resource = self.full_resource();
        write!(f, "{verb} resource {resource:?} in API group {group:?} ")?;
        if namespace.is_empty() {
            f.write_str("at the cluster scope")
        } else {
            write!(f, "in the namespace {namespace:?}")
        }
    }
}

/// The 403 for a denied request, with the reason that was given, if any.
pub fn refusal(user: &User, attributes: &Attributes, why: &str) -> ApiError {
    let mut message = format!("User {:?} cannot {attributes}", user.name);
    if !why.is_empty() {
        message = format!("{message}: {why}");
    }
    if attributes.is_path() {
        return ApiError::new(Reason::Forbidden, format!("forbidden: {message}"));
    }
    let kind = object::KindName::new(&attributes.resource, &attributes.group);
    ApiError::forbidden(&kind, &attributes.name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_refusals_as_kubernetes_does() {
        let user = User::new("x", &[]);
        let list = Attributes {
            verb: "list".into(),
            resource: "pods".into(),
            namespace: "default".into(),
            ..Attributes::default()
        };
        let exec = Attributes {
            verb: "create".into(),
            subresource: "exec".into(),
            name: "a".into(),
            ..list.clone()
        };
        let cluster = Attributes {
            verb: "get".into(),
            group: "apps".into(),
            resource: "deployments".into(),
            ..Attributes::default()
        };
        for (attributes, why, message) in [
            (
                list,
                "",
                r#"pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default""#,
            ),
            (
                exec,
                "because",
                r#"pods "a" is forbidden: User "x" cannot create resource "pods/exec" in API group "" in the namespace "default": because"#,
            ),
            (
                cluster,
                "",
                r#"deployments.apps is forbidden: User "x" cannot get resource "deployments" in API group "apps" at the cluster scope"#,
            ),
            (
                Attributes::path("get", "/metrics"),
                "",
                r#"forbidden: User "x" cannot get path "/metrics""#,
            ),
        ] {
            assert_eq!(refusal(&user, &attributes, why).message, message);
        }
    }
}
