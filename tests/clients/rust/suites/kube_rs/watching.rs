//! Watches, and what kube-rs builds on them: watchers, reflectors, conditions, finalizers.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures::{Stream, StreamExt, TryStreamExt, pin_mut};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt,
    api::{
        DeleteParams, ListParams, PartialObjectMeta, Patch, PatchParams, WatchEvent, WatchParams,
    },
    runtime::{
        WatchStreamExt,
        controller::Action,
        finalizer::{Event as Finalized, finalizer},
        reflector,
        wait::{Condition, await_condition, conditions, delete::delete_and_finalize},
        watcher::{self, Event, InitialListStrategy},
    },
};
use serde_json::json;
use tokio::sync::Notify;

use crate::bench::{Bench, Space};

async fn change_all(space: &Space) -> Result<()> {
    let maps = space.api::<ConfigMap>();
    space.add_map("b", "watched").await?;
    let patch = Patch::Merge(json!({"data": {"k": "2"}}));
    maps.patch("b", &PatchParams::default(), &patch).await?;
    maps.delete("b", &DeleteParams::default()).await?;
    Ok(())
}

pub(crate) fn watches(bench: &Bench) {
    bench.run("watches", async |space| {
        let maps = space.api::<ConfigMap>();
        space.add_map("a", "watched").await?;
        let listed = maps.list(&ListParams::default()).await?;
        let from = listed.metadata.resource_version.unwrap();
        change_all(&space).await?;
        let params = WatchParams::default().labels("set=watched").timeout(30);
        let events: Vec<_> = maps.watch(&params, &from).await?.take(3).try_collect().await?;
        let [WatchEvent::Added(_), WatchEvent::Modified(_), WatchEvent::Deleted(last)] =
            &events[..]
        else {
            bail!("{events:?}");
        };
        assert_eq!((last.name_any().as_str(), &*last.data.clone().unwrap()["k"]), ("b", "2"));
        let events: Vec<_> =
            maps.watch_metadata(&params, &from).await?.take(3).try_collect().await?;
        assert!(matches!(&events[2], WatchEvent::Deleted(partial) if partial.name_any() == "b"));
        // From the beginning, what is there comes as added.
        let first = maps.watch(&params, "0").await?.boxed().try_next().await?;
        assert!(matches!(first, Some(WatchEvent::Added(map)) if map.name_any() == "a"));
        // A watch that was given a second ends by itself.
        let short = WatchParams::default().timeout(1);
        let late = maps.list(&ListParams::default()).await?.metadata.resource_version.unwrap();
        let left = maps.watch(&short, &late).await?.try_collect::<Vec<_>>().await?;
        assert!(left.iter().all(|event| matches!(event, WatchEvent::Bookmark(_))), "{left:?}");
        // A revision from before everything is gone, or at least refused as kube-rs knows it.
        let old = maps
            .watch(&WatchParams::default().timeout(2), "1")
            .await?
            .try_collect::<Vec<_>>()
            .await?;
        if let Some(WatchEvent::Error(status)) = old.first() {
            assert_eq!(status.code, 410);
        }
        Ok(())
    });
}

/// Takes what a watcher says until `wanted` names the last of it.
async fn take_until<K>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    wanted: impl Fn(&Event<K>) -> bool,
) -> Result<Vec<Event<K>>> {
    pin_mut!(events);
    let mut seen = Vec::new();
    while let Some(event) = events.try_next().await? {
        let last = wanted(&event);
        seen.push(event);
        if last {
            return Ok(seen);
        }
    }
    bail!("the watcher ends")
}

pub(crate) fn keeps_up(bench: &Bench) {
    for strategy in [InitialListStrategy::ListWatch, InitialListStrategy::StreamingList] {
        let namespace = format!("watcher-{strategy:?}").to_lowercase();
        bench.run(&namespace, async |space| {
            let maps = space.api::<ConfigMap>();
            for number in 0..5 {
                space.add_map(&format!("m{number}"), "kept").await?;
            }
            let mut config = watcher::Config::default().labels("set in (kept, watched)");
            config.page_size = Some(2);
            if strategy == InitialListStrategy::StreamingList {
                config = config.streaming_lists();
            }
            let events = watcher::watcher(maps.clone(), config.clone());
            let listed = Notify::new();
            let changing = async {
                let seen = take_until(events, |event| {
                    if matches!(event, Event::InitDone) {
                        listed.notify_one();
                    }
                    matches!(event, Event::Delete(map) if map.name_any() == "b")
                });
                let (seen, changed) = futures::join!(seen, async {
                    // Only when the watcher has seen all may the next one come.
                    listed.notified().await;
                    change_all(&space).await
                });
                changed?;
                seen
            };
            let seen = changing.await?;
            let first = seen.iter().take_while(|event| !matches!(event, Event::InitDone)).count();
            assert!(matches!(seen[0], Event::Init) && first == 6, "{seen:?}");
            let partials: Api<PartialObjectMeta<ConfigMap>> =
                Api::namespaced(space.client.clone(), &space.name);
            let partial = watcher::watcher(partials, config);
            let seen = take_until(partial, |event| matches!(event, Event::InitDone)).await?;
            assert_eq!(seen.len(), 7, "{seen:?}");
            Ok(())
        });
    }
}

pub(crate) fn reflects(bench: &Bench) {
    bench.run("reflector", async |space| {
        let maps = space.api::<ConfigMap>();
        space.add_map("a", "one").await?;
        let (reader, writer) = reflector::store();
        let config = watcher::Config::default().fields("metadata.name!=kube-root-ca.crt");
        let stream = watcher::watcher(maps.clone(), config)
            .default_backoff()
            .modify(|map| map.managed_fields_mut().clear())
            .reflect(writer)
            .applied_objects();
        pin_mut!(stream);
        stream.try_next().await?.context("the first map")?;
        space.add_map("b", "two").await?;
        let added = stream.try_next().await?.context("the second map")?;
        assert_eq!(added.name_any(), "b");
        reader.wait_until_ready().await?;
        assert_eq!(reader.state().len(), 2);
        assert!(reader.state().iter().all(|map| map.managed_fields().is_empty()));
        Ok(())
    });
}

pub(crate) fn waits_for_conditions(bench: &Bench) {
    bench.run("conditions", async |space| {
        let maps = space.api::<ConfigMap>();
        let has_word = |map: Option<&ConfigMap>| {
            map.and_then(|map| map.data.as_ref()).is_some_and(|data| data.contains_key("word"))
        };
        let waiting = await_condition(maps.clone(), "a", conditions::is_created().and(has_word));
        let (found, written) = futures::join!(waiting, async {
            space.add_map("a", "one").await?;
            let patch = Patch::Merge(json!({"data": {"word": "x"}}));
            maps.patch("a", &PatchParams::default(), &patch).await.map_err(anyhow::Error::from)
        });
        written?;
        assert!(found?.is_some());
        delete_and_finalize(maps.clone(), "a", &DeleteParams::default()).await?;
        assert_eq!(maps.get_opt("a").await?, None);
        Ok(())
    });
}

#[derive(Debug, thiserror::Error)]
#[error("nothing goes wrong here")]
struct Never;

async fn pass(maps: &Api<ConfigMap>) -> Result<Vec<&'static str>> {
    let map = Arc::new(maps.get("a").await?);
    let told = std::sync::Mutex::new(Vec::new());
    finalizer(maps, "example.com/keep", map, |event| {
        told.lock().unwrap().push(match event {
            Finalized::Apply(_) => "apply",
            Finalized::Cleanup(_) => "cleanup",
        });
        async { Ok::<_, Never>(Action::await_change()) }
    })
    .await?;
    Ok(told.into_inner().expect("nobody panicked"))
}

pub(crate) fn holds_by_finalizer(bench: &Bench) {
    bench.run("finalizers", async |space| {
        let maps = space.api::<ConfigMap>();
        space.add_map("a", "one").await?;
        assert_eq!(pass(&maps).await?, Vec::<&str>::new(), "first the finalizer is added");
        assert_eq!(maps.get("a").await?.finalizers(), ["example.com/keep"]);
        assert_eq!(pass(&maps).await?, ["apply"]);
        let held = maps.delete("a", &DeleteParams::default()).await?;
        assert!(held.left().expect("it is kept").metadata.deletion_timestamp.is_some());
        assert_eq!(pass(&maps).await?, ["cleanup"]);
        assert_eq!(maps.get_opt("a").await?, None);
        Ok(())
    });
}
