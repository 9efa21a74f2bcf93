//! How far a rolling update may go above and below the size that is asked for.

use k8s_openapi::{api::apps::v1::DeploymentSpec, apimachinery::pkg::util::intstr::IntOrString};

use crate::portion;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) surge: i32,
    pub(super) unavailable: i32,
}

impl Limits {
    /// Percentages of the size: surge rounds up, unavailability down; if both come to nothing, one
    /// may be unavailable, as nothing could move otherwise.
    pub(super) fn of(spec: &DeploymentSpec, desired: i32) -> Self {
        let strategy = spec.strategy.as_ref();
        if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("Recreate") {
            return Self::default();
        }
        let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
        let surge = rolling.and_then(|rolling| rolling.max_surge.as_ref());
        let unavailable = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
        let quarter = IntOrString::String("25%".to_owned());
        let surge = portion::up(surge.unwrap_or(&quarter), desired);
        let mut unavailable = portion::down(unavailable.unwrap_or(&quarter), desired);
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        Self { surge, unavailable: unavailable.min(desired) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn limits(surge: Value, unavailable: Value, desired: i32) -> (i32, i32) {
        let spec = json!({"selector": {}, "template": {}, "strategy": {
            "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}});
        let limits = Limits::of(&serde_json::from_value(spec).unwrap(), desired);
        (limits.surge, limits.unavailable)
    }

    #[test]
    fn resolves_numbers_and_percentages() {
        assert_eq!(limits(json!(1), json!(2), 10), (1, 2));
        assert_eq!(limits(json!("25%"), json!("25%"), 10), (3, 2));
        assert_eq!(limits(Value::Null, Value::Null, 4), (1, 1), "25 % each by default");
        assert_eq!(limits(json!(0), json!("10%"), 3), (0, 1), "something must move");
        assert_eq!(limits(json!(1), json!(5), 3), (1, 3), "no more than there are");
        assert_eq!(limits(json!("100%"), json!(0), 0), (0, 0));
    }
}
