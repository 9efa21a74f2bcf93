//! The first start: the objects that every cluster has.

use std::sync::Arc;

use object::{ApiError, Key};
use planning::access::{self, User};
use serde_json::Value;

use crate::{
    Api, admit,
    query::WriteOptions,
    registry,
    resolve::Target,
    verbs::{Writer, update::Ownership},
};

impl Api {
    /// Follows the store and creates what every cluster has, and `more`, where it is not there yet.
    ///
    /// # Errors
    /// When the store is away, or an object of `more` is refused.
    pub async fn start(self: &Arc<Self>, more: Vec<Value>) -> Result<(), ApiError> {
        self.catch_up().await?;
        self.feed.start(self.store.clone());
        for object in planning::bootstrap::objects().into_iter().chain(more) {
            self.create_if_absent(object).await?;
        }
        Ok(())
    }

    async fn create_if_absent(&self, object: Value) -> Result<(), ApiError> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let def = registry::find_kind(&api_version, &kind).ok_or_else(|| {
            ApiError::internal(format!("{api_version} {kind} is no kind of this server"))
        })?;
        let meta = &object["metadata"];
        let key = Key::new(def.name.clone(), &text(&meta["namespace"]), &text(&meta["name"]));
        if self.store.get(&key).is_some() {
            return Ok(());
        }
        let target = Target::of_key(&key, "")?;
        let sent = admit::complete(def, object)?;
        let user = User::new("system:apiserver", &[access::MASTERS]);
        let options = WriteOptions::default();
        let writer = Writer::new(&user, &options);
        match self.create_object(&writer, &target, sent, Ownership::Track).await {
            Err(error) if error.is_already_exists() => Ok(()),
            other => other.map(drop),
        }
    }
}
