//! A custom kind: derived, applied, used through all its parts; and without types.

use anyhow::{Context, Result};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, CustomResourceExt, ResourceExt,
    api::{
        ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
        PostParams,
    },
    discovery,
};
use rust_clients::{Site, SiteSpec, SiteStatus, site};
use serde_json::json;

use crate::bench::{Bench, Space, refusal};

fn site(name: &str, page: &str) -> Site {
    Site::new(name, SiteSpec { page: page.to_owned(), replicas: 1, owner: None })
}

pub(crate) fn defines_and_uses(bench: &Bench) {
    bench.run("sites", async |space| {
        site::define(&space.client).await?;
        let definition = space.all::<CustomResourceDefinition>().get(Site::crd_name()).await?;
        let status = definition.status.context("a status")?;
        assert_eq!(status.accepted_names.unwrap().short_names, Some(vec!["st".to_owned()]));
        assert_eq!(status.stored_versions, Some(vec!["v1".to_owned()]));
        let sites = space.api::<Site>();
        let apply = PatchParams::apply("tests").force();
        let made = sites.patch("a", &apply, &Patch::Apply(site("a", "hello"))).await?;
        assert_eq!((made.metadata.generation, made.status.clone()), (Some(1), None));
        // From a part; what is left out gets its default.
        let part =
            json!({"apiVersion": "sites.example.com/v1", "kind": "Site", "spec": {"page": "b"}});
        let other = sites.patch("b", &apply, &Patch::Apply(part)).await?;
        assert_eq!(other.spec.replicas, 1);
        use_parts(&space).await?;
        let selected = ListParams::default().fields("spec.page=hello");
        let names: Vec<_> =
            sites.list(&selected).await?.iter().map(ResourceExt::name_any).collect();
        assert_eq!(names, ["a"]);
        let deleted =
            sites.delete_collection(&DeleteParams::default(), &ListParams::default()).await?;
        assert!(deleted.left().is_none_or(|list| list.items.len() == 2));
        assert_eq!(sites.list(&ListParams::default()).await?.items.len(), 0);
        Ok(())
    });
}

async fn use_parts(space: &Space) -> Result<()> {
    let sites = space.api::<Site>();
    let plain = PatchParams::default();
    assert_eq!(sites.get_scale("a").await?.spec.unwrap().replicas, Some(1));
    let status =
        SiteStatus { replicas: 1, selector: Some("site=a".to_owned()), ..Default::default() };
    let told = json!({"status": status, "spec": {"page": "other"}});
    let told = sites.patch_status("a", &plain, &Patch::Merge(&told)).await?;
    assert_eq!(told.status.as_ref(), Some(&status));
    assert_eq!((told.spec.page.as_str(), told.metadata.generation), ("hello", Some(1)));
    let scaled = json!({"spec": {"replicas": 3}});
    let scaled = sites.patch_scale("a", &plain, &Patch::Merge(&scaled)).await?;
    assert_eq!(scaled.spec.unwrap().replicas, Some(3));
    let seen = scaled.status.unwrap();
    assert_eq!((seen.replicas, seen.selector.as_deref()), (1, Some("site=a")));
    let mut whole = sites.get_status("a").await?;
    assert_eq!((whole.spec.replicas, whole.metadata.generation), (3, Some(2)));
    whole.status.as_mut().unwrap().replicas = 3;
    whole.spec.replicas = 9;
    let replaced = sites.replace_status("a", &PostParams::default(), &whole).await?;
    assert_eq!((replaced.spec.replicas, replaced.status.unwrap().replicas), (3, 3));
    let stale = sites.replace_status("a", &PostParams::default(), &whole).await;
    assert!(refusal(stale).is_conflict());
    Ok(())
}

pub(crate) fn refuses_by_rule(bench: &Bench) {
    bench.run("rules", async |space| {
        site::define(&space.client).await?;
        let sites = space.api::<Site>();
        let params = PostParams::default();
        let mut many = site("a", "x");
        many.spec.replicas = 11;
        for (wrong, word) in [
            (site("a", ""), "spec.page: Invalid value: \"string\": a page is needed"),
            (site(&"long".repeat(10), "x"), "the name is too long"),
            (many, "spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10"),
        ] {
            let refused = refusal(sites.create(&params, &wrong).await);
            assert!(refused.is_invalid() && refused.message.contains(word), "{refused:?}");
        }
        let mut owned = site("a", "x");
        owned.spec.owner = Some("me".to_owned());
        sites.create(&params, &owned).await?;
        let take = Patch::Merge(json!({"spec": {"owner": "you"}}));
        let refused = refusal(sites.patch("a", &PatchParams::default(), &take).await);
        assert!(refused.message.contains("spec.owner: Invalid value: \"string\": the owner stays"), "{refused:?}");
        let typed = Patch::Merge(json!({"spec": {"replicas": "many"}}));
        let refused = refusal(sites.patch("a", &PatchParams::default(), &typed).await);
        assert!(refused.message.contains("must be of type integer"), "{refused:?}");
        let unknown = Patch::Merge(json!({"spec": {"colour": "red"}}));
        let strict = PatchParams::default().validation_strict();
        let refused = refusal(sites.patch("a", &strict, &unknown).await);
        assert!(refused.message.contains("unknown field \"spec.colour\""), "{refused:?}");
        let pruned = sites.patch("a", &PatchParams::default(), &unknown).await?;
        assert!(!serde_json::to_string(&pruned)?.contains("colour"));
        Ok(())
    });
}

pub(crate) fn works_without_types(bench: &Bench) {
    bench.run("dynamic", async |space| {
        site::define(&space.client).await?;
        let gvk = GroupVersionKind::gvk("sites.example.com", "v1", "Site");
        let (resource, capabilities) = discovery::pinned_kind(&space.client, &gvk).await?;
        assert_eq!(resource, Site::api_resource());
        assert!(capabilities.subresources.iter().any(|(part, _)| part.plural == "scale"));
        let sites: Api<DynamicObject> =
            Api::namespaced_with(space.client.clone(), &space.name, &resource);
        let wanted =
            DynamicObject::new("a", &resource).data(json!({"spec": {"page": "x", "replicas": 2}}));
        let made = sites.create(&PostParams::default(), &wanted).await?;
        assert_eq!(made.data["spec"]["replicas"], 2);
        assert_eq!(made.try_parse::<Site>()?.spec.page, "x");
        let patch = Patch::Merge(json!({"spec": {"replicas": 3}}));
        let patched = sites.patch("a", &PatchParams::default(), &patch).await?;
        assert_eq!(patched.data["spec"]["replicas"], 3);
        let listed = sites.list(&ListParams::default()).await?;
        assert_eq!(listed.types.kind, "SiteList");
        let unknown =
            ApiResource::from_gvk(&GroupVersionKind::gvk("sites.example.com", "v1", "Nope"));
        let nowhere: Api<DynamicObject> =
            Api::namespaced_with(space.client.clone(), &space.name, &unknown);
        assert!(refusal(nowhere.list(&ListParams::default()).await).is_not_found());
        // The kind goes, and its objects with it.
        let definitions = space.all::<CustomResourceDefinition>();
        definitions.delete(Site::crd_name(), &DeleteParams::default()).await?;
        while definitions.get_opt(Site::crd_name()).await?.is_some() {
            tokio::task::yield_now().await;
        }
        assert!(refusal(sites.list(&ListParams::default()).await).is_not_found());
        Ok(())
    });
}
