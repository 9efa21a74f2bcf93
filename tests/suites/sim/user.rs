//! Somebody who deploys, scales, changes and deletes.

use std::{collections::BTreeMap, sync::Arc};

use object::Key;
use serde_json::{Value, json};

use crate::api::{Api, Op};

/// What an app was last asked to be.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) namespace: String,
    pub(crate) replicas: i64,
    pub(crate) image: String,
    is_rolling: bool,
    unavailable: i64,
}

#[derive(Default)]
pub(crate) struct User {
    pub(crate) asked: BTreeMap<String, Asked>,
    created: usize,
    images: usize,
}

const REPLICAS_MAX: usize = 6;
const APPS_MAX: usize = 3;

fn key(app: &str, asked: &Asked) -> Key {
    Key::new("deployments.apps", &asked.namespace, app)
}

impl User {
    /// Does something. Pods are only deleted, and pause is only used, where nothing is guarded.
    pub(crate) fn step(&mut self, api: &Arc<Api>, is_calm: bool) {
        let choice = api.below(10);
        let apps: Vec<String> = self.asked.keys().cloned().collect();
        let app = api.pick(&apps).cloned();
        match (choice, app) {
            (_, None) | (0, _) if self.asked.len() < APPS_MAX => self.deploy(api),
            (1..=3, Some(app)) => self.set_image(api, &app),
            (4..=5, Some(app)) => self.scale(api, &app),
            (6, Some(app)) => self.pause(api, &app, true),
            (7, Some(app)) => self.pause(api, &app, false),
            (8, _) if !is_calm => self.kill_a_pod(api),
            (9, Some(app)) if !is_calm && api.happens(300) => self.remove(api, &app),
            _ => {}
        }
    }

    fn deploy(&mut self, api: &Arc<Api>) {
        self.created += 1;
        let app = format!("app-{}", self.created);
        let (surge, unavailable, is_rolling, replicas) = {
            let surge = api.below(3);
            let unavailable = if surge == 0 { 1 + api.below(2) } else { api.below(3) };
            (surge, unavailable, !api.happens(200), 1 + api.below(REPLICAS_MAX))
        };
        let asked = Asked {
            namespace: "apps".to_owned(),
            replicas: replicas as i64,
            image: "image-0".to_owned(),
            is_rolling,
            unavailable: unavailable as i64,
        };
        let strategy = if is_rolling {
            json!({"type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}})
        } else {
            json!({"type": "Recreate"})
        };
        let container = json!({"name": "c", "image": asked.image,
            "resources": {"requests": {"cpu": "250m"}}});
        let body = json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": app, "namespace": asked.namespace},
            "spec": {"replicas": replicas, "strategy": strategy, "revisionHistoryLimit": 1,
                "selector": {"matchLabels": {"app": app}},
                "template": {"metadata": {"labels": {"app": app}},
                    "spec": {"containers": [container]}}}});
        let service = json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": app, "namespace": asked.namespace},
            "spec": {"selector": {"app": app}, "ports": [{"port": 80}]}});
        perform(api, Op::Create { key: key(&app, &asked), body });
        let service_key = Key::new("services", &asked.namespace, &app);
        perform(api, Op::Create { key: service_key, body: service });
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
        let container = json!({"name": "c", "image": image,
            "resources": {"requests": {"cpu": "250m"}}});
        let spec = json!({"template": {"spec": {"containers": [container]}}});
        self.asked.get_mut(app).unwrap().image = image;
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

    fn kill_a_pod(&self, api: &Arc<Api>) {
        let pods = api.values("pods");
        let Some((key, _)) = api.pick(&pods).cloned() else { return };
        let grace = api.happens(300).then_some(0);
        perform(api, Op::Delete { key, uid: None, grace, propagation: None });
    }

    fn remove(&mut self, api: &Arc<Api>, app: &str) {
        let asked = self.asked.remove(app).unwrap();
        let propagation = if api.happens(500) { "Foreground" } else { "Background" };
        let propagation = Some(propagation);
        let grace = None;
        perform(api, Op::Delete { key: key(app, &asked), uid: None, grace, propagation });
        let service = Key::new("services", &asked.namespace, app);
        perform(api, Op::Delete { key: service, uid: None, grace, propagation });
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

/// Whether the Deployment and all its sets have been looked at since they last changed.
fn is_settled(api: &Arc<Api>, app: &str, asked: &Asked) -> bool {
    let is_observed =
        |value: &Value| value["status"]["observedGeneration"] == value["metadata"]["generation"];
    let sets = api.values("replicasets.apps");
    let mut own = sets.iter().filter(|(_, set)| set["metadata"]["labels"]["app"] == app);
    api.value(&key(app, asked)).is_some_and(|value| is_observed(&value))
        && own.all(|(_, set)| is_observed(set))
}

fn perform(api: &Arc<Api>, op: Op) {
    api.tell(|| format!("user: {op:?}"));
    let result = api.perform(&op, None);
    assert!(result.is_ok() || matches!(op, Op::Delete { .. }), "{op:?}: {:?}", result.err());
}
