//! Secret.

use k8s_openapi::{ByteString, api::core::v1};
use object::FieldErrors;

use crate::{
    Column, Field, Kind, column, field,
    parts::{cells, check, data},
};

const OPAQUE: &str = "Opaque";
const ACCOUNT_ANNOTATION: &str = "kubernetes.io/service-account.name";

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

    /// `stringData` is for writing only: it goes over into `data`.
    fn set_defaults(secret: &mut v1::Secret) {
        if let Some(texts) = secret.string_data.take() {
            let data = secret.data.get_or_insert_default();
            data.extend(texts.into_iter().map(|(key, text)| (key, ByteString(text.into_bytes()))));
        }
        if type_of(secret).is_empty() {
            secret.type_ = Some(OPAQUE.to_owned());
        }
    }

    fn validate(secret: &v1::Secret, errors: &mut FieldErrors) {
        let mut bytes = 0;
        for (key, value) in secret.data.iter().flatten() {
            bytes += value.0.len();
            data::validate_key("data", key, errors);
        }
        data::validate_size("data", bytes, errors);
        validate_type(secret, errors);
    }

    fn validate_update(new: &v1::Secret, old: &v1::Secret, errors: &mut FieldErrors) {
        if new.type_ != old.type_ {
            errors.invalid("type", type_of(new), check::IMMUTABLE);
        }
        if old.immutable == Some(true) {
            data::keep("immutable", new.immutable == Some(true), errors);
            data::keep("data", data::same(new.data.as_ref(), old.data.as_ref()), errors);
        }
    }
}

/// What secrets of Kubernetes' own types must hold.
fn validate_type(secret: &v1::Secret, errors: &mut FieldErrors) {
    let has = |key: &str| secret.data.as_ref().is_some_and(|data| data.contains_key(key));
    let mut need = |key: &str| {
        if !has(key) {
            errors.required(format!("data[{key}]"), "");
        }
    };
    match type_of(secret) {
        "kubernetes.io/service-account-token" => {
            let annotations = secret.metadata.annotations.as_ref();
            let account = annotations.and_then(|all| all.get(ACCOUNT_ANNOTATION));
            if account.is_none_or(String::is_empty) {
                errors.required(format!("metadata.annotations[{ACCOUNT_ANNOTATION}]"), "");
            }
        }
        "kubernetes.io/dockercfg" => validate_json(secret, ".dockercfg", errors),
        "kubernetes.io/dockerconfigjson" => validate_json(secret, ".dockerconfigjson", errors),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => {
            need("username");
            need("password");
        }
        "kubernetes.io/ssh-auth" => need("ssh-privatekey"),
        "kubernetes.io/tls" => {
            need("tls.crt");
            need("tls.key");
        }
        _ => {}
    }
}

/// Credentials of registries are JSON; what they are is not shown.
fn validate_json(secret: &v1::Secret, key: &str, errors: &mut FieldErrors) {
    let path = format!("data[{key}]");
    match secret.data.as_ref().and_then(|data| data.get(key)) {
        None => errors.required(path, ""),
        Some(value) => {
            if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&value.0) {
                let at = format!("not JSON at line {} column {}", error.line(), error.column());
                errors.invalid(path, "<secret contents redacted>", at);
            }
        }
    }
}

fn type_of(secret: &v1::Secret) -> &str {
    secret.type_.as_deref().unwrap_or_default()
}
