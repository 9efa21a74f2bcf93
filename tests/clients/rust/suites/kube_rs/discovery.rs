//! What is served, found in both forms of discovery and used without types.

use anyhow::{Context, Result};
use k8s_openapi::api::{
    core::v1::{Pod, Service},
    rbac::v1::ClusterRole,
};
use kube::{
    Api, Client, Discovery, Resource,
    api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Object},
    core::{GroupVersion, NotUsed},
    discovery::{self, Scope, verbs},
};
use serde::Deserialize;

use crate::bench::Bench;

pub(crate) fn finds_every_kind(bench: &Bench) {
    bench.run("discovery", async |space| {
        let client = space.client.clone();
        let version = client.apiserver_version().await?;
        assert!(version.major == "1" && version.minor.parse::<u32>()? >= 30);
        let plain = Discovery::new(client.clone()).run().await?;
        let aggregated = Discovery::new(client.clone()).run_aggregated().await?;
        for found in [&plain, &aggregated] {
            for group in
                ["", "apps", "batch", "rbac.authorization.k8s.io", "apiregistration.k8s.io"]
            {
                assert!(found.has_group(group), "{group:?} is not found");
            }
            let gvk = GroupVersionKind::gvk("apps", "v1", "Deployment");
            let (resource, capabilities) = found.resolve_gvk(&gvk).context("deployments")?;
            assert_eq!(
                (&*resource.plural, &capabilities.scope),
                ("deployments", &Scope::Namespaced)
            );
            assert!(capabilities.supports_operation(verbs::WATCH));
        }
        let count = |found: &Discovery| -> usize {
            found.groups().map(|group| group.resources_by_stability().len()).sum()
        };
        assert_eq!(count(&plain), count(&aggregated), "both forms name the same");
        list_all(&client, &aggregated).await?;

        let group = discovery::group(&client, "apiregistration.k8s.io").await?;
        let (resource, _) = group.recommended_kind("APIService").context("APIService")?;
        let services: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        let services = services.list(&ListParams::default()).await?;
        assert!(services.items.iter().any(|one| one.metadata.name.as_deref() == Some("v1.apps")));
        let version = GroupVersion::gv("autoscaling", "v2");
        let pinned = discovery::oneshot::pinned_group(&client, &version).await?;
        let (by_group, _) = pinned.recommended_kind("HorizontalPodAutoscaler").context("HPA")?;
        let gvk = GroupVersionKind::gvk("autoscaling", "v2", "HorizontalPodAutoscaler");
        assert_eq!(by_group, discovery::pinned_kind(&client, &gvk).await?.0);
        Ok(())
    });
}

/// What says that it can be listed can be.
async fn list_all(client: &Client, found: &Discovery) -> Result<()> {
    for group in found.groups_alphabetical() {
        for (resource, capabilities) in group.recommended_resources() {
            if !capabilities.supports_operation(verbs::LIST) {
                continue;
            }
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
            let listed = api.list(&ListParams::default()).await;
            listed.with_context(|| format!("{}.{}", resource.plural, resource.group))?;
        }
    }
    Ok(())
}

pub(crate) fn follows_references(bench: &Bench) {
    bench.run("references", async |space| {
        let client = space.client.clone();
        let services: Api<Service> = Api::namespaced(client.clone(), "default");
        let service = services.get("kubernetes").await?;
        let reference = service.object_ref(&());
        assert_eq!(reference.kind.as_deref(), Some("Service"));
        assert_eq!(reference.uid, service.metadata.uid);
        let role = space.all::<ClusterRole>().get("cluster-admin").await?;
        assert!(role.rules.is_some_and(|rules| !rules.is_empty()));

        // Types of one's own for a part of an object.
        #[derive(Clone, Debug, Deserialize)]
        struct Ports {
            ports: Vec<Port>,
        }
        #[derive(Clone, Debug, Deserialize)]
        struct Port {
            port: u16,
        }
        let resource = ApiResource::erase::<Service>(&());
        let own: Api<Object<Ports, NotUsed>> =
            Api::namespaced_with(client.clone(), "default", &resource);
        assert_eq!(own.get("kubernetes").await?.spec.ports[0].port, 443);
        // The kind stands first, so that a wrong one is told from the right one early.
        let request = kube::core::Request::new(Service::url_path(&(), Some("default")))
            .get("kubernetes", &Default::default())?;
        let error = client.request::<Pod>(request).await.unwrap_err();
        assert!(error.to_string().contains("expected Pod at line 1 column 17"), "{error}");
        Ok(())
    });
}
