//! Objects read, written, patched and scaled.

use anyhow::Result;
use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        autoscaling::v1::Scale,
        coordination::v1::{Lease, LeaseSpec},
        core::v1::{ConfigMap, Namespace, Pod},
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    ResourceExt,
    api::{
        DeleteParams, ListParams, ObjectMeta, PartialObjectMetaExt, Patch, PatchParams, PostParams,
    },
    core::params::Preconditions,
};
use serde_json::json;

use crate::bench::{Bench, Space, refusal};

pub(crate) fn reads_and_writes(bench: &Bench) {
    bench.run("writes", async |space| {
        let maps = space.api::<ConfigMap>();
        let made = space.add_map("a", "one").await?;
        assert!(made.uid().is_some() && made.resource_version().is_some());
        assert_eq!(maps.get("a").await?, made);
        assert_eq!(maps.get_opt("nope").await?, None);
        assert!(refusal(maps.get("nope").await).is_not_found());
        let again = space.add_map("a", "one").await.unwrap_err();
        assert!(again.to_string().contains("configmaps \"a\" already exists"), "{again}");

        let metadata = maps.get_metadata("a").await?;
        assert_eq!(metadata.labels()["set"], "one");
        assert_eq!(metadata.types.unwrap().kind, "PartialObjectMetadata");
        let listed = maps.list_metadata(&ListParams::default().labels("set=one")).await?;
        assert_eq!(listed.items.len(), 1);

        let mut changed = made.clone();
        changed.data.get_or_insert_default().insert("k".to_owned(), "2".to_owned());
        let replaced = maps.replace("a", &PostParams::default(), &changed).await?;
        assert_eq!(replaced.data.unwrap()["k"], "2");
        assert!(refusal(maps.replace("a", &PostParams::default(), &changed).await).is_conflict());

        let other = Preconditions { uid: Some("other".to_owned()), resource_version: None };
        let params = DeleteParams::default().preconditions(other);
        assert!(refusal(maps.delete("a", &params).await).is_conflict());
        let tried = maps.delete("a", &DeleteParams::default().dry_run()).await?;
        assert!(tried.is_right() || tried.is_left());
        let gone = maps.delete("a", &DeleteParams::background()).await?;
        let status = gone.right().expect("it is gone at once");
        assert!(status.is_success());
        assert_eq!(status.details.unwrap().uid, made.uid().unwrap());
        assert_eq!(maps.get_opt("a").await?, None);
        Ok(())
    });
}

pub(crate) fn patches(bench: &Bench) {
    bench.run("patches", async |space| {
        let maps = space.api::<ConfigMap>();
        space.add_map("a", "one").await?;
        let plain = PatchParams::default();
        let merged = maps.patch("a", &plain, &Patch::Merge(json!({"data": {"m": "1"}}))).await?;
        assert_eq!(merged.data.unwrap().len(), 2);
        let strategic = Patch::Strategic(json!({"data": {"m": null}}));
        assert_eq!(maps.patch("a", &plain, &strategic).await?.data.unwrap().len(), 1);
        let operations = serde_json::from_value(json!([
            {"op": "test", "path": "/data/k", "value": "1"},
            {"op": "replace", "path": "/data/k", "value": "2"},
        ]))?;
        let patched = maps.patch("a", &plain, &Patch::Json::<()>(operations)).await?;
        assert_eq!(patched.data.unwrap()["k"], "2");
        let tried = plain.clone().dry_run();
        maps.patch("a", &tried, &Patch::Merge(json!({"data": {"k": "9"}}))).await?;
        assert_eq!(maps.get("a").await?.data.unwrap()["k"], "2");

        let metadata = ObjectMeta {
            annotations: Some([("note".to_owned(), "1".to_owned())].into()),
            ..ObjectMeta::default()
        };
        let partial = metadata.into_request_partial::<ConfigMap>();
        let noted = maps.patch_metadata("a", &plain, &Patch::Merge(&partial)).await?;
        assert_eq!(noted.annotations()["note"], "1");

        applies(&space).await
    });
}

async fn applies(space: &Space) -> Result<()> {
    let maps = space.api::<ConfigMap>();
    let config = |value: &str| {
        Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"k": value}}))
    };
    let one = PatchParams::apply("one");
    let made = maps.patch("applied", &one, &config("1")).await?;
    assert_eq!(made.managed_fields()[0].manager.as_deref(), Some("one"));
    let same = maps.patch("applied", &one, &config("1")).await?;
    assert_eq!(same.resource_version(), made.resource_version());
    let two = PatchParams::apply("two");
    let conflict = refusal(maps.patch("applied", &two, &config("2")).await);
    assert!(conflict.is_conflict() && conflict.message.contains("conflict with \"one\""));
    let causes = conflict.details.clone().unwrap().causes;
    assert_eq!(
        (causes[0].reason.as_str(), causes[0].field.as_str()),
        ("FieldManagerConflict", ".data.k")
    );
    let forced = maps.patch("applied", &two.force(), &config("2")).await?;
    assert_eq!(forced.data.unwrap()["k"], "2");
    let strict = PatchParams::apply("one").validation_strict();
    let unknown = Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "date": {}}));
    let refused = refusal(maps.patch("applied", &strict, &unknown).await);
    assert!(refused.message.contains(".date: field not declared in schema"), "{refused:?}");
    Ok(())
}

pub(crate) fn lists_in_pages(bench: &Bench) {
    bench.run("pages", async |space| {
        let maps = space.api::<ConfigMap>();
        for number in 0..7 {
            space.add_map(&format!("m{number}"), "paged").await?;
        }
        space.add_map("apart", "apart").await?;
        let mut params = ListParams::default().labels("set in (paged)").limit(3);
        let mut names = Vec::new();
        loop {
            let page = maps.list(&params).await?;
            names.extend(page.iter().map(ResourceExt::name_any));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
        assert_eq!(names, ["m0", "m1", "m2", "m3", "m4", "m5", "m6"]);
        let named = maps.list(&ListParams::default().fields("metadata.name=m3")).await?;
        assert_eq!(named.items.len(), 1);
        let cached = maps.list(&ListParams::default().match_any()).await?;
        assert!(cached.items.len() >= 8, "a list may be stale, but hardly here");
        let selected = ListParams::default().labels("set=paged");
        let deleted = maps.delete_collection(&DeleteParams::default(), &selected).await?;
        if let Some(list) = deleted.left() {
            assert_eq!(list.items.len(), 7);
        }
        assert_eq!(maps.list(&selected).await?.items.len(), 0);
        assert!(maps.get_opt("apart").await?.is_some());
        Ok(())
    });
}

pub(crate) fn commits_entries(bench: &Bench) {
    bench.run("entries", async |space| {
        let maps = space.api::<ConfigMap>();
        let params = PostParams::default();
        let [first, second] = [maps.entry("a").await?, maps.entry("a").await?];
        let map = |value: &str| ConfigMap {
            data: Some([("k".to_owned(), value.to_owned())].into()),
            ..ConfigMap::default()
        };
        let mut first = first.or_insert(|| map("1"));
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        first.commit(&dry).await?;
        assert_eq!(maps.get_opt("a").await?, None);
        first.commit(&params).await?;
        first.get_mut().data = map("2").data;
        first.commit(&params).await?;
        assert_eq!(maps.get("a").await?.data.unwrap()["k"], "2");
        let late = second.or_insert(|| map("3")).commit(&params).await;
        assert!(format!("{:?}", late.unwrap_err()).contains("AlreadyExists"));
        Ok(())
    });
}

pub(crate) fn scales(bench: &Bench) {
    bench.run("scales", async |space| {
        let deployments = space.api::<Deployment>();
        let deployment = json!({
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "busybox:1"}]},
                },
            },
        });
        let deployment = serde_json::from_value(deployment)?;
        deployments.create(&PostParams::default(), &deployment).await?;
        let mut scale: Scale = deployments.get_scale("web").await?;
        assert_eq!(scale.status.as_ref().unwrap().selector.as_deref(), Some("app=web"));
        scale.spec.as_mut().unwrap().replicas = Some(2);
        // Controllers write its status meanwhile.
        scale.metadata.resource_version = None;
        let replaced = deployments.replace_scale("web", &PostParams::default(), &scale).await?;
        assert_eq!(replaced.spec.unwrap().replicas, Some(2));
        let plain = PatchParams::default();
        let three = Patch::Merge(json!({"spec": {"replicas": 3}}));
        assert_eq!(
            deployments.patch_scale("web", &plain, &three).await?.spec.unwrap().replicas,
            Some(3)
        );
        let applied = Patch::Apply(json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"},
            "spec": {"replicas": 4},
        }));
        let forced = PatchParams::apply("scaler").force();
        let four = deployments.patch_scale("web", &forced, &applied).await?;
        assert_eq!(four.spec.unwrap().replicas, Some(4));
        let owners = deployments.get("web").await?;
        let scaler =
            owners.managed_fields().iter().find(|e| e.manager.as_deref() == Some("scaler"));
        assert_eq!(scaler.unwrap().subresource.as_deref(), Some("scale"));

        let restarted = deployments.restart("web").await?;
        let template = restarted.spec.template.metadata.unwrap();
        assert!(template.annotations.unwrap().contains_key("kube.kubernetes.io/restartedAt"));
        let status = Patch::Merge(json!({"status": {"replicas": 1}, "spec": {"replicas": 9}}));
        let told = deployments.patch_status("web", &plain, &status).await?;
        assert_eq!(told.spec.replicas, Some(4), "a status write changes no spec");
        assert_eq!(deployments.get_status("web").await?.name_any(), "web");
        // Its pods come by the controllers of the server.
        let pods = space.api::<Pod>();
        while pods.list(&ListParams::default().labels("app=web")).await?.items.len() < 4 {
            tokio::task::yield_now().await;
        }
        deployments.delete("web", &DeleteParams::foreground()).await?;
        while deployments.get_opt("web").await?.is_some() {
            tokio::task::yield_now().await;
        }
        let namespaces = space.all::<Namespace>();
        assert!(namespaces.delete(&space.name, &DeleteParams::default()).await?.is_left());
        Ok(())
    });
}

/// As candidates for leadership do: one wins each turn, the others see that they are late.
pub(crate) fn leads_by_lease(bench: &Bench) {
    bench.run("leases", async |space| {
        let leases = space.api::<Lease>();
        let held = |holder: &str| LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(Timestamp::now())),
            lease_transitions: Some(0),
            ..LeaseSpec::default()
        };
        let metadata = ObjectMeta { name: Some("leader".to_owned()), ..ObjectMeta::default() };
        let lease = Lease { metadata, spec: Some(held("nobody")) };
        let seen = leases.create(&PostParams::default(), &lease).await?;
        let candidates = (0..8).map(async |number| {
            let mut wanted = seen.clone();
            wanted.spec = Some(held(&format!("candidate-{number}")));
            leases.replace("leader", &PostParams::default(), &wanted).await
        });
        let (won, lost): (Vec<_>, Vec<_>) =
            join_all(candidates).await.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 7));
        for late in lost {
            assert!(refusal(late).is_conflict());
        }
        let mut leading = won.into_iter().next().unwrap()?;
        let spec = leading.spec.as_mut().unwrap();
        spec.renew_time = Some(MicroTime(Timestamp::from_microsecond(1_900_000_000_123_456)?));
        let renewed = leases.replace("leader", &PostParams::default(), &leading).await?;
        assert_eq!(renewed.spec, leading.spec, "microseconds are kept");
        Ok(())
    });
}
