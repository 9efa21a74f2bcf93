//! A custom object: its metadata, and JSON.

use std::{any::Any, sync::Arc};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use object::{ApiError, FieldErrors};
use serde_json::{Map, Value};

use super::{CustomKind, check, coerce};
use crate::{AnyObject, Destination, Progress, Text};

const STATUS: &str = "status";

#[derive(Clone)]
pub(super) struct Custom {
    kind: Arc<CustomKind>,
    metadata: ObjectMeta,
    /// Everything but apiVersion, kind and metadata.
    fields: Map<String, Value>,
}

impl Custom {
    pub(super) fn read(kind: Arc<CustomKind>, value: Value) -> Result<Self, serde_json::Error> {
        let mut fields: Map<String, Value> = serde_json::from_value(value)?;
        fields.remove("apiVersion");
        fields.remove("kind");
        let metadata = match fields.remove("metadata") {
            None | Some(Value::Null) => ObjectMeta::default(),
            Some(metadata) => serde_json::from_value(metadata)?,
        };
        Ok(Self { kind, metadata, fields })
    }

    fn of(any: &dyn AnyObject) -> &Self {
        any.as_any().downcast_ref().expect("both objects are of one kind")
    }

    /// Puts a field in the place of another object's.
    fn take_field(&mut self, name: &str, from: &Self) {
        match from.fields.get(name) {
            Some(value) => self.fields.insert(name.to_owned(), value.clone()),
            None => self.fields.remove(name),
        };
    }

    fn at(&self, path: &super::Path) -> Option<i32> {
        let value = self.to_value();
        path.find(&value)?.as_i64().and_then(|number| number.try_into().ok())
    }
}

impl AnyObject for Custom {
    fn as_any(&self) -> &dyn Any {
        self
    }
    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
    fn clone_box(&self) -> Box<dyn AnyObject> {
        Box::new(self.clone())
    }
    fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn metadata_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
    fn set_defaults(&mut self) {
        let mut value = Value::Object(std::mem::take(&mut self.fields));
        coerce::fill(&mut value, &self.kind.structure);
        if let Value::Object(fields) = value {
            self.fields = fields;
        }
        for name in ["apiVersion", "kind", "metadata"] {
            self.fields.remove(name);
        }
    }
    fn prepare_create(&mut self) {
        if self.kind.has_status {
            self.fields.remove(STATUS);
        }
    }
    fn prepare_update(&mut self, old: &dyn AnyObject, subresource: &str) {
        let old = Self::of(old);
        if subresource == STATUS {
            let mut stored = old.clone();
            stored.take_field(STATUS, self);
            stored.metadata.managed_fields = self.metadata.managed_fields.take();
            stored.metadata.resource_version = self.metadata.resource_version.take();
            *self = stored;
        } else if self.kind.has_status {
            self.take_field(STATUS, old);
        }
    }
    fn validate(&self, errors: &mut FieldErrors) {
        check::check(&Value::Object(self.fields.clone()), &self.kind.structure, errors);
    }
    fn validate_new(&self, errors: &mut FieldErrors) {
        // Rules may rely on the form of what they judge.
        if let Some(rules) = self.kind.rules().filter(|_| errors.is_empty()) {
            rules.check(&self.to_value(), None, errors);
        }
    }
    fn validate_update(&self, old: &dyn AnyObject, errors: &mut FieldErrors) {
        // What was there before stays allowed when the definition has become stricter.
        let (new, old) = (self.to_value(), old.to_value());
        errors.0.retain(|error| {
            let was = check::find(&old, &error.path);
            was.is_none() || was != check::find(&new, &error.path)
        });
        if let Some(rules) = self.kind.rules().filter(|_| errors.is_empty()) {
            rules.check(&new, Some(&old), errors);
        }
    }
    fn to_value(&self) -> Value {
        let mut value = Map::with_capacity(self.fields.len() + 3);
        value.insert("apiVersion".to_owned(), (*self.kind.api_version).into());
        value.insert("kind".to_owned(), (*self.kind.kind).into());
        let metadata = serde_json::to_value(&self.metadata).expect("metadata is JSON");
        value.insert("metadata".to_owned(), metadata);
        value.extend(self.fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        Value::Object(value)
    }
    fn cells(&self, now: Timestamp) -> Vec<Value> {
        let value = self.to_value();
        let name = Value::from(self.metadata.name.clone().unwrap_or_default());
        std::iter::once(name)
            .chain(self.kind.printed.iter().map(|printed| printed.cell(&value, now)))
            .collect()
    }
    fn fields(&self) -> Vec<(Text, String)> {
        if self.kind.selectable.is_empty() {
            return Vec::new();
        }
        let value = self.to_value();
        let text = |value: Option<&Value>| match value {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        };
        let fields = self.kind.selectable.iter();
        fields.map(|(name, path)| (name.clone(), text(path.find(&value)))).collect()
    }
    fn grace_seconds(&self, _asked: Option<i64>) -> Option<i64> {
        None
    }
    fn is_held(&self) -> bool {
        false
    }
    fn destination(&self, _subresource: &str, _container: &str) -> Result<Destination, ApiError> {
        Ok(Destination::default())
    }
    fn prepare_delete(&mut self) {}
    fn scale(&self) -> Option<(i32, i32, String)> {
        let scale = self.kind.scale.as_ref()?;
        let value = self.to_value();
        let selector = scale.selector.as_ref().and_then(|path| path.find(&value));
        let selector = selector.and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |path| self.at(path).unwrap_or_default();
        Some((number(&scale.replicas), number(&scale.status_replicas), selector))
    }
    fn set_scale(&mut self, replicas: i32) {
        let kind = self.kind.clone();
        if let Some(scale) = &kind.scale {
            let mut value = Value::Object(std::mem::take(&mut self.fields));
            scale.replicas.set(&mut value, replicas.into());
            if let Value::Object(fields) = value {
                self.fields = fields;
            }
        }
    }
    fn post(&mut self, _subresource: &str, _posted: &Value) -> Result<(), ApiError> {
        Ok(())
    }
    fn progress(&self, _subresource: &str) -> Option<Progress> {
        None
    }
}
