//! User: somebody who can log in.

use object::FieldErrors;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Column, Kind, column, parts::cells};

/// How a user proves who they are, and the groups they act in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserSpec {
    /// The password's argon2 hash in PHC form (`$argon2id$...`); never the password.
    #[serde(default)]
    pub password_hash: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Whether they may no longer log in; sessions that they have end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
}

crate::parts::longshore::object! {
    /// Somebody who can log in.
    User, "users", UserSpec
}

impl Kind for User {
    type Object = Self;
    const COLUMNS: &'static [Column<Self>] = &[
        column("Groups", |user: &Self, _| cells::or_none(Some(&user.spec.groups.join(",")))),
        column("Disabled", |user: &Self, _| user.spec.disabled.to_string().into()).wide(),
        cells::age(),
    ];
    const SECRET: bool = true;

    fn validate(user: &Self, errors: &mut FieldErrors) {
        let hash = user.spec.password_hash.as_str();
        if hash.is_empty() {
            errors.required("spec.passwordHash", "the password's argon2 hash");
        } else if !hash.starts_with("$argon2") {
            errors.push(
                "spec.passwordHash",
                object::error::Problem::Forbidden,
                "must be an argon2 hash in PHC form ($argon2id$...), never the password",
            );
        }
        for (index, group) in user.spec.groups.iter().enumerate() {
            if group.is_empty() {
                errors.required(format!("spec.groups[{index}]"), "");
            }
        }
    }

    fn validate_name(name: &str) -> Result<(), String> {
        if name.starts_with("system:") {
            return Err("the prefix 'system:' is the system's own".to_owned());
        }
        object::name::path_segment(name)
    }
}
