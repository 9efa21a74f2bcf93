//! The condition that says whether what serves a group and version answers.

use jiff::Timestamp;
use serde_json::{Value, json};

/// What became of asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Answers,
    NoService(String),
    NoEndpoints(String),
    Fails(String),
}

/// The condition `Available` to write; `None` when it says so already.
pub fn availability(body: &[u8], outcome: &Outcome, now: Timestamp) -> Option<Value> {
    let (status, reason, message) = match outcome {
        Outcome::Answers => ("True", "Passed", "all checks passed"),
        Outcome::NoService(why) => ("False", "ServiceNotFound", why.as_str()),
        Outcome::NoEndpoints(why) => ("False", "MissingEndpoints", why.as_str()),
        Outcome::Fails(why) => ("False", "FailedDiscoveryCheck", why.as_str()),
    };
    let object: Value = serde_json::from_slice(body).ok()?;
    let conditions = object["status"]["conditions"].as_array();
    let before = conditions.into_iter().flatten().find(|one| one["type"] == "Available");
    let says_so = |one: &Value| {
        one["status"] == status && one["reason"] == reason && one["message"] == message
    };
    if before.is_some_and(says_so) {
        return None;
    }
    let since = before.filter(|one| one["status"] == status).map(|one| &one["lastTransitionTime"]);
    let since = since.cloned().unwrap_or_else(|| {
        // The API's times have whole seconds.
        now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
    });
    Some(json!({
        "type": "Available", "status": status, "reason": reason, "message": message,
        "lastTransitionTime": since,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_changes_only() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let first = availability(b"{}", &Outcome::Answers, now).unwrap();
        assert_eq!(
            (&first["status"], &first["lastTransitionTime"]),
            (&json!("True"), &json!("2026-01-02T03:04:05Z"))
        );
        let stored = json!({"status": {"conditions": [first]}}).to_string();
        assert_eq!(availability(stored.as_bytes(), &Outcome::Answers, now), None);
        let later = "2026-01-03T00:00:00Z".parse().unwrap();
        let lost = Outcome::NoEndpoints("no endpoints".to_owned());
        let lost = availability(stored.as_bytes(), &lost, later).unwrap();
        assert_eq!(
            (&lost["reason"], &lost["lastTransitionTime"]),
            (&json!("MissingEndpoints"), &json!("2026-01-03T00:00:00Z"))
        );
    }
}
