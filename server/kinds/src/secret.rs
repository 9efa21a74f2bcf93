//! Secret.

use k8s_openapi::api::core::v1;

use crate::{Column, Field, Kind, column, field, parts::cells};

pub struct Secret;

impl Kind for Secret {
    type Object = v1::Secret;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Type", |secret: &v1::Secret, _| type_of(secret).into()),
        column("Data", |secret: &v1::Secret, _| {
            secret.data.as_ref().map_or(0, |data| data.len()).into()
        })
        .integer(),
        cells::age(),
    ];
    const FIELDS: &'static [Field<Self::Object>] =
        &[field("type", |secret: &v1::Secret| type_of(secret).to_owned())];
    const SECRET: bool = true;
}

fn type_of(secret: &v1::Secret) -> &str {
    secret.type_.as_deref().unwrap_or_default()
}
