//! Reading typed objects through the client.

use client::{Client, Selection};
use futures::future::try_join_all;
use k8s_openapi::Resource;
use object::{ApiError, Key, KindName};
use serde::de::DeserializeOwned;
use serde_json::Value;

pub(crate) const HOSTS: &str = "hosts.longshore.dev";

pub(crate) fn kind_of<T: Resource>() -> KindName {
    KindName::new(T::URL_PATH_SEGMENT, T::GROUP)
}

pub(crate) fn key_of<T: Resource>(namespace: &str, name: &str) -> Key {
    Key { kind: kind_of::<T>(), namespace: namespace.into(), name: name.into() }
}

pub(crate) async fn get<T: Resource + DeserializeOwned>(
    client: &dyn Client,
    namespace: &str,
    name: &str,
) -> Result<T, ApiError> {
    client.get(&key_of::<T>(namespace, name)).await?.decode()
}

pub(crate) async fn list<T: Resource + DeserializeOwned>(
    client: &dyn Client,
    selection: &Selection,
) -> Result<Vec<T>, ApiError> {
    let list = client.list(&kind_of::<T>(), selection).await?;
    list.items.iter().map(client::Object::decode).collect()
}

/// The objects of every namespace that the user may read: of all at once, or, for a user without
/// that right, of each namespace that the user may list.
pub(crate) async fn list_everywhere<T: Resource + DeserializeOwned>(
    client: &dyn Client,
) -> Result<Vec<T>, ApiError> {
    match list(client, &Selection::default()).await {
        Err(error) if error.code() == 403 => {}
        other => return other,
    }
    let all = Selection::default();
    let namespaces = list::<k8s_openapi::api::core::v1::Namespace>(client, &all).await?;
    let names = namespaces.into_iter().filter_map(|namespace| namespace.metadata.name);
    let lists = try_join_all(names.map(|name| async move {
        match list::<T>(client, &in_namespace(&name)).await {
            Err(error) if error.code() == 403 => Ok(Vec::new()),
            other => other,
        }
    }));
    Ok(lists.await?.into_iter().flatten().collect())
}

/// The registered hosts as JSON; none for a user who may not see them.
pub(crate) async fn list_hosts(client: &dyn Client) -> Result<Vec<Value>, ApiError> {
    match client.list(&HOSTS.into(), &Selection::default()).await {
        Ok(list) => list.items.iter().map(client::Object::decode).collect(),
        Err(error) if error.code() == 403 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

pub(crate) fn in_namespace(namespace: &str) -> Selection {
    Selection { namespace: Some(namespace.into()), ..Selection::default() }
}
