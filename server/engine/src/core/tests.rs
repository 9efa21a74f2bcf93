//! The engine's rules, with a controller that wants one ConfigMap beside each Namespace.

use bytes::Bytes;
use object::{ApiError, Reason};
use planning::Plan;
use serde_json::json;

use super::*;

const MAPS: &str = "configmaps";
const PODS: &str = "pods";

const COPIER: Controller = Controller {
    name: "copier",
    watches: &[MAPS],
    keys_for: |change, _| vec![change.key.with_name("source")],
    plan: |round| {
        let mut plan = Plan { memory: round.memory.clone(), ..Plan::default() };
        if round.world.entry(&round.key.with_name("copy")).is_none()
            && round.world.entry(round.key).is_some()
        {
            let key = round.key.with_name("copy");
            plan.actions.push(Action::Create { key, body: json!({}) });
            plan.memory = json!(round.memory.as_i64().unwrap_or(0) + 1);
        }
        if let Some(failure) = round.failures.first() {
            let body = json!({"status": failure.error.message});
            plan.actions.push(Action::SetStatus { key: round.key.clone(), body });
        }
        plan
    },
};

fn core() -> Core {
    static CONTROLLERS: &[Controller] = &[COPIER];
    Core::new(CONTROLLERS, [KindName::from(MAPS), KindName::from(PODS)], Arc::default())
}

fn at(millis: u64) -> Now {
    Now { wall: Timestamp::UNIX_EPOCH, since_start: Duration::from_millis(millis) }
}

fn map(name: &str, revision: u64) -> Update {
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "d", "uid": name}});
    Update::Set(Key::new(MAPS, "d", name), revision, Bytes::from(body.to_string()))
}

fn synced(core: &mut Core) {
    core.observe(Update::Synced(MAPS.into()), at(0));
    core.observe(Update::Synced(PODS.into()), at(0));
}

fn text(job: &Job) -> String {
    job.actions.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn reached(revision: u64) -> Outcome {
    let barrier = Barrier::Reached { kind: MAPS.into(), revision };
    Outcome { barriers: vec![barrier], done: 1, ..Outcome::default() }
}

#[test]
fn plans_nothing_before_everything_is_told() {
    let mut core = core();
    core.observe(map("source", 1), at(0));
    core.observe(Update::Synced(MAPS.into()), at(0));
    assert!(core.next(at(0), 9).is_none() && core.wake_at().is_none());
    core.observe(Update::Synced(PODS.into()), at(0));
    assert_eq!(text(&core.next(at(0), 9).unwrap()), "create configmaps/d/copy");
}

#[test]
fn a_key_waits_until_the_world_has_reached_its_last_write() {
    let mut core = core();
    core.observe(map("source", 1), at(0));
    synced(&mut core);
    let job = core.next(at(0), 9).unwrap();
    core.observe(map("other", 2), at(0));
    assert!(core.next(at(0), 9).is_none(), "never twice at once");
    core.finish(job, reached(4), at(1));
    assert!(core.next(at(1), 9).is_none(), "revision 4 is not there yet");
    core.observe(map("other", 3), at(1));
    assert!(core.next(at(1), 9).is_none());
    core.observe(map("copy", 4), at(2));
    assert!(core.next(at(2), 9).is_none(), "it is there: nothing is left to do");
    assert_eq!(core.wake_at(), None);
}

#[test]
fn a_write_that_never_shows_is_given_up() {
    let mut core = core();
    core.observe(map("source", 1), at(0));
    synced(&mut core);
    let job = core.next(at(0), 9).unwrap();
    core.finish(job, reached(4), at(0));
    assert!(core.next(at(0), 9).is_none());
    assert_eq!(core.wake_at(), Some(BARRIER_MAX));
    assert!(core.next(at(30_000), 9).is_some());
}

#[test]
fn a_refusal_is_told_to_the_next_round_and_backs_off() {
    let mut core = core();
    core.observe(map("source", 1), at(0));
    synced(&mut core);
    let refused = || Outcome {
        failures: vec![Failure {
            action: String::new(),
            error: ApiError::new(Reason::Forbidden, "no more"),
        }],
        ..Outcome::default()
    };
    let job = core.next(at(0), 9).unwrap();
    core.finish(job, refused(), at(0));
    assert_eq!(core.wake_at(), Some(REFUSED_MIN));
    let job = core.next(at(100), 9).unwrap();
    assert_eq!(text(&job), "create configmaps/d/copy; status configmaps/d/source \"no more\"");
    core.finish(job, refused(), at(100));
    assert_eq!(core.wake_at(), Some(REFUSED_MIN * 3), "100 ms and twice 100 ms");
    core.observe(map("other", 2), at(110));
    let job = core.next(at(110), 9).unwrap();
    core.finish(job, Outcome { done: 2, ..reached(3) }, at(110));
    core.observe(map("copy", 3), at(120));
    assert!(core.next(at(120), 9).is_none(), "what succeeded is forgotten");
    let work = Work::Plan { controller: 0, key: Key::new(MAPS, "d", "source") };
    assert_eq!(core.notes[&work].memory, json!(3), "what the controller noted is kept");
}

#[test]
fn what_a_newer_state_made_void_is_planned_afresh() {
    let mut core = core();
    core.observe(map("source", 1), at(0));
    synced(&mut core);
    let job = core.next(at(0), 9).unwrap();
    core.finish(job, Outcome { is_stale: true, ..Outcome::default() }, at(0));
    assert_eq!(core.wake_at(), Some(STALE_MIN));
    assert!(core.next(at(5), 9).is_some());
}
