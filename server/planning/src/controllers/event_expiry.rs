//! Deletes events an hour after they were last seen.

use std::time::Duration;

use jiff::Timestamp;
use object::Key;

use crate::{Action, Change, Controller, Plan, Round, World};

pub const CONTROLLER: Controller =
    Controller { name: "event-expiry-controller", watches: &[EVENTS], keys_for, plan };

const EVENTS: &str = "events";
const AGE_MAX: Duration = Duration::from_secs(3600);

fn keys_for(change: &Change, _: &World) -> Vec<Key> {
    change.new.iter().map(|event| event.key.clone()).collect()
}

fn plan(round: &Round<'_>) -> Plan {
    let Some(entry) = round.world.entry(round.key) else { return Plan::default() };
    let Some(event) = entry.decode::<kinds::event::Event>() else { return Plan::default() };
    let series = event.series.and_then(|series| series.last_observed_time).map(|time| time.0);
    let last = event.last_timestamp.map(|time| time.0);
    let seen = [series, last, entry.meta.creation_timestamp].into_iter().flatten().max();
    let age = round.now.duration_since(seen.unwrap_or(Timestamp::UNIX_EPOCH));
    let age = Duration::try_from(age).unwrap_or_default();
    if age < AGE_MAX {
        return Plan { requeue_after: Some(AGE_MAX - age), ..Plan::default() };
    }
    let delete = Action::Delete {
        key: entry.key.clone(),
        uid: entry.meta.uid.clone(),
        propagation: None,
        grace_seconds: None,
    };
    Plan { actions: vec![delete], ..Plan::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Lab;

    #[test]
    fn goes_an_hour_after_it_was_last_seen() {
        let mut lab = Lab::new();
        let key = lab.put(json!({"apiVersion": "v1", "kind": "Event",
            "metadata": {"name": "e", "namespace": "d"}, "involvedObject": {},
            "lastTimestamp": "2026-01-01T00:30:00Z"}));
        lab.pass(2400);
        assert_eq!(lab.plan(&CONTROLLER, &key).to_string(), "again in 3000s\n");
        lab.pass(3000);
        assert_eq!(lab.plan(&CONTROLLER, &key).to_string(), "delete events/d/e\n");
    }
}
