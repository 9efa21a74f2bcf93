//! Every start: the objects that every cluster has, where they are absent or out of date.

use std::sync::Arc;

use object::{ApiError, Key};
use planning::access::{self, User};
use serde_json::Value;

use crate::{
    Api, aggregation,
    audit::{Origin, Trail},
    query::WriteOptions,
    verbs::Writer,
};

impl Api {
    /// Follows the store and creates what every cluster has, and `more`, where it is not there yet.
    ///
    /// # Errors
    /// When the store is away, or an object of `more` is refused.
    pub async fn start(self: &Arc<Self>, more: Vec<Value>) -> Result<(), ApiError> {
        self.catch_up().await?;
        self.feed.start(self.store.clone());
        self.auditor.start(self.store.clone());
        let user = User::new("system:apiserver", &[access::MASTERS]);
        let options = WriteOptions {
            names_manager: true,
            force: Some(true),
            trail: Some(Trail::new(&user, &Origin::default(), "patch", "")),
            ..WriteOptions::default()
        };
        let writer = Writer::new(&user, &options);
        for object in planning::bootstrap::objects().into_iter().chain(more) {
            self.begin_with(&writer, object).await?;
        }
        tokio::spawn(aggregation::look_after(Arc::downgrade(self)));
        Ok(())
    }

    /// Creates an object where it is absent. One that is there stays as its users made it, unless
    /// it is marked as ours to keep up to date.
    async fn begin_with(&self, writer: &Writer<'_>, mut object: Value) -> Result<(), ApiError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let def = kinds::Registry::builtin().find_kind(&api_version, &kind).ok_or_else(|| {
            ApiError::internal(format!("{api_version} {kind} is no kind of this server"))
        })?;
        let namespace = text(&object["metadata"]["namespace"]);
        let key = Key::new(def.name.clone(), &namespace, &text(&object["metadata"]["name"]));
        if def.is_namespaced() {
            object["metadata"]["namespace"] = namespace.into();
        }
        let target = self.target(&key, "").await?;
        let written = match self.store.get(&key) {
            Some(stored) => {
                let stored = serde_json::from_slice(&stored.body).unwrap_or_default();
                let Some(object) = planning::bootstrap::renewed(&stored, object) else {
                    return Ok(());
                };
                self.apply_to_live(writer, &target, &object).await
            }
            None => self.apply_as_new(writer, &target, &object).await,
        };
        match written {
            Err(error) if error.is_already_exists() => Ok(()),
            other => other.map(drop),
        }
    }
}
