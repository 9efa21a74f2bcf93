//! Which pods of this node services send traffic to, as the EndpointSlices say.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use object::Key;

/// By pod uid, then by slice: whether new connections may arrive.
#[derive(Default)]
pub(crate) struct Endpoints {
    by_pod: Mutex<BTreeMap<String, BTreeMap<Key, bool>>>,
}

impl Endpoints {
    /// Takes in a slice, or that it is gone; answers the uids of the pods that it is about.
    pub(crate) fn see(&self, key: &Key, slice: Option<&EndpointSlice>, node: &str) -> Vec<String> {
        let mut by_pod = self.by_pod.lock().unwrap_or_else(PoisonError::into_inner);
        let mut touched = Vec::new();
        for (uid, slices) in by_pod.iter_mut() {
            if slices.remove(key).is_some() {
                touched.push(uid.clone());
            }
        }
        let endpoints = slice.into_iter().flat_map(|slice| slice.endpoints.iter().flatten());
        for endpoint in endpoints.filter(|endpoint| endpoint.node_name.as_deref() == Some(node)) {
            let target = endpoint.target_ref.as_ref().and_then(|target| target.uid.clone());
            let Some(uid) = target else { continue };
            let conditions = endpoint.conditions.as_ref();
            let ready = conditions.and_then(|conditions| conditions.ready).unwrap_or(true);
            by_pod.entry(uid.clone()).or_default().insert(key.clone(), ready);
            touched.push(uid);
        }
        by_pod.retain(|_, slices| !slices.is_empty());
        touched.sort();
        touched.dedup();
        touched
    }

    /// `None`: no slice names the pod.
    pub(crate) fn is_ready(&self, uid: &str) -> Option<bool> {
        let by_pod = self.by_pod.lock().unwrap_or_else(PoisonError::into_inner);
        by_pod.get(uid).map(|slices| slices.values().any(|ready| *ready))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_is_ready_while_any_slice_says_so() {
        let slice = |ready: bool| -> EndpointSlice {
            serde_json::from_value(json!({"addressType": "IPv4", "metadata": {}, "endpoints": [
                {"addresses": ["1.1.1.1"], "nodeName": "one", "conditions": {"ready": ready},
                 "targetRef": {"uid": "u"}},
                {"addresses": ["1.1.1.2"], "nodeName": "two", "targetRef": {"uid": "v"}}]}))
            .unwrap()
        };
        let endpoints = Endpoints::default();
        let key = |name: &str| Key::new("endpointslices.discovery.k8s.io", "d", name);
        assert_eq!(endpoints.see(&key("a"), Some(&slice(true)), "one"), ["u"]);
        endpoints.see(&key("b"), Some(&slice(false)), "one");
        assert_eq!((endpoints.is_ready("u"), endpoints.is_ready("v")), (Some(true), None));
        endpoints.see(&key("a"), Some(&slice(false)), "one");
        assert_eq!(endpoints.is_ready("u"), Some(false));
        endpoints.see(&key("a"), None, "one");
        assert_eq!(endpoints.see(&key("b"), None, "one"), ["u"]);
        assert_eq!(endpoints.is_ready("u"), None);
    }
}
