//! POST to a collection.

use kinds::AnyObject;
use object::{ApiError, Key, body};
use serde_json::Value;
use store::{Expected, StoreError, Stored, Write};

use super::{Writer, Written, failed};
use crate::{
    Api,
    admit::{self, meta},
    body::{Document, check_kind},
    resolve::Target,
};

/// How often a generated name that is taken is replaced by another.
const ATTEMPTS_MAX: usize = 8;

impl Api {
    pub(crate) async fn create(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        mut document: Document,
    ) -> Result<Written, ApiError> {
        check_kind(&mut document.object, target.def)?;
        if let Some(answered) = target.def.answered {
            let answer = self.answer(writer.user, target, answered, document.object).await?;
            return Ok(Written::Answered(answer));
        }
        let object = admit::decode(target.def, document.object)?;
        self.create_object(writer, target, object).await
    }

    /// Creates a decoded object.
    pub(crate) async fn create_object(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        mut object: Box<dyn AnyObject>,
    ) -> Result<Written, ApiError> {
        let def = target.def;
        meta::place(object.metadata_mut(), target)?;
        object.set_defaults();
        object.prepare_create();
        meta::prepare_create(def, object.metadata_mut())?;
        let prefix = object.metadata().generate_name.clone().filter(|prefix| !prefix.is_empty());
        let generates = object.metadata().name.as_deref().unwrap_or_default().is_empty();
        let mut attempts = 0;
        loop {
            attempts += 1;
            if let Some(prefix) = prefix.as_deref().filter(|_| generates) {
                object.metadata_mut().name = Some(meta::generate_name(prefix));
            }
            admit::validate(def, &*object, None)?;
            let key = key_of(target, &*object);
            match self.insert(writer, &key, &*object).await {
                Err(StoreError::Precondition { .. }) if generates && attempts < ATTEMPTS_MAX => {}
                Err(StoreError::Precondition { .. }) => {
                    return Err(ApiError::already_exists(&key.kind, &key.name));
                }
                Err(error) => return Err(failed(error, &key)),
                Ok(stored) => return Ok(Written::Created(stored)),
            }
        }
    }

    async fn insert(
        &self,
        writer: &Writer<'_>,
        key: &Key,
        object: &dyn AnyObject,
    ) -> Result<Stored, StoreError> {
        let body = encode(object.to_value());
        if writer.options.dry_run
            && let Some(there) = self.store.get(key)
        {
            let current = Some(there.revision);
            return Err(StoreError::Precondition { key: key.clone(), current });
        }
        let write =
            Write { key: key.clone(), expected: Expected::Absent, body: Some(body.clone()) };
        let revision = self.commit(key, vec![write], writer.options).await?;
        Ok(Stored { key: key.clone(), revision, body })
    }
}

/// The key of an object that has its name.
pub(crate) fn key_of(target: &Target, object: &dyn AnyObject) -> Key {
    let name = object.metadata().name.as_deref().unwrap_or_default();
    Key::new(target.def.name.clone(), &target.namespace, name)
}

/// The bytes of an object.
pub(crate) fn encode(value: Value) -> bytes::Bytes {
    match value {
        Value::Object(map) => body::encode(map),
        other => unreachable!("an object is a JSON object, not {other}"),
    }
}
