//! What the API does with a request, as far as controllers and agents need it.

use bytes::Bytes;
use client::{Fence, Object};
use object::{ApiError, Key};
use planning::{World, admission::Claim, conditions};
use serde_json::{Value, json};
use store::{Expected, StoreError};

use crate::api::{Api, Change, is_deleting};

/// One request.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Create { key: Key, body: Value },
    Bind { pod: Key, uid: String, node: String },
    Update { key: Key, subresource: String, body: Value },
    Patch { key: Key, subresource: String, patch: Value },
    Delete { key: Key, uid: Option<String>, grace: Option<i64>, propagation: Option<&'static str> },
    Evict { pod: Key, uid: Option<String> },
}

impl Op {
    /// What the request says that its object is like.
    fn precondition<'o>(&'o self, field: &str) -> Option<&'o Value> {
        match self {
            Self::Update { body: said, .. } | Self::Patch { patch: said, .. } => {
                Some(&said["metadata"][field]).filter(|value| !value.is_null())
            }
            _ => None,
        }
    }

    /// Whether it would do harm when it is sent for an object that is another one by now.
    pub(crate) fn is_unguarded(&self) -> bool {
        match self {
            Self::Create { .. } => false,
            Self::Update { .. } => self.precondition("resourceVersion").is_none(),
            Self::Patch { .. } => {
                self.precondition("resourceVersion").or(self.precondition("uid")).is_none()
            }
            Self::Bind { uid, .. } => uid.is_empty(),
            Self::Delete { uid, .. } | Self::Evict { uid, .. } => uid.is_none(),
        }
    }
}

/// Kinds whose defaults matter to controllers.
const DEFAULTED: [&str; 6] = [
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "poddisruptionbudgets.policy",
];
/// The namespace whose quota allows no pods.
pub(crate) const POOR: &str = "poor";
const BUDGETS: &str = "poddisruptionbudgets.policy";

impl Api {
    /// Carries a request out.
    pub(crate) fn perform(&self, op: &Op, fence: Option<&Fence>) -> Result<Object, ApiError> {
        let (before, writes) = match op {
            Op::Update { key, .. } | Op::Patch { key, .. } => {
                (self.current(key).map(|(revision, _)| revision), self.state().writes)
            }
            _ => (None, 0),
        };
        let result = match op {
            Op::Create { key, body } => self.create(key, body.clone(), fence),
            Op::Bind { pod, uid, node } => {
                self.change(pod, fence, |value| bind(pod, value, uid, node))
            }
            Op::Update { key, subresource, body } => {
                self.change(key, fence, |value| update(key, value, subresource, body))
            }
            Op::Patch { key, subresource, patch } => {
                self.change(key, fence, |value| apply_patch(key, value, subresource, patch))
            }
            Op::Delete { key, uid, grace, propagation } => {
                self.delete(key, uid.as_deref(), *grace, *propagation, Vec::new(), fence)
            }
            Op::Evict { pod, uid } => self.evict(pod, uid.as_deref(), fence),
        };
        // By the run's own books, whatever was checked on the way.
        if let (Ok(_), Some(expected), Some(before)) =
            (&result, op.precondition("resourceVersion"), before)
            && expected.as_str().and_then(|text| text.parse().ok()) != Some(before)
        {
            let mut state = self.state();
            if state.writes > writes {
                state.checks.violations.push(format!("{op:?} was written over {before}"));
            }
        }
        result
    }

    fn create(
        &self,
        key: &Key,
        mut body: Value,
        fence: Option<&Fence>,
    ) -> Result<Object, ApiError> {
        let namespace = Key::new("namespaces", "", &key.namespace);
        if !key.namespace.is_empty() && self.value(&namespace).is_none_or(|n| is_deleting(&n)) {
            let why = format!("namespace {} is being terminated", key.namespace);
            return Err(ApiError::forbidden(&key.kind, &key.name, why));
        }
        if &*key.kind == "pods" && &*key.namespace == POOR {
            let why = "exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0";
            return Err(ApiError::forbidden(&key.kind, &key.name, why));
        }
        {
            let mut state = self.state();
            state.uids += 1;
            body["metadata"]["uid"] = format!("uid-{}", state.uids).into();
            body["metadata"]["creationTimestamp"] = json!(conditions::time(state.now()));
            body["metadata"]["generation"] = 1.into();
        }
        if DEFAULTED.contains(&&*key.kind) {
            body = with_defaults(key, body);
        }
        if &*key.kind == "pods" {
            body["status"] = json!({"phase": "Pending"});
        }
        let changes = vec![(key.clone(), Expected::Absent, Some(body))];
        self.commit(changes, fence).map_err(|error| match error {
            StoreError::Precondition { .. } => ApiError::already_exists(&key.kind, &key.name),
            other => refusal(key, &other),
        })
    }

    fn change(
        &self,
        key: &Key,
        fence: Option<&Fence>,
        change: impl FnOnce(&mut Value) -> Result<(), ApiError>,
    ) -> Result<Object, ApiError> {
        let found = self.current(key);
        let (revision, before) = found.ok_or_else(|| ApiError::not_found(&key.kind, &key.name))?;
        let mut after = (*before).clone();
        after["metadata"]["resourceVersion"] = revision.to_string().into();
        change(&mut after)?;
        if let Some(meta) = after["metadata"].as_object_mut() {
            meta.remove("resourceVersion");
        }
        strip_nulls(&mut after);
        if after == *before {
            let body = self.stored(key).map(|stored| stored.body.clone()).unwrap_or_default();
            return Ok(Object { key: key.clone(), revision, body });
        }
        if after["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
            after["metadata"]["generation"] = (generation + 1).into();
        }
        let body = (!is_released(key, &after)).then_some(after);
        let changes = vec![(key.clone(), Expected::Revision(revision), body)];
        self.commit(changes, fence).map_err(|error| refusal(key, &error))
    }

    /// Lets a pod go if the budgets allow it, by the code of the real API.
    fn evict(
        &self,
        pod: &Key,
        uid: Option<&str>,
        fence: Option<&Fence>,
    ) -> Result<Object, ApiError> {
        let stored = self.stored(pod).ok_or_else(|| ApiError::not_found("pods", &pod.name))?;
        let def = kinds::find("pods").expect("pods are built in");
        let object = def.codec.decode(&stored.body).expect("a stored pod is a pod");
        let mut world = World::default();
        for (key, _) in self.values(BUDGETS) {
            if let Some(budget) = self.stored(&key) {
                world.apply(key, budget.revision, Some(budget.body.clone()));
            }
        }
        let claim = planning::admission::evict(&*object, &world, self.now())?;
        let spent = claim.map(|claim| match claim {
            Claim::Replace { key, revision, mut body } => {
                if let Some(meta) = body["metadata"].as_object_mut() {
                    meta.remove("resourceVersion");
                }
                (key, Expected::Revision(revision), Some(body))
            }
            other => panic!("an eviction claims {other:?}"),
        });
        self.delete(pod, uid, None, Some("Background"), spent.into_iter().collect(), fence)
    }

    fn delete(
        &self,
        key: &Key,
        uid: Option<&str>,
        grace: Option<i64>,
        propagation: Option<&str>,
        mut beside: Vec<Change>,
        fence: Option<&Fence>,
    ) -> Result<Object, ApiError> {
        let found = self.current(key);
        let (revision, before) = found.ok_or_else(|| ApiError::not_found(&key.kind, &key.name))?;
        if uid.is_some_and(|uid| before["metadata"]["uid"] != uid) {
            return Err(ApiError::conflict(&key.kind, &key.name, "another object has the name"));
        }
        let mut after = (*before).clone();
        add_finalizer(&mut after, propagation);
        let is_bound = before["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty());
        let waits = &*key.kind == "pods" && is_bound && grace != Some(0);
        let time = json!(conditions::time(self.now()));
        if !is_deleting(&after) {
            after["metadata"]["deletionTimestamp"] = time;
            after["metadata"]["deletionGracePeriodSeconds"] = 30.into();
        }
        // Of a pod that has no node, nobody is there who could take its time.
        if grace == Some(0) || (&*key.kind == "pods" && !is_bound) {
            after["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        }
        if after == *before {
            return Ok(Object { key: key.clone(), revision, body: Bytes::new() });
        }
        let body = (waits || !is_released(key, &after)).then_some(after);
        let mut changes = vec![(key.clone(), Expected::Revision(revision), body)];
        changes.append(&mut beside);
        self.commit(changes, fence).map_err(|error| refusal(key, &error))
    }
}

fn add_finalizer(object: &mut Value, propagation: Option<&str>) {
    let finalizer = match propagation {
        Some("Foreground") => "foregroundDeletion",
        Some("Orphan") => "orphan",
        _ => return,
    };
    let all = &mut object["metadata"]["finalizers"];
    let mut list = all.as_array().cloned().unwrap_or_default();
    if !list.iter().any(|name| name == finalizer) {
        list.push(finalizer.into());
    }
    *all = list.into();
}

fn with_defaults(key: &Key, body: Value) -> Value {
    let def = kinds::find(&key.kind).expect("the kind is built in");
    let mut object = def.codec.decode_value(body).expect("it fits its kind");
    object.set_defaults();
    object.prepare_create();
    let mut value = object.to_value();
    value["apiVersion"] = (*def.api_version).into();
    value["kind"] = (*def.kind).into();
    strip_nulls(&mut value);
    value
}

fn bind(pod: &Key, value: &mut Value, uid: &str, node: &str) -> Result<(), ApiError> {
    let is_bound = value["spec"]["nodeName"].as_str().is_some_and(|n| !n.is_empty());
    if is_bound || value["metadata"]["uid"] != *uid || is_deleting(value) {
        return Err(ApiError::conflict("pods", &pod.name, "it can not be bound"));
    }
    value["spec"]["nodeName"] = node.into();
    Ok(())
}

fn update(key: &Key, value: &mut Value, part: &str, body: &Value) -> Result<(), ApiError> {
    check(key, value, body)?;
    match part {
        "" => {
            let status = value["status"].take();
            *value = body.clone();
            value["status"] = status;
        }
        "finalize" => value["spec"] = body["spec"].clone(),
        part => value[part] = body[part].clone(),
    }
    Ok(())
}

fn apply_patch(key: &Key, value: &mut Value, part: &str, patch: &Value) -> Result<(), ApiError> {
    check(key, value, patch)?;
    let mut patch = patch.clone();
    if let Some(meta) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.remove("resourceVersion");
    }
    match part {
        "status" => patch = json!({"status": patch["status"]}),
        "scale" => patch = json!({"spec": {"replicas": patch["spec"]["replicas"]}}),
        _ => {}
    }
    object::patch::merge::apply(value, patch);
    Ok(())
}

fn refusal(key: &Key, error: &StoreError) -> ApiError {
    match error {
        StoreError::Precondition { .. } => ApiError::modified(&key.kind, &key.name),
        StoreError::Fenced(lease) => {
            ApiError::conflict(&key.kind, &key.name, format!("another copy holds {lease}"))
        }
        other => ApiError::internal(other.to_string()),
    }
}

/// The preconditions that a body carries.
fn check(key: &Key, value: &Value, body: &Value) -> Result<(), ApiError> {
    for field in ["resourceVersion", "uid"] {
        let expected = &body["metadata"][field];
        if !expected.is_null() && *expected != value["metadata"][field] {
            return Err(ApiError::modified(&key.kind, &key.name));
        }
    }
    Ok(())
}

/// Whether a deleted object has nothing left to wait for.
fn is_released(key: &Key, value: &Value) -> bool {
    let is_empty = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    let has_grace = &*key.kind == "pods"
        && value["metadata"]["deletionGracePeriodSeconds"] != 0
        && value["spec"]["nodeName"].is_string();
    is_deleting(value)
        && !has_grace
        && is_empty(&value["metadata"]["finalizers"])
        && (&*key.kind != "namespaces" || is_empty(&value["spec"]["finalizers"]))
}

/// The API stores no nulls.
fn strip_nulls(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| !value.is_null());
        object.values_mut().for_each(strip_nulls);
    }
}
