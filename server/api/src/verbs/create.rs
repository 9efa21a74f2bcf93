//! POST to a collection.

use kinds::{Answered, AnyObject, schema::Body};
use object::{ApiError, Key};
use planning::dynamic_admission::Operation;
use store::{Expected, StoreError, Stored, Write};

use super::{Writer, Written, failed, owners};
use crate::{
    Api,
    admit::{self, Admission, Sent, meta},
    dynamic_admission::Event,
    resolve::Target,
};

/// How often a generated or chosen name that is taken is replaced by another.
const ATTEMPTS_MAX: usize = 16;

impl Api {
    pub(crate) async fn create(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        body: Body,
    ) -> Result<Written, ApiError> {
        if let Some(Answered::Posted { kind, subresource }) = target.def.answered {
            return self.post_to(writer, target, kind, subresource, body).await;
        }
        if let Some(answered) = target.def.answered {
            return self.answer(writer, target, answered, body).await.map(Written::Answered);
        }
        let validation = writer.options.validation;
        let mut sent = admit::read(&target.def, body, validation, &mut writer.warnings)?;
        owners::note_new(writer, target, &mut *sent.object);
        self.create_object(writer, target, sent).await
    }

    /// Creates an object that was read, whose fields have their owners.
    pub(crate) async fn create_object(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        mut sent: Sent,
    ) -> Result<Written, ApiError> {
        let def = target.def.hub();
        meta::place(sent.object.metadata_mut(), target)?;
        meta::prepare_create(def, sent.object.metadata_mut())?;
        let prefix = sent.object.metadata().generate_name.clone().unwrap_or_default();
        let generates = !prefix.is_empty()
            && sent.object.metadata().name.as_deref().unwrap_or_default().is_empty();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut sent = sent.clone();
            if generates {
                sent.object.metadata_mut().name = Some(meta::generate_name(&prefix));
            }
            // Once more: a default may depend on the name and the namespace.
            sent.object.set_defaults();
            sent.object.prepare_create();
            target.def.validate_version(&*sent.object, &mut sent.errors);
            let key = key_of(target, &*sent.object);
            match self.insert(writer, target, &key, sent).await? {
                Ok(stored) => return Ok(Written::Created(stored)),
                Err(StoreError::Precondition { key: taken, .. })
                    if attempts < ATTEMPTS_MAX && (generates || taken != key) =>
                {
                    // Another copy was faster: look at what it left.
                    self.catch_up().await?;
                }
                Err(StoreError::Precondition { .. }) => {
                    return Err(ApiError::already_exists(&key.kind, &key.name));
                }
                Err(error) => return Err(failed(error, &key)),
            }
        }
    }

    /// Admits, validates and stores; what the store says is the caller's to judge.
    async fn insert(
        &self,
        writer: &Writer<'_>,
        target: &Target,
        key: &Key,
        mut sent: Sent,
    ) -> Result<Result<Stored, StoreError>, ApiError> {
        let def = target.def.hub();
        let admission = Admission { user: writer.user, def, subresource: "", old: None };
        self.admit(admission, &mut sent.object).await?;
        let event = Event::new(Operation::Create, target, writer.user, writer.options);
        let event = event.named(&key.name);
        if self.mutate(&event, writer, None, &mut sent).await? {
            sent.object.prepare_create();
            self.admit(admission, &mut sent.object).await?;
        }
        admit::validate(def, &sent, None)?;
        writer.note(self.review(admission, &*sent.object).await?);
        self.validate_dynamically(&event, writer, None, &*sent.object).await?;
        if let Some(there) = self.store.get(key) {
            let current = Some(there.revision);
            return Ok(Err(StoreError::Precondition { key: key.clone(), current }));
        }
        let _turn = self.turn(admission, &key.namespace).await?;
        let claims = self.claim(admission, &mut *sent.object).await?;
        let body = self.to_kept(&target.def, sent.object.to_value()).await?;
        let own = Write { key: key.clone(), expected: Expected::Absent, body: Some(body.clone()) };
        let writes = std::iter::once(own).chain(claims).collect();
        let committed = self.commit(key, writes, writer.options).await;
        Ok(committed.map(|revision| Stored { key: key.clone(), revision, body }))
    }
}

/// The key of an object that has its name.
fn key_of(target: &Target, object: &dyn AnyObject) -> Key {
    let name = object.metadata().name.as_deref().unwrap_or_default();
    Key::new(target.def.name.clone(), &target.namespace, name)
}
