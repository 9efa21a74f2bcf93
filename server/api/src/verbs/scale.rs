//! `scale`: the replicas of an object of any kind that declares them, as `autoscaling/v1 Scale`.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use kinds::{
    AnyObject,
    parts::cells,
    schema::{Body, check_patched_posted, check_posted, of_posted},
};
use object::{ApiError, FieldErrors, patch::apply::check as check_config};
use serde_json::{Value, json};

use super::{
    Writer, Written,
    apply::{place, read_applied},
    patch::Patch,
    update::Draft,
};
use crate::{
    Api,
    admit::{self, Sent},
    body::expect_kind,
    resolve::{Target, nowhere},
};

/// Group, version and kind of what it shows.
const SCALE: (&str, &str, &str) = ("autoscaling", "v1", "Scale");

impl Api {
    pub(crate) async fn get_scale(&self, target: &Target) -> Result<Value, ApiError> {
        let stored = self.read(&target.key(), false).await?;
        let stored = self.in_hub(&target.def, stored).await?;
        let object = admit::decode_stored(&target.def, &stored.body)?;
        show(&*object, stored.revision)
    }

    pub(crate) async fn update_scale(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        body: Body,
    ) -> Result<Written, ApiError> {
        let (sent, warnings) = check_posted(SCALE, body, writer.options.validation)?;
        writer.warnings.extend(warnings);
        let written =
            self.change(writer, target, |_, old| draft(&target.name, old, sent.clone())).await?;
        self.shown_scale(target, written).await
    }

    pub(crate) async fn patch_scale(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        patch: &Patch,
    ) -> Result<Written, ApiError> {
        let validation = writer.options.validation;
        let mut warnings = Vec::new();
        let written = self
            .change(writer, target, |current, old| {
                let mut scale = show(old, current.revision)?;
                let duplicates = patch.apply(&mut scale, of_posted(SCALE))?;
                if !scale.is_object() {
                    return Err(ApiError::bad_request("the patch leaves no object"));
                }
                let (name, text) = (&target.name, patch.text());
                warnings =
                    check_patched_posted(SCALE, name, &mut scale, &text, duplicates, validation)?;
                let mut draft = draft(&target.name, old, scale)?;
                draft.revision = draft.revision.filter(|revision| *revision != current.revision);
                Ok(draft)
            })
            .await?;
        writer.warnings.append(&mut warnings);
        self.shown_scale(target, written).await
    }

    /// What is applied to the scale is applied to the replicas of the object, under the name of
    /// the subresource: so both see each other's owners.
    pub(crate) async fn apply_scale(
        &self,
        writer: &mut Writer<'_>,
        target: &Target,
        body: &Bytes,
    ) -> Result<Written, ApiError> {
        let mut scale = read_applied(writer, body)?;
        expect_kind(&mut scale, SCALE.0, "autoscaling/v1", SCALE.2)?;
        place(&mut scale, target)?;
        check_config(&scale, of_posted(SCALE))?;
        let def = &target.def;
        let mut config = json!({
            "apiVersion": def.api_version, "kind": def.kind, "metadata": scale["metadata"],
        });
        if !scale["spec"]["replicas"].is_null() {
            replicas_of(&scale, &target.name)?;
            let path = def.replicas_path().into_iter();
            *path.fold(&mut config, |at, field| &mut at[field]) = scale["spec"]["replicas"].take();
        }
        let written = self.apply_to_live(writer, target, &config).await?;
        self.shown_scale(target, written).await
    }

    async fn shown_scale(&self, target: &Target, written: Written) -> Result<Written, ApiError> {
        let (Written::Created(stored) | Written::Changed(stored)) = written else {
            return Ok(written);
        };
        let stored = self.in_hub(&target.def, Arc::new(stored)).await?;
        let object = admit::decode_stored(&target.def, &stored.body)?;
        Ok(Written::Answered(show(&*object, stored.revision)?))
    }
}

/// The number that a `Scale` asks for.
fn replicas_of(scale: &Value, name: &str) -> Result<i32, ApiError> {
    let replicas = match &scale["spec"]["replicas"] {
        Value::Null => Some(0),
        number => number.as_i64().and_then(|n| i32::try_from(n).ok()),
    };
    let Some(replicas) = replicas else {
        return Err(ApiError::bad_request(
            "Scale in version \"v1\" cannot be handled as a Scale: spec.replicas must be a whole number",
        ));
    };
    if replicas < 0 {
        let mut errors = FieldErrors::default();
        errors.invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        return Err(ApiError::invalid("Scale.autoscaling", name, &errors));
    }
    Ok(replicas)
}

/// The object with the replicas of a `Scale`.
fn draft(name: &str, old: &dyn AnyObject, mut scale: Value) -> Result<Draft, ApiError> {
    expect_kind(&mut scale, SCALE.0, "autoscaling/v1", SCALE.2)?;
    let replicas = replicas_of(&scale, name)?;
    let mut object = old.clone_box();
    object.set_scale(replicas);
    let sent = &scale["metadata"];
    let text = |field: &str| sent[field].as_str().filter(|text| !text.is_empty());
    object.metadata_mut().resource_version = text("resourceVersion").map(str::to_owned);
    object.metadata_mut().uid = text("uid").map(str::to_owned);
    Draft::new(Sent::whole(object))
}

pub(crate) fn show(object: &dyn AnyObject, revision: u64) -> Result<Value, ApiError> {
    let (replicas, status_replicas, selector) = object.scale().ok_or_else(nowhere)?;
    let meta = object.metadata();
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": meta.name, "namespace": meta.namespace, "uid": meta.uid,
            "resourceVersion": revision.to_string(),
            "creationTimestamp": meta.creation_timestamp,
        },
        "spec": {"replicas": replicas},
        "status": {"replicas": status_replicas, "selector": selector},
    }))
}

/// A `Scale` as a table of one row.
pub(crate) fn table(scale: &Value, version: &str) -> Value {
    let column = |name: &str, kind: &str, format: &str| json!({"name": name, "type": kind, "format": format, "description": "", "priority": 0});
    let metadata = &scale["metadata"];
    let created = serde_json::from_value(metadata["creationTimestamp"].clone()).ok();
    let age = cells::since(created.as_ref(), Timestamp::now());
    json!({
        "kind": "Table", "apiVersion": format!("meta.k8s.io/{version}"),
        "metadata": {"resourceVersion": metadata["resourceVersion"]},
        "columnDefinitions": [
            column("Name", "string", "name"), column("Desired", "integer", ""),
            column("Available", "integer", ""), column("Age", "string", ""),
        ],
        "rows": [{
            "cells": [metadata["name"], scale["spec"]["replicas"], scale["status"]["replicas"], age],
            "object": {
                "kind": "PartialObjectMetadata", "apiVersion": format!("meta.k8s.io/{version}"),
                "metadata": metadata,
            },
        }],
    })
}
