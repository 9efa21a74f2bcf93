//! The waiting of requests for their turn; who waits and who runs is decided in `planning`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::HeaderValue;
use object::{ApiError, Reason};
use planning::fairness::{Arrival, Class, Config, Gate, Ticket};
use serde_json::json;
use tokio::{sync::oneshot, time::timeout};

use crate::Answer;

/// A quarter of the minute that a request may take, as in Kubernetes.
const PATIENCE: Duration = Duration::from_secs(15);
const RETRY_SECONDS: u64 = 1;

#[derive(Default)]
pub(crate) struct Fairness {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    gate: Gate,
    /// The configuration that the gate goes by.
    config: Arc<Config>,
    waiting: HashMap<Ticket, oneshot::Sender<()>>,
}

/// Held while a request runs.
pub(crate) struct Seat {
    fairness: Arc<Fairness>,
    level: String,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.fairness.leave(&self.level);
    }
}

impl Fairness {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a seat; none is needed for a request that nothing limits.
    ///
    /// # Errors
    /// 429 when too many wait already, or it took too long.
    pub(crate) async fn enter(
        self: &Arc<Self>,
        config: &Arc<Config>,
        class: &Class,
    ) -> Result<Option<Seat>, ApiError> {
        if !Gate::counts(&class.level) {
            return Ok(None);
        }
        let level = class.level.name.clone();
        let (ticket, turn) = match self.arrive(config, class) {
            None => return Err(too_many()),
            Some(Place::Seat) => return Ok(Some(Seat { fairness: self.clone(), level })),
            Some(Place::Queue(ticket, turn)) => (ticket, turn),
        };
        // Dropped with the request, it takes its ticket back or gives its seat back.
        let mut waiter = Waiter { fairness: self, level: Some(level), ticket };
        if let Ok(Ok(())) = timeout(PATIENCE, turn).await {
            let level = waiter.level.take().unwrap_or_default();
            return Ok(Some(Seat { fairness: self.clone(), level }));
        }
        Err(too_many())
    }

    fn arrive(&self, config: &Arc<Config>, class: &Class) -> Option<Place> {
        let mut state = self.lock();
        if !Arc::ptr_eq(&state.config, config) {
            state.config = config.clone();
            let freed = state.gate.configure(config);
            state.wake(freed);
        }
        match state.gate.arrive(class) {
            Arrival::Run => Some(Place::Seat),
            Arrival::Refuse => None,
            Arrival::Wait(ticket) => {
                let (wake, turn) = oneshot::channel();
                state.waiting.insert(ticket, wake);
                Some(Place::Queue(ticket, turn))
            }
        }
    }

    fn leave(&self, level: &str) {
        let mut state = self.lock();
        let freed = state.gate.leave(level);
        state.wake(freed);
    }
}

enum Place {
    Seat,
    Queue(Ticket, oneshot::Receiver<()>),
}

impl State {
    /// One that has gone meanwhile gives its seat back itself.
    fn wake(&mut self, freed: Vec<Ticket>) {
        for ticket in freed {
            if let Some(wake) = self.waiting.remove(&ticket) {
                wake.send(()).unwrap_or_default();
            }
        }
    }
}

/// A request in a queue.
struct Waiter<'f> {
    fairness: &'f Fairness,
    /// None once it has its seat.
    level: Option<String>,
    ticket: Ticket,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let Some(level) = &self.level else { return };
        let is_waiting = {
            let mut state = self.fairness.lock();
            state.waiting.remove(&self.ticket);
            state.gate.give_up(level, self.ticket)
        };
        if !is_waiting {
            self.fairness.leave(level);
        }
    }
}

fn too_many() -> ApiError {
    ApiError {
        reason: Reason::TooManyRequests,
        message: "too many requests, please try again later".to_owned(),
        details: Some(Box::new(json!({"retryAfterSeconds": RETRY_SECONDS}))),
    }
}

/// Says by which schema and level a request was treated.
pub(crate) fn tell(answer: &mut Answer, class: &Class) {
    let Some(headers) = answer.headers_mut() else { return };
    let told = [
        ("x-kubernetes-pf-flowschema-uid", &class.schema_uid),
        ("x-kubernetes-pf-prioritylevel-uid", &class.level.uid),
    ];
    for (name, uid) in told {
        if let Ok(value) = HeaderValue::from_str(uid) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt;
    use object::Key;
    use planning::{
        World,
        access::{Attributes, User},
    };
    use serde_json::Value;

    use super::*;

    /// One level with one seat and a queue of one for each user.
    fn config() -> Arc<Config> {
        let level = json!({"metadata": {"name": "one"}, "spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 1,
            "limitResponse": {"type": "Queue", "queuing": {"queues": 50, "handSize": 1, "queueLengthLimit": 1}}}}});
        let schema = json!({"metadata": {"name": "all"}, "spec": {"priorityLevelConfiguration": {"name": "one"},
            "distinguisherMethod": {"type": "ByUser"}, "rules": [{"subjects": [{"kind": "User", "user": {"name": "*"}}],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}]}]}});
        let mut world = World::default();
        for (kind, body) in planning::fairness::READS.iter().zip([schema, level]) {
            let name = body["metadata"]["name"].as_str().unwrap();
            let text: Value = body.clone();
            let key = Key::new(*kind, "", name);
            world.apply(key, 1, Some(Bytes::from(text.to_string()))).unwrap();
        }
        Arc::new(Config::of(&world, 1))
    }

    fn class(config: &Config, user: &str) -> Class {
        config.classify(&User::new(user, &[]), &Attributes::path("get", "/x")).unwrap()
    }

    #[tokio::test]
    async fn a_seat_is_handed_on_and_never_lost() {
        let config = config();
        let fairness = Arc::new(Fairness::default());
        let (a, b) = (class(&config, "a"), class(&config, "b"));
        let seat = fairness.enter(&config, &a).await.unwrap().unwrap();
        let mut waits = Box::pin(fairness.enter(&config, &a));
        assert!(waits.as_mut().now_or_never().is_none(), "there is one seat");
        let refused = fairness.enter(&config, &a).await.err().unwrap();
        assert_eq!(refused.reason, Reason::TooManyRequests);
        let mut other = Box::pin(fairness.enter(&config, &b));
        assert!(other.as_mut().now_or_never().is_none());
        drop(seat);
        // Whoever was next has the seat, though it was dropped before it knew.
        drop(waits);
        let seat = other.await.unwrap().unwrap();
        drop(seat);
        assert!(fairness.enter(&config, &a).now_or_never().unwrap().unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever() {
        let config = config();
        let fairness = Arc::new(Fairness::default());
        let a = class(&config, "a");
        let seat = fairness.enter(&config, &a).await.unwrap();
        assert!(fairness.enter(&config, &a).await.is_err());
        drop(seat);
        assert!(fairness.enter(&config, &a).await.unwrap().is_some(), "the queue is empty again");
    }
}
