//! What a request is about to do, as webhooks and policies are told.

use std::sync::Arc;

use kinds::{KindDef, Registry};
use object::{ApiError, Key};
use serde_json::{Value, json};

use crate::{
    access::{Access, User},
    admission::Objects,
};

pub(super) const NAMESPACES: &str = "namespaces";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// The kind of what is sent to a part of an object, as `autoscaling/v1 Scale`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub group: String,
    pub version: String,
    pub kind: String,
}

/// What a request is about to do.
pub struct Attempt<'a> {
    pub operation: Operation,
    /// The kind in the version that the request names.
    pub def: &'a Arc<KindDef>,
    /// Empty for the object itself.
    pub subresource: &'a str,
    /// What the objects are, when they are not of the kind.
    pub part: Option<Part>,
    pub namespace: &'a str,
    /// Empty for one that is yet to be generated.
    pub name: &'a str,
    pub user: &'a User,
    /// The object as it is to be, in the version in which the pipeline works.
    pub object: Option<Value>,
    /// As it is stored.
    pub old: Option<Value>,
    /// `CreateOptions` and the like.
    pub options: Value,
    pub dry_run: bool,
    pub registry: &'a Registry,
    pub access: &'a Access,
    pub objects: &'a dyn Objects,
}

/// Object and old object.
pub(super) type Pair = (Option<Value>, Option<Value>);

impl<'a> Attempt<'a> {
    /// The kind in all versions, and groups, that are served.
    pub(super) fn versions(&self) -> impl Iterator<Item = &'a Arc<KindDef>> {
        let name = &self.def.name;
        self.registry.all().iter().filter(move |def| def.name == *name)
    }

    pub(super) fn is_of(&self, kind: &str) -> bool {
        &*self.def.name == kind
    }

    /// The namespace that counts: of a namespace itself, its own.
    pub(super) fn home(&self) -> &'a str {
        if self.is_of(NAMESPACES) { self.name } else { self.namespace }
    }

    /// The namespace of the object as it is stored; of a namespace that is written, as it is to be.
    pub(super) fn namespace_object(&self) -> Option<Value> {
        let is_written = matches!(self.operation, Operation::Create | Operation::Update);
        if self.is_of(NAMESPACES) && self.subresource.is_empty() && is_written {
            return self.object.clone();
        }
        let home = self.home();
        if home.is_empty() {
            return None;
        }
        let body = self.objects.get(&Key::new(NAMESPACES, "", home))?;
        serde_json::from_slice(&body).ok()
    }

    /// The objects in a version of the kind.
    pub(super) fn in_version(&self, def: &KindDef) -> Result<Pair, ApiError> {
        if def.is_stored() || self.part.is_some() {
            return Ok((self.object.clone(), self.old.clone()));
        }
        let convert = |value: &Value| -> Result<Value, ApiError> {
            let mut value = def.from_hub(value.to_string().as_bytes()).map_err(|error| {
                ApiError::internal(format!("conversion to {}: {error}", def.api_version))
            })?;
            value["apiVersion"] = (*def.api_version).into();
            value["kind"] = (*def.kind).into();
            Ok(value)
        };
        let object = self.object.as_ref().map(convert).transpose()?;
        Ok((object, self.old.as_ref().map(convert).transpose()?))
    }

    /// The object in a version of the kind.
    ///
    /// # Errors
    /// When it cannot be converted.
    pub fn in_version_of(&self, def: &KindDef) -> Result<Option<Value>, ApiError> {
        Ok(self.in_version(def)?.0)
    }

    /// The `AdmissionRequest` without what it is about, for who sees the kind in a version.
    pub(super) fn request(&self, def: &KindDef) -> Value {
        let kind_of = |def: &KindDef| match &self.part {
            Some(part) => json!({"group": part.group, "version": part.version, "kind": part.kind}),
            None => json!({"group": def.group, "version": def.version, "kind": def.kind}),
        };
        let resource_of = |def: &KindDef| json!({"group": def.group, "version": def.version, "resource": def.plural});
        let User { name, uid, groups, extra } = self.user;
        let mut user = json!({"username": name, "groups": groups});
        if !uid.is_empty() {
            user["uid"] = uid.as_str().into();
        }
        if !extra.is_empty() {
            user["extra"] = json!(extra);
        }
        let mut request = json!({
            "kind": kind_of(def), "resource": resource_of(def),
            "requestKind": kind_of(self.def), "requestResource": resource_of(self.def),
            "operation": self.operation.name(), "userInfo": user, "dryRun": self.dry_run,
            "options": self.options,
        });
        for (field, text) in [
            ("subResource", self.subresource),
            ("requestSubResource", self.subresource),
            ("name", self.name),
            ("namespace", self.home()),
        ] {
            if !text.is_empty() {
                request[field] = text.into();
            }
        }
        request
    }
}
