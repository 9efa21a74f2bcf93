//! What is sent for each action, and what is made of the answers.

use std::sync::Mutex;

use client::{Connection, EventStream, List};
use object::{KindName, Reason};
use planning::{Event, Severity};

use super::*;

/// Writes down what it is asked, and answers what it was told to.
#[derive(Default)]
struct Scripted {
    asked: Mutex<Vec<String>>,
    /// By the beginning of what is asked.
    errors: Vec<(&'static str, Reason)>,
}

impl Scripted {
    fn answer(&self, asked: String, key: &Key) -> Result<Object, ApiError> {
        let error = self.errors.iter().find(|(start, _)| asked.starts_with(start));
        let mut all = self.asked.lock().unwrap();
        all.push(asked);
        match error {
            Some((_, reason)) => Err(ApiError::new(*reason, "scripted")),
            None => Ok(Object {
                key: key.clone(),
                revision: 100 + all.len() as u64,
                body: r#"{"metadata":{"uid":"u","resourceVersion":"7"},"count":2}"#.into(),
            }),
        }
    }
}

#[async_trait]
impl Client for Scripted {
    async fn get(&self, key: &Key) -> Result<Object, ApiError> {
        self.answer(format!("get {key}"), key)
    }
    async fn list(&self, kind: &KindName, _: &Selection) -> Result<List, ApiError> {
        let one = self.answer(format!("list {kind}"), &key("a"))?;
        let items = if **kind == *"pods" { vec![one] } else { Vec::new() };
        Ok(List { revision: 1, items })
    }
    async fn watch(&self, _: &KindName, _: &Selection, _: u64) -> Result<EventStream, ApiError> {
        Err(ApiError::internal("the executor watches nothing"))
    }
    async fn create(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        options: &WriteOptions,
    ) -> Result<Object, ApiError> {
        assert_eq!(options.fence.as_ref().unwrap().epoch, 3);
        let uid = &serde_json::from_slice::<Value>(&body).unwrap()["metadata"]["uid"];
        self.answer(format!("create {key} {subresource} {uid}"), key)
    }
    async fn update(
        &self,
        key: &Key,
        subresource: &str,
        body: Bytes,
        _: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let at = &serde_json::from_slice::<Value>(&body).unwrap()["metadata"]["resourceVersion"];
        self.answer(format!("update {key} {subresource} at {at}"), key)
    }
    async fn patch(
        &self,
        key: &Key,
        subresource: &str,
        _: PatchType,
        body: Bytes,
        _: &WriteOptions,
    ) -> Result<Object, ApiError> {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let at = &body["metadata"]["resourceVersion"];
        self.answer(format!("patch {key} {subresource} at {at} {}", body["count"]), key)
    }
    async fn delete(&self, key: &Key, options: &DeleteOptions) -> Result<(), ApiError> {
        let uid = options.uid.as_deref().unwrap_or_default();
        self.answer(format!("delete {key} {uid}"), key).map(|_| ())
    }
    async fn connect(&self, _: &Key, _: &str, _: &str) -> Result<Connection, ApiError> {
        Err(ApiError::internal("the executor connects nowhere"))
    }
}

struct NoHosts;

#[async_trait]
impl Effects for NoHosts {
    async fn install(&self, _: &Value) -> Result<(), ApiError> {
        Err(ApiError::new(Reason::Invalid, "no engine answers"))
    }
    async fn remove(&self, _: &Value) -> Result<(), ApiError> {
        Ok(())
    }
    async fn sign(&self, _: &Value) -> Result<String, ApiError> {
        Ok("certificate".to_owned())
    }
}

fn key(name: &str) -> Key {
    Key::new("pods", "d", name)
}

fn create(name: &str) -> Action {
    Action::Create { key: key(name), body: json!({}) }
}

fn delete(name: &str) -> Action {
    Action::Delete { key: key(name), uid: "u".into(), propagation: None, grace_seconds: None }
}

fn status(name: &str, revision: &str) -> Action {
    let body = json!({"metadata": {"resourceVersion": revision}});
    Action::SetStatus { key: key(name), body }
}

fn patch(name: &str, revision: &str) -> Action {
    let patch = json!({"metadata": {"resourceVersion": revision}});
    Action::Patch { key: key(name), subresource: "", patch }
}

async fn execute(
    errors: Vec<(&'static str, Reason)>,
    actions: &[Action],
) -> (Vec<String>, Outcome) {
    let client = Arc::new(Scripted { errors, ..Scripted::default() });
    let fence = Some(Fence { lease: "engine".into(), epoch: 3 });
    let executor = Executor::new(client.clone(), Arc::new(NoHosts), fence);
    let outcome = executor.execute(actions, Timestamp::UNIX_EPOCH).await;
    let asked = client.asked.lock().unwrap().clone();
    (asked, outcome)
}

#[tokio::test]
async fn later_writes_stand_on_the_jobs_own() {
    let actions = [patch("a", "5"), status("a", "5"), status("b", "5")];
    let (asked, outcome) = execute(vec![], &actions).await;
    assert_eq!(
        asked,
        [
            "patch pods/d/a  at \"5\" null",
            "update pods/d/a status at \"101\"",
            "update pods/d/b status at \"5\"",
        ]
    );
    assert_eq!((outcome.done, outcome.barriers.len()), (3, 3));
}

#[tokio::test]
async fn the_first_refusal_ends_the_round_but_for_the_status() {
    let actions = [create("a"), create("b"), patch("c", "1"), status("d", "1")];
    let (asked, outcome) = execute(vec![("create pods/d/a", Reason::Forbidden)], &actions).await;
    assert_eq!(asked, ["create pods/d/a  null", "update pods/d/d status at \"1\""]);
    assert_eq!(outcome.failures[0].action, "create pods/d/a");
    assert!(!outcome.is_stale);
}

#[tokio::test]
async fn a_name_that_exists_means_that_the_world_is_behind() {
    let actions = [create("a"), create("b"), patch("c", "1")];
    let (asked, outcome) =
        execute(vec![("create pods/d/a", Reason::AlreadyExists)], &actions).await;
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(outcome.is_stale && outcome.failures.is_empty());
}

#[tokio::test]
async fn what_is_gone_already_counts_as_deleted() {
    let (_, outcome) = execute(vec![("delete", Reason::NotFound)], &[delete("a")]).await;
    assert_eq!(outcome.barriers, [Barrier::Deleted { key: key("a"), uid: "u".into() }]);
    assert!(!outcome.is_stale);
}

#[tokio::test]
async fn a_write_without_answer_is_looked_after() {
    let errors = vec![("create", Reason::Timeout)];
    let (asked, outcome) = execute(errors, &[create("a"), patch("a", "1")]).await;
    assert_eq!(asked, ["create pods/d/a  null", "get pods/d/a"]);
    let barrier = Barrier::Reached { kind: "pods".into(), revision: 102 };
    assert_eq!(outcome.barriers, [barrier]);
    assert!(outcome.is_unknown && outcome.failures.is_empty());
}

#[tokio::test]
async fn what_must_be_absent_is_looked_for_afresh() {
    let absent = |uid: &str| Action::Absent { key: key("owner"), uid: Some(uid.into()) };
    let (asked, outcome) = execute(vec![], &[absent("u"), delete("a")]).await;
    assert_eq!(asked, ["get pods/d/owner"]);
    assert!(outcome.is_stale);
    let (asked, _) = execute(vec![], &[absent("another"), delete("a")]).await;
    assert_eq!(asked, ["get pods/d/owner", "delete pods/d/a u"]);
    let gone = vec![("get", Reason::NotFound)];
    let (asked, _) = execute(gone, &[absent("u"), delete("a")]).await;
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn what_must_be_empty_is_listed_kind_by_kind() {
    let actions =
        [Action::Empty { namespace: "d".into(), kinds: vec!["pods".into()] }, delete("a")];
    let (asked, outcome) = execute(vec![], &actions).await;
    assert!(asked.contains(&"list pods".to_owned()), "{asked:?}");
    assert!(outcome.is_stale && !asked.iter().any(|asked| asked.starts_with("delete")));
}

#[tokio::test]
async fn a_repeated_event_is_counted_and_its_failure_stops_nothing() {
    let event = Event {
        regarding: key("a"),
        regarding_uid: "u".into(),
        severity: Severity::Warning,
        reason: "FailedScheduling",
        message: "no room".to_owned(),
        source: "test",
    };
    let actions = [Action::Record(event), delete("b")];
    let (asked, _) = execute(vec![("create events", Reason::AlreadyExists)], &actions).await;
    assert!(asked[2].starts_with("patch events/d/a.") && asked[2].ends_with(" at \"7\" 3"));
    let (asked, outcome) = execute(vec![("create events", Reason::Forbidden)], &actions).await;
    assert_eq!(asked.len(), 2);
    assert!(outcome.failures.is_empty());
}

#[tokio::test]
async fn a_host_that_can_not_be_reached_is_a_refusal() {
    let host = json!({"metadata": {"name": "one"}});
    let (_, outcome) = execute(vec![], &[Action::InstallAgent { host }]).await;
    assert_eq!(outcome.failures[0].action, "install agent on one");
    assert_eq!(outcome.failures[0].error.message, "no engine answers");
}

#[tokio::test]
async fn a_bind_carries_the_pods_uid() {
    let bind = Action::Bind { pod: key("a"), uid: "u".into(), node: "one".to_owned() };
    let (asked, _) = execute(vec![], &[bind]).await;
    assert_eq!(asked, ["create pods/d/a binding \"u\""]);
}
