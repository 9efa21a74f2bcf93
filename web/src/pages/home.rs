//! The home page: is anything wrong? Then the apps.

use std::sync::Arc;

use askama::Template;
use client::{Client, Selection};
use futures::FutureExt;
use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Node, Pod},
};
use object::ApiError;

use crate::{
    live,
    objects::{HOSTS, kind_of, list, list_everywhere, list_hosts},
    pages::frame,
    response::{Answer, events, render},
    router::Visit,
    view::{
        Health,
        app::{AppView, app},
        host::{HostView, hosts},
    },
};

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage<'p> {
    part: &'p str,
}

#[derive(Template)]
#[template(path = "parts/home.html")]
struct HomePart {
    apps: Vec<AppView>,
    hosts: Vec<HostView>,
    problems: Vec<Problem>,
    updating: usize,
}

/// One line of what is wrong, and where to look.
struct Problem {
    what: String,
    why: String,
    link: String,
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, ApiError> {
    let part = part(&*visit.client).await?;
    let body = render(&HomePage { part: &part });
    Ok(frame(visit, "Apps", "apps", &body))
}

pub(crate) async fn live(visit: &Visit) -> Result<Answer, ApiError> {
    let watched = [
        (kind_of::<Deployment>(), Selection::default()),
        (kind_of::<Pod>(), Selection::default()),
        (kind_of::<Node>(), Selection::default()),
        (HOSTS.into(), Selection::default()),
    ];
    let client = visit.client.clone();
    let render = Arc::new(move || {
        let client = client.clone();
        async move { part(&*client).await }.boxed()
    });
    Ok(events(live::follow(&*visit.client, &watched, "part", render).await?))
}

async fn part(client: &dyn Client) -> Result<String, ApiError> {
    let now = Timestamp::now();
    let deployments: Vec<Deployment> = list_everywhere(client).await?;
    let pods: Vec<Pod> = list_everywhere(client).await?;
    let nodes: Vec<Node> = list(client, &Selection::default()).await.or_else(nothing_if_hidden)?;
    let hosts = hosts(&list_hosts(client).await?, &nodes, &pods, now);
    let mut apps: Vec<AppView> = deployments.iter().map(|it| app(it, &pods, now)).collect();
    apps.sort_by(|a, b| (a.health, &a.namespace, &a.name).cmp(&(b.health, &b.namespace, &b.name)));
    let problems = problems(&apps, &hosts);
    let updating = apps.iter().filter(|app| app.health == Health::Progressing).count();
    Ok(render(&HomePart { apps, hosts, problems, updating }))
}

/// What a user may not see is not there for the user.
pub(crate) fn nothing_if_hidden<T>(error: ApiError) -> Result<Vec<T>, ApiError> {
    if error.code() == 403 { Ok(Vec::new()) } else { Err(error) }
}

fn problems(apps: &[AppView], hosts: &[HostView]) -> Vec<Problem> {
    let of_hosts = hosts.iter().filter(|host| host.health == Health::Failing).map(|host| Problem {
        what: format!("Host {} is {}", host.name, host.word.to_lowercase()),
        why: host.message.clone(),
        link: "/hosts".to_owned(),
    });
    let of_apps = apps.iter().filter(|app| app.health == Health::Failing).map(|app| Problem {
        what: format!("{} has {} of {} replicas", app.name, app.ready, app.wanted),
        why: app.why.clone(),
        link: format!("/apps/{}/{}", app.namespace, app.name),
    });
    of_hosts.chain(of_apps).collect()
}
