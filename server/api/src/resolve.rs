//! A path to what it names: a kind's collection or object, or one of the few other documents.

use std::sync::Arc;

use kinds::{KindDef, Proxied, Registry, Scope, SubresourceDef};
use object::{ApiError, Key, Reason};
use percent_encoding::percent_decode_str;

/// What a path names.
#[derive(Debug, PartialEq)]
pub(crate) enum Route {
    Target(Target),
    /// `/api`, `/apis`, `/apis/GROUP`, `/api/v1`, `/apis/GROUP/VERSION`.
    Discovery(Discovery),
    /// `/openapi/v3`, or one group and version of it: `api/v1`, `apis/apps/v1`.
    OpenApi(Option<String>),
    /// `/openapi/v2`
    OpenApiV2,
    Version,
    /// `/`: all that there is.
    Paths,
    /// `/metrics`
    Metrics,
    /// `/healthz`, `/livez`, `/readyz`, or one check of them.
    Health {
        probe: String,
        check: Option<String>,
    },
    /// `/.well-known/openid-configuration` and `/openid/v1/jwks`: how others verify our tokens.
    TokenIssuer,
    TokenKeys,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Discovery {
    Core,
    Groups,
    Group(String),
    Kinds { group: String, version: String },
}

/// A kind's collection (`name` empty), object, or part of an object.
#[derive(Clone)]
pub(crate) struct Target {
    /// The kind in the version that the path names.
    pub(crate) def: Arc<KindDef>,
    /// Empty: of the cluster, or all namespaces.
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
    /// What follows the subresource, as in `services/web/proxy/index.html`.
    pub(crate) rest: String,
}

impl Target {
    /// In the version that is stored.
    pub(crate) fn of_key(
        registry: &Registry,
        key: &Key,
        subresource: &str,
    ) -> Result<Self, ApiError> {
        let def = registry.find(&key.kind).ok_or_else(nowhere)?;
        Ok(Self {
            def: def.clone(),
            namespace: key.namespace.to_string(),
            name: key.name.to_string(),
            subresource: subresource.to_owned(),
            rest: String::new(),
        })
    }

    pub(crate) fn key(&self) -> Key {
        Key::new(self.def.name.clone(), &self.namespace, &self.name)
    }

    /// Who answers, if a request to this target is passed on.
    pub(crate) fn proxied(&self) -> Option<Proxied> {
        self.sub().and_then(|sub| sub.proxies)
    }

    /// The declared subresource; `None` for the object itself.
    pub(crate) fn sub(&self) -> Option<&SubresourceDef> {
        self.def.subresources.iter().find(|sub| sub.name == self.subresource)
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { def, namespace, name, subresource, rest } = self;
        write!(f, "{} {namespace} {name} {subresource} {rest}", def.name)
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What Kubernetes says of a path that leads nowhere.
pub(crate) fn nowhere() -> ApiError {
    ApiError::new(Reason::NotFound, "the server could not find the requested resource")
}

/// Reads a path.
pub(crate) fn resolve(registry: &Registry, path: &str) -> Result<Route, ApiError> {
    let segments: Vec<String> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8().map_err(|_| nowhere())?;
            Ok(decoded.into_owned())
        })
        .collect::<Result<_, ApiError>>()?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        [] => Ok(Route::Paths),
        ["api"] => Ok(Route::Discovery(Discovery::Core)),
        ["apis"] => Ok(Route::Discovery(Discovery::Groups)),
        ["apis", group] => Ok(Route::Discovery(Discovery::Group((*group).to_owned()))),
        ["api", version, rest @ ..] => resolve_kind(registry, "", version, rest),
        ["apis", group, version, rest @ ..] => resolve_kind(registry, group, version, rest),
        ["openapi", "v2"] => Ok(Route::OpenApiV2),
        ["openapi", "v3"] => Ok(Route::OpenApi(None)),
        ["openapi", "v3", rest @ ..] => Ok(Route::OpenApi(Some(rest.join("/")))),
        ["version"] => Ok(Route::Version),
        ["metrics"] => Ok(Route::Metrics),
        [probe @ ("healthz" | "livez" | "readyz"), check @ ..] => Ok(Route::Health {
            probe: (*probe).to_owned(),
            check: (!check.is_empty()).then(|| check.join("/")),
        }),
        [".well-known", "openid-configuration"] => Ok(Route::TokenIssuer),
        ["openid", "v1", "jwks"] => Ok(Route::TokenKeys),
        _ => Err(nowhere()),
    }
}

fn resolve_kind(
    registry: &Registry,
    group: &str,
    version: &str,
    rest: &[&str],
) -> Result<Route, ApiError> {
    if !registry.serves(group, version) {
        return Err(nowhere());
    }
    let find = |plural: &str| registry.find_served(group, version, plural).ok_or_else(nowhere);
    let (def, namespace, rest) = match rest {
        [] => {
            let (group, version) = (group.to_owned(), version.to_owned());
            return Ok(Route::Discovery(Discovery::Kinds { group, version }));
        }
        // `namespaces/a/status` is part of the namespace, `namespaces/a/pods` is within it.
        ["namespaces", namespace, plural, rest @ ..]
            if !is_part(registry, group, version, plural) =>
        {
            let def = find(plural)?;
            if def.scope == Scope::Cluster {
                return Err(nowhere());
            }
            (def, *namespace, rest)
        }
        [plural, rest @ ..] => {
            let def = find(plural)?;
            // A namespaced object's own path has its namespace.
            if def.is_namespaced() && !rest.is_empty() {
                return Err(nowhere());
            }
            (def, "", rest)
        }
    };
    let (name, subresource, rest) = match rest {
        [] => ("", "", &[] as &[&str]),
        [name] => (*name, "", &[] as &[&str]),
        [name, subresource, rest @ ..] => (*name, *subresource, rest),
    };
    let target = Target {
        def: def.clone(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
        rest: rest.join("/"),
    };
    if !subresource.is_empty() && target.sub().is_none() {
        return Err(nowhere());
    }
    Ok(Route::Target(target))
}

/// Whether `namespaces/NAME/word` is a subresource of the namespace.
fn is_part(registry: &Registry, group: &str, version: &str, word: &str) -> bool {
    registry
        .find_served(group, version, "namespaces")
        .is_some_and(|def| def.subresources.iter().any(|sub| sub.name == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(path: &str) -> Result<Route, ApiError> {
        super::resolve(Registry::builtin(), path)
    }

    #[test]
    fn reads_paths() {
        for (path, expected) in [
            ("/api/v1/pods", "pods    "),
            ("/api/v1/namespaces/d/pods", "pods d   "),
            ("/api/v1/namespaces/d/pods/a", "pods d a  "),
            ("/api/v1/namespaces/d/configmaps/a%2Eb", "configmaps d a.b  "),
        ] {
            let Route::Target(target) = resolve(path).unwrap() else { panic!("{path}") };
            assert_eq!(target.to_string(), expected, "{path}");
        }
        assert_eq!(
            resolve("/apis/apps").unwrap(),
            Route::Discovery(Discovery::Group("apps".to_owned()))
        );
        assert_eq!(
            resolve("/openapi/v3/api/v1").unwrap(),
            Route::OpenApi(Some("api/v1".to_owned()))
        );
        let check = Some("ping".to_owned());
        assert_eq!(
            resolve("/livez/ping").unwrap(),
            Route::Health { probe: "livez".to_owned(), check }
        );
    }

    #[test]
    fn refuses_paths_that_lead_nowhere() {
        for path in [
            "/x",
            "/api/v2/pods",
            "/api/v1/nopes",
            "/api/v1/pods/a",
            "/apis/nope.io/v1/pods",
            "/api/v1/namespaces/d/pods/a/nope",
            "/api/v1/namespaces/%FF/pods",
        ] {
            let error = resolve(path).unwrap_err();
            assert_eq!(error.message, "the server could not find the requested resource", "{path}");
        }
    }
}
