//! Objects whose kind is known at run time only.

use std::any::Any;

use jiff::Timestamp;
use k8s_openapi::{Metadata, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use object::{ApiError, FieldErrors};
use serde_json::Value;

use super::{Destination, Kind, Post, Progress, Text, def::names_itself};

/// The parts that may be annotated with what is written there.
const ANNOTATED: [&str; 2] = ["approval", "status"];

/// An object of any kind, decoded.
pub trait AnyObject: Any + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn clone_box(&self) -> Box<dyn AnyObject>;
    fn metadata(&self) -> &ObjectMeta;
    fn metadata_mut(&mut self) -> &mut ObjectMeta;
    fn set_defaults(&mut self);
    fn prepare_create(&mut self);
    /// Turns a written object into the one to store: `subresource` empty for the main resource.
    fn prepare_update(&mut self, old: &dyn AnyObject, subresource: &str);
    fn validate(&self, errors: &mut FieldErrors);
    /// What is wrong with an object that is new, beside the rest.
    fn validate_new(&self, errors: &mut FieldErrors);
    fn validate_update(&self, old: &dyn AnyObject, errors: &mut FieldErrors);
    /// As [`Self::validate_update`], of a write to a subresource.
    fn validate_part(&self, old: &dyn AnyObject, subresource: &str, errors: &mut FieldErrors) {
        let _ = subresource;
        self.validate_update(old, errors);
    }
    fn to_value(&self) -> Value;
    /// Cells of [`KindDef::columns`], NAME and AGE among them.
    fn cells(&self, now: Timestamp) -> Vec<Value>;
    /// Values of [`KindDef::fields`].
    fn fields(&self) -> Vec<(Text, String)>;
    /// The grace period of a deletion that asks for one or none; `None` deletes at once.
    fn grace_seconds(&self, asked: Option<i64>) -> Option<i64>;
    fn is_held(&self) -> bool;
    fn destination(&self, subresource: &str, container: &str) -> Result<Destination, ApiError>;
    fn prepare_delete(&mut self);
    /// `autoscaling/v1 Scale` of the object: replicas, status replicas, selector.
    fn scale(&self) -> Option<(i32, i32, String)>;
    fn set_scale(&mut self, replicas: i32);
    /// Changes the object by what was posted to a subresource of [`PostDef::Change`].
    fn post(&mut self, subresource: &str, posted: &Value) -> Result<(), ApiError>;
    /// How far the object is, for a subresource of [`Subresource::awaited`].
    fn progress(&self, subresource: &str) -> Option<Progress>;
}

/// An object of kind `K`.
pub struct Typed<K: Kind>(pub K::Object);

impl<K: Kind> Typed<K> {
    fn of(any: &dyn AnyObject) -> &K::Object {
        &any.as_any().downcast_ref::<Self>().expect("both objects are of one kind").0
    }
}

impl<K: Kind> AnyObject for Typed<K> {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn clone_box(&self) -> Box<dyn AnyObject> {
        Box::new(Self(self.0.clone()))
    }
    fn metadata(&self) -> &ObjectMeta {
        self.0.metadata()
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        self.0.metadata_mut()
    }
    fn set_defaults(&mut self) {
        K::set_defaults(&mut self.0);
    }
    fn prepare_create(&mut self) {
        K::prepare_create(&mut self.0);
    }
    fn prepare_update(&mut self, old: &dyn AnyObject, subresource: &str) {
        let old = Self::of(old);
        if subresource.is_empty() {
            let kept = K::SUBRESOURCES.iter().filter(|sub| !sub.guarded);
            for part in kept.filter_map(|sub| sub.merge) {
                part(&mut self.0, old);
            }
            K::prepare_update(&mut self.0, old);
            return;
        }
        let part = K::SUBRESOURCES.iter().find(|sub| sub.name == subresource).and_then(|s| s.merge);
        if let Some(part) = part {
            let mut stored = old.clone();
            part(&mut stored, &self.0);
            // Whose fields these are is the writer's news, whatever part is written.
            let managed = self.0.metadata_mut().managed_fields.take();
            stored.metadata_mut().managed_fields = managed;
            // Labels stay, as they decide who selects the object.
            if ANNOTATED.contains(&subresource)
                && let Some(notes) = self.0.metadata_mut().annotations.take()
            {
                stored.metadata_mut().annotations = Some(notes);
            }
            stored.metadata_mut().resource_version = self.0.metadata_mut().resource_version.take();
            self.0 = stored;
        }
    }
    fn validate(&self, errors: &mut FieldErrors) {
        K::validate(&self.0, errors);
    }
    fn validate_new(&self, _errors: &mut FieldErrors) {}
    fn validate_update(&self, old: &dyn AnyObject, errors: &mut FieldErrors) {
        K::validate_update(&self.0, Self::of(old), errors);
    }
    fn validate_part(&self, old: &dyn AnyObject, subresource: &str, errors: &mut FieldErrors) {
        K::validate_part(&self.0, Self::of(old), subresource, errors);
    }
    fn to_value(&self) -> Value {
        serde_json::to_value(&self.0).expect("an API object is JSON")
    }
    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let name = (!names_itself::<K>())
            .then(|| Value::from(self.0.metadata().name.clone().unwrap_or_default()));
        name.into_iter()
            .chain(K::COLUMNS.iter().map(|column| (column.cell)(&self.0, now)))
            .collect()
    }
    fn fields(&self) -> Vec<(Text, String)> {
        K::FIELDS.iter().map(|field| (field.path.into(), (field.read)(&self.0))).collect()
    }
    fn grace_seconds(&self, asked: Option<i64>) -> Option<i64> {
        K::grace_seconds(&self.0, asked)
    }
    fn is_held(&self) -> bool {
        K::is_held(&self.0)
    }
    fn destination(&self, subresource: &str, container: &str) -> Result<Destination, ApiError> {
        K::destination(&self.0, subresource, container)
    }
    fn prepare_delete(&mut self) {
        K::prepare_delete(&mut self.0);
    }
    fn scale(&self) -> Option<(i32, i32, String)> {
        let scale = K::SUBRESOURCES.iter().find_map(|sub| sub.scale.as_ref())?;
        Some((
            (scale.replicas)(&self.0),
            (scale.status_replicas)(&self.0),
            (scale.selector)(&self.0),
        ))
    }
    fn set_scale(&mut self, replicas: i32) {
        if let Some(scale) = K::SUBRESOURCES.iter().find_map(|sub| sub.scale.as_ref()) {
            (scale.set_replicas)(&mut self.0, replicas);
        }
    }
    fn post(&mut self, subresource: &str, posted: &Value) -> Result<(), ApiError> {
        let sub = K::SUBRESOURCES.iter().find(|sub| sub.name == subresource);
        match sub.and_then(|sub| sub.post.as_ref()) {
            Some(Post::Change(change)) => change(&mut self.0, posted),
            _ => Ok(()),
        }
    }
    fn progress(&self, subresource: &str) -> Option<Progress> {
        let sub = K::SUBRESOURCES.iter().find(|sub| sub.name == subresource)?;
        sub.progress.map(|progress| progress(&self.0))
    }
}

/// An object read from JSON, or why it does not fit its kind.
pub type Decoded = Result<Box<dyn AnyObject>, serde_json::Error>;

/// The object of kind `K` inside, if it is one.
pub fn cast<K: Kind>(any: &dyn AnyObject) -> Option<&K::Object> {
    any.as_any().downcast_ref::<Typed<K>>().map(|typed| &typed.0)
}

/// As [`cast`], to change it.
pub fn cast_mut<K: Kind>(any: &mut dyn AnyObject) -> Option<&mut K::Object> {
    any.as_any_mut().downcast_mut::<Typed<K>>().map(|typed| &mut typed.0)
}
