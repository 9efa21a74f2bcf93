//! VolumeAttachment.

use k8s_openapi::api::storage::v1;
use object::{FieldErrors, name};

use crate::{
    Column, Kind, Subresource, column,
    parts::{cells, check, storage},
};

pub struct VolumeAttachment;

impl Kind for VolumeAttachment {
    type Object = v1::VolumeAttachment;
    const SUBRESOURCES: &'static [Subresource<Self::Object>] =
        &[Subresource::part("status", |stored: &mut v1::VolumeAttachment, written| {
            stored.status.clone_from(&written.status);
        })];
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Attacher", |one: &v1::VolumeAttachment, _| one.spec.attacher.as_str().into()),
        column("PV", |one: &v1::VolumeAttachment, _| {
            cells::text(one.spec.source.persistent_volume_name.as_deref())
        }),
        column("Node", |one: &v1::VolumeAttachment, _| one.spec.node_name.as_str().into()),
        column("Attached", |one: &v1::VolumeAttachment, _| {
            one.status.as_ref().is_some_and(|status| status.attached).into()
        })
        .boolean(),
        cells::age(),
    ];
    const RETURNS_DELETED: bool = true;

    fn prepare_create(one: &mut v1::VolumeAttachment) {
        one.status = Some(v1::VolumeAttachmentStatus::default());
    }

    fn validate(one: &v1::VolumeAttachment, errors: &mut FieldErrors) {
        let spec = &one.spec;
        storage::validate_driver(&spec.attacher, "spec.attacher", errors);
        check::name(&spec.node_name, "spec.nodeName", name::subdomain, errors);
        let path = "spec.source";
        let volume = spec.source.persistent_volume_name.as_deref();
        match (volume, &spec.source.inline_volume_spec) {
            (None, None) => errors.required(
                path,
                "must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            ),
            (Some(_), Some(_)) => errors.forbidden(
                path,
                "must specify exactly one of inlineVolumeSpec and persistentVolumeName",
            ),
            (Some(""), None) => {
                errors.required(
                    "spec.source.persistentVolumeName",
                    "must specify non empty persistentVolumeName",
                );
            }
            _ => {}
        }
    }

    fn validate_update(
        new: &v1::VolumeAttachment,
        old: &v1::VolumeAttachment,
        errors: &mut FieldErrors,
    ) {
        check::immutable(&new.spec, &old.spec, "spec", errors);
    }
}
