//! What watches promise.

use futures::StreamExt;
use store::{Expected::Any, Range, StoreError, WatchEvent};

use crate::fixture::{Copies, LIMITS, all_of, delete, end, next, put, range, within, write};

pub(crate) async fn a_watch_resumes_behind_any_change(copies: &impl Copies) {
    let store = copies.copy().await;
    let mut live = store.watch(range("pods"), 0).unwrap();
    for i in 0..15 {
        let pair = [format!("pods/d/{i}"), "pods/d/same".to_owned()];
        let writes = pair.iter().map(|path| write(path, Any, Some("x")));
        store.commit(all_of(writes)).await.unwrap();
        store.commit(put("nodes//n", "x")).await.unwrap();
    }
    let all = next(&mut live, 30).await;
    for (seen, line) in all.iter().enumerate() {
        let revision: u64 = line.split(' ').next().unwrap().parse().unwrap();
        let mut resumed = store.watch(range("pods"), revision).unwrap();
        assert_eq!(next(&mut resumed, 30 - seen - 1).await, all[seen + 1..], "behind {line}");
    }
    let mut everything = store.watch(Range::default(), 0).unwrap();
    let revisions: Vec<String> = next(&mut everything, 45).await;
    let wanted: Vec<String> = (1..=45).map(|revision| format!("{revision} ")).collect();
    assert!(revisions.iter().zip(&wanted).all(|(line, start)| line.starts_with(start)));
}

pub(crate) async fn changes_carry_the_old_object(copies: &impl Copies) {
    let store = copies.copy().await;
    for transaction in
        [put("pods/d/a", "1"), put("pods/d/a", "2"), delete("pods/d/a"), put("pods/d/a", "3")]
    {
        store.commit(transaction).await.unwrap();
    }
    let wanted = [
        "1 pods/d/a: - -> 1",
        "2 pods/d/a: 1@1 -> 2",
        "3 pods/d/a: 2@2 -> -",
        "4 pods/d/a: - -> 3",
    ];
    let mut watch = store.watch(range("pods"), 0).unwrap();
    assert_eq!(next(&mut watch, 4).await, wanted);
    for i in 0..20 {
        store.commit(put("pods/d/b", &i.to_string())).await.unwrap();
    }
    let mut watch = store.watch(range("pods"), 0).unwrap();
    assert_eq!(next(&mut watch, 4).await, wanted, "also when it has left the memory");
}

pub(crate) async fn a_watch_sees_only_its_range(copies: &impl Copies) {
    let store = copies.copy().await;
    let open = |namespace: Option<&str>, name: Option<&str>| {
        let range = Range {
            kind: Some("pods".into()),
            namespace: namespace.map(Into::into),
            name: name.map(Into::into),
        };
        store.watch(range, 0).unwrap()
    };
    let mut watches = [open(Some("a"), None), open(None, Some("x")), open(Some("b"), Some("x"))];
    for path in ["pods/a/x", "pods/b/y", "podsx/b/x", "nodes//x", "pods/b/x"] {
        store.commit(put(path, "1")).await.unwrap();
    }
    let [a, x, bx] = &mut watches;
    assert_eq!(next(a, 1).await, ["1 pods/a/x: - -> 1"]);
    assert_eq!(next(x, 2).await, ["1 pods/a/x: - -> 1", "5 pods/b/x: - -> 1"]);
    assert_eq!(next(bx, 1).await, ["5 pods/b/x: - -> 1"]);
}

pub(crate) async fn an_idle_watch_is_told_how_far_it_saw(copies: &impl Copies) {
    let store = copies.copy().await;
    let mut watch = store.watch(range("pods"), 0).unwrap();
    let revision = store.commit(put("nodes//n", "1")).await.unwrap();
    let event = within(watch.next()).await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Progress(seen) if seen == revision), "{event:?}");
    let revision = store.commit(put("pods/d/a", "1")).await.unwrap();
    let event = within(watch.next()).await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Change(change) if change.revision == revision));
}

pub(crate) async fn what_is_compacted_is_gone(copies: &impl Copies) {
    let store = copies.copy().await;
    let kept = LIMITS.log_count_max as u64;
    let last = kept + 50;
    for _ in 0..last {
        store.commit(put("pods/d/a", "x")).await.unwrap();
    }
    copies.compact().await;
    let gone = end(store.watch(range("pods"), 10)).await;
    assert!(matches!(gone, StoreError::Compacted { asked: 10, oldest } if oldest >= 50), "{gone}");
    let gone = store.snapshot_at(&range("pods"), 10).await.map(|snapshot| snapshot.revision);
    assert!(matches!(gone, Err(StoreError::Compacted { asked: 10, .. })), "{gone:?}");
    let mut kept_watch = store.watch(range("pods"), last - kept).unwrap();
    let lines = next(&mut kept_watch, kept as usize).await;
    assert!(lines[0].starts_with(&format!("{} pods/d/a: x@{} ", last - kept + 1, last - kept)));
    let snapshot = store.snapshot_at(&range("pods"), last - kept).await.unwrap();
    assert_eq!(snapshot.items[0].revision, last - kept);
}

pub(crate) async fn the_future_is_refused(copies: &impl Copies) {
    let store = copies.copy().await;
    store.commit(put("pods/d/a", "x")).await.unwrap();
    let error = end(store.watch(range("pods"), 2)).await;
    assert_eq!(error, StoreError::Future { asked: 2, newest: 1 });
}

pub(crate) async fn watches_of_all_copies_see_all_writers(copies: &impl Copies) {
    let stores = [copies.copy().await, copies.copy().await];
    let mut watches = stores.each_ref().map(|store| store.watch(range("pods"), 0).unwrap());
    let writers = stores.each_ref().map(|store| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..100 {
                store.commit(put("pods/d/a", &i.to_string())).await.unwrap();
            }
        })
    });
    let [one, two] = &mut watches;
    let (one, two) = tokio::join!(next(one, 200), next(two, 200));
    assert_eq!(one, two);
    for (revision, line) in (1..).zip(&one) {
        assert!(line.starts_with(&format!("{revision} ")), "{line} is number {revision}");
    }
    for writer in writers {
        writer.await.unwrap();
    }
}
