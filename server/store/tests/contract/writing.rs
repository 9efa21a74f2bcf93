//! What a commit promises.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::join_all;
use store::{
    Expected::{Absent, Any, Present, Revision},
    Store, StoreError, WatchEvent,
};

use crate::fixture::{
    Copies, all_of, delete, key, next, put, put_if, range, refused, show, within, write,
};

pub(crate) async fn each_write_has_the_next_revision(copies: &impl Copies) {
    let store = copies.copy().await;
    assert_eq!(store.revision(), 0);
    assert_eq!(store.commit(put("pods/d/a", "1")).await, Ok(1));
    let three = ["pods/d/c", "pods/d/b", "nodes//n"].map(|path| write(path, Absent, Some("2")));
    assert_eq!(store.commit(all_of(three)).await, Ok(2), "the first of three");
    assert_eq!(store.get(&key("pods/d/b")).unwrap().revision, 3);
    assert_eq!(store.commit(delete("pods/d/a")).await, Ok(5));
    assert_eq!(store.commit(put("pods/d/a", "3")).await, Ok(6));
    assert_eq!((store.revision(), store.catch_up().await), (6, Ok(6)));
}

pub(crate) async fn preconditions_decide(copies: &impl Copies) {
    let store = copies.copy().await;
    let a = "pods/d/a";
    for (expected, allowed) in [(Present, false), (Revision(1), false), (Absent, true)] {
        let answer = store.commit(put_if(a, expected, "1")).await;
        assert_eq!(answer, if allowed { Ok(1) } else { refused(a, None) }, "{expected:?}");
    }
    for expected in [Absent, Revision(2)] {
        assert_eq!(store.commit(put_if(a, expected, "x")).await, refused(a, Some(1)));
        assert_eq!(
            store.commit(all_of([write(a, expected, None)])).await,
            refused(a, Some(1)),
            "a deletion, {expected:?}"
        );
    }
    assert_eq!(store.commit(put_if(a, Revision(1), "2")).await, Ok(2));
    assert_eq!(store.commit(put_if(a, Present, "3")).await, Ok(3));
    assert_eq!(store.commit(put_if(a, Any, "4")).await, Ok(4));
    assert_eq!(store.commit(all_of([write(a, Revision(4), None)])).await, Ok(5));
    assert_eq!(store.commit(delete(a)).await, refused(a, None));
    let nothing = store.commit(all_of([write(a, Any, None)])).await.unwrap();
    assert!(nothing >= 5, "deleting what is not there is accepted");
    assert!(store.get(&key(a)).is_none());
}

pub(crate) async fn transactions_are_all_or_nothing(copies: &impl Copies) {
    let store = copies.copy().await;
    store.commit(put("pods/d/a", "1")).await.unwrap();
    let answer = store
        .commit(all_of([
            write("pods/d/new", Absent, Some("x")),
            write("pods/d/a", Absent, Some("x")),
            write("pods/d/b", Any, Some("x")),
        ]))
        .await;
    assert_eq!(answer, refused("pods/d/a", Some(1)));
    assert_eq!(show(&store.snapshot(&range("pods"))), ["pods/d/a@1=1"]);
    let moved = [write("pods/d/a", Revision(1), None), write("pods/d/moved", Absent, Some("1"))];
    let first = store.commit(all_of(moved)).await.unwrap();
    assert_eq!(show(&store.snapshot(&range("pods"))), [format!("pods/d/moved@{}=1", first + 1)]);
}

pub(crate) async fn a_failing_transaction_fails_alone(copies: &impl Copies) {
    let store = copies.copy().await;
    store.commit(put("pods/d/taken", "1")).await.unwrap();
    let commits = (0..60).map(|i| {
        let own = format!("pods/d/p{i}");
        let mut writes = vec![write(&own, Absent, Some("x"))];
        if i % 3 == 0 {
            writes.push(write("pods/d/taken", Absent, Some("x")));
        }
        store.commit(all_of(writes))
    });
    let answers = within(join_all(commits)).await;
    let mut revisions = BTreeSet::new();
    for (i, answer) in answers.into_iter().enumerate() {
        if i % 3 == 0 {
            assert_eq!(answer, refused("pods/d/taken", Some(1)), "{i}");
        } else {
            revisions.insert(answer.unwrap());
        }
    }
    assert_eq!(revisions.len(), 40, "each has a revision of its own");
    let snapshot = store.snapshot(&range("pods"));
    let stored: BTreeSet<u64> = snapshot.items.iter().map(|stored| stored.revision).collect();
    assert_eq!(stored, revisions.into_iter().chain([1]).collect(), "and holds its object");
}

pub(crate) async fn one_key_many_times_at_once(copies: &impl Copies) {
    let store = copies.copy().await;
    let mut watch = store.watch(range("pods"), 0).unwrap();
    let commits = (0..100).map(|i| store.commit(put("pods/d/hot", &i.to_string())));
    let creates = (0..20).map(|_| store.commit(put_if("pods/d/once", Absent, "x")));
    let (puts, creates) =
        within(async { tokio::join!(join_all(commits), join_all(creates)) }).await;
    let revisions: BTreeSet<u64> = puts.into_iter().map(Result::unwrap).collect();
    assert_eq!(revisions.len(), 100);
    assert_eq!(creates.iter().filter(|answer| answer.is_ok()).count(), 1);
    let lines = next(&mut watch, 101).await;
    let hot: Vec<&String> = lines.iter().filter(|line| line.contains("hot")).collect();
    let mut old = "-".to_owned();
    for line in &hot {
        let (before, new) = line.split_once(" -> ").unwrap();
        assert!(before.ends_with(&format!(": {old}")), "{before} follows {old}");
        let revision = line.split(' ').next().unwrap();
        assert!(revisions.contains(&revision.parse().unwrap()));
        old = format!("{new}@{revision}");
    }
    assert_eq!(hot.len(), 100, "every revision was logged");
    let last = store.get(&key("pods/d/hot")).unwrap();
    assert_eq!(last.revision, *revisions.last().unwrap());
}

/// Two copies count on one key, each from what it read: every accepted count is there at the end.
pub(crate) async fn two_copies_lose_no_update(copies: &impl Copies) {
    const EACH: u64 = 150;
    let (one, two) = (copies.copy().await, copies.copy().await);
    one.commit(put("counters//c", "0")).await.unwrap();
    let count = |store: Arc<dyn Store>| async move {
        let mut done = 0;
        while done < EACH {
            let Some(seen) = store.get(&key("counters//c")) else {
                store.catch_up().await.unwrap();
                continue;
            };
            let number: u64 = std::str::from_utf8(&seen.body).unwrap().parse().unwrap();
            let next = put_if("counters//c", Revision(seen.revision), &(number + 1).to_string());
            match store.commit(next).await {
                Ok(_) => done += 1,
                Err(StoreError::Precondition { .. }) => {
                    store.catch_up().await.unwrap();
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    let tasks = [&one, &two, &one].map(|store| tokio::spawn(count(store.clone())));
    for task in tasks {
        within(task).await.unwrap();
    }
    for store in [one, two] {
        store.catch_up().await.unwrap();
        let end = store.get(&key("counters//c")).unwrap();
        assert_eq!(end.body, (3 * EACH).to_string());
        assert_eq!(end.revision, 3 * EACH + 1, "a refused write raises no revision");
    }
}

pub(crate) async fn what_can_not_be_stored_is_refused(copies: &impl Copies) {
    let store = copies.copy().await;
    let large = "x".repeat((3 << 19) + 1);
    let twice = ["pods/d/a", "pods/d/a"].map(|path| write(path, Any, Some("1")));
    for (what, transaction) in [
        ("too large", put("pods/d/a", &large)),
        ("a key of zeros", put("pods/d/\0", "1")),
        ("a long key", put(&format!("pods/d/{}", "x".repeat(2000)), "1")),
        ("a key twice", all_of(twice)),
        ("no JSON", put("pods/d/a", "\0")),
    ] {
        let answer = store.commit(transaction).await;
        assert!(matches!(answer, Err(StoreError::Refused(_))), "{what}: {answer:?}");
    }
    assert_eq!(store.commit(put("pods/d/a", &large[1..])).await, Ok(1), "as large as can be");
    let mut watch = store.watch(range("pods"), 0).unwrap();
    let event = within(futures::StreamExt::next(&mut watch)).await;
    let Some(Ok(WatchEvent::Change(change))) = event else { panic!("{event:?}") };
    assert_eq!(change.new.as_ref().map(bytes::Bytes::len), Some(3 << 19));
}
