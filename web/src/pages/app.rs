//! One app: replicas, events, releases, and what can be done with it.

use std::sync::Arc;

use askama::Template;
use client::{Client, DeleteOptions, PatchType, Selection, WriteOptions};
use futures::FutureExt;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{Event, Node, Pod, Service},
};
use object::{ApiError, Key};
use serde_json::{Value, json};

use crate::{
    deploy::number,
    live,
    objects::{get, in_namespace, key_of, kind_of, list},
    pages::{frame, home::nothing_if_hidden, notice},
    response::{Answer, events, render, see_other},
    router::Visit,
    view::{
        app::{
            self, AddressView, AppView, ReleaseView, ReplicaView, addresses, releases, replicas,
        },
        event::{EventView, newest},
    },
};

/// How many events a page shows.
const EVENTS_MAX: usize = 20;

#[derive(Template)]
#[template(path = "app.html")]
struct AppPage<'p> {
    namespace: &'p str,
    name: &'p str,
    image: &'p str,
    wanted: i32,
    csrf: &'p str,
    part: &'p str,
}

#[derive(Template)]
#[template(path = "parts/app.html")]
struct AppPart<'p> {
    app: AppView,
    csrf: &'p str,
    replicas: Vec<ReplicaView>,
    releases: Vec<ReleaseView>,
    addresses: Vec<AddressView>,
    events: Vec<EventView>,
}

pub(crate) async fn show(visit: &Visit, namespace: &str, name: &str) -> Result<Answer, ApiError> {
    let csrf = &visit.visitor.csrf;
    let deployment: Deployment = get(&*visit.client, namespace, name).await?;
    let head = app::app(&deployment, &[], Timestamp::now());
    let part = part(&*visit.client, namespace, name, csrf).await?;
    let (image, wanted) = (head.image.as_str(), head.wanted);
    let body = render(&AppPage { namespace, name, image, wanted, csrf, part: &part });
    Ok(frame(visit, name, "apps", &body))
}

pub(crate) async fn live(visit: &Visit, namespace: &str, name: &str) -> Result<Answer, ApiError> {
    let here = in_namespace(namespace);
    let named = Selection { fields: Some(format!("metadata.name={name}")), ..here.clone() };
    let watched = [
        (kind_of::<Deployment>(), named.clone()),
        (kind_of::<ReplicaSet>(), here.clone()),
        (kind_of::<Pod>(), here.clone()),
        (kind_of::<Service>(), named),
        (kind_of::<Event>(), here),
    ];
    let (client, csrf) = (visit.client.clone(), visit.visitor.csrf.clone());
    let (namespace, name) = (namespace.to_owned(), name.to_owned());
    let render = Arc::new(move || {
        let (client, csrf) = (client.clone(), csrf.clone());
        let (namespace, name) = (namespace.clone(), name.clone());
        async move { part(&*client, &namespace, &name, &csrf).await }.boxed()
    });
    Ok(events(live::follow(&*visit.client, &watched, "part", render).await?))
}

async fn part(
    client: &dyn Client,
    namespace: &str,
    name: &str,
    csrf: &str,
) -> Result<String, ApiError> {
    let now = Timestamp::now();
    let here = in_namespace(namespace);
    let deployment: Deployment = match get(client, namespace, name).await {
        Err(error) if error.is_not_found() => return Ok(GONE.to_owned()),
        other => other?,
    };
    let pods: Vec<Pod> = list(client, &here).await?;
    let sets: Vec<ReplicaSet> = list(client, &here).await?;
    let services: Vec<Service> = list(client, &here).await?;
    let all_events: Vec<Event> = list(client, &here).await?;
    let nodes: Vec<Node> = list(client, &Selection::default()).await.or_else(nothing_if_hidden)?;
    let concerns = |event: &Event| {
        let about = event.involved_object.name.as_deref().unwrap_or_default();
        about == name || about.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
    };
    let own: Vec<Event> = all_events.into_iter().filter(concerns).collect();
    Ok(render(&AppPart {
        app: app::app(&deployment, &pods, now),
        csrf,
        replicas: replicas(&deployment, &pods, now),
        releases: releases(&deployment, &sets, now),
        addresses: addresses(&services, name, &nodes),
        events: newest(&own, now, EVENTS_MAX),
    }))
}

const GONE: &str = "<p class=\"empty\">This app is gone. <a href=\"/\">Back to the apps</a></p>";

/// Carries out one of the page's buttons.
pub(crate) async fn act(
    visit: &Visit,
    namespace: &str,
    name: &str,
    action: &str,
) -> Result<Answer, ApiError> {
    let key = key_of::<Deployment>(namespace, name);
    let done = match action {
        "scale" => scale(visit, &key).await,
        "image" => set_image(visit, &key).await,
        "restart" => restart(visit, &key).await,
        "rollback" => roll_back(visit, &key).await,
        "delete" => return delete(visit, &key).await,
        _ => Err(ApiError::bad_request("There is no such action.")),
    };
    if !visit.wants_part {
        done?;
        return Ok(see_other(&format!("/apps/{namespace}/{name}")));
    }
    Ok(match done {
        Ok(text) => notice(true, &text),
        Err(error) => notice(false, &error.message),
    })
}

async fn patch(visit: &Visit, key: &Key, kind: PatchType, patch: &Value) -> Result<(), ApiError> {
    let options = WriteOptions {
        field_manager: Some("longshore-dashboard".to_owned()),
        ..WriteOptions::default()
    };
    visit.client.patch(key, "", kind, patch.to_string().into(), &options).await.map(drop)
}

async fn scale(visit: &Visit, key: &Key) -> Result<String, ApiError> {
    let replicas = number(visit.form.text("replicas"), 0, 1000).map_err(ApiError::bad_request)?;
    patch(visit, key, PatchType::Merge, &json!({"spec": {"replicas": replicas}})).await?;
    Ok(format!("Scaling to {replicas}."))
}

async fn set_image(visit: &Visit, key: &Key) -> Result<String, ApiError> {
    let image = visit.form.text("image");
    if image.is_empty() {
        return Err(ApiError::bad_request("Name the image to run."));
    }
    let deployment: Deployment = get(&*visit.client, &key.namespace, &key.name).await?;
    let spec = deployment.spec.template.spec;
    let container = spec.and_then(|spec| spec.containers.into_iter().next()).map(|c| c.name);
    let container = container.ok_or_else(|| ApiError::bad_request("The app has no container."))?;
    let containers = json!([{"name": container, "image": image}]);
    let body = json!({"spec": {"template": {"spec": {"containers": containers}}}});
    patch(visit, key, PatchType::Strategic, &body).await?;
    Ok(format!("Rolling out {image}."))
}

async fn restart(visit: &Visit, key: &Key) -> Result<String, ApiError> {
    let annotations = json!({"kubectl.kubernetes.io/restartedAt": Timestamp::now().to_string()});
    let body = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
    patch(visit, key, PatchType::Strategic, &body).await?;
    Ok("Restarting, one replica after the other.".to_owned())
}

/// Puts an earlier release's template back, as `kubectl rollout undo` does.
async fn roll_back(visit: &Visit, key: &Key) -> Result<String, ApiError> {
    let number = number(visit.form.text("release"), 1, i64::MAX).map_err(ApiError::bad_request)?;
    let deployment: Deployment = get(&*visit.client, &key.namespace, &key.name).await?;
    let sets: Vec<ReplicaSet> = list(&*visit.client, &in_namespace(&key.namespace)).await?;
    let uid = deployment.metadata.uid.as_deref();
    let release = sets
        .into_iter()
        .find(|set| app::revision(&set.metadata) == number && app::owner_uid(&set.metadata) == uid);
    let template = release.and_then(|set| set.spec.template);
    let mut template = template
        .ok_or_else(|| ApiError::bad_request(format!("There is no release {number} any more.")))?;
    if let Some(labels) = template.metadata.as_mut().and_then(|meta| meta.labels.as_mut()) {
        labels.remove("pod-template-hash");
    }
    let body = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
    patch(visit, key, PatchType::Json, &body).await?;
    Ok(format!("Rolling back to release {number}."))
}

/// Deletes the app and the service of its name, which the deploy form made.
async fn delete(visit: &Visit, key: &Key) -> Result<Answer, ApiError> {
    visit.client.delete(key, &DeleteOptions::default()).await?;
    let service = key_of::<Service>(&key.namespace, &key.name);
    match visit.client.delete(&service, &DeleteOptions::default()).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(see_other("/")),
    }
}
