//! Which files a ConfigMap, a Secret or the pod itself becomes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, DownwardAPIVolumeFile, KeyToPath, Pod, Secret};
use planning::node::{FieldContext, pod_field, resource_field};

use super::{
    Problem,
    atomic::{File, Payload},
};

const MODE_DEFAULT: i32 = 0o644;

pub(super) fn mode(own: Option<i32>, default: Option<i32>) -> u32 {
    u32::try_from(own.or(default).unwrap_or(MODE_DEFAULT)).unwrap_or(0o644) & 0o777
}

/// The keys of a ConfigMap with their bytes.
pub(super) fn of_config_map(map: ConfigMap) -> BTreeMap<String, Vec<u8>> {
    let texts =
        map.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
    let bytes = map.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
    texts.chain(bytes).collect()
}

pub(super) fn of_secret(secret: Secret) -> BTreeMap<String, Vec<u8>> {
    secret.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0)).collect()
}

/// The files that are wanted of an object's keys: all, or the items named. `what` names the object
/// in messages.
pub(super) fn files(
    data: BTreeMap<String, Vec<u8>>,
    items: Option<&[KeyToPath]>,
    default_mode: Option<i32>,
    optional: bool,
    what: &str,
) -> Result<Payload, Problem> {
    let Some(items) = items.filter(|items| !items.is_empty()) else {
        let file = |content| File { content, mode: mode(None, default_mode) };
        return Ok(data.into_iter().map(|(key, content)| (key, file(content))).collect());
    };
    let mut payload = Payload::new();
    for item in items {
        match data.get(&item.key) {
            Some(content) => {
                let file = File { content: content.clone(), mode: mode(item.mode, default_mode) };
                payload.insert(inside(&item.path)?, file);
            }
            None if optional => {}
            None => {
                return Err(Problem::Other(format!(
                    "{what} references non-existent config key: {}",
                    item.key
                )));
            }
        }
    }
    Ok(payload)
}

/// The files of the downward API.
pub(super) fn fields(
    pod: &Pod,
    items: &[DownwardAPIVolumeFile],
    default_mode: Option<i32>,
    context: &FieldContext,
) -> Result<Payload, Problem> {
    let mut payload = Payload::new();
    for item in items {
        let value = match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), _) => pod_field(pod, &field.field_path, context),
            (None, Some(selector)) => {
                let container = selector.container_name.as_deref().unwrap_or_default();
                let spec = pod.spec.as_ref();
                let own = spec.and_then(|s| s.containers.iter().find(|c| c.name == container));
                own.and_then(|own| resource_field(pod, own, selector, context))
            }
            (None, None) => None,
        };
        let value = value
            .ok_or_else(|| Problem::Other(format!("the field for {} does not exist", item.path)))?;
        let file = File { content: value.into_bytes(), mode: mode(item.mode, default_mode) };
        payload.insert(inside(&item.path)?, file);
    }
    Ok(payload)
}

/// A path that stays inside its volume and clear of the links that make it atomic.
pub(super) fn inside(path: &str) -> Result<String, Problem> {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let is_bad = path.starts_with('/') || parts.is_empty() || parts[0].starts_with("..");
    if is_bad || parts.contains(&"..") {
        return Err(Problem::Other(format!("the path {path} must stay inside the volume")));
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_all_keys_or_the_named_ones() {
        let data: BTreeMap<_, _> =
            [("a".to_owned(), b"1".to_vec()), ("b".to_owned(), b"2".to_vec())].into();
        let item = |key: &str, path: &str| KeyToPath {
            key: key.into(),
            path: path.into(),
            mode: Some(0o400),
            ..KeyToPath::default()
        };
        let all = files(data.clone(), None, Some(0o600), false, "x").unwrap();
        assert_eq!((all.len(), all["a"].mode), (2, 0o600));
        let some = files(data.clone(), Some(&[item("b", "d/b")]), None, false, "x").unwrap();
        assert_eq!(some.keys().collect::<Vec<_>>(), ["d/b"]);
        assert_eq!(some["d/b"].mode, 0o400);
        assert!(files(data.clone(), Some(&[item("c", "c")]), None, false, "x").is_err());
        assert!(files(data.clone(), Some(&[item("c", "c")]), None, true, "x").unwrap().is_empty());
        for path in ["../x", "/x", "a/../../x", "..data", ""] {
            assert!(
                files(data.clone(), Some(&[item("a", path)]), None, false, "x").is_err(),
                "{path}"
            );
        }
    }
}
