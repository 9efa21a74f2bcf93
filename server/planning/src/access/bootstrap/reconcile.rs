//! What a start makes of a role or binding that is there: what is missing is added, what people
//! added stays.

use serde_json::{Value, json};

use crate::access::{Rule, rules::not_covered};

/// The wanted object with everything that the stored one has beyond it; `None` for a binding in
/// whose place somebody has put one of another role, which a binding never changes.
pub fn completed(stored: &Value, mut wanted: Value) -> Option<Value> {
    if stored.get("roleRef").is_some_and(|role| *role != wanted["roleRef"]) {
        return None;
    }
    let held = rules(&stored["rules"]);
    if wanted.get("rules").is_some() && !held.is_empty() {
        let missing = not_covered(&held, &rules(&wanted["rules"]));
        wanted["rules"] = json!([held, missing].concat());
    }
    if let Some(asked) = wanted["subjects"].as_array() {
        let mut subjects = stored["subjects"].as_array().cloned().unwrap_or_default();
        let new: Vec<Value> =
            asked.iter().filter(|subject| !subjects.contains(subject)).cloned().collect();
        subjects.extend(new);
        wanted["subjects"] = subjects.into();
    }
    Some(wanted)
}

fn rules(value: &Value) -> Vec<Rule> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(resources: &[&str]) -> Value {
        json!({"rules": [{"apiGroups": [""], "resources": resources, "verbs": ["get"]}]})
    }

    #[test]
    fn adds_what_is_missing_and_keeps_the_rest() {
        let completed = |stored: &Value, wanted: Value| completed(stored, wanted).unwrap();
        assert_eq!(completed(&json!({}), role(&["pods"])), role(&["pods"]));
        assert_eq!(completed(&role(&["a", "pods"]), role(&["pods"])), role(&["a", "pods"]));
        let both = completed(&role(&["a"]), role(&["pods"]));
        assert_eq!(both["rules"][0], role(&["a"])["rules"][0]);
        assert_eq!(both["rules"][1], role(&["pods"])["rules"][0]);
        assert_eq!(completed(&both, role(&["pods"])), both, "a second start changes nothing");
        let binding = |role: &str, users: &[&str]| {
            let users: Vec<Value> = users.iter().map(|user| json!({"name": user})).collect();
            json!({"roleRef": {"name": role}, "subjects": users})
        };
        let kept = completed(&binding("r", &["x"]), binding("r", &["y"]));
        assert_eq!(kept, binding("r", &["x", "y"]));
        assert!(super::completed(&binding("o", &["x"]), binding("r", &["y"])).is_none());
    }
}
