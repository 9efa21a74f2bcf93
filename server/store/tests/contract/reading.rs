//! What reads promise.

use std::{collections::BTreeMap, sync::Arc};

use store::{
    Expected::{Any, Revision},
    Range, Store, StoreError,
};

use crate::fixture::{Copies, all_of, delete, key, put, range, show, within, write};

pub(crate) async fn a_range_is_in_order(copies: &impl Copies) {
    let store = copies.copy().await;
    for path in ["pods/b/a", "pods/a/z", "pods/a/b", "podsx/a/b", "nodes//a", "pods/a-b/c"] {
        store.commit(put(path, "x")).await.unwrap();
    }
    let within = |namespace: Option<&str>, name: Option<&str>| Range {
        kind: Some("pods".into()),
        namespace: namespace.map(Into::into),
        name: name.map(Into::into),
    };
    for (range, wanted) in [
        (within(None, None), vec!["pods/a/b", "pods/a/z", "pods/a-b/c", "pods/b/a"]),
        (within(Some("a"), None), vec!["pods/a/b", "pods/a/z"]),
        (within(Some("a"), Some("z")), vec!["pods/a/z"]),
        (within(Some("a"), Some("y")), vec![]),
        (within(None, Some("b")), vec!["pods/a/b"]),
        (
            Range { namespace: Some("a".into()), ..Range::default() },
            vec!["pods/a/b", "pods/a/z", "podsx/a/b"],
        ),
    ] {
        let snapshot = store.snapshot(&range);
        let names: Vec<String> =
            snapshot.items.iter().map(|stored| stored.key.to_string()).collect();
        assert_eq!((names, snapshot.revision), (to_strings(&wanted), 6), "{range:?}");
    }
    assert_eq!(store.snapshot(&Range::default()).items.len(), 6);
}

fn to_strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) async fn an_earlier_revision_is_read_again(copies: &impl Copies) {
    let store = copies.copy().await;
    let pods = range("pods");
    let mut taken = vec![(0, vec![])];
    for i in 0..40 {
        let path = format!("pods/d/{}", i % 7);
        let exists = store.get(&key(&path)).is_some();
        let transaction =
            if exists && i % 3 == 0 { delete(&path) } else { put(&path, &i.to_string()) };
        store.commit(transaction).await.unwrap();
        store.commit(put("nodes//other", "x")).await.unwrap();
        let snapshot = store.snapshot(&pods);
        taken.push((snapshot.revision, show(&snapshot)));
    }
    for (revision, wanted) in &taken {
        let snapshot = within(store.snapshot_at(&pods, *revision)).await.unwrap();
        assert_eq!((&show(&snapshot), snapshot.revision), (wanted, *revision));
    }
    let one = Range { name: Some("3".into()), ..pods };
    let snapshot = store.snapshot_at(&one, taken[10].0).await.unwrap();
    let wanted: Vec<_> = taken[10].1.iter().filter(|line| line.contains("/3@")).collect();
    assert_eq!(show(&snapshot).iter().collect::<Vec<_>>(), wanted);
    let newest = store.revision();
    let future = store.snapshot_at(&one, newest + 1).await.map(|snapshot| snapshot.revision);
    assert_eq!(future, Err(StoreError::Future { asked: newest + 1, newest }));
}

pub(crate) async fn a_copy_catches_up_with_another(copies: &impl Copies) {
    let (one, two) = (copies.copy().await, copies.copy().await);
    for i in 0..50 {
        let revision = one.commit(put("pods/d/a", &i.to_string())).await.unwrap();
        let reads = (0..3).map(|_| two.catch_up());
        for seen in within(futures::future::join_all(reads)).await {
            assert!(seen.unwrap() >= revision);
        }
        assert_eq!(two.get(&key("pods/d/a")).unwrap().revision, revision);
        let own = two.commit(put("pods/d/b", &i.to_string())).await.unwrap();
        assert_eq!(two.get(&key("pods/d/b")).unwrap().revision, own, "its own write");
    }
    let three = copies.copy().await;
    assert_eq!(show(&three.snapshot(&range("pods"))), show(&two.snapshot(&range("pods"))));
}

/// Random writes through two copies, against a model; at the end every copy, every watch from
/// every revision and every earlier snapshot agree with it.
pub(crate) async fn random_histories_read_the_same(copies: &impl Copies) {
    let stores = [copies.copy().await, copies.copy().await];
    let mut dice = Dice(7);
    let mut model: BTreeMap<String, String> = BTreeMap::new();
    let mut history = vec![(0, model.clone())];
    for step in 0..100 {
        let store = &stores[dice.roll(2)];
        store.catch_up().await.unwrap();
        let mut writes = Vec::new();
        let mut next = model.clone();
        let first = dice.roll(6);
        for offset in 0..=dice.roll(3) {
            let path = format!("pods/n{}/x", (first + offset) % 6);
            let expected = match store.get(&key(&path)) {
                Some(stored) if dice.roll(2) == 0 => Revision(stored.revision),
                _ => Any,
            };
            if dice.roll(4) == 0 && next.remove(&path).is_some() {
                writes.push(write(&path, expected, None));
            } else {
                next.insert(path.clone(), step.to_string());
                writes.push(write(&path, expected, Some(&step.to_string())));
            }
        }
        let count = writes.len() as u64;
        let revision = store.commit(all_of(writes)).await.unwrap();
        model = next;
        history.push((revision + count - 1, model.clone()));
    }
    for store in &stores {
        store.catch_up().await.unwrap();
        for (revision, wanted) in &history {
            let snapshot = store.snapshot_at(&range("pods"), *revision).await.unwrap();
            assert_eq!(&contents(&snapshot), wanted, "at {revision}");
            replays(store, *revision, wanted, &model).await;
        }
    }
}

/// Plays a watch from a revision on to the end.
async fn replays(
    store: &Arc<dyn Store>,
    after: u64,
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) {
    let mut watch = store.watch(range("pods"), after).unwrap();
    let mut state = from.clone();
    let mut seen = after;
    while seen < store.revision() {
        use futures::StreamExt;
        let event = within(watch.next()).await.unwrap().unwrap();
        let store::WatchEvent::Change(change) = event else { continue };
        assert!(change.revision > seen, "{} after {seen}", change.revision);
        seen = change.revision;
        let text = |body: &bytes::Bytes| String::from_utf8_lossy(body).into_owned();
        let path = change.key.to_string();
        let old = match &change.new {
            Some(body) => state.insert(path, text(body)),
            None => state.remove(&path),
        };
        assert_eq!(change.old.as_ref().map(|old| text(&old.body)), old, "the old of {seen}");
    }
    assert_eq!(&state, to);
}

fn contents(snapshot: &store::Snapshot) -> BTreeMap<String, String> {
    let pair = |stored: &Arc<store::Stored>| {
        (stored.key.to_string(), String::from_utf8_lossy(&stored.body).into_owned())
    };
    snapshot.items.iter().map(pair).collect()
}

/// A small generator, so that a failure repeats itself.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % sides) as usize
    }
}
