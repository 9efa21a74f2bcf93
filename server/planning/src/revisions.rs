//! The history of a StatefulSet's or DaemonSet's templates, as ControllerRevisions.

use std::sync::Arc;

use k8s_openapi::{api::core::v1::PodTemplateSpec, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use object::{Key, selector::LabelSelector};
use serde_json::{Value, json};

use crate::{Action, Entry, World, names, owners, pods};

pub const REVISIONS: &str = "controllerrevisions.apps";
/// Of a pod: the revision that it was made from.
pub const HASH_LABEL: &str = "controller-revision-hash";
/// Of a revision.
const REVISION_HASH: &str = "controller.kubernetes.io/hash";
const LIMIT_DEFAULT: i32 = 10;

/// One revision that is there.
pub struct Revision<'w> {
    pub entry: &'w Arc<Entry>,
    pub number: i64,
    pub template: PodTemplateSpec,
}

impl Revision<'_> {
    pub fn name(&self) -> &str {
        &self.entry.key.name
    }

    pub fn hash(&self) -> &str {
        self.entry.meta.labels.get(REVISION_HASH).map_or("", String::as_str)
    }
}

/// All revisions of an owner, and which one its template is.
pub struct History<'w> {
    /// Oldest first.
    pub all: Vec<Revision<'w>>,
    /// Of the owner's template, which may be yet to be made.
    pub name: String,
    pub hash: String,
    pub collision_count: Option<i32>,
    /// What makes the history right.
    pub actions: Vec<Action>,
}

impl<'w> History<'w> {
    pub fn of(
        world: &'w World,
        owner: &Entry,
        selector: &LabelSelector,
        template: &PodTemplateSpec,
        collision_count: Option<i32>,
    ) -> Self {
        let claim = owners::claim(world, owner, REVISIONS, selector, |_| true);
        let mut all: Vec<Revision<'w>> = claim
            .owned
            .into_iter()
            .filter_map(|entry| {
                let mut object: Value = entry.read()?;
                let template = object["data"]["spec"]["template"].take();
                let template = serde_json::from_value(template).ok()?;
                Some(Revision { entry, number: object["revision"].as_i64()?, template })
            })
            .collect();
        all.sort_by(|a, b| (a.number, &a.entry.key).cmp(&(b.number, &b.entry.key)));
        let mut history = Self {
            all,
            name: String::new(),
            hash: String::new(),
            collision_count,
            actions: claim.actions,
        };
        history.find_or_make(world, owner, template);
        history
    }

    fn find_or_make(&mut self, world: &World, owner: &Entry, template: &PodTemplateSpec) {
        let newest = self.all.last().map_or(0, |revision| revision.number);
        // Of equals the newest: that one was asked for last.
        if let Some(at) = self.all.iter().rposition(|revision| revision.template == *template) {
            self.name = self.all[at].name().to_owned();
            self.hash = self.all[at].hash().to_owned();
            if at + 1 < self.all.len() && !owner.meta.is_deleting() {
                self.actions.push(renumber(self.all[at].entry, newest + 1));
                self.all[at..].rotate_left(1);
            }
            return;
        }
        if owner.meta.is_deleting() {
            return;
        }
        let text = json!(template).to_string();
        loop {
            let collisions = self.collision_count.unwrap_or(0).to_string();
            self.hash = names::letters(&[&text, &collisions], 10);
            self.name = name(owner, &self.hash);
            let key = Key::new(REVISIONS, &owner.key.namespace, &self.name);
            if world.entry(&key).is_none() {
                let body = self.body(owner, template, newest + 1);
                self.actions.push(Action::Create { key, body });
                return;
            }
            // The name belongs to another template or owner.
            self.collision_count = Some(self.collision_count.unwrap_or(0) + 1);
        }
    }

    fn body(&self, owner: &Entry, template: &PodTemplateSpec, number: i64) -> Value {
        let mut data = json!({"spec": {"template": template}});
        data["spec"]["template"]["$patch"] = "replace".into();
        let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone());
        let mut labels = labels.unwrap_or_default();
        labels.insert(REVISION_HASH.to_owned(), self.hash.clone());
        json!({"data": data, "revision": number, "metadata": ObjectMeta {
            name: Some(self.name.clone()),
            namespace: Some(owner.key.namespace.to_string()),
            labels: Some(labels),
            annotations: Some(owner.meta.annotations.clone())
                .filter(|annotations| !annotations.is_empty()),
            owner_references: Some(vec![owners::controller_reference(owner)]),
            ..ObjectMeta::default()
        }})
    }

    pub fn find(&self, name: &str) -> Option<&Revision<'w>> {
        self.all.iter().find(|revision| revision.name() == name)
    }

    /// Deletes the oldest revisions that nobody uses, beyond how many are to be kept.
    pub fn clean_up(
        &self,
        limit: Option<i32>,
        is_used: impl Fn(&Revision<'_>) -> bool,
    ) -> Vec<Action> {
        let Ok(limit) = usize::try_from(limit.unwrap_or(LIMIT_DEFAULT)) else { return Vec::new() };
        let unused: Vec<_> = self
            .all
            .iter()
            .filter(|revision| revision.name() != self.name && !is_used(revision))
            .filter(|revision| !revision.entry.meta.is_deleting())
            .collect();
        let surplus = unused.len().saturating_sub(limit);
        unused[..surplus].iter().map(|revision| pods::delete(revision.entry)).collect()
    }
}

fn name(owner: &Entry, hash: &str) -> String {
    let base = &owner.key.name;
    let base = &base[..base.floor_char_boundary(223)];
    format!("{base}-{hash}")
}

/// A template that was asked for again is the newest again.
fn renumber(entry: &Entry, number: i64) -> Action {
    let metadata = json!({"uid": entry.meta.uid, "resourceVersion": entry.revision.to_string()});
    let patch = json!({"metadata": metadata, "revision": number});
    Action::Patch { key: entry.key.clone(), subresource: "", patch }
}
