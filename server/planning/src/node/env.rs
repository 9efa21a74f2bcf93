//! The environment of a container.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    ConfigMap, Container, EnvFromSource, EnvVar, EnvVarSource, Pod, Secret, Service,
};

use super::{
    containers::spec,
    fields::{FieldContext, field, resource},
    services,
};

/// The objects that an environment is read from; `None` for one that does not exist.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub config_maps: BTreeMap<String, ConfigMap>,
    pub secrets: BTreeMap<String, Secret>,
    pub services: Vec<Service>,
    /// Where the API answers pods.
    pub api_address: String,
    pub api_port: u16,
}

/// Why an environment can't be made: a waiting container's `CreateContainerConfigError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvError(pub String);

/// The ConfigMaps and Secrets that a container's environment reads: names by kind.
pub fn needed(container: &Container) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut config_maps, mut secrets) = (BTreeSet::new(), BTreeSet::new());
    for source in container.env_from.iter().flatten() {
        config_maps.extend(source.config_map_ref.as_ref().map(|source| source.name.clone()));
        secrets.extend(source.secret_ref.as_ref().map(|source| source.name.clone()));
    }
    for source in container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref())
    {
        config_maps.extend(source.config_map_key_ref.as_ref().map(|source| source.name.clone()));
        secrets.extend(source.secret_key_ref.as_ref().map(|source| source.name.clone()));
    }
    (config_maps, secrets)
}

/// The variables, later ones over earlier ones: services, `envFrom`, `env`.
///
/// # Errors
/// When a required ConfigMap, Secret or key is missing.
pub fn variables(
    pod: &Pod,
    container: &Container,
    sources: &Sources,
    context: &FieldContext,
) -> Result<Vec<(String, String)>, EnvError> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let links = spec(pod).enable_service_links.unwrap_or(true);
    let api = (sources.api_address.as_str(), sources.api_port);
    let mut variables = Variables::default();
    for (name, value) in services::variables(&sources.services, namespace, links, api) {
        variables.set(name, value);
    }
    for source in container.env_from.iter().flatten() {
        for (name, value) in from_source(source, sources)? {
            variables.set(name, value);
        }
    }
    for variable in container.env.iter().flatten() {
        if let Some(value) = value_of(pod, container, variable, sources, context, &variables)? {
            variables.set(variable.name.clone(), value);
        }
    }
    Ok(variables.in_order)
}

/// Variables in the order in which they were first set.
#[derive(Default)]
struct Variables {
    in_order: Vec<(String, String)>,
}

impl Variables {
    fn set(&mut self, name: String, value: String) {
        match self.in_order.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => self.in_order.push((name, value)),
        }
    }
}

fn from_source(
    source: &EnvFromSource,
    sources: &Sources,
) -> Result<Vec<(String, String)>, EnvError> {
    let prefix = source.prefix.as_deref().unwrap_or_default();
    let mut found = Vec::new();
    if let Some(wanted) = &source.config_map_ref {
        match sources.config_maps.get(&wanted.name) {
            Some(map) => found.extend(map.data.clone().unwrap_or_default()),
            None if wanted.optional == Some(true) => {}
            None => return Err(missing("configmap", &wanted.name)),
        }
    }
    if let Some(wanted) = &source.secret_ref {
        match sources.secrets.get(&wanted.name) {
            Some(secret) => {
                let data = secret.data.iter().flatten();
                found.extend(data.map(|(key, value)| (key.clone(), text(&value.0))));
            }
            None if wanted.optional == Some(true) => {}
            None => return Err(missing("secret", &wanted.name)),
        }
    }
    // A name with `=` or nothing in it could not be set.
    found.retain(|(name, _)| !name.is_empty() && !name.contains('='));
    Ok(found.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)).collect())
}

fn value_of(
    pod: &Pod,
    container: &Container,
    variable: &EnvVar,
    sources: &Sources,
    context: &FieldContext,
    before: &Variables,
) -> Result<Option<String>, EnvError> {
    let Some(source) = &variable.value_from else {
        let written = variable.value.as_deref().unwrap_or_default();
        return Ok(Some(expand(written, &before.in_order)));
    };
    if let Some(wanted) = &source.field_ref {
        let value = field(pod, &wanted.field_path, context);
        let unknown = || EnvError(format!("unsupported fieldPath: {}", wanted.field_path));
        return value.map(Some).ok_or_else(unknown);
    }
    if let Some(wanted) = &source.resource_field_ref {
        let value = resource(pod, container, wanted, context);
        let unknown = || EnvError(format!("unsupported container resource: {}", wanted.resource));
        return value.map(Some).ok_or_else(unknown);
    }
    keyed(pod, source, sources)
}

fn keyed(pod: &Pod, source: &EnvVarSource, sources: &Sources) -> Result<Option<String>, EnvError> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let (what, name, key, optional, found) = if let Some(wanted) = &source.config_map_key_ref {
        let map = sources.config_maps.get(&wanted.name);
        let value = map.map(|map| map.data.as_ref()?.get(&wanted.key).cloned());
        ("configmap", &wanted.name, &wanted.key, wanted.optional, value)
    } else if let Some(wanted) = &source.secret_key_ref {
        let secret = sources.secrets.get(&wanted.name);
        let value = secret.map(|s| s.data.as_ref()?.get(&wanted.key).map(|value| text(&value.0)));
        ("secret", &wanted.name, &wanted.key, wanted.optional, value)
    } else {
        return Err(EnvError("this source of a variable is not supported".to_owned()));
    };
    match found {
        Some(Some(value)) => Ok(Some(value)),
        _ if optional == Some(true) => Ok(None),
        None => Err(missing(what, name)),
        Some(None) => {
            let kind = if what == "secret" { "Secret" } else { "ConfigMap" };
            Err(EnvError(format!("couldn't find key {key} in {kind} {namespace}/{name}")))
        }
    }
}

fn missing(what: &str, name: &str) -> EnvError {
    EnvError(format!("{what} \"{name}\" not found"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Replaces `$(NAME)`; a name that is not known stays as written, `$$` stands for `$`.
pub(super) fn expand(written: &str, variables: &[(String, String)]) -> String {
    let mut out = String::with_capacity(written.len());
    let mut rest = written;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        rest = if let Some(escaped) = behind.strip_prefix('$') {
            out.push('$');
            escaped
        } else if let Some((name, after)) =
            behind.strip_prefix('(').and_then(|inner| inner.split_once(')'))
        {
            match variables.iter().find(|(known, _)| known == name) {
                Some((_, value)) => out.push_str(value),
                None => out.push_str(&rest[at..at + name.len() + 3]),
            }
            after
        } else {
            out.push('$');
            behind
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn expands_as_kubernetes_does() {
        let variables = [("A".to_owned(), "1".to_owned())];
        for (written, want) in [
            ("$(A)", "1"),
            ("x$(A)y$(B)", "x1y$(B)"),
            ("$$(A)", "$(A)"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
            ("$$$(A)", "$1"),
        ] {
            assert_eq!(expand(written, &variables), want, "{written}");
        }
    }

    fn environment(container: serde_json::Value) -> Result<String, EnvError> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "a", "namespace": "d"},
            "spec": {"enableServiceLinks": false, "containers": [container]}}))
        .unwrap();
        let sources = Sources {
            config_maps: [(
                "m".to_owned(),
                serde_json::from_value(json!({"data": {"k": "v", "a=b": "never"}})).unwrap(),
            )]
            .into(),
            secrets: [(
                "s".to_owned(),
                serde_json::from_value(json!({"data": {"p": "c2VjcmV0"}})).unwrap(),
            )]
            .into(),
            api_address: "10.43.0.1".to_owned(),
            api_port: 443,
            ..Sources::default()
        };
        let container = &pod.spec.as_ref().unwrap().containers[0];
        let all = variables(&pod, container, &sources, &FieldContext::default())?;
        let own = all.iter().filter(|(name, _)| !name.starts_with("KUBERNETES_"));
        Ok(own.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn reads_every_source() {
        let from = |source: serde_json::Value| json!({"name": "X", "valueFrom": source});
        let secret = |key: &str| from(json!({"secretKeyRef": {"name": "s", "key": key}}));
        let cases = [
            (json!([{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}]), "A=1 B=12"),
            (json!([from(json!({"configMapKeyRef": {"name": "m", "key": "k"}}))]), "X=v"),
            (json!([secret("p")]), "X=secret"),
            (json!([from(json!({"fieldRef": {"fieldPath": "metadata.name"}}))]), "X=a"),
            (
                json!([from(
                    json!({"secretKeyRef": {"name": "no", "key": "k", "optional": true}})
                )]),
                "",
            ),
        ];
        for (env, want) in cases {
            assert_eq!(environment(json!({"name": "c", "env": env})).as_deref(), Ok(want));
        }
        let both = json!({"name": "c", "envFrom": [{"prefix": "P_", "configMapRef": {"name": "m"}},
            {"secretRef": {"name": "s"}}], "env": [{"name": "p", "value": "over"}]});
        assert_eq!(environment(both).as_deref(), Ok("P_k=v p=over"));
        for (env, why) in [
            (secret("q"), "couldn't find key q in Secret d/s"),
            (
                from(json!({"configMapKeyRef": {"name": "no", "key": "k"}})),
                "configmap \"no\" not found",
            ),
        ] {
            let error = environment(json!({"name": "c", "env": [env]})).unwrap_err();
            assert_eq!(error.0, why);
        }
    }
}
