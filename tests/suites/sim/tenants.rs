//! Namespaces that come and go with all that is in them.

use std::{collections::BTreeSet, sync::Arc};

use object::Key;
use serde_json::{Value, json};

use crate::{api::Api, requests::Op, user};

const AT_ONCE_MAX: usize = 1;

#[derive(Default)]
pub(crate) struct Tenants {
    live: BTreeSet<String>,
    gone: BTreeSet<String>,
}

pub(crate) fn namespace(name: &str) -> Op {
    let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name},
        "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}});
    Op::Create { key: Key::new("namespaces", "", name), body }
}

impl Tenants {
    pub(crate) fn step(&mut self, api: &Arc<Api>) {
        if self.live.len() < AT_ONCE_MAX {
            self.move_in(api);
        } else {
            self.move_out(api);
        }
    }

    fn move_in(&mut self, api: &Arc<Api>) {
        let name = format!("team-{}", self.live.len() + self.gone.len());
        user::perform(api, namespace(&name));
        let put = |kind: &str, body: Value| {
            user::perform(api, Op::Create { key: Key::new(kind, &name, "own"), body });
        };
        let metadata = json!({"name": "own", "namespace": name});
        let spec = json!({"replicas": 1 + api.below(2), "selector": {"matchLabels": {"app": name}},
            "template": user::template(json!({"app": name}), "image-0", "10m")});
        put("configmaps", json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}));
        let (kind, plural) = if api.happens(500) {
            ("Deployment", "deployments.apps")
        } else {
            ("StatefulSet", "statefulsets.apps")
        };
        let body =
            json!({"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec});
        put(plural, body);
        self.live.insert(name);
    }

    fn move_out(&mut self, api: &Arc<Api>) {
        let Some(name) = self.live.pop_first() else { return };
        let key = Key::new("namespaces", "", &name);
        let propagation = Some("Background");
        user::perform(api, Op::Delete { key, uid: None, grace: None, propagation });
        self.gone.insert(name);
    }

    /// All of them go in the end.
    pub(crate) fn settle(&mut self, api: &Arc<Api>) {
        while !self.live.is_empty() {
            self.move_out(api);
        }
    }

    /// What is wrong once everything should have come to rest.
    pub(crate) fn unrest(&self, api: &Api) -> Vec<String> {
        let is_in = |key: &Key| {
            self.gone.contains(&*key.namespace)
                || (&*key.kind == "namespaces" && self.gone.contains(&*key.name))
        };
        let all = api.all_values();
        let left = all.iter().filter(|(key, _)| is_in(key));
        left.map(|(key, _)| format!("{key} has outlived its namespace")).collect()
    }
}
