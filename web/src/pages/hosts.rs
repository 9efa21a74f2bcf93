//! The hosts: what runs where, adding and removing.

use std::sync::Arc;

use askama::Template;
use client::{Client, DeleteOptions, Selection, WriteOptions};
use futures::FutureExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use object::{ApiError, Key};
use serde_json::json;

use crate::{
    live,
    objects::{HOSTS, kind_of, list, list_everywhere, list_hosts},
    pages::{frame, home::nothing_if_hidden, notice},
    response::{Answer, events, render, see_other},
    router::Visit,
    view::host::{HostView, hosts},
};

#[derive(Template)]
#[template(path = "hosts.html")]
struct HostsPage<'p> {
    csrf: &'p str,
    part: &'p str,
}

#[derive(Template)]
#[template(path = "parts/hosts.html")]
struct HostsPart<'p> {
    csrf: &'p str,
    hosts: Vec<HostView>,
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, ApiError> {
    let csrf = &visit.visitor.csrf;
    let part = part(&*visit.client, csrf).await?;
    Ok(frame(visit, "Hosts", "hosts", &render(&HostsPage { csrf, part: &part })))
}

pub(crate) async fn live(visit: &Visit) -> Result<Answer, ApiError> {
    let watched = [
        (kind_of::<Node>(), Selection::default()),
        (kind_of::<Pod>(), Selection::default()),
        (HOSTS.into(), Selection::default()),
    ];
    let (client, csrf) = (visit.client.clone(), visit.visitor.csrf.clone());
    let render = Arc::new(move || {
        let (client, csrf) = (client.clone(), csrf.clone());
        async move { part(&*client, &csrf).await }.boxed()
    });
    Ok(events(live::follow(&*visit.client, &watched, "part", render).await?))
}

async fn part(client: &dyn Client, csrf: &str) -> Result<String, ApiError> {
    let nodes: Vec<Node> = list(client, &Selection::default()).await.or_else(nothing_if_hidden)?;
    let pods: Vec<Pod> = list_everywhere(client).await?;
    let hosts = hosts(&list_hosts(client).await?, &nodes, &pods, Timestamp::now());
    Ok(render(&HostsPart { csrf, hosts }))
}

pub(crate) async fn add(visit: &Visit) -> Result<Answer, ApiError> {
    let form = &visit.form;
    let (name, docker) = (form.text("name"), form.text("docker"));
    let mut host = json!({
        "apiVersion": "longshore.dev/v1", "kind": "Host",
        "metadata": {"name": name}, "spec": {"docker": docker},
    });
    if !form.text("socket").is_empty() {
        host["spec"]["socket"] = form.text("socket").into();
    }
    let key = Key::new(HOSTS, "", name);
    let made =
        visit.client.create(&key, "", host.to_string().into(), &WriteOptions::default()).await;
    finish(visit, made.map(|_| format!("Host {name} is joining.")))
}

pub(crate) async fn remove(visit: &Visit, name: &str) -> Result<Answer, ApiError> {
    let key = Key::new(HOSTS, "", name);
    let gone = visit.client.delete(&key, &DeleteOptions::default()).await;
    finish(visit, gone.map(|()| format!("Host {name} is leaving.")))
}

fn finish(visit: &Visit, done: Result<String, ApiError>) -> Result<Answer, ApiError> {
    if !visit.wants_part {
        return done.map(|_| see_other("/hosts"));
    }
    Ok(match done {
        Ok(text) => notice(true, &text),
        Err(error) => notice(false, &error.message),
    })
}
