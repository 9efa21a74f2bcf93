//! Somebody who deploys, scales, changes, deletes and meddles with pods.

use std::{collections::BTreeMap, sync::Arc};

use object::Key;
use serde_json::{Value, json};

use crate::{api::Api, requests::Op};

/// What an app was last asked to be.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) namespace: String,
    pub(crate) replicas: i64,
    pub(crate) image: String,
    is_rolling: bool,
    surge: i64,
    unavailable: i64,
}

#[derive(Default)]
pub(crate) struct User {
    pub(crate) asked: BTreeMap<String, Asked>,
    /// Apps that were deleted and are to come back under their names.
    again: BTreeMap<String, Asked>,
    created: usize,
    images: usize,
    loose: usize,
}

const NAMESPACE: &str = "apps";
const REPLICAS_MAX: usize = 6;
const APPS_MAX: usize = 3;
const LOOSE_MAX: usize = 3;

fn key(app: &str, asked: &Asked) -> Key {
    Key::new("deployments.apps", &asked.namespace, app)
}

/// How whatever an owner has is dealt with.
pub(crate) fn propagation(api: &Api) -> Option<&'static str> {
    Some(["Foreground", "Background", "Orphan"][api.below(3)])
}

impl User {
    /// Does something. Pods are only taken away where nothing is guarded.
    pub(crate) fn step(&mut self, api: &Arc<Api>, is_calm: bool) {
        if self.go_on(api) {
            return;
        }
        let choice = api.below(12);
        let apps: Vec<String> = self.asked.keys().cloned().collect();
        let app = api.pick(&apps).cloned();
        match (choice, app) {
            (_, None) | (0, _) if self.asked.len() + self.again.len() < APPS_MAX => {
                self.deploy(api);
            }
            (1..=3, Some(app)) => self.set_image(api, &app),
            (4..=5, Some(app)) => self.scale(api, &app),
            (6, Some(app)) => self.pause(api, &app, true),
            (7, Some(app)) => self.pause(api, &app, false),
            (8, _) if !is_calm => kill_a_pod(api),
            (9, Some(app)) if !is_calm && api.happens(300) => drop(self.remove(api, &app)),
            (10, _) if !is_calm => self.relabel_a_pod(api),
            (11, Some(app)) if !is_calm && api.happens(300) => {
                let asked = self.remove(api, &app);
                self.again.insert(app, asked);
            }
            _ => {}
        }
    }

    /// Makes anew what was to be made anew, once its name is free.
    pub(crate) fn go_on(&mut self, api: &Arc<Api>) -> bool {
        let free = self.again.iter().find(|(app, asked)| api.value(&key(app, asked)).is_none());
        let Some((app, asked)) = free.map(|(app, asked)| (app.clone(), asked.clone())) else {
            return false;
        };
        self.again.remove(&app);
        perform(api, Op::Create { key: key(&app, &asked), body: deployment(&app, &asked) });
        self.asked.insert(app, asked);
        true
    }

    fn deploy(&mut self, api: &Arc<Api>) {
        self.created += 1;
        let app = format!("app-{}", self.created);
        let surge = api.below(3);
        let unavailable = if surge == 0 { 1 + api.below(2) } else { api.below(3) };
        let asked = Asked {
            namespace: NAMESPACE.to_owned(),
            is_rolling: !api.happens(200),
            replicas: 1 + api.below(REPLICAS_MAX) as i64,
            image: "image-0".to_owned(),
            surge: surge as i64,
            unavailable: unavailable as i64,
        };
        perform(api, Op::Create { key: key(&app, &asked), body: deployment(&app, &asked) });
        let service_key = Key::new("services", &asked.namespace, &app);
        if api.value(&service_key).is_none() {
            let body = json!({"apiVersion": "v1", "kind": "Service",
                "metadata": {"name": app, "namespace": asked.namespace},
                "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}});
            perform(api, Op::Create { key: service_key, body });
        }
        self.asked.insert(app, asked);
    }

    fn patch(&self, api: &Arc<Api>, app: &str, patch: Value) {
        let key = key(app, &self.asked[app]);
        perform(api, Op::Patch { key, subresource: String::new(), patch });
    }

    fn set_image(&mut self, api: &Arc<Api>, app: &str) {
        // Now and then an old one: a rollback.
        let number = if api.happens(300) { api.below(self.images + 1) } else { self.images + 1 };
        self.images = self.images.max(number);
        let image = format!("image-{number}");
        let template = template(json!({"app": app}), &image, APP_CPU);
        self.asked.get_mut(app).unwrap().image = image;
        let spec = json!({"template": {"spec": template["spec"]}});
        self.patch(api, app, json!({"spec": spec}));
    }

    fn scale(&mut self, api: &Arc<Api>, app: &str) {
        let replicas = api.below(REPLICAS_MAX + 1) as i64;
        // From here on the old promise does not hold; the new one does once it was reached.
        api.state().checks.guard(app, None);
        self.asked.get_mut(app).unwrap().replicas = replicas;
        self.patch(api, app, json!({"spec": {"replicas": replicas}}));
    }

    fn pause(&self, api: &Arc<Api>, app: &str, pauses: bool) {
        let value = if pauses { true.into() } else { Value::Null };
        self.patch(api, app, json!({"spec": {"paused": value}}));
    }

    fn remove(&mut self, api: &Arc<Api>, app: &str) -> Asked {
        let asked = self.asked.remove(app).unwrap();
        let propagation = propagation(api);
        let key = key(app, &asked);
        perform(api, Op::Delete { key, uid: None, grace: None, propagation });
        asked
    }

    /// Takes a pod away from its owner, or hands one back, by its label.
    fn relabel_a_pod(&mut self, api: &Arc<Api>) {
        let pods = api.values("pods");
        let Some((key, pod)) = api.pick(&pods).cloned() else { return };
        let labels = &pod["metadata"]["labels"];
        let label = if labels["app"].is_string() { "app" } else { "set" };
        let Some(value) = labels[label].as_str() else { return };
        let value = match value.strip_prefix("loose-") {
            Some(owner) => owner.to_owned(),
            None if self.loose < LOOSE_MAX => {
                self.loose += 1;
                format!("loose-{value}")
            }
            None => return,
        };
        let patch = json!({"metadata": {"labels": {label: value}}});
        perform(api, Op::Patch { key, subresource: String::new(), patch });
    }

    /// Nothing stays paused in the end.
    pub(crate) fn settle(&self, api: &Arc<Api>) {
        self.asked.keys().for_each(|app| self.pause(api, app, false));
    }

    /// Guards the apps that have reached what was asked for, once nothing is under way that an
    /// earlier wish began.
    pub(crate) fn guard(&self, api: &Arc<Api>) {
        for (app, asked) in self.asked.iter().filter(|(_, asked)| asked.is_rolling) {
            let replicas = usize::try_from(asked.replicas).unwrap();
            let is_due = {
                let state = api.state();
                !state.checks.is_guarded(app) && state.checks.available(app) >= replicas
            };
            if is_due && is_settled(api, app, asked) {
                let least = usize::try_from((asked.replicas - asked.unavailable).max(0)).unwrap();
                api.state().checks.guard(app, Some(least));
            }
        }
    }
}

const APP_CPU: &str = "200m";

pub(crate) fn template(labels: Value, image: &str, cpu: &str) -> Value {
    let container = json!({"name": "c", "image": image, "resources": {"requests": {"cpu": cpu}}});
    json!({"metadata": {"labels": labels}, "spec": {"containers": [container]}})
}

fn deployment(app: &str, asked: &Asked) -> Value {
    let strategy = if asked.is_rolling {
        json!({"type": "RollingUpdate", "rollingUpdate":
            {"maxSurge": asked.surge, "maxUnavailable": asked.unavailable}})
    } else {
        json!({"type": "Recreate"})
    };
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": app, "namespace": asked.namespace},
        "spec": {"replicas": asked.replicas, "strategy": strategy, "revisionHistoryLimit": 1,
            "selector": {"matchLabels": {"app": app}},
            "template": template(json!({"app": app}), &asked.image, APP_CPU)}})
}

fn kill_a_pod(api: &Arc<Api>) {
    let pods = api.values("pods");
    let Some((key, pod)) = api.pick(&pods).cloned() else { return };
    let is_forced = api.happens(300);
    if is_forced {
        // Whoever forces a pod away answers for what still runs of it.
        let uid = crate::api::text(&pod["metadata"]["uid"]);
        api.state().checks.forced.insert(uid);
    }
    let grace = is_forced.then_some(0);
    perform(api, Op::Delete { key, uid: None, grace, propagation: None });
}

/// Deletes what was left behind on purpose: pods and sets without owners.
pub(crate) fn tidy(api: &Arc<Api>) -> bool {
    let is_left = |value: &Value| {
        value["metadata"]["ownerReferences"].as_array().is_none_or(Vec::is_empty)
            && !crate::api::is_deleting(value)
    };
    let mut found = false;
    for kind in ["replicasets.apps", "pods"] {
        for (key, _) in api.values(kind).into_iter().filter(|(_, value)| is_left(value)) {
            found = true;
            let propagation = Some("Background");
            perform(api, Op::Delete { key, uid: None, grace: None, propagation });
        }
    }
    found
}

/// Whether the Deployment has come to rest: while it has not, something may be under way that was
/// right when it was decided.
fn is_settled(api: &Arc<Api>, app: &str, asked: &Asked) -> bool {
    let is_observed =
        |value: &Value| value["status"]["observedGeneration"] == value["metadata"]["generation"];
    let Some(deployment) = api.value(&key(app, asked)) else { return false };
    let counts = ["replicas", "updatedReplicas", "availableReplicas"];
    let has = |name: &&str| deployment["status"][name].as_i64().unwrap_or(0) == asked.replicas;
    let sets = api.values("replicasets.apps");
    let mut own = sets.iter().filter(|(_, set)| set["metadata"]["labels"]["app"] == app);
    let sizes = |set: &Value| set["spec"]["replicas"].as_i64().unwrap_or(0);
    is_observed(&deployment)
        && counts.iter().all(has)
        && own.all(|(_, set)| is_observed(set) && [0, asked.replicas].contains(&sizes(set)))
}

pub(crate) fn perform(api: &Arc<Api>, op: Op) {
    api.tell(|| format!("user: {op:?}"));
    let result = api.perform(&op, None);
    assert!(result.is_ok() || matches!(op, Op::Delete { .. }), "{op:?}: {:?}", result.err());
}
