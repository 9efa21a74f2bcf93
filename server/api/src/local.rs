//! The API as a client in process: the same verbs and the same rights, without HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use client::{
    Client, Connection, DeleteOptions, Event, EventStream, List, Object, PatchType, Selection,
    WriteOptions,
};
use futures::StreamExt;
use kinds::{Verb, schema::FieldValidation};
use object::{ApiError, Key, KindName};
use planning::access::User;
use serde_json::Value;
use store::Stored;

use crate::{
    Api,
    audit::{Origin, Trail},
    authorize,
    body::read_own,
    query::{self, ListOptions},
    resolve::Target,
    verbs::{
        Writer, Written,
        delete::{DeleteRequest, Propagation},
        patch::Patch,
        watch::Seen,
    },
};

/// One user's view of the API.
pub(crate) struct LocalClient {
    api: Arc<Api>,
    user: User,
}

impl LocalClient {
    pub(crate) fn new(api: Arc<Api>, user: User) -> Self {
        Self { api, user }
    }

    async fn authorize(&self, verb: Verb, target: &Target) -> Result<(), ApiError> {
        self.api.authorize(&self.user, &authorize::wanted(verb.name(), target)).await
    }

    async fn collection(
        &self,
        verb: Verb,
        kind: &KindName,
        selection: &Selection,
    ) -> Result<Target, ApiError> {
        let namespace = selection.namespace.as_deref().unwrap_or_default();
        let target = self.api.target(&Key::new(kind.clone(), namespace, ""), "").await?;
        let fields = selection.fields.as_deref().unwrap_or_default();
        let wanted = authorize::wanted_of_many(verb.name(), &target, fields);
        self.api.authorize(&self.user, &wanted).await?;
        Ok(target)
    }

    /// Does something that the audit hears of, whatever comes of it.
    async fn audited<T>(
        &self,
        target: &Target,
        verb: Verb,
        act: impl AsyncFnOnce(Arc<Trail>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let trail = Trail::new(&self.user, &Origin::default(), verb.name(), &target.subresource);
        let done = act(trail.clone()).await;
        let code = done.as_ref().map_or_else(ApiError::code, |_| 200);
        self.api.auditor.note(&trail, &target.key(), code);
        done
    }

    /// Notes that a secret was read.
    fn note_read(&self, target: &Target, verb: Verb) {
        if target.def.secret {
            let trail = Trail::new(&self.user, &Origin::default(), verb.name(), "");
            self.api.auditor.note(&trail, &target.key(), 200);
        }
    }

    fn write_options(&self, options: &WriteOptions, trail: Arc<Trail>) -> query::WriteOptions {
        let manager = options.field_manager.clone().unwrap_or_else(|| self.user.name.clone());
        query::WriteOptions {
            field_manager: Some(manager),
            names_manager: true,
            dry_run: options.dry_run,
            validation: FieldValidation::Ignore,
            force: None,
            fence: options.fence.clone().map(fence),
            trail: Some(trail),
        }
    }
}

fn fence(fence: client::Fence) -> store::Fence {
    store::Fence { lease: fence.lease, epoch: fence.epoch }
}

fn object_of(stored: &Stored) -> Object {
    let Stored { key, revision, body } = stored.clone();
    Object { key, revision, body }
}

fn written_object(key: &Key, written: Written) -> Object {
    match written {
        Written::Created(stored) | Written::Changed(stored) => object_of(&stored),
        Written::Answered(value) => Object {
            key: key.clone(),
            revision: revision_of(&value),
            body: value.to_string().into(),
        },
    }
}

/// An answer that shows an object (a `Scale`) has its revision in its metadata.
fn revision_of(value: &Value) -> u64 {
    let text = value["metadata"]["resourceVersion"].as_str();
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn event_of(seen: Seen) -> Event {
    match seen {
        Seen::Added(stored) => Event::Added(object_of(&stored)),
        Seen::Modified(stored) => Event::Modified(object_of(&stored)),
        Seen::Deleted(stored) => Event::Deleted(object_of(&stored)),
        Seen::Bookmark { revision, .. } => Event::Bookmark(revision),
    }
}

#[async_trait]
impl Client for LocalClient {
    async fn get(&self, key: &Key) -> Result<Object, ApiError> {
        let target = self.api.target(key, "").await?;
        self.authorize(Verb::Get, &target).await?;
        self.note_read(&target, Verb::Get);
        if target.def.computed {
            return self.api.compute_one(&target).await.map(|computed| object_of(&computed));
        }
        let stored = self.api.read(key, false).await?;
        Ok(object_of(&*self.api.in_version(&target.def, stored).await?))
    }

    async fn list(&self, kind: &KindName, selection: &Selection) -> Result<List, ApiError> {
        let target = self.collection(Verb::List, kind, selection).await?;
        self.note_read(&target, Verb::List);
        let options = ListOptions {
            labels: selection.labels.clone(),
            fields: selection.fields.clone(),
            ..ListOptions::default()
        };
        let page = self.api.list(&target, &options).await?;
        let items = self.api.all_in_version(&target.def, page.items).await?;
        let items = items.iter().map(|item| object_of(item)).collect();
        Ok(List { revision: page.meta.revision, items })
    }

    async fn watch(
        &self,
        kind: &KindName,
        selection: &Selection,
        after: u64,
    ) -> Result<EventStream, ApiError> {
        let target = self.collection(Verb::Watch, kind, selection).await?;
        self.note_read(&target, Verb::Watch);
        let options = ListOptions {
            labels: selection.labels.clone(),
            fields: selection.fields.clone(),
            revision: (after > 0).then_some(after),
            initial_events: after == 0,
            bookmarks: true,
            // As long as the watcher wants.
            timeout_seconds: Some(u64::from(u32::MAX)),
            ..ListOptions::default()
        };
        let seen = self.api.clone().watch_in_version(&target, &options).await?;
        Ok(seen.map(|event| event.map(event_of)).boxed())
    }

    async fn create(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let target = self.api.target(key, subresource).await?;
        self.audited(&target, Verb::Create, async |trail| {
            self.authorize(Verb::Create, &target).await?;
            let options = self.write_options(options, trail);
            let mut writer = Writer::new(&self.user, &options);
            let document = read_own(&body)?;
            let written = match target.sub() {
                Some(sub) => self.api.post(&mut writer, &target, sub, document).await?,
                None => self.api.create(&mut writer, &target, document).await?,
            };
            Ok(written_object(key, written))
        })
        .await
    }

    async fn update(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let target = self.api.target(key, subresource).await?;
        self.audited(&target, Verb::Update, async |trail| {
            self.authorize(Verb::Update, &target).await?;
            let options = self.write_options(options, trail);
            let mut writer = Writer::new(&self.user, &options);
            let document = read_own(&body)?;
            let written = match target.sub() {
                Some(sub) if sub.scales => {
                    self.api.update_scale(&mut writer, &target, document).await?
                }
                _ => self.api.update(&mut writer, &target, document).await?,
            };
            Ok(written_object(key, written))
        })
        .await
    }

    async fn patch(
        &self,
        key: &Key,
        subresource: &str,
        kind: PatchType,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let target = self.api.target(key, subresource).await?;
        self.audited(&target, Verb::Patch, async |trail| {
            self.authorize(Verb::Patch, &target).await?;
            let mut options = self.write_options(options, trail);
            // A client in process applies what it decides on; it is no person to be asked.
            options.force = (kind == PatchType::Apply).then_some(true);
            let mut writer = Writer::new(&self.user, &options);
            let patch = match kind {
                PatchType::Json => Patch::Json(body),
                PatchType::Merge => Patch::Merge(body),
                PatchType::Strategic => Patch::Strategic(body),
                PatchType::Apply => Patch::Apply(body),
            };
            let written = self.api.patch(&mut writer, &target, &patch).await?;
            Ok(written_object(key, written))
        })
        .await
    }

    async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<(), ApiError> {
        let target = self.api.target(key, "").await?;
        self.audited(&target, Verb::Delete, async |trail| {
            self.authorize(Verb::Delete, &target).await?;
            let request = DeleteRequest {
                evicts: false,
                grace_seconds: options.grace_seconds,
                propagation: match options.propagation {
                    None => None,
                    Some("Foreground") => Some(Propagation::Foreground),
                    Some("Orphan") => Some(Propagation::Orphan),
                    Some(_) => Some(Propagation::Background),
                },
                uid: options.uid.as_deref().map(str::to_owned),
                revision: options.resource_version.map(|revision| revision.to_string()),
                write: query::WriteOptions {
                    fence: options.fence.clone().map(fence),
                    trail: Some(trail),
                    ..query::WriteOptions::default()
                },
            };
            let writer = Writer::new(&self.user, &request.write);
            self.api.delete(&writer, &target, &request).await.map(drop)
        })
        .await
    }

    async fn connect(
        &self,
        key: &Key,
        subresource: &str,
        query: &str,
    ) -> Result<Connection, ApiError> {
        let target = self.api.target(key, subresource).await?;
        self.authorize(Verb::Get, &target).await?;
        self.api.authorize_stream(&self.user, &target).await?;
        self.api.admit_stream(&self.user, &target, query).await?;
        self.api.connect(&target, query).await
    }

    async fn read(&self, path: &str) -> Result<Value, ApiError> {
        self.api.read_path(&self.user, path).await
    }
}
