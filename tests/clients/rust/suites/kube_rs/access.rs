//! Tokens, certificates, evictions, nodes and events.

use anyhow::Result;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenReview},
    authorization::v1::SelfSubjectAccessReview,
    certificates::v1::CertificateSigningRequest,
    core::v1::{Node, Pod, ServiceAccount},
    events::v1::Event as Recorded,
};
use kube::{
    Resource,
    api::{DeleteParams, EvictParams, ListParams, Patch, PatchParams, PostParams},
    runtime::events::{Event, EventType, Recorder},
};
use serde_json::json;

use crate::bench::{Bench, Space, refusal};

pub(crate) fn gives_tokens(bench: &Bench) {
    bench.run("tokens", async |space| {
        let accounts = space.api::<ServiceAccount>();
        let account = serde_json::from_value(json!({"metadata": {"name": "robot"}}))?;
        accounts.create(&PostParams::default(), &account).await?;
        let request: TokenRequest =
            serde_json::from_value(json!({"metadata": {}, "spec": {"audiences": ["api"]}}))?;
        let params = PostParams::default();
        let given = accounts.create_token_request("robot", &params, &request).await?;
        let token = given.status.unwrap().token.unwrap();
        let review = json!({"metadata": {}, "spec": {"audiences": ["api"], "token": token}});
        let reviews = space.all::<TokenReview>();
        let reviewed = reviews.create(&params, &serde_json::from_value(review)?).await?;
        let status = reviewed.status.unwrap();
        assert_eq!(status.authenticated, Some(true));
        assert_eq!(status.audiences, Some(vec!["api".to_owned()]));
        assert_eq!(
            status.user.unwrap().username.as_deref(),
            Some("system:serviceaccount:tokens:robot")
        );
        let asked = json!({"metadata": {}, "spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}});
        let access = space.all::<SelfSubjectAccessReview>();
        let told = access.create(&params, &serde_json::from_value(asked)?).await?;
        assert!(told.status.unwrap().allowed);
        Ok(())
    });
}

/// A request for a client's certificate, as `openssl req` makes one.
const REQUEST: &str = include_str!("request.pem");

pub(crate) fn approves_certificates(bench: &Bench) {
    bench.run("certificates", async |space| {
        let requests = space.all::<CertificateSigningRequest>();
        let request = json!({
            "metadata": {"name": "kube-rs"},
            "spec": {
                "request": k8s_openapi::ByteString(REQUEST.as_bytes().to_vec()),
                "signerName": "kubernetes.io/kube-apiserver-client",
                "expirationSeconds": 86400, "usages": ["client auth"],
            },
        });
        requests.create(&PostParams::default(), &serde_json::from_value(request)?).await?;
        let condition = |kind: &str| {
            json!({"status": {"conditions": [
                {"type": kind, "status": "True", "reason": "Test", "message": "by a test"}]}})
        };
        let params = PatchParams::default();
        // Conditions of one's own are no approval.
        let odd = Patch::Merge(condition("Seen"));
        requests.patch_approval("kube-rs", &params, &odd).await?;
        let seen = requests.get_approval("kube-rs").await?.status.unwrap();
        assert_eq!(seen.conditions.unwrap()[0].type_, "Seen");
        let approved = Patch::Merge(condition("Approved"));
        requests.patch_approval("kube-rs", &params, &approved).await?;
        loop {
            let status = requests.get_status("kube-rs").await?.status.unwrap();
            if status.certificate.is_some_and(|bytes| bytes.0.starts_with(b"-----BEGIN")) {
                break;
            }
        }
        requests.delete("kube-rs", &DeleteParams::default()).await?;
        Ok(())
    });
}

async fn add_pod(space: &Space, name: &str) -> Result<Pod> {
    let pod = json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "busybox:1", "command": ["sleep", "60"]}]},
    });
    Ok(space.api().create(&PostParams::default(), &serde_json::from_value(pod)?).await?)
}

pub(crate) fn evicts(bench: &Bench) {
    bench.run("evictions", async |space| {
        add_pod(&space, "goes").await?;
        let pods = space.api::<Pod>();
        let evicted = pods.evict("goes", &EvictParams::default()).await?;
        assert!(evicted.is_success() && evicted.code == 201, "{evicted:?}");
        assert!(refusal(pods.evict("nope", &EvictParams::default()).await).is_not_found());
        Ok(())
    });
}

pub(crate) fn cordons_nodes(bench: &Bench) {
    bench.run("nodes", async |space| {
        let nodes = space.all::<Node>();
        let node = serde_json::from_value(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "fake"}}))?;
        nodes.create(&PostParams::default(), &node).await?;
        let open = ListParams::default().fields("spec.unschedulable==false");
        assert_eq!(nodes.list(&open).await?.items.len(), 1);
        assert_eq!(nodes.cordon("fake").await?.spec.unwrap().unschedulable, Some(true));
        assert_eq!(nodes.list(&open).await?.items.len(), 0);
        nodes.uncordon("fake").await?;
        assert_eq!(nodes.list(&open).await?.items.len(), 1);
        nodes.delete("fake", &DeleteParams::default()).await?;
        Ok(())
    });
}

pub(crate) fn records_events(bench: &Bench) {
    bench.run("events", async |space| {
        let map = space.add_map("a", "one").await?;
        let recorder = Recorder::new(space.client.clone(), "kube-rs".into());
        let event = Event {
            type_: EventType::Warning,
            reason: "Noticed".to_owned(),
            note: Some("something".to_owned()),
            action: "Look".to_owned(),
            secondary: None,
        };
        let events = space.api::<Recorded>();
        recorder.publish(&event, &map.object_ref(&())).await?;
        recorder.publish(&event, &map.object_ref(&())).await?;
        let about = ListParams::default().fields("reason=Noticed");
        let found = events.list(&about).await?;
        let [found] = &found.items[..] else { anyhow::bail!("one event in a series: {found:?}") };
        assert_eq!(found.series.as_ref().unwrap().count, 2);
        assert_eq!(found.regarding.as_ref().unwrap().uid, map.metadata.uid);
        assert_eq!(found.type_.as_deref(), Some("Warning"));
        Ok(())
    });
}
