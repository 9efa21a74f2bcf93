//! Where objects stand in the API.

use object::{ApiError, Key, KindName};
use reqwest::Url;

/// A kind, or an object of it, or a part of that object.
pub(super) struct Path<'a> {
    pub(super) kind: &'a KindName,
    namespace: Option<&'a str>,
    name: &'a str,
    subresource: &'a str,
}

impl<'a> Path<'a> {
    pub(super) fn of(key: &'a Key, subresource: &'a str) -> Self {
        Self { kind: &key.kind, namespace: Some(&key.namespace), name: &key.name, subresource }
    }

    /// All objects of a kind, in one namespace or in all.
    pub(super) fn of_kind(kind: &'a KindName, namespace: Option<&'a str>) -> Self {
        Self { kind, namespace, name: "", subresource: "" }
    }

    pub(super) fn segments(&self) -> Result<Vec<&'a str>, ApiError> {
        let def = kinds::find(self.kind).ok_or_else(|| {
            ApiError::bad_request(format!("this version knows no kind {}", self.kind))
        })?;
        let mut segments =
            if def.group.is_empty() { vec!["api"] } else { vec!["apis", &*def.group] };
        segments.push(&*def.version);
        if let Some(namespace) = self.namespace.filter(|namespace| !namespace.is_empty()) {
            segments.extend(["namespaces", namespace]);
        }
        segments.push(&*def.plural);
        segments.extend([self.name, self.subresource].into_iter().filter(|part| !part.is_empty()));
        Ok(segments)
    }
}

/// A server's address with a path below it; what needs it is escaped.
pub(super) fn join<'s>(
    server: &Url,
    segments: impl IntoIterator<Item = impl AsRef<str> + 's>,
) -> Url {
    let mut url = server.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

pub(super) fn with_query(mut url: Url, query: &[(&str, &str)]) -> Url {
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kubernetes() {
        let server = Url::parse("https://h:6443").unwrap();
        let pod = Key::new("pods", "default", "a");
        let role = Key::new("clusterroles.rbac.authorization.k8s.io", "", "system:x/y");
        let deployments = KindName::from("deployments.apps");
        for (path, expected) in [
            (Path::of(&pod, "log"), "/api/v1/namespaces/default/pods/a/log"),
            (Path::of(&role, ""), "/apis/rbac.authorization.k8s.io/v1/clusterroles/system:x%2Fy"),
            (Path::of_kind(&deployments, None), "/apis/apps/v1/deployments"),
            (Path::of_kind(&deployments, Some("d")), "/apis/apps/v1/namespaces/d/deployments"),
        ] {
            assert_eq!(join(&server, path.segments().unwrap()).path(), expected);
        }
        let selected = with_query(join(&server, ["x"]), &[("labelSelector", "a in (b,c)")]);
        assert_eq!(selected.as_str(), "https://h:6443/x?labelSelector=a+in+%28b%2Cc%29");
    }
}
