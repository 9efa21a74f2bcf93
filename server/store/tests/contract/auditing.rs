//! What the audit promises.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use store::{
    Audit, AuditEvent, AuditQuery,
    Expected::{Absent, Any},
    Store, Transaction,
};

use crate::fixture::{Copies, all_of, key, put, range, within, write};

fn act(user: &str, path: &str, diff: Option<&str>) -> Audit {
    Audit {
        user: user.to_owned(),
        verb: "update",
        key: key(path),
        code: 200,
        before: None,
        detail: Bytes::from_static(b"{}"),
        diff: diff.map(|diff| Bytes::copy_from_slice(diff.as_bytes())),
    }
}

fn audited(transaction: Transaction, act: Audit) -> Transaction {
    Transaction { audit: Some(act), ..transaction }
}

async fn read(store: &Arc<dyn Store>, query: AuditQuery) -> Vec<AuditEvent> {
    store.audit(&AuditQuery { limit: 100, ..query }).await.unwrap()
}

pub(crate) async fn acts_are_kept_with_what_they_wrote(copies: &impl Copies) {
    let store = copies.copy().await;
    store.commit(put("pods/d/taken", "{}")).await.unwrap();
    let commits = (0..30).map(|i| {
        let own = format!("pods/d/p{i}");
        let mut writes = vec![write(&own, Absent, Some("{}"))];
        if i % 3 == 0 {
            writes.push(write("pods/d/taken", Absent, Some("{}")));
        }
        let diff = format!("{{\"n\":{i}}}");
        let mut act = act("jane", &own, Some(&diff));
        act.before = Some(i);
        store.commit(audited(all_of(writes), act))
    });
    let answers = within(join_all(commits)).await;
    let events = read(&store, AuditQuery::default()).await;
    assert_eq!(events.len(), 20, "a refused transaction leaves no act");
    for (i, answer) in answers.into_iter().enumerate() {
        let path = format!("pods/d/p{i}");
        let event = events.iter().find(|event| event.key == key(&path));
        let Ok(revision) = answer else {
            assert_eq!(event, None, "{i}");
            continue;
        };
        let event = event.unwrap();
        assert_eq!((event.after, event.before), (Some(revision), Some(i as u64)), "{i}");
        assert_eq!(event.diff.as_deref(), Some(format!("{{\"n\":{i}}}").as_bytes()));
        assert_eq!((event.user.as_str(), event.verb.as_str(), event.code), ("jane", "update", 200));
    }
    let secret = "secrets/d/s";
    let told = "{\"data\":\"hidden\"}";
    store
        .commit(audited(all_of([write(secret, Any, Some(told))]), act("joe", secret, Some(told))))
        .await
        .unwrap();
    let newest = read(&copies.copy().await, AuditQuery::default()).await.remove(0);
    assert_eq!(newest.diff.as_deref(), Some(told.as_bytes()), "another copy opens what is sealed");
}

pub(crate) async fn what_was_created_is_kept_once_and_shown(copies: &impl Copies) {
    let store = copies.copy().await;
    for (path, body) in [("pods/d/a", r#"{"a":1}"#), ("secrets/d/s", r#"{"data":"hidden"}"#)] {
        let create = all_of([write(path, Absent, Some(body))]);
        store.commit(audited(create, act("jane", path, None))).await.unwrap();
    }
    // A refusal and a deletion made nothing that could be shown.
    store.record(vec![act("jane", "pods/d/b", None)]).await.unwrap();
    let shown = async || {
        let events = read(&copies.copy().await, AuditQuery::default()).await;
        let diffs = events.iter().rev().map(|event| event.diff.clone().unwrap_or_default());
        diffs.map(|diff| String::from_utf8(diff.to_vec()).unwrap()).collect::<Vec<_>>()
    };
    let expected = [r#"{"a":1}"#, r#"{"data":"hidden"}"#, ""];
    assert_eq!(shown().await, expected);
    // It is still there when the log has forgotten it, and the object has changed.
    for number in 0..400 {
        store.commit(put("pods/d/a", &format!("{{\"n\":{number}}}"))).await.unwrap();
    }
    copies.compact().await;
    assert!(store.snapshot_at(&range("pods"), 2).await.is_err(), "the log is shorter");
    assert_eq!(shown().await, expected);
}

pub(crate) async fn acts_are_found_by_what_they_say(copies: &impl Copies) {
    let store = copies.copy().await;
    let acts = [("a", "pods/d/x"), ("b", "pods/d/y"), ("a", "pods/e/x"), ("a", "secrets/d/")];
    store.record(acts.map(|(user, path)| act(user, path, None)).to_vec()).await.unwrap();
    let all = read(&store, AuditQuery::default()).await;
    let paths = |events: &[AuditEvent]| -> Vec<String> {
        events.iter().map(|event| format!("{} {}", event.user, event.key)).collect()
    };
    assert_eq!(all.len(), 4, "{:?}", paths(&all));
    assert!(all.windows(2).all(|two| two[0].id > two[1].id), "the newest first");
    assert_eq!(all[0].after, None, "nothing was written");
    let text = |text: &str| Some(text.to_owned());
    for (query, count) in [
        (AuditQuery { user: text("a"), ..AuditQuery::default() }, 3),
        (AuditQuery { kind: Some("pods".into()), ..AuditQuery::default() }, 3),
        (AuditQuery { namespace: text("d"), name: text("x"), ..AuditQuery::default() }, 1),
        (AuditQuery { verb: text("update"), ..AuditQuery::default() }, 4),
        (AuditQuery { verb: text("get"), ..AuditQuery::default() }, 0),
        (AuditQuery { id: Some(all[1].id), ..AuditQuery::default() }, 1),
        (AuditQuery { before_id: Some(all[1].id), ..AuditQuery::default() }, 2),
        (AuditQuery { since_us: Some(all[0].at_us), ..AuditQuery::default() }, 4),
        (AuditQuery { until_us: Some(all[0].at_us - 1), ..AuditQuery::default() }, 0),
    ] {
        assert_eq!(read(&store, query.clone()).await.len(), count, "{query:?}");
    }
    let page = AuditQuery { limit: 3, ..AuditQuery::default() };
    assert_eq!(store.audit(&page).await.unwrap(), all[..3]);
}

pub(crate) async fn the_oldest_acts_are_forgotten(copies: &impl Copies) {
    let store = copies.copy().await;
    for i in 0..60 {
        store.record(vec![act(&i.to_string(), "pods/d/x", None)]).await.unwrap();
    }
    copies.compact().await;
    let events = read(&store, AuditQuery::default()).await;
    assert_eq!(events.len(), 40);
    assert_eq!(events[39].user, "20");
}
