//! How fast a size may change, and for how long a lower one has to be wanted.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::autoscaling::v2::{
    HPAScalingPolicy, HPAScalingRules, HorizontalPodAutoscaler,
};
use object::quantity::Quantity;
use serde_json::{Value, json};

use crate::Memory;

const TOLERANCE: f64 = 0.1;
const DOWN_WINDOW_S: i64 = 300;
/// Nothing older than this matters: no window and no period may be longer.
const PAST_MAX: SignedDuration = SignedDuration::from_secs(3600);

/// What was recommended and done of late.
#[derive(Default)]
pub(super) struct Past {
    recommended: Vec<(Timestamp, i32)>,
    changes: Vec<(Timestamp, i32)>,
}

/// A size within all bounds.
pub(super) struct Bounded {
    pub(super) size: i32,
    /// The condition `ScalingLimited`.
    pub(super) limit: (bool, &'static str, &'static str),
    /// Why less is not done, if an earlier recommendation forbids it.
    pub(super) held: Option<(&'static str, &'static str)>,
}

impl Past {
    pub(super) fn of(memory: &Memory, now: Timestamp) -> Self {
        let read = |name: &str| {
            let pairs = memory[name].as_array().into_iter().flatten();
            pairs
                .filter_map(|pair| {
                    let at: Timestamp = pair[0].as_str()?.parse().ok()?;
                    Some((at, i32::try_from(pair[1].as_i64()?).ok()?))
                })
                .filter(|(at, _)| now.duration_since(*at) < PAST_MAX)
                .collect()
        };
        Self { recommended: read("recommended"), changes: read("changes") }
    }

    pub(super) fn write(&self, memory: &mut Memory) {
        let pairs = |of: &[(Timestamp, i32)]| -> Value {
            of.iter().map(|(at, number)| json!([at.to_string(), number])).collect()
        };
        memory["recommended"] = pairs(&self.recommended);
        memory["changes"] = pairs(&self.changes);
    }

    pub(super) fn note_change(&mut self, now: Timestamp, by: i32) {
        self.changes.push((now, by));
    }

    fn changed(&self, upwards: bool, period_s: i32, now: Timestamp) -> i32 {
        let period = SignedDuration::from_secs(period_s.into());
        let recent = self.changes.iter().filter(|(at, _)| now.duration_since(*at) < period);
        recent.map(|(_, by)| *by).filter(|by| (*by > 0) == upwards).map(i32::abs).sum()
    }
}

fn rules(scaler: &HorizontalPodAutoscaler, upwards: bool) -> HPAScalingRules {
    let behavior = scaler.spec.behavior.as_ref();
    let given = behavior.and_then(|behavior| match upwards {
        true => behavior.scale_up.clone(),
        false => behavior.scale_down.clone(),
    });
    given.unwrap_or_default()
}

pub(super) fn tolerance(scaler: &HorizontalPodAutoscaler, upwards: bool) -> f64 {
    let given = rules(scaler, upwards).tolerance;
    let given: Option<Quantity> = given.and_then(|text| text.0.parse().ok());
    given.map_or(TOLERANCE, |quantity| quantity.milli_value() as f64 / 1000.0)
}

fn policies(rules: &HPAScalingRules, upwards: bool) -> Vec<HPAScalingPolicy> {
    if let Some(policies) = rules.policies.clone().filter(|policies| !policies.is_empty()) {
        return policies;
    }
    let policy = |type_: &str, value| HPAScalingPolicy {
        type_: type_.to_owned(),
        value,
        period_seconds: 15,
    };
    let percent = policy("Percent", 100);
    if upwards { vec![policy("Pods", 4), percent] } else { vec![percent] }
}

/// How far the size may go now.
fn furthest(
    scaler: &HorizontalPodAutoscaler,
    past: &Past,
    current: i32,
    upwards: bool,
    now: Timestamp,
) -> i32 {
    let rules = rules(scaler, upwards);
    let select = rules.select_policy.as_deref().unwrap_or("Max");
    if select == "Disabled" {
        return current;
    }
    let limits = policies(&rules, upwards).into_iter().map(|policy| {
        let changed = past.changed(upwards, policy.period_seconds, now);
        let base = if upwards { current - changed } else { current + changed };
        let share = f64::from(base) * f64::from(policy.value) / 100.0;
        match (policy.type_.as_str(), upwards) {
            ("Pods", true) => base.saturating_add(policy.value),
            ("Pods", false) => base.saturating_sub(policy.value),
            (_, true) => (f64::from(base) + share).ceil() as i32,
            (_, false) => (f64::from(base) - share).floor() as i32,
        }
    });
    // The greatest change is the highest number upwards and the lowest downwards.
    let furthest = if (select == "Max") == upwards { limits.max() } else { limits.min() };
    furthest.unwrap_or(current)
}

pub(super) fn bound(
    scaler: &HorizontalPodAutoscaler,
    past: &mut Past,
    current: i32,
    proposed: i32,
    now: Timestamp,
) -> Bounded {
    let least = scaler.spec.min_replicas.unwrap_or(1);
    let most = scaler.spec.max_replicas;
    let window = |upwards: bool| {
        let default = if upwards { 0 } else { DOWN_WINDOW_S };
        let given = rules(scaler, upwards).stabilization_window_seconds.map(i64::from);
        SignedDuration::from_secs(given.unwrap_or(default))
    };
    // What was there before anything was recommended counts as wanted, so that a first look does
    // not shrink.
    if past.recommended.is_empty() {
        past.recommended.push((now, current));
    }
    let within = |window: SignedDuration| {
        past.recommended.iter().filter(move |(at, _)| now.duration_since(*at) < window)
    };
    let up = within(window(true)).map(|(_, size)| *size).chain([proposed]).min();
    let down = within(window(false)).map(|(_, size)| *size).chain([proposed]).max();
    let stable = current.max(up.unwrap_or(proposed)).min(down.unwrap_or(proposed));
    past.recommended.push((now, proposed));
    let held = (stable != proposed).then_some(match stable > proposed {
        true => ("ScaleDownStabilized", "recent recommendations were higher than current one, applying the highest recent recommendation"),
        false => ("ScaleUpStabilized", "recent recommendations were lower than current one, applying the lowest recent recommendation"),
    });
    let (size, limit) = limited(scaler, past, current, stable, (least, most), now);
    Bounded { size, limit, held }
}

fn limited(
    scaler: &HorizontalPodAutoscaler,
    past: &Past,
    current: i32,
    wanted: i32,
    (least, most): (i32, i32),
    now: Timestamp,
) -> (i32, (bool, &'static str, &'static str)) {
    if wanted > current {
        let furthest = furthest(scaler, past, current, true, now).max(current);
        if wanted > furthest.min(most) {
            let limit = if most <= furthest {
                (
                    true,
                    "TooManyReplicas",
                    "the desired replica count is more than the maximum replica count",
                )
            } else {
                (
                    true,
                    "ScaleUpLimit",
                    "the desired replica count is increasing faster than the maximum scale rate",
                )
            };
            return (furthest.min(most), limit);
        }
    } else if wanted < current {
        let furthest = furthest(scaler, past, current, false, now).min(current);
        if wanted < furthest.max(least) {
            let limit = if least >= furthest {
                (
                    true,
                    "TooFewReplicas",
                    "the desired replica count is less than the minimum replica count",
                )
            } else {
                (
                    true,
                    "ScaleDownLimit",
                    "the desired replica count is decreasing faster than the maximum scale rate",
                )
            };
            return (furthest.max(least), limit);
        }
    }
    (
        wanted.clamp(least, most.max(least)),
        (false, "DesiredWithinRange", "the desired count is within the acceptable range"),
    )
}
