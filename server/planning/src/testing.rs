//! For tests: a world that can be written to, with just enough of the API's rules.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use object::{Key, KindName};
use serde_json::{Value, json};

use crate::{Action, Change, Controller, Failure, Memory, Plan, Round, World};

pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) now: Timestamp,
    steady: Timestamp,
    revision: u64,
    uids: u64,
    memories: BTreeMap<(&'static str, Key), Memory>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            world: World::default(),
            now,
            steady: now,
            revision: 0,
            uids: 0,
            memories: BTreeMap::new(),
        }
    }

    pub(crate) fn with(objects: impl IntoIterator<Item = Value>) -> Self {
        let mut lab = Self::new();
        for object in objects {
            lab.put(object);
        }
        lab
    }

    pub(crate) fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.steady += SignedDuration::from_secs(seconds);
    }

    /// Somebody sets the clock forward or back.
    pub(crate) fn set_clock(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn steady(&self) -> Timestamp {
        self.steady
    }

    /// Writes an object as it is, filling in what the API fills in.
    pub(crate) fn put(&mut self, mut object: Value) -> Key {
        let key = key_of(&self.world, &object);
        let meta = &mut object["metadata"];
        if meta["uid"].is_null() {
            self.uids += 1;
            meta["uid"] = format!("uid-{}", self.uids).into();
        }
        if meta["creationTimestamp"].is_null() {
            meta["creationTimestamp"] = json!(crate::conditions::time(self.now));
        }
        if meta["generation"].is_null() {
            meta["generation"] = 1.into();
        }
        self.store(&key, Some(object));
        key
    }

    pub(crate) fn remove(&mut self, key: &Key) -> Option<Change> {
        self.store(key, None)
    }

    fn store(&mut self, key: &Key, object: Option<Value>) -> Option<Change> {
        self.revision += 1;
        let body = object.map(|object| {
            let Value::Object(object) = object else { panic!("{key} is no object") };
            object::body::encode(object)
        });
        self.world.apply(key.clone(), self.revision, body)
    }

    pub(crate) fn value(&self, key: &Key) -> Value {
        let entry = self.world.entry(key).unwrap_or_else(|| panic!("{key} is not there"));
        serde_json::from_slice(&object::body::splice(&entry.body, entry.revision)).unwrap()
    }

    /// Changes an object in place, counting generations.
    pub(crate) fn edit(&mut self, key: &Key, change: impl FnOnce(&mut Value)) -> Option<Change> {
        let before = self.value(key);
        let mut after = before.clone();
        change(&mut after);
        if before["spec"] != after["spec"] {
            after["metadata"]["generation"] =
                (before["metadata"]["generation"].as_i64().unwrap_or(0) + 1).into();
        }
        self.store(key, Some(after))
    }

    pub(crate) fn plan(&self, controller: &Controller, key: &Key) -> Plan {
        self.plan_after(controller, key, &[])
    }

    pub(crate) fn plan_after(
        &self,
        controller: &Controller,
        key: &Key,
        failures: &[Failure],
    ) -> Plan {
        let memory = self.memories.get(&(controller.name, key.clone()));
        let null = Value::Null;
        (controller.plan)(&Round {
            key,
            world: &self.world,
            now: self.now,
            steady: self.steady,
            failures,
            answers: &[],
            memory: memory.unwrap_or(&null),
        })
    }

    /// Carries a plan out; stops at what is refused, as the executor does.
    pub(crate) fn apply(&mut self, plan: &Plan) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut refused = false;
        let mut own: BTreeMap<Key, (String, String)> = BTreeMap::new();
        for action in &plan.actions {
            if refused && !matches!(action, Action::SetStatus { .. }) {
                continue;
            }
            match self.act(action, &mut own) {
                Ok(change) => changes.extend(change),
                Err(_) => refused = true,
            }
        }
        changes
    }

    fn act(
        &mut self,
        action: &Action,
        own: &mut BTreeMap<Key, (String, String)>,
    ) -> Result<Option<Change>, String> {
        match action {
            Action::Create { key, body } => {
                if self.world.entry(key).is_some() {
                    return Err(format!("{key} exists"));
                }
                let mut body = body.clone();
                body["apiVersion"] = kinds::find(&key.kind).unwrap().api_version.clone().into();
                body["kind"] = kinds::find(&key.kind).unwrap().kind.clone().into();
                let before = self.world.clone();
                self.put(body);
                let new = self.world.entry(key).cloned();
                debug_assert!(before.entry(key).is_none() && new.is_some(), "{key}");
                Ok(Some(Change { key: key.clone(), old: None, new }))
            }
            Action::Update { key, body, subresource } => {
                self.write(key, own, body, |object| match *subresource {
                    "finalize" => object["spec"] = body["spec"].clone(),
                    "status" => object["status"] = body["status"].clone(),
                    _ => *object = body.clone(),
                })
            }
            Action::SetStatus { key, body } => {
                self.write(key, own, body, |object| object["status"] = body["status"].clone())
            }
            Action::Patch { key, patch, .. } => self.write(key, own, patch, |object| {
                let mut patch = patch.clone();
                patch["metadata"].as_object_mut().map(|meta| meta.remove("resourceVersion"));
                object::patch::merge::apply(object, patch);
            }),
            Action::Delete { key, uid, grace_seconds, .. } => {
                let Some(entry) = self.world.entry(key) else { return Err("gone".to_owned()) };
                if entry.meta.uid != *uid {
                    return Err("another".to_owned());
                }
                let waits = entry.pod().is_some_and(|pod| !pod.node.is_empty());
                let is_held = !entry.meta.finalizers.is_empty();
                if is_held || (waits && *grace_seconds != Some(0)) {
                    if entry.meta.is_deleting() {
                        return Ok(None);
                    }
                    let time = json!(crate::conditions::time(self.now));
                    return Ok(self.edit(key, |o| o["metadata"]["deletionTimestamp"] = time));
                }
                Ok(self.remove(key))
            }
            Action::Bind { pod, uid, node } => {
                let entry = self.world.entry(pod).filter(|entry| entry.meta.uid == *uid);
                if entry.and_then(|entry| entry.pod()).is_none_or(|pod| !pod.node.is_empty()) {
                    return Err(format!("{pod} can not be bound"));
                }
                Ok(self.edit(pod, |object| object["spec"]["nodeName"] = node.as_str().into()))
            }
            Action::Absent { key, uid } => {
                let is_meant = |found: &Arc<str>| uid.as_ref().is_none_or(|uid| uid == found);
                let found = self.world.entry(key).is_some_and(|entry| is_meant(&entry.meta.uid));
                if found { Err(format!("{key} is there")) } else { Ok(None) }
            }
            Action::Empty { namespace, kinds } => {
                let is_in = |entry: &Arc<crate::Entry>| {
                    namespace.is_empty() || entry.key.namespace == *namespace
                };
                let mut all = self.world.all().filter(|entry| kinds.contains(&entry.key.kind));
                let found = all.any(is_in);
                if found { Err(format!("{namespace} is not empty")) } else { Ok(None) }
            }
            Action::Sign { key, request } => self.write(key, own, request, |object| {
                object["status"]["certificate"] = "c2lnbmVk".into();
            }),
            Action::IssueToken { secret, patch, .. } => self.write(secret, own, patch, |object| {
                let mut patch = patch.clone();
                patch["metadata"].as_object_mut().map(|meta| meta.remove("resourceVersion"));
                patch["data"]["token"] = "dG9rZW4=".into();
                object::patch::merge::apply(object, patch);
            }),
            Action::Record(_)
            | Action::Evict { .. }
            | Action::Read { .. }
            | Action::InstallAgent { .. }
            | Action::RemoveAgent { .. } => Ok(None),
        }
    }

    /// Writes under the precondition that `body` carries; a write of the same round is no other's.
    fn write(
        &mut self,
        key: &Key,
        own: &mut BTreeMap<Key, (String, String)>,
        body: &Value,
        change: impl FnOnce(&mut Value),
    ) -> Result<Option<Change>, String> {
        let Some(entry) = self.world.entry(key) else { return Err(format!("{key} is gone")) };
        let current = entry.revision.to_string();
        let expected = body["metadata"]["resourceVersion"].as_str().unwrap_or(&current);
        let is_own = own.get(key).is_some_and(|(from, to)| from == expected && *to == current);
        if expected != current && !is_own {
            return Err(format!("{key} was modified"));
        }
        let from = expected.to_owned();
        let changed = self.edit(key, change);
        let entry = self.world.entry(key).expect("it was written just now");
        own.insert(key.clone(), (from, entry.revision.to_string()));
        if entry.meta.is_deleting() && entry.meta.finalizers.is_empty() && entry.pod().is_none() {
            return Ok(self.remove(key).or(changed));
        }
        Ok(changed)
    }

    /// Runs controllers until nothing is left to do. Panics if that takes too long: a plan of a
    /// plan's result must at last be empty.
    pub(crate) fn settle(&mut self, controllers: &[Controller]) {
        let all: Vec<Change> = self
            .world
            .all()
            .map(|entry| Change { key: entry.key.clone(), old: None, new: Some(entry.clone()) })
            .collect();
        let mut queue: std::collections::BTreeSet<(usize, Key)> =
            all.iter().flat_map(|change| self.woken(controllers, change)).collect();
        let mut rounds = 0;
        while let Some((at, key)) = queue.pop_first() {
            rounds += 1;
            let plan = self.plan(&controllers[at], &key);
            assert!(rounds < 10_000, "no end in sight; {key} wants:\n{plan}");
            self.memories.insert((controllers[at].name, key.clone()), plan.memory.clone());
            for change in self.apply(&plan) {
                queue.extend(self.woken(controllers, &change));
            }
            let writes = plan.actions.iter().any(|action| !matches!(action, Action::Record(_)));
            if writes {
                queue.insert((at, key));
            }
        }
    }

    fn woken(&self, controllers: &[Controller], change: &Change) -> Vec<(usize, Key)> {
        let wants = |controller: &Controller| {
            controller.watches.iter().any(|kind| *kind == "*" || **kind == *change.key.kind)
        };
        controllers
            .iter()
            .enumerate()
            .filter(|(_, controller)| wants(controller))
            .flat_map(|(at, controller)| {
                (controller.keys_for)(change, &self.world).into_iter().map(move |key| (at, key))
            })
            .collect()
    }
}

fn key_of(world: &World, object: &Value) -> Key {
    let api_version = object["apiVersion"].as_str().unwrap();
    let kind = object["kind"].as_str().unwrap();
    let def = world
        .kinds()
        .find_kind(api_version, kind)
        .unwrap_or_else(|| panic!("{api_version} {kind} is unknown"));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let meta = &object["metadata"];
    Key::new(KindName::clone(&def.name), &text(&meta["namespace"]), &text(&meta["name"]))
}
