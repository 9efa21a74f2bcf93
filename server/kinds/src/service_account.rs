//! ServiceAccount.

use k8s_openapi::api::core::v1;

use crate::{Column, Kind, Post, Subresource, column, parts::cells};

pub struct ServiceAccount;

impl Kind for ServiceAccount {
    type Object = v1::ServiceAccount;
    const SHORT_NAMES: &'static [&'static str] = &["sa"];
    const SUBRESOURCES: &'static [Subresource<Self::Object>] = &[Subresource::posted(
        "token",
        ("authentication.k8s.io", "v1", "TokenRequest"),
        Post::Token,
    )];
    const RETURNS_DELETED: bool = true;
    const COLUMNS: &'static [Column<Self::Object>] = &[
        column("Secrets", |account: &v1::ServiceAccount, _| {
            account.secrets.as_ref().map_or(0, Vec::len).into()
        }),
        cells::age(),
    ];
}
