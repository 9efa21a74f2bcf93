//! From a site to its objects, again and again: applied on the server, owned by the site, told in
//! its status and in events, and taken down behind a finalizer.

use std::{sync::Arc, time::Duration};

use futures::{Future, StreamExt};
use jiff::Timestamp;
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::ConfigMap},
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{Patch, PatchParams},
    runtime::{
        Controller,
        controller::Action,
        events::{Event, EventType, Recorder},
        finalizer::{Error as FinalizerError, Event as Finalized, finalizer},
        watcher,
    },
};
use serde_json::json;

use crate::{
    objects,
    site::{MANAGER, Site, SiteStatus},
};

pub const FINALIZER: &str = "sites.example.com/cleanup";
const RETRY: Duration = Duration::from_secs(1);
const RESYNC: Duration = Duration::from_secs(300);

/// What keeps a site from being served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the API refuses: {0}")]
    Api(#[from] kube::Error),
    #[error("the finalizer fails: {0}")]
    Finalizer(#[source] Box<FinalizerError<Error>>),
}

struct Context {
    client: Client,
    recorder: Recorder,
}

/// Serves all sites until `stop`.
pub async fn run(client: Client, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let sites: Api<Site> = Api::all(client.clone());
    let recorder = Recorder::new(client.clone(), MANAGER.into());
    let context = Arc::new(Context { client: client.clone(), recorder });
    Controller::new(sites, watcher::Config::default().any_semantic())
        .owns(Api::<Deployment>::all(client.clone()), watcher::Config::default())
        .owns(Api::<ConfigMap>::all(client), watcher::Config::default())
        .graceful_shutdown_on(stop)
        .run(reconcile, |_, _, _| Action::requeue(RETRY), context)
        .for_each(|done| {
            if let Err(error) = done {
                eprintln!("{error}");
            }
            std::future::ready(())
        })
        .await;
}

async fn reconcile(site: Arc<Site>, context: Arc<Context>) -> Result<Action, Error> {
    let namespace = site.namespace().unwrap_or_default();
    let sites: Api<Site> = Api::namespaced(context.client.clone(), &namespace);
    finalizer(&sites, FINALIZER, site, |event| async {
        match event {
            Finalized::Apply(site) => apply(&site, &sites, &context).await,
            Finalized::Cleanup(site) => clean_up(&site, &context).await,
        }
    })
    .await
    .map_err(|error| Error::Finalizer(Box::new(error)))
}

async fn apply(site: &Site, sites: &Api<Site>, context: &Context) -> Result<Action, Error> {
    let (name, namespace) = (site.name_any(), site.namespace().unwrap_or_default());
    let params = PatchParams::apply(MANAGER).force();
    let maps: Api<ConfigMap> = Api::namespaced(context.client.clone(), &namespace);
    maps.patch(&name, &params, &Patch::Apply(objects::config_map(site))).await?;
    let deployments: Api<Deployment> = Api::namespaced(context.client.clone(), &namespace);
    let applied = Patch::Apply(objects::deployment(site));
    let deployment = deployments.patch(&name, &params, &applied).await?;
    let status = status(site, &deployment);
    if site.status.as_ref() != Some(&status) {
        let patch = json!({
            "apiVersion": Site::api_version(&()), "kind": Site::kind(&()), "status": status,
        });
        let told = sites.patch_status(&name, &params, &Patch::Apply(patch)).await?;
        if told.is_ready() && !site.is_ready() {
            let note = format!("{} serve the page", status.replicas);
            publish(site, context, "Served", note).await?;
        }
    }
    Ok(Action::requeue(RESYNC))
}

/// A time changes with its condition alone, or each round would make the next one.
fn status(site: &Site, deployment: &Deployment) -> SiteStatus {
    let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or(0);
    let is_ready = ready >= site.spec.replicas;
    let was =
        site.status.iter().flat_map(|status| &status.conditions).find(|one| one.type_ == "Ready");
    let word = if is_ready { "True" } else { "False" };
    let since = was.filter(|was| was.status == word).map(|was| was.last_transition_time.clone());
    let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let condition = Condition {
        type_: "Ready".to_owned(),
        status: word.to_owned(),
        reason: if is_ready { "Served" } else { "Starting" }.to_owned(),
        message: format!("{ready} of {} are ready", site.spec.replicas),
        observed_generation: site.metadata.generation,
        last_transition_time: since.unwrap_or(Time(now)),
    };
    SiteStatus { replicas: ready, selector: Some(site.selector()), conditions: vec![condition] }
}

/// The objects go with their owner; that it goes is told.
async fn clean_up(site: &Site, context: &Context) -> Result<Action, Error> {
    publish(site, context, "Removed", "the site is taken down".to_owned()).await?;
    Ok(Action::await_change())
}

async fn publish(site: &Site, context: &Context, reason: &str, note: String) -> Result<(), Error> {
    let event = Event {
        type_: EventType::Normal,
        reason: reason.to_owned(),
        note: Some(note),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    Ok(context.recorder.publish(&event, &site.object_ref(&())).await?)
}
